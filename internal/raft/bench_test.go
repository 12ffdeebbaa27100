package raft

import (
	"path/filepath"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// BenchmarkFirstStart is from nothing to a leader whose image is current, on the real disk.
func BenchmarkFirstStart(b *testing.B) {
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		n := start(b, options(vfs.OS(), filepath.Join(dir, strconv.Itoa(i))))
		b.StopTimer()
		ok(b, n.Close())
		b.StartTimer()
	}
}

// BenchmarkRestart is from a closed directory with 1,000 entries to a leader whose image is current.
func BenchmarkRestart(b *testing.B) {
	o := options(vfs.OS(), filepath.Join(b.TempDir(), "raft"))
	n := start(b, o)
	for i := range 1000 {
		topic := &protocol.TopicRecord{Name: strconv.Itoa(i), TopicId: protocol.UUID{byte(i), byte(i >> 8), 1}}
		_, err := n.Propose(b.Context(), []metadata.Record{topic})
		ok(b, err)
	}
	ok(b, n.Close())
	for b.Loop() {
		n := start(b, o)
		b.StopTimer()
		ok(b, n.Close())
		b.StartTimer()
	}
}

// BenchmarkPropose is one proposal after the other, each with its fsync.
func BenchmarkPropose(b *testing.B) {
	n := start(b, options(vfs.OS(), filepath.Join(b.TempDir(), "raft")))
	recs := []metadata.Record{setting("k", "v")}
	for b.Loop() {
		_, err := n.Propose(b.Context(), recs)
		ok(b, err)
	}
}
