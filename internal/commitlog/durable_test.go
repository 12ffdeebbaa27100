package commitlog

import (
	"fmt"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// besides are what may happen to a log between any two operations of a flush.
var besides = map[string]func(*workload){
	"append": func(w *workload) { w.append() },
	"follow": func(w *workload) { w.follow() },
	"roll":   func(w *workload) { w.append(); w.ok(w.log.Roll()); w.append() },
	"epoch":  func(w *workload) { w.epoch++; w.log.AssignEpochStart(w.epoch, w.log.End()); w.append() },
}

var flushes = map[string]func(*Log) error{
	"data": (*Log).flushData,
	"all":  (*Log).Flush,
	"after a roll": func(l *Log) error {
		if err := l.Roll(); err != nil {
			return err
		}
		return l.flushData()
	},
}

// TestFlushCovers cuts the power after a flush beside which the log was written to, at each operation of the flush in turn. What
// the log says is on disk, by its flushed offset, its recovery point or to who waits, must be there: a sync proves nothing
// of what was written after it began.
func TestFlushCovers(t *testing.T) {
	for flush, do := range flushes {
		for beside, happens := range besides {
			t.Run(flush+"/"+beside, func(t *testing.T) {
				n := 0
				for flushBeside(t, 1, do, happens, n) && flushBeside(t, 2, do, happens, n) {
					n++
				}
				if n < 2 {
					t.Errorf("the flush made %d operations", n)
				}
			})
		}
	}
}

// flushBeside lets something happen before the n-th operation of a flush, or behind a sync. It tells whether there was one.
func flushBeside(t *testing.T, seed uint64, flush func(*Log) error, happens func(*workload), n int) bool {
	left := -1 // operations until it happens
	var w *workload
	moment := func() {
		if left < 0 || !w.log.mu.TryLock() { // an operation within the lock has nothing beside it
			return
		}
		w.log.mu.Unlock()
		if left--; left == -1 {
			happens(w)
		}
	}
	w = workloadOn(t, seed, func(fs vfs.FS) vfs.FS {
		return vfs.NewFault(fs, func(op vfs.Op) error {
			if op.Kind != vfs.OpReadAt && op.Kind != vfs.OpSize {
				moment()
			}
			return nil
		})
	}, func(time.Duration) { moment() })
	w.log.OnFlush(func(o record.Offset) { w.survives(o) })
	for range 8 {
		w.append()
	}
	w.ok(w.log.Flush())
	for range 2 + seed%2*6 { // within a segment, and over several
		w.append()
	}
	left = n
	w.ok(flush(w.log))
	happened := left < 0
	left = -1
	w.survives(w.log.FlushedOffset())
	w.ok(w.log.dir.checkpointer.writeNow(allCheckpoints))
	w.survives(w.log.RecoveryPoint())
	w.ok(w.log.flushData()) // what came in between isn't taken for flushed
	w.survives(w.log.End())
	w.ok(w.log.Flush())
	w.ok(w.log.dir.checkpointer.writeNow(allCheckpoints))
	w.survives(w.log.End())
	return happened
}

// survives cuts the power and checks that the log comes back at least up to the offset, and is one that was written.
func (w *workload) survives(o record.Offset) {
	w.t.Helper()
	d := openDirs(w.t, w.fs.Crash(vfs.Synced, 0), w.opt)
	defer d.unlock()
	l := d.Get(w.log.TP())
	if l == nil {
		w.t.Fatalf("the log is gone, %d was said to be on disk", o)
	}
	if err := l.Err(); err != nil {
		w.t.Fatalf("the log is offline, %d was said to be on disk: %v", o, err)
	}
	if l.End() < o {
		w.t.Fatalf("the log ends at %d, %d was said to be on disk", l.End(), o)
	}
	w.m.start, w.m.end = w.log.Start(), w.log.End()
	l.UpdateHighWatermark(l.End())
	if err := w.m.explains(l, batchesOf(w.t, l)); err != nil {
		w.t.Fatal(fmt.Errorf("after the power cut: %w", err))
	}
}
