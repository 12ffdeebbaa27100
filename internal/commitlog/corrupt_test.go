package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// damages are the ways in which TestCorruption spoils a file (R20).
var damages = []struct {
	name string
	do   func(b []byte, rnd *rand.Rand) []byte
}{
	{"bit flip", func(b []byte, rnd *rand.Rand) []byte {
		b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
		return b
	}},
	{"zero block", func(b []byte, rnd *rand.Rand) []byte {
		at := rnd.IntN(len(b))
		clear(b[at:min(at+512, len(b))])
		return b
	}},
	{"garbage", func(b []byte, rnd *rand.Rand) []byte {
		at := rnd.IntN(len(b))
		for i := at; i < min(at+64, len(b)); i++ {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}},
	{"cut short", func(b []byte, rnd *rand.Rand) []byte { return b[:rnd.IntN(len(b))] }},
	{"duplicate block", func(b []byte, rnd *rand.Rand) []byte {
		at := rnd.IntN(len(b))
		n := min(64, len(b)-at)
		copy(b[rnd.IntN(len(b)-n+1):], bytes.Clone(b[at:at+n]))
		return b
	}},
	{"longer", func(b []byte, rnd *rand.Rand) []byte {
		for range 1 + rnd.IntN(200) {
			b = append(b, byte(rnd.Uint32()))
		}
		return b
	}},
	{"empty", func([]byte, *rand.Rand) []byte { return nil }},
	{"gone", nil},
}

// TestCorruption spoils each file of a log in each way, after a clean stop and after another. Whatever a start and reads then
// say, they never give out bytes that weren't written, and an undamaged log is read as it was.
func TestCorruption(t *testing.T) {
	for _, clean := range []bool{true, false} {
		base, want, opt := corruptionLog(t, clean)
		var files []string
		for _, dir := range []string{"/data", "/data/crash-0"} {
			entries, err := base.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if !e.IsDir && e.Name != lockFile {
					files = append(files, dir+"/"+e.Name)
				}
			}
		}
		cells := 0
		for _, file := range files {
			for _, damage := range damages {
				for seed := range uint64(4) {
					fs := base.Crash(vfs.Written, 0)
					if !spoil(t, fs, file, damage.do, seed) {
						continue
					}
					cells++
					name := fmt.Sprintf("clean=%v/%s/%s/%d", clean, strings.TrimPrefix(file, "/data/"), damage.name, seed)
					if !t.Run(name, func(t *testing.T) { checkSpoilt(t, fs, opt, file, want) }) {
						return
					}
				}
			}
		}
		if cells < 400 {
			t.Errorf("%d cells of the matrix were tried, want more", cells)
		}
	}
}

// corruptionLog makes a log with every kind of file, and returns its file system and all of its bytes.
func corruptionLog(t *testing.T, clean bool) (*vfs.Mem, []byte, DirsOptions) {
	w := newWorkload(t, 7)
	for range 120 {
		w.append()
	}
	w.log.UpdateHighWatermark(w.log.End())
	w.ok(w.log.SetStart(3))
	w.ok(w.log.Flush())
	w.epoch++
	for range 20 {
		w.append()
	}
	w.ok(w.log.dir.checkpointer.writeNow(allCheckpoints))
	want := readAll(t, w.log)
	for rest := want; len(rest) > 0; {
		b, tail, err := record.Next(rest)
		w.ok(err)
		b.SetLeaderEpoch(0)
		rest = tail
	}
	if clean {
		w.ok(w.dirs.Close())
	}
	return w.fs, want, w.opt
}

func spoil(t *testing.T, fs *vfs.Mem, file string, damage func([]byte, *rand.Rand) []byte, seed uint64) bool {
	t.Helper()
	b, err := vfs.ReadFile(fs, file)
	if err != nil {
		t.Fatal(err)
	}
	if damage == nil {
		if err := fs.Remove(file); err != nil {
			t.Fatal(err)
		}
		return seed == 0
	}
	if len(b) == 0 {
		return false
	}
	spoilt := damage(bytes.Clone(b), rand.New(rand.NewPCG(seed, uint64(len(file)))))
	if bytes.Equal(spoilt, b) {
		return false
	}
	f, err := fs.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(spoilt, 0); err != nil {
		t.Fatal(err)
	}
	return f.Close() == nil
}

// checkSpoilt opens the log, reads what it gives, and compares.
func checkSpoilt(t *testing.T, fs *vfs.Mem, opt DirsOptions, file string, want []byte) {
	d, err := OpenDirs(fs, opt)
	isLog, isMeta := strings.HasSuffix(file, logSuffix), strings.HasSuffix(file, metaPropertiesFile)
	if err != nil {
		if !isMeta {
			t.Fatalf("open: %v", err)
		}
		return // not our directory, as far as we know: nothing is touched
	}
	l := d.Get(TP{"crash", 0})
	if l == nil {
		t.Fatal("the log is gone")
	}
	got, err := readWhatCanBeRead(l)
	if l.Err() != nil || err != nil {
		if !isLog && !strings.HasSuffix(file, recoveryPointFile) {
			t.Fatalf("damage to a file that can be computed again: log %v, read %v", l.Err(), err)
		}
	}
	for _, b := range got {
		b.SetLeaderEpoch(0) // neither a checksum nor an order covers it
		if !bytes.Contains(want, b) && l.Start() >= 3 {
			t.Fatalf("offset %d: bytes that were never written", b.BaseOffset())
		}
	}
	if l.Err() == nil && err == nil {
		checkOffsets(t, l, got)
	}
	for _, o := range []record.Offset{0, 50, l.End()} {
		if _, err := l.AbortedTxns(max(o, l.Start()), l.End()); err != nil && !isLog {
			t.Fatalf("aborted transactions: %v", err)
		}
		if _, _, err := l.OffsetForTimestamp(1_700_000_000_000 + int64(o)); err != nil && !isLog {
			t.Fatalf("offset for timestamp: %v", err)
		}
	}
	d.unlock()
}

// readWhatCanBeRead returns the batches up to the first error.
func readWhatCanBeRead(l *Log) (out []record.Batch, err error) {
	for o := l.Start(); o < l.End(); {
		b, next, err := l.ReadBytes(nil, o, 1500, l.End(), true)
		if err != nil {
			if !errors.Is(err, protocol.ErrCorruptMessage) && !errors.Is(err, protocol.ErrKafkaStorageError) {
				return out, fmt.Errorf("not an error for clients: %w", err)
			}
			return out, err
		}
		if next <= o {
			return out, fmt.Errorf("read at %d goes on at %d", o, next)
		}
		for len(b) > 0 {
			one, rest, err := record.Next(b)
			if err != nil {
				return out, err
			}
			out = append(out, one)
			b = rest
		}
		o = next
	}
	return out, nil
}

// checkOffsets: a log that reports no damage has no hole.
func checkOffsets(t *testing.T, l *Log, got []record.Batch) {
	t.Helper()
	for i, b := range got {
		if i > 0 && b.BaseOffset() != got[i-1].NextOffset() {
			t.Fatalf("offset %d follows %d without a word", b.BaseOffset(), got[i-1].LastOffset())
		}
	}
	if n := len(got); n > 0 && got[n-1].NextOffset() != l.End() {
		t.Fatalf("log ends at %d, its last batch at %d", l.End(), got[n-1].LastOffset())
	}
}
