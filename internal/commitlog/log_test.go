package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// testOptions are options for directories of tests: silent, with a clock that stands still.
func testOptions(paths ...string) DirsOptions {
	cfg := DefaultLogConfig()
	return DirsOptions{
		Paths: paths, Config: cfg, ClusterID: "test", NodeID: 1,
		Now:     func() time.Time { return time.UnixMilli(1_700_000_000_000) },
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Reserve: func(int64) int64 { return 0 },
	}
}

func openDirs(t testing.TB, fs vfs.FS, opt DirsOptions) *Dirs {
	t.Helper()
	d, err := OpenDirs(fs, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func createLog(t testing.TB, d *Dirs, topic string, cfg LogConfig) *Log {
	t.Helper()
	l, err := d.Create(TP{topic, 0}, protocol.UUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// batch builds a batch of n records of size bytes each.
func batch(n, size int, timestamp int64) []byte {
	b := record.NewBuilder(record.None, 0)
	for i := range n {
		b.Append(timestamp+int64(i), nil, bytes.Repeat([]byte{byte('a' + i%26)}, size))
	}
	return b.Build()
}

func mustAppend(t testing.TB, l *Log, buf []byte) Appended {
	t.Helper()
	a, err := l.AppendLeader(buf, 0, AppendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// readAll reads the log from its start and returns the bytes of all batches.
func readAll(t testing.TB, l *Log) []byte {
	t.Helper()
	var out []byte
	for o := l.Start(); o < l.End(); {
		b, next, err := l.ReadBytes(nil, o, 1<<20, l.End(), true)
		if err != nil {
			t.Fatalf("read at %d: %v", o, err)
		}
		if next <= o {
			t.Fatalf("read at %d goes on at %d", o, next)
		}
		out, o = append(out, b...), next
	}
	return out
}

func TestAppendReadReopen(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("clean=%v", clean), func(t *testing.T) {
			dir := t.TempDir()
			opt := testOptions(dir)
			cfg := opt.Config
			cfg.SegmentBytes = 20_000
			opt.ConfigFor = func(TP) LogConfig { return cfg }
			d := openDirs(t, vfs.OS(), opt)
			l := createLog(t, d, "orders", cfg)
			var want []byte
			for i := range 100 {
				b := batch(3, 300, int64(1_700_000_000_000+i))
				a := mustAppend(t, l, b)
				if a.First != record.Offset(3*i) || a.Last != a.First+2 {
					t.Fatalf("append %d got offsets %d to %d", i, a.First, a.Last)
				}
				want = append(want, b...)
			}
			if got := readAll(t, l); !bytes.Equal(got, want) {
				t.Fatalf("read %d bytes, want %d", len(got), len(want))
			}
			if n := len(l.Segments()); n < 4 {
				t.Fatalf("%d segments, want more", n)
			}
			if clean {
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				d.unlock()
			}
			d = openDirs(t, vfs.OS(), opt)
			if _, ok := d.CleanShutdown(); ok != clean {
				t.Fatalf("clean shutdown = %v", ok)
			}
			l = d.Get(TP{"orders", 0})
			if l == nil || l.Err() != nil {
				t.Fatalf("log after reopen: %v", l.Err())
			}
			if l.End() != 300 || l.Start() != 0 {
				t.Fatalf("bounds %d to %d", l.Start(), l.End())
			}
			if got := readAll(t, l); !bytes.Equal(got, want) {
				t.Fatalf("after reopen read %d bytes, want %d", len(got), len(want))
			}
			b := batch(1, 10, 1_700_000_001_000)
			if a := mustAppend(t, l, b); a.First != 300 {
				t.Fatalf("append after reopen at %d", a.First)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestReadBounds(t *testing.T) {
	d := openDirs(t, vfs.NewMem(), testOptions("/data"))
	l := createLog(t, d, "t", d.opt.Config)
	for i := range 50 {
		mustAppend(t, l, batch(4, 1000, int64(i)))
	}
	for from := record.Offset(0); from < 200; from++ {
		for _, until := range []record.Offset{200, 100, from + 1, from} {
			for _, maxBytes := range []int{0, 100, 5000, 9000, 1 << 20} {
				b, next, err := l.ReadBytes(nil, from, maxBytes, until, true)
				if err != nil {
					t.Fatal(err)
				}
				checkRead(t, b, next, from, until, maxBytes)
			}
		}
	}
	if _, _, err := l.ReadBytes(nil, 201, 1, 300, true); !errors.Is(err, protocol.ErrOffsetOutOfRange) {
		t.Fatalf("read above the end: %v", err)
	}
	if b, next, err := l.ReadBytes(nil, 200, 1, 300, true); err != nil || len(b) != 0 || next != 200 {
		t.Fatalf("read at the end: %d bytes, next %d, %v", len(b), next, err)
	}
}

// checkRead compares a read of batches of four records with what it should be.
func checkRead(t *testing.T, b []byte, next, from, until record.Offset, maxBytes int) {
	t.Helper()
	first := from / 4 * 4
	if first+4 > until {
		if len(b) != 0 || next != from {
			t.Fatalf("read(%d, until %d) found %d bytes, next %d", from, until, len(b), next)
		}
		return
	}
	o := first
	for n := 0; len(b) > 0; n++ {
		batch, rest, err := record.Next(b)
		if err != nil || batch.BaseOffset() != o || batch.CheckCRC() != nil {
			t.Fatalf("read(%d): batch %d at %d: %v", from, n, batch.BaseOffset(), err)
		}
		b, o = rest, o+4
	}
	size := record.Offset(len(batch(4, 1000, 0)))
	want := min((until-first)/4, max(record.Offset(maxBytes)/size, 1))
	if want = min(want, (200-first)/4); o != first+4*want || next != o {
		t.Fatalf("read(%d, max %d, until %d) ended at %d (next %d), want %d batches", from, maxBytes, until, o, next, want)
	}
}

// TestTruncateUnderReader: bytes that may be on their way to a client are cut off, but never replaced by others.
func TestTruncateUnderReader(t *testing.T) {
	d := openDirs(t, vfs.OS(), testOptions(t.TempDir()))
	l := createLog(t, d, "t", d.opt.Config)
	var want []byte
	for i := range 10 {
		b := batch(1, 1000, int64(i))
		mustAppend(t, l, b)
		want = append(want, b...)
	}
	f, err := l.Read(nil, 0, 1<<20, l.End(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Truncate(4); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := l.AppendLeader(batch(1, 900, int64(100+i)), 1, AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r := f.Records[0]
	got := make([]byte, r.Len)
	n, err := r.File.ReadAt(got, r.Pos)
	if !bytes.HasPrefix(want, got[:n]) || n == 0 {
		t.Errorf("a range that was handed out now has other bytes (%d, %v)", n, err)
	}
	r.Pin.Unpin()
	if s := l.Segments(); len(s) != 2 || s[1].Base != 4 {
		t.Errorf("segments %v", s)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, vfs.OS(), d.opt)
	if l = d.Get(l.TP()); l.End() != 14 || l.EpochFor(3) != 0 || l.EpochFor(4) != 1 {
		t.Errorf("after a restart: end %d, epochs %d and %d", l.End(), l.EpochFor(3), l.EpochFor(4))
	}
}

// TestTopicIDs: a folder is its topic's, and not that of the next one with the same name.
func TestTopicIDs(t *testing.T) {
	fs := vfs.NewMem()
	d := openDirs(t, fs, testOptions("/data"))
	l := createLog(t, d, "t", d.opt.Config)
	mustAppend(t, l, batch(5, 10, 1))
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := d.dirs[0].checkpointer.writeNow(allCheckpoints); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(l); err != nil {
		t.Fatal(err)
	}
	again, err := d.Create(l.TP(), protocol.UUID{9}, d.opt.Config)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, again, batch(1, 10, 1))
	if err := again.flushData(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(l.TP(), protocol.UUID{10}, d.opt.Config); err == nil {
		t.Error("a second log was made for a partition")
	}
	// The recovery point of the first one must not be taken for the second's.
	d = openDirs(t, fs.Crash(vfs.Synced, 0), testOptions("/data"))
	if l = d.Get(l.TP()); l == nil || l.Err() != nil || l.End() != 1 || l.TopicID() != (protocol.UUID{9}) {
		t.Fatalf("after a crash: %+v", l)
	}
	if err := l.SetTopicID(protocol.UUID{8}); err == nil {
		t.Error("a log took another topic's id")
	}
	if err := d.SetAside(l); err != nil {
		t.Fatal(err)
	}
	if d.Get(l.TP()) != nil {
		t.Error("a log that was set aside is still there")
	}
	if _, err := l.AppendLeader(batch(1, 10, 1), 0, AppendOptions{}); !errors.Is(err, protocol.ErrKafkaStorageError) {
		t.Errorf("append to a log that was set aside: %v", err)
	}
	entries, err := d.env.fs.ReadDir("/data")
	if err != nil {
		t.Fatal(err)
	}
	stray := 0
	for _, e := range entries {
		if tp, kind, ok := parseFolder(e.Name); ok && kind == folderStray && tp == l.TP() {
			stray++
		}
	}
	if stray != 1 {
		t.Errorf("%d stray folders in %v", stray, entries)
	}
}

// TestIdentity: directories belong to one cluster and one node.
func TestIdentity(t *testing.T) {
	fs := vfs.NewMem()
	opt := testOptions("/a", "/b")
	opt.ClusterID, opt.NodeID = "", -1
	d := openDirs(t, fs, opt)
	if c, n := d.Identity(); c != "" || n != -1 {
		t.Errorf("identity %q, %d", c, n)
	}
	if err := d.SetIdentity("4L6g3nShT-eMCtK--X86sw", 3); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDirs(fs, opt); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second broker opened the directories: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := openDirs(t, fs, opt)
	if c, n := again.Identity(); c != "4L6g3nShT-eMCtK--X86sw" || n != 3 || again.List()[0].ID != d.List()[0].ID {
		t.Errorf("identity %q, %d", c, n)
	}
	again.unlock()
	for _, wrong := range []func(){func() { opt.ClusterID = "other" }, func() { opt.ClusterID, opt.NodeID = "", 4 }} {
		wrong()
		if _, err := OpenDirs(fs, opt); !errors.Is(err, errForeign) {
			t.Errorf("directories of another broker were opened: %v", err)
		}
	}
}
