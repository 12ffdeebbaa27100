package commitlog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// runDirs runs the background work until the test ends.
func runDirs(t *testing.T, d *Dirs) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

// TestGroupFlush: with flush.messages=1, appends are flushed at once, many by one sync, and who waits is told.
func TestGroupFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		var syncs atomic.Int64
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.Kind == vfs.OpDatasync {
				syncs.Add(1)
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		d := openDirs(t, fs, testOptions("/data"))
		stop := runDirs(t, d)
		cfg := d.opt.Config
		cfg.FlushMessages = 1
		l := createLog(t, d, "t", cfg)
		var told atomic.Int64
		l.OnFlush(func(o record.Offset) { told.Store(int64(o)) })
		for i := range 200 {
			mustAppend(t, l, batch(1, 10, int64(i)))
			if i%50 == 0 {
				time.Sleep(100 * time.Microsecond)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.WaitFlushed(ctx, l.End()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if l.FlushedOffset() != 200 || told.Load() != 200 {
			t.Errorf("flushed to %d, told %d", l.FlushedOffset(), told.Load())
		}
		if n := syncs.Load(); n > 20 {
			t.Errorf("%d syncs for 200 appends in a row", n)
		}
		stop()
		crashed := openDirs(t, mem.Crash(vfs.Synced, 0), testOptions("/data"))
		if end := crashed.Get(l.TP()).End(); end != 200 {
			t.Errorf("after a power cut the log ends at %d", end)
		}
	})
}

// TestFlushAge: with flush.ms, the oldest unflushed record waits no longer than that.
func TestFlushAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openDirs(t, vfs.NewMem(), testOptions("/data"))
		stop := runDirs(t, d)
		defer stop()
		cfg := d.opt.Config
		cfg.FlushAge = time.Second
		l := createLog(t, d, "t", cfg)
		for range 3 {
			end := l.End()
			mustAppend(t, l, batch(1, 10, 1))
			time.Sleep(900 * time.Millisecond)
			mustAppend(t, l, batch(1, 10, 1))
			synctest.Wait()
			if l.FlushedOffset() > end {
				t.Errorf("flushed to %d before its time", l.FlushedOffset())
			}
			time.Sleep(101 * time.Millisecond)
			synctest.Wait()
			if l.FlushedOffset() != end+2 {
				t.Errorf("flushed to %d, not %d", l.FlushedOffset(), end+2)
			}
		}
	})
}

// TestFailedSync: the first failed sync takes the directory offline, and nobody who waits for it is told that all is well.
func TestFailedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		fs := vfs.NewFault(vfs.NewMem(), func(op vfs.Op) error {
			if op.Kind == vfs.OpDatasync && broken.Load() {
				return syscall.EIO
			}
			return nil
		})
		opt := testOptions("/a", "/b")
		var offline atomic.Value
		opt.OnOffline = func(path string, _ error) { offline.Store(path) }
		d := openDirs(t, fs, opt)
		stop := runDirs(t, d)
		defer stop()
		l, other := createLog(t, d, "t", d.opt.Config), createLog(t, d, "u", d.opt.Config)
		mustAppend(t, l, batch(1, 10, 1))
		mustAppend(t, other, batch(1, 10, 1))
		broken.Store(true)
		if err := l.WaitFlushed(t.Context(), 1); !errors.Is(err, protocol.ErrKafkaStorageError) {
			t.Errorf("waiting for a sync that fails: %v", err)
		}
		broken.Store(false)
		if err := l.Flush(); err == nil {
			t.Error("a sync was tried again")
		}
		if _, err := l.AppendLeader(batch(1, 10, 1), 0, AppendOptions{}); !errors.Is(err, protocol.ErrKafkaStorageError) {
			t.Errorf("append to an offline directory: %v", err)
		}
		if b, _, err := l.ReadBytes(nil, 0, 1000, 1, true); err != nil || len(b) == 0 {
			t.Errorf("what can be read isn't: %v", err)
		}
		mustAppend(t, other, batch(1, 10, 1))
		synctest.Wait()
		if offline.Load() != l.Dir() {
			t.Errorf("OnOffline was told of %v", offline.Load())
		}
	})
}

// TestBackgroundFlush: a log that is only appended to has its recovery point moved up, so that little has to be scanned.
func TestBackgroundFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		d := openDirs(t, fs, testOptions("/data"))
		stop := runDirs(t, d)
		l := createLog(t, d, "t", d.opt.Config)
		big := batch(1, 1<<20-200, 1)
		for range 80 {
			mustAppend(t, l, big)
			synctest.Wait()
		}
		if left := l.End() - l.RecoveryPoint(); left > 40 {
			t.Errorf("%d MiB lie above the recovery point", left)
		}
		time.Sleep(recoveryPointPace)
		synctest.Wait()
		stop()
		crashed := openDirs(t, fs.Crash(vfs.Synced, 0), testOptions("/data"))
		if got := crashed.Get(l.TP()); got.End() < l.RecoveryPoint() || got.RecoveryPoint() != l.RecoveryPoint() {
			t.Errorf("after a crash: end %d, recovery point %d; before it %d", got.End(), got.RecoveryPoint(), l.RecoveryPoint())
		}
	})
}

// TestOpenFiles: no more .log files are open than the limit says, however many are used, and all of them can be.
func TestOpenFiles(t *testing.T) {
	opt := testOptions(t.TempDir())
	opt.MaxOpenFiles = 8
	d := openDirs(t, vfs.OS(), opt)
	var logs []*Log
	for i := range 40 {
		logs = append(logs, createLog(t, d, fmt.Sprint("t", i), opt.Config))
	}
	for round := range 5 {
		for i, l := range logs {
			mustAppend(t, l, batch(1, 100, int64(i)))
			if b, _, err := l.ReadBytes(nil, record.Offset(round), 1000, l.End(), true); err != nil || len(b) == 0 {
				t.Fatalf("read %d bytes: %v", len(b), err)
			}
			if n := d.OpenFiles(); n > opt.MaxOpenFiles {
				t.Fatalf("%d files are open", n)
			}
		}
	}
	f, err := logs[0].Read(nil, 0, 1000, logs[0].End(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(logs[0]); err != nil { // the range stays valid
		t.Fatal(err)
	}
	b := make([]byte, f.Bytes)
	if _, err := f.Records[0].File.ReadAt(b, f.Records[0].Pos); err != nil {
		t.Fatal(err)
	}
	f.Records[0].Pin.Unpin()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if n := d.OpenFiles(); n != 0 {
		t.Fatalf("%d files are open after the end", n)
	}
}

// TestAllocations: the hot paths allocate nothing.
func TestAllocations(t *testing.T) {
	d := openDirs(t, vfs.OS(), testOptions(t.TempDir()))
	l := createLog(t, d, "t", d.opt.Config)
	plain := batch(4, 1000, 1)
	for range 2000 { // indexes grow now and then: make room
		mustAppend(t, l, plain)
	}
	if n := testing.AllocsPerRun(200, func() {
		if _, err := l.AppendLeader(plain, 0, AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("an append allocates %v times", n)
	}
	ranges := make(protocol.Records, 0, 4)
	o := record.Offset(0)
	if n := testing.AllocsPerRun(200, func() {
		f, err := l.Read(ranges, o, 16<<10, l.End(), true)
		if err != nil {
			t.Fatal(err)
		}
		f.Records[0].Pin.Unpin()
		o = f.Next % 4000
	}); n > 0 {
		t.Errorf("a read allocates %v times", n)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
