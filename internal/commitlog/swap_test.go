package commitlog

import (
	"bytes"
	"slices"
	"testing"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestReplaceSegments replaces three segments by two that hold every other batch, with the power going away at each operation.
func TestReplaceSegments(t *testing.T) {
	fs := vfs.NewMem()
	opt := testOptions("/data")
	opt.Config.SegmentBytes, opt.Config.IndexInterval = 3000, 200
	d := openDirs(t, fs, opt)
	l := createLog(t, d, "crash", opt.Config)
	var all, half []byte
	for i := range 60 {
		b := batch(2, 100, int64(1000+i))
		mustAppend(t, l, b)
		all = append(all, b...)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	old := l.segmentsSnapshot()[:3]
	last := old[2].next
	var writers []*segmentWriter
	for n, rest := 0, all; len(rest) > 0; n++ {
		b, tail, _ := record.Next(rest)
		rest = tail
		if b.BaseOffset() >= last {
			half = append(half, b...)
			continue
		}
		if b.BaseOffset() == old[0].base || b.BaseOffset() == old[1].base {
			w, err := l.newSegmentWriter(b.BaseOffset())
			if err != nil {
				t.Fatal(err)
			}
			writers = append(writers, w)
		}
		if n%2 == 0 || b.NextOffset() == last {
			if err := writers[len(writers)-1].append(b); err != nil {
				t.Fatal(err)
			}
			half = append(half, b...)
		}
	}
	for _, w := range writers {
		if err := w.finish(); err != nil {
			t.Fatal(err)
		}
	}
	before := fs.Ops()
	reader, err := l.Read(nil, 0, 1<<20, l.End(), true) // pinned while the files change
	if err != nil {
		t.Fatal(err)
	}
	if err := l.replaceSegments(old, writers); err != nil {
		t.Fatal(err)
	}
	r := reader.Records[0]
	got := make([]byte, r.Len)
	if _, err := r.File.ReadAt(got, r.Pos); err != nil || !bytes.Equal(got, all[:r.Len]) {
		t.Fatalf("a range read before the replacement has changed: %v", err)
	}
	r.Pin.Unpin()
	if !bytes.Equal(readAll(t, l), half) {
		t.Fatal("the log doesn't read as replaced")
	}
	if len(writers) != 2 || len(l.Segments()) == 0 || l.Segments()[0].Size >= old[0].size {
		t.Fatalf("segments %v", l.Segments())
	}
	for op := before; op <= fs.Ops(); op++ {
		for _, p := range vfs.Policies() {
			checkReplaced(t, fs.CrashAt(op, p, uint64(op)), opt, all, half)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	checkReplaced(t, fs, opt, all, half)
}

func checkReplaced(t *testing.T, fs *vfs.Mem, opt DirsOptions, may ...[]byte) {
	t.Helper()
	d := openDirs(t, fs, opt)
	l := d.Get(TP{"crash", 0})
	if l.Err() != nil {
		t.Fatal(l.Err())
	}
	got := readAll(t, l)
	if !slices.ContainsFunc(may, func(b []byte) bool { return bytes.Equal(b, got) }) {
		t.Fatalf("after a crash the log reads as neither, %d bytes", len(got))
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
