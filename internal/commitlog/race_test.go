package commitlog

import (
	"errors"
	"sync"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestConcurrent lets one appender, readers, retention, flushes and a move get in each other's way. Run it with -race. A reader never sees a
// batch that is damaged or out of its place.
func TestConcurrent(t *testing.T) {
	opt := testOptions(t.TempDir(), t.TempDir())
	opt.Config.SegmentBytes, opt.Config.IndexInterval, opt.Config.RetentionBytes = 50_000, 1000, 200_000
	opt.MaxOpenFiles, opt.IndexCacheBytes = 3, -1
	d := openDirs(t, vfs.OS(), opt)
	stop := runDirs(t, d)
	l := createLog(t, d, "t", opt.Config)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { followLog(t, l, done) })
	}
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			if _, err := l.Retain(); err != nil {
				t.Error(err)
			}
			if err := l.Flush(); err != nil {
				t.Error(err)
			}
			if err := d.Move(l, opt.Paths[i%2]); err != nil {
				t.Error(err)
			}
			_, _, _, _ = l.Producers(), l.Segments(), d.List(), l.Size()
		}
	})
	buf := batch(3, 300, 1)
	for range 4000 {
		mustAppend(t, l, buf)
		l.UpdateHighWatermark(l.End())
	}
	close(done)
	wg.Wait()
	stop()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, vfs.OS(), opt)
	if l2 := d.Get(l.TP()); l2.End() != l.End() || l2.Err() != nil {
		t.Fatalf("after a restart the log ends at %d, not %d: %v", l2.End(), l.End(), l2.Err())
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// followLog reads a log as a consumer until done is closed.
func followLog(t *testing.T, l *Log, done chan struct{}) {
	next := l.Start()
	var b []byte
	for {
		select {
		case <-done:
			return
		default:
		}
		var err error
		from := next
		b, next, err = l.ReadBytes(b[:0], from, 20_000, l.End(), true)
		if errors.Is(err, protocol.ErrOffsetOutOfRange) {
			next = l.Start()
			continue
		}
		if err != nil {
			t.Errorf("read at %d: %v", from, err)
			return
		}
		for rest := b; len(rest) > 0; {
			one, tail, err := record.Next(rest)
			if err != nil || one.CheckCRC() != nil || one.BaseOffset() > from {
				t.Errorf("read at %d found a bad batch: %v", from, err)
				return
			}
			from, rest = one.NextOffset(), tail
		}
	}
}
