package commitlog

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestMove moves a log to another directory while it is appended to and read.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		opt := testOptions("/a", "/b")
		opt.Config.SegmentBytes = 50_000
		d := openDirs(t, fs, opt)
		l := createLog(t, d, "t", opt.Config)
		var want []byte
		add := func() {
			b := batch(3, 200, 7)
			mustAppend(t, l, b)
			want = append(want, b...)
		}
		for range 300 {
			add()
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := d.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		if l.Dir() != "/a" {
			t.Fatalf("log is in %s", l.Dir())
		}
		if err := d.Move(l, "/b"); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			add()
		}
		synctest.Wait()
		if l.Dir() != "/b" {
			t.Fatalf("after the move the log is in %s", l.Dir())
		}
		add()
		if !bytes.Equal(readAll(t, l), want) {
			t.Fatal("the moved log reads otherwise")
		}
		cancel()
		<-done
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openDirs(t, fs, opt)
		l = d.Get(TP{"t", 0})
		if l == nil || l.Dir() != "/b" || !bytes.Equal(readAll(t, l), want) {
			t.Fatal("after a restart the moved log is another")
		}
	})
}

// moveFixture is two directories with a log of ten batches in /a.
func moveFixture(t *testing.T) (*vfs.Mem, DirsOptions, *Dirs, *Log) {
	t.Helper()
	fs, opt := vfs.NewMem(), testOptions("/a", "/b")
	d := openDirs(t, fs, opt)
	l := createLog(t, d, "t", opt.Config)
	for i := range 10 {
		mustAppend(t, l, batch(1, 100, int64(i)))
	}
	if l.Dir() != "/a" {
		t.Fatalf("log is in %s", l.Dir())
	}
	return fs, opt, d, l
}

// folders lists the partitions' folders of both directories without their random parts.
func folders(t *testing.T, fs vfs.FS) string {
	t.Helper()
	var out []string
	for _, dir := range []string{"/a", "/b"} {
		entries, err := fs.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir {
				tp, kind, _ := parseFolder(e.Name)
				out = append(out, dir+"/"+tp.String()+folderSuffixes[kind])
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestMoveOfADeletedLog deletes a log whose move waits or was ended: its copy goes with it.
func TestMoveOfADeletedLog(t *testing.T) {
	fs, _, d, l := moveFixture(t)
	if err := d.Move(l, "/b"); err != nil {
		t.Fatal(err)
	}
	if got := folders(t, fs); got != "/a/t-0 /b/t-0-future" {
		t.Fatalf("a move that waits: %s", got)
	}
	if err := d.Delete(l); err != nil {
		t.Fatal(err)
	}
	if got := folders(t, fs); got != "/a/t-0-delete /b/t-0-delete" {
		t.Errorf("after the deletion: %s", got)
	}
	if m := d.nextMove(); m != nil {
		t.Error("the move goes on")
	}
}

// TestMoveEndedAtTheLastMoment ends a move that has copied everything: the log stays where it is.
func TestMoveEndedAtTheLastMoment(t *testing.T) {
	fs, _, d, l := moveFixture(t)
	if err := d.Move(l, "/b"); err != nil {
		t.Fatal(err)
	}
	m := d.nextMove()
	if err := m.follow(); err != nil {
		t.Fatal(err)
	}
	all := readAll(t, l)
	if _, err := m.future.AppendFollower(all); err != nil {
		t.Fatal(err)
	}
	if err := d.Move(l, "/a"); err != nil {
		t.Fatal(err)
	}
	if done, err := m.exchange(); done || err == nil {
		t.Errorf("the move that was ended is carried out: %v, %v", done, err)
	}
	d.dirs[1].trash.removeDue(t.Context(), fs, d.opt.Logger, time.Now().Add(time.Hour))
	m.abandon() // as the worker does with a move that failed
	if got := folders(t, fs); got != "/a/t-0" || !bytes.Equal(readAll(t, l), all) || d.dirs[1].Err() != nil {
		t.Errorf("after it was ended: %s, %v", got, d.dirs[1].Err())
	}
}

// TestMoveEndedWhileItTakesOver ends a move while the log takes its copy over: the log keeps it, and its directory stays online.
func TestMoveEndedWhileItTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs, _, d, l := moveFixture(t)
		if err := d.Move(l, "/b"); err != nil {
			t.Fatal(err)
		}
		m := d.nextMove()
		if err := m.follow(); err != nil {
			t.Fatal(err)
		}
		m.future.flushMu.Lock() // as exchange does
		go m.abandon()
		synctest.Wait()
		l.mu.Lock()
		err := m.copyTailLocked()
		m.future.mu.Lock()
		err = errors.Join(err, m.exchangeLocked())
		m.future.mu.Unlock()
		l.mu.Unlock()
		m.future.flushMu.Unlock()
		synctest.Wait()
		if got := folders(t, fs); err != nil || got != "/a/t-0 /b/t-0" || l.Dir() != "/b" || d.dirs[1].Err() != nil {
			t.Errorf("%s, %v, %v", got, err, d.dirs[1].Err())
		}
	})
}

// TestMoveOntoAFolder: a directory that holds a folder of the partition's name, of another topic, refuses the move and stays online.
func TestMoveOntoAFolder(t *testing.T) {
	fs, _, d, l := moveFixture(t)
	put(t, fs, "/b/t-0/00000000000000000000.log", "mine")
	if err := d.Move(l, "/b"); err == nil {
		t.Error("the move is begun")
	}
	if got := folders(t, fs); got != "/a/t-0 /b/t-0" || d.dirs[1].Err() != nil {
		t.Errorf("%s, %v", got, d.dirs[1].Err())
	}
}

// TestMoveMeetsAFullDisk fills the new disk when the log has changed over: it goes on there, and the old folder leaves once the
// new one is flushed.
func TestMoveMeetsAFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	full := false
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if full && strings.HasPrefix(op.Path, "/b/t-0/") && (op.Kind == vfs.OpCreate || op.Kind == vfs.OpOpenWrite) {
			return syscall.ENOSPC
		}
		return nil
	})
	d := openDirs(t, fs, testOptions("/a", "/b"))
	l := createLog(t, d, "t", DefaultLogConfig())
	mustAppend(t, l, batch(3, 100, 1))
	want := readAll(t, l)
	if err := d.Move(l, "/b"); err != nil {
		t.Fatal(err)
	}
	m := d.nextMove()
	full = true
	if err := m.run(t.Context()); err == nil {
		t.Fatal("the move ended on a full disk")
	}
	if got := folders(t, fs); got != "/a/t-0 /b/t-0" || d.nextMove() != m {
		t.Fatalf("on the full disk: %s", got)
	}
	if err := d.Move(l, "/a"); err == nil {
		t.Error("a move back is begun while the last one isn't on disk")
	}
	if d.nextMove() != m {
		t.Error("the move is forgotten")
	}
	if err := l.FlushStart(); err == nil {
		t.Error("a start offset is said to be on disk before the move is")
	}
	full = false
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := folders(t, fs); got != "/a/t-0-delete /b/t-0" || !bytes.Equal(readAll(t, l), want) || d.nextMove() != nil {
		t.Errorf("afterwards: %s", got)
	}
}

// TestCopyWithoutALog starts with a copy whose log can't be had: it stays, for it may be all there is.
func TestCopyWithoutALog(t *testing.T) {
	mem, opt, d, l := moveFixture(t)
	if err := d.Move(l, "/b"); err != nil {
		t.Fatal(err)
	}
	d.unlock()
	offline := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpReadDir && op.Path == "/a" {
			return errors.New("no disk")
		}
		return nil
	})
	d = openDirs(t, offline, opt)
	d.unlock()
	if got := folders(t, mem); got != "/a/t-0 /b/t-0-future" {
		t.Errorf("without its log's disk: %s", got)
	}
	d = openDirs(t, mem, opt)
	if d.nextMove() == nil {
		t.Error("with the disk back, the move isn't resumed")
	}
	d.unlock()
	if err := mem.RemoveAll("/a/t-0"); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, mem, opt)
	if got := folders(t, mem); got != "/b/t-0-future" {
		t.Errorf("without its log: %s", got)
	}
	if _, err := d.Create(TP{"t", 0}, protocol.UUID{9}, opt.Config); err != nil {
		t.Fatal(err)
	}
	d.unlock()
	openDirs(t, mem, opt)
	if got := folders(t, mem); got != "/a/t-0 /b/t-0-stray" {
		t.Errorf("beside a later topic of its name: %s", got)
	}
}

// TestFoldersOfTwoTopics: one disk was away while its topic was deleted and made again. Whichever log is longer, the one that the
// topic claims is used.
func TestFoldersOfTwoTopics(t *testing.T) {
	for _, swapped := range []bool{false, true} {
		fs, opt := vfs.NewMem(), testOptions("/a", "/b")
		ids := []protocol.UUID{{1}, {2}}
		if swapped {
			slices.Reverse(ids)
		}
		for i, dir := range opt.Paths {
			o := testOptions(dir)
			d := openDirs(t, fs, o)
			l, err := d.Create(TP{"t", 0}, ids[i], o.Config)
			if err != nil {
				t.Fatal(err)
			}
			for range 1 + 5*int(ids[i][0]) {
				mustAppend(t, l, batch(1, 100, 1))
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // a start changes nothing
			d := openDirs(t, fs, opt)
			if got := folders(t, fs); got != "/a/t-0 /b/t-0" {
				t.Fatalf("after a start: %s", got)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		d := openDirs(t, fs, opt)
		for d.Get(TP{"t", 0}).TopicID() != (protocol.UUID{1}) {
			if err := d.SetAside(d.Get(TP{"t", 0})); err != nil {
				t.Fatal(err)
			}
		}
		if l := d.Get(TP{"t", 0}); l.End() != 6 || l.Err() != nil {
			t.Errorf("the topic's log ends at %d", l.End())
		}
	}
}

// TestMoveStartsWithinABatch moves a log whose start offset is inside its first batch, as DeleteRecords leaves it.
func TestMoveStartsWithinABatch(t *testing.T) {
	fs := vfs.NewMem()
	opt := testOptions("/a", "/b")
	d := openDirs(t, fs, opt)
	l := createLog(t, d, "t", opt.Config)
	for range 3 {
		appendCommitted(t, l, batch(3, 200, 7))
	}
	if err := l.SetStart(4); err != nil {
		t.Fatal(err)
	}
	want, _, err := l.ReadBytes(nil, 4, 1<<20, l.End(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := moveTo(d, l, "/b"); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		got, next, err := l.ReadBytes(nil, 4, 1<<20, l.End(), true)
		if err != nil || !bytes.Equal(got, want) || next != 9 || l.Start() != 4 || l.End() != 9 || l.Dir() != "/b" {
			t.Fatalf("%d bytes up to %d (%v), log %d to %d in %s; want %d bytes", len(got), next, err, l.Start(), l.End(), l.Dir(), len(want))
		}
	}
	check()
	if err := errors.Join(l.FlushStart(), d.Close()); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, fs, opt)
	l = d.Get(TP{"t", 0})
	check()
}

// TestFollowerStartsWithinABatch: a follower that begins at its leader's log start offset takes the batch that it is in; one that
// has records takes no batch that begins below its end.
func TestFollowerStartsWithinABatch(t *testing.T) {
	d := openDirs(t, vfs.NewMem(), testOptions("/a"))
	l := createLog(t, d, "t", DefaultLogConfig())
	if err := l.TruncateFully(12); err != nil {
		t.Fatal(err)
	}
	b := record.Batch(batch(5, 10, 7))
	b.SetBaseOffset(10)
	if _, err := l.AppendFollower(b); err != nil {
		t.Fatal(err)
	}
	if l.Start() != 12 || l.End() != 15 || l.FlushedOffset() > 10 || l.RecoveryPoint() > 10 {
		t.Errorf("log %d to %d, flushed to %d, recovery point %d", l.Start(), l.End(), l.FlushedOffset(), l.RecoveryPoint())
	}
	b.SetBaseOffset(14)
	if _, err := l.AppendFollower(b); !errors.Is(err, protocol.ErrCorruptMessage) {
		t.Errorf("a batch over the log's end: %v", err)
	}
	if err := l.TruncateFully(20); err != nil {
		t.Fatal(err)
	}
	b.SetBaseOffset(10)
	if _, err := l.AppendFollower(b); !errors.Is(err, protocol.ErrCorruptMessage) {
		t.Errorf("a batch that ends below an empty log's end: %v", err)
	}
}
