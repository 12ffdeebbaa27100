package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestDiskFull fills the disk and frees it again, many times, with appends, rolls, flushes and checkpoints meeting the end of it at
// every byte (R21): each answer is retriable, reads go on, and nothing has to be restarted.
func TestDiskFull(t *testing.T) {
	for _, reserve := range []int64{0, 20_000} {
		fs := vfs.NewVolatile()
		fs.SetCapacity(200_000)
		opt := testOptions("/data")
		opt.Config.SegmentBytes, opt.Config.IndexInterval, opt.Config.FileDeleteDelay = 20_000, 500, 0
		opt.Reserve = func(int64) int64 { return reserve }
		d := openDirs(t, fs, opt)
		l := createLog(t, d, "t", opt.Config)
		var want []byte // all that was acknowledged
		full := 0
		for i := range 200 {
			full += fillDisk(t, d, l, &want, 100+i*13)
			if got := readAll(t, l); !bytes.HasSuffix(want, got) || len(got) == 0 {
				t.Fatalf("cycle %d: %d bytes read aren't the last of %d written", i, len(got), len(want))
			}
			l.UpdateHighWatermark(l.End())
			if err := l.SetStart(l.Start() + (l.End()-l.Start())*2/3); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Retain(); err != nil && !errors.Is(err, protocol.ErrKafkaStorageError) {
				t.Fatal(err)
			}
			for _, dir := range d.dirs {
				dir.trash.removeDue(t.Context(), fs, opt.Logger, d.env.now().AddDate(100, 0, 0))
				dir.polledAt.Store(0)
			}
			if err := d.dirs[0].Err(); err != nil {
				t.Fatalf("cycle %d: %v", i, err)
			}
		}
		if full < 200 {
			t.Errorf("the disk was full %d times only", full)
		}
		fs.SetCapacity(0)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openDirs(t, fs, opt)
		if got := readAll(t, d.Get(TP{"t", 0})); !bytes.HasSuffix(want, got) || len(got) == 0 {
			t.Fatalf("after a restart, %d bytes read aren't the last of %d written", len(got), len(want))
		}
	}
}

// fillDisk appends until the disk is full, and tells how often it was.
func fillDisk(t *testing.T, d *Dirs, l *Log, want *[]byte, size int) (full int) {
	t.Helper()
	for n := 0; full < 3; n++ {
		buf := batch(1, size, int64(n))
		_, err := l.AppendLeader(buf, 0, AppendOptions{})
		if err == nil {
			*want = append(*want, buf...)
		} else if !errors.Is(err, protocol.ErrKafkaStorageError) {
			t.Fatalf("append to a full disk: %v", err)
		} else {
			full++
			d.dirs[0].polledAt.Store(0) // look again at once
		}
		if n%7 == 6 {
			if err := l.Flush(); err != nil && !errors.Is(err, protocol.ErrKafkaStorageError) {
				t.Fatalf("flush on a full disk: %v", err)
			}
		}
		if n%11 == 10 {
			if err := l.dir.checkpointer.writeNow(allCheckpoints); err != nil && !errors.Is(err, protocol.ErrKafkaStorageError) {
				t.Fatalf("checkpoint on a full disk: %v", err)
			}
		}
		if err := d.dirs[0].Err(); err != nil {
			t.Fatalf("a full disk took the directory offline: %v", err)
		}
	}
	return full
}

// TestCreateFindsRoom: new partitions go to a directory with space, also where the disk's end is met only then.
func TestCreateFindsRoom(t *testing.T) {
	mem := vfs.NewMem()
	full := map[string]bool{}
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if full[filepath.Dir(op.Path)] && op.Kind == vfs.OpMkdirAll {
			return syscall.ENOSPC
		}
		return nil
	})
	d := openDirs(t, fs, testOptions("/a", "/b", "/c"))
	create := func(topic, want string) {
		t.Helper()
		l, err := d.Create(TP{topic, 0}, protocol.UUID{1}, DefaultLogConfig())
		if want == "" {
			if !errors.Is(err, protocol.ErrKafkaStorageError) {
				t.Errorf("%s is made: %v", topic, err)
			}
		} else if err != nil || l.Dir() != want {
			t.Errorf("%s: %v, not in %s", topic, err, want)
		}
	}
	create("t0", "/a")
	create("t1", "/b")
	d.dirs[2].setFull(true) // known to be: it comes last, though it has the fewest
	create("t2", "/a")
	full["/b"] = true // found out now
	create("t3", "/a")
	if !d.dirs[1].full.Load() || d.dirs[1].Err() != nil {
		t.Error("the full directory isn't known for it, or it is offline")
	}
	full["/a"], full["/c"] = true, true
	create("t4", "")
	full["/c"] = false
	create("t4", "/c")
	d.dirs[2].offline(errors.New("broken"))
	full["/a"] = false
	create("t5", "/a")
	if _, err := mem.Stat("/a/t4-0"); err == nil {
		t.Error("a folder of a creation that failed stays")
	}
}

// TestFlushStartServesAll: when the start offsets of many logs are put on disk, one after the other, the logs are listed once.
func TestFlushStartServesAll(t *testing.T) {
	fs, opt := vfs.NewMem(), testOptions("/a")
	d := openDirs(t, fs, opt)
	var logs []*Log
	for i := range 5 {
		l := createLog(t, d, fmt.Sprint("t", i), opt.Config)
		mustAppend(t, l, batch(5, 100, 1))
		l.UpdateHighWatermark(5)
		if err := l.SetStart(3); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	if err := logs[0].FlushStart(); err != nil {
		t.Fatal(err)
	}
	logs[4].mu.Lock() // whoever lists the logs again waits here
	done := make(chan error, 1)
	go func() { done <- errors.Join(logs[1].FlushStart(), logs[2].FlushStart()) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("each FlushStart looks at all logs")
	}
	logs[4].mu.Unlock()
	if err := errors.Join(logs[1].SetStart(4), logs[1].FlushStart()); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, fs.Crash(vfs.Synced, 0), opt)
	for i, l := range logs {
		if b, err := vfs.ReadFile(d.env.fs, "/a/"+logStartFile); err != nil || !strings.Contains(string(b), fmt.Sprintf("t%d 0 %d\n", i, l.Start())) {
			t.Errorf("the checkpoint says %q, %v", b, err)
		}
	}
}
