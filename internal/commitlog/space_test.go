package commitlog

import (
	"bytes"
	"errors"
	"testing"

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
