package raft

import (
	"bytes"
	"testing"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// FuzzEntry decodes what another node may send as an entry.
func FuzzEntry(f *testing.F) {
	f.Add(encodeEntry(3, []metadata.Record{setting("k", "v"), setting("l", "")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := &hraft.Log{Index: 1, Data: b}
		term, d, err := decodeTerm(l)
		var recs []metadata.Record
		if err == nil {
			recs, err = decodeRecords(l, d)
		}
		if len(recs) > len(b) {
			t.Fatalf("%d records in %d bytes", len(recs), len(b))
		}
		m := newFSM()
		l.Term = term
		m.Apply(l)
		if err != nil && m.image.Load() != nil && !metadata.Diff(metadata.Empty(), m.image.Load()).Empty() {
			t.Fatal("an entry that can't be decoded changed the image")
		}
	})
}

// FuzzImage reads what another node may send as a snapshot.
func FuzzImage(f *testing.F) {
	image, _, err := metadata.Empty().Apply([]metadata.Record{setting("k", "v")})
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := writeImage(&b, image, 7); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		image, index, err := readImage(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeImage(&again, image, index); err != nil {
			t.Fatal(err)
		}
		other, _, err := readImage(&again)
		if err != nil || !metadata.Diff(image, other).Empty() {
			t.Fatalf("an image differs from itself: %v", err)
		}
	})
}

// FuzzSegment opens any bytes as the last segment of a log: it is refused or taken, but nothing panics.
func FuzzSegment(f *testing.F) {
	m := vfs.NewMem()
	ok(f, m.MkdirAll("/data"))
	n := start(f, options(m, testDir))
	for range 3 {
		set(f, n, "k", "v")
	}
	ok(f, n.Close())
	name := testDir + "/00000000000000000001-0000000000000000.wal"
	b, err := vfs.ReadFile(m, name)
	ok(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := m.Crash(vfs.Written, 0)
		file, err := c.Create(name)
		ok(t, err)
		_, err = file.WriteAt(b, 0)
		ok(t, err)
		if n, err := Open(options(c, testDir)); err == nil {
			ok(t, n.Close())
		}
	})
}
