package commitlog

import (
	"bytes"
	"errors"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestTruncateBesideAppends appends, as a leader that was deposed does, before each operation of a truncation in turn. An append is
// refused, or it is cut off as it should be, or it is there: never at an offset that the log has with other bytes, never half.
func TestTruncateBesideAppends(t *testing.T) {
	truncations := map[string]func(l *Log, offsets []record.Offset) error{
		"within a segment":  func(l *Log, o []record.Offset) error { return l.Truncate(o[len(o)-2]) },
		"within a batch":    func(l *Log, o []record.Offset) error { return l.Truncate(o[len(o)-2] + 1) },
		"over segments":     func(l *Log, o []record.Offset) error { return l.Truncate(o[len(o)/3]) },
		"to the beginning":  func(l *Log, _ []record.Offset) error { return l.Truncate(0) },
		"fully, below":      func(l *Log, _ []record.Offset) error { return l.TruncateFully(1) },
		"fully, at the end": func(l *Log, _ []record.Offset) error { return l.TruncateFully(l.End()) },
	}
	for name, truncate := range truncations {
		for _, beside := range []string{"leader", "follower", "roll"} {
			t.Run(name+"/"+beside, func(t *testing.T) {
				refused, n := 0, 0
				for ; truncateBeside(t, truncate, beside, n, &refused); n++ {
				}
				if n < 3 || refused == 0 {
					t.Errorf("%d operations, %d appends refused", n, refused)
				}
			})
		}
	}
}

// truncateBeside lets something be tried before the n-th operation of a truncation. It tells whether there was one.
func truncateBeside(t *testing.T, truncate func(*Log, []record.Offset) error, beside string, n int, refused *int) bool {
	left := -1
	var l *Log
	var err error
	fs, opt := vfs.NewMem(), testOptions("/data")
	opt.Config.SegmentBytes = 1000
	d := openDirs(t, vfs.NewFault(fs, func(vfs.Op) error {
		if left < 0 || !l.mu.TryLock() { // within the lock it is alone
			return nil
		}
		l.mu.Unlock()
		if left--; left == -1 {
			err = tryBeside(l, beside)
		}
		return nil
	}), opt)
	l = createLog(t, d, "t", opt.Config)
	var offsets []record.Offset
	for i := range 12 {
		buf := batch(2, 50, int64(i))
		if i%2 == 0 {
			buf = txnBatch(1, int32(i), 2, int64(i))
		}
		offsets = append(offsets, mustAppend(t, l, buf).First)
	}
	readAll(t, l) // part of it may be on its way to clients
	left = n
	if err := truncate(l, offsets); err != nil {
		t.Fatal(err)
	}
	happened := left < 0
	left = -1
	switch {
	case errors.Is(err, protocol.ErrNotLeaderOrFollower):
		*refused++
	case err != nil:
		t.Errorf("an append beside a truncation: %v", err)
	}
	checkCut(t, d, l, fs)
	return happened
}

func tryBeside(l *Log, how string) (err error) {
	switch buf := batch(3, 40, 99); how {
	case "leader":
		_, err = l.AppendLeader(buf, 1, AppendOptions{})
	case "follower":
		record.Batch(buf).SetBaseOffset(l.End())
		record.Batch(buf).SetLeaderEpoch(1)
		_, err = l.AppendFollower(buf)
	default:
		err = l.Roll()
	}
	return err
}

// checkCut: the log holds whole batches without a hole up to its end, its producers are theirs, it can be appended to, and it is
// the same after a power cut.
func checkCut(t *testing.T, d *Dirs, l *Log, fs *vfs.Mem) {
	t.Helper()
	if _, err := l.AppendLeader(batch(1, 10, 100), 2, AppendOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	got := batchesOf(t, l)
	next := l.Start()
	for _, b := range got {
		if b.base != next {
			t.Fatalf("the batch at %d follows %d", b.base, next)
		}
		next = b.next
	}
	if next != l.End() {
		t.Fatalf("the batches end at %d, the log at %d", next, l.End())
	}
	m := model{batches: got, start: l.Start(), end: l.End(), durable: l.End()}
	if err := m.explainsState(l); err != nil {
		t.Fatal(err)
	}
	crashed := openDirs(t, fs.Crash(vfs.Synced, 0), sameOptions(d))
	defer crashed.unlock()
	after := crashed.Get(l.TP())
	if err := after.Err(); err != nil || after.End() != l.End() || !bytes.Equal(readAll(t, after), readAll(t, l)) {
		t.Fatalf("after a power cut the log ends at %d, not %d: %v", after.End(), l.End(), err)
	}
}
