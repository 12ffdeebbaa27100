// Package coordtest is what tests of coordinators need: a partition's log in
// memory whose appends can be made to fail, and whose high watermark can be held
// back.
//
// Its main type is Log.
package coordtest

import (
	"fmt"
	"sync"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// Log is a coordinator.Log in memory. Its zero value is an empty log that
// commits what it is given at once.
type Log struct {
	// Fail, when set, is asked before each append, of which it is told the
	// number, counted from 1: an error is what the append fails with.
	Fail func(n int, b record.Batch) error
	// FailAfter is Fail for an append that takes place and fails all the same.
	FailAfter func(n int, b record.Batch) error
	// MaxBytes is the largest batch; 0 is 1 MiB.
	MaxBytes int

	mu      sync.Mutex
	batches []record.Batch
	end     record.Offset
	hw      record.Offset
	held    bool
	appends int
	watches []*replica.Watch
	refused error // what Writable says
}

var _ coordinator.Log = (*Log)(nil)

// SetFail sets Fail while the log is in use.
func (l *Log) SetFail(fail func(n int, b record.Batch) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Fail = fail
}

// Hold keeps the high watermark where it is until Release.
func (l *Log) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

// Release lets the high watermark follow the log's end again.
func (l *Log) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held, l.hw = false, l.end
	for _, w := range l.watches {
		w.Mark()
	}
}

// Refuse makes Writable, and appends, answer with an error; nil ends that.
func (l *Log) Refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = err
}

// Appends counts the appends asked for so far, failed ones included.
func (l *Log) Appends() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.appends
}

// Batches returns what was appended.
func (l *Log) Batches() []record.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]record.Batch(nil), l.batches...)
}

// Writable implements coordinator.Log.
func (l *Log) Writable(record.LeaderEpoch) (record.Offset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end, l.refused
}

// AppendInternal implements coordinator.Log. A producer's epoch isn't checked.
func (l *Log) AppendInternal(b record.Batch, epoch record.LeaderEpoch, opt replica.InternalAppend) (replica.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appends++
	if l.refused != nil {
		return replica.Appended{}, l.refused
	}
	if l.Fail != nil {
		if err := l.Fail(l.appends, b); err != nil {
			return replica.Appended{}, err
		}
	}
	if opt.Verified != nil && b.IsTransactional() && !b.IsControl() {
		if err := opt.Verified(b.ProducerID(), b.ProducerEpoch()); err != nil {
			return replica.Appended{}, err
		}
	}
	b.SetBaseOffset(l.end)
	b.SetLeaderEpoch(epoch)
	a := replica.Appended{First: l.end, Last: b.LastOffset()}
	l.batches = append(l.batches, b)
	l.end = b.NextOffset()
	if !l.held {
		l.hw = l.end
	}
	if l.FailAfter != nil {
		if err := l.FailAfter(l.appends, b); err != nil {
			return replica.Appended{}, err
		}
	}
	return a, nil
}

// ReadInternal implements coordinator.Log.
func (l *Log) ReadInternal(buf []byte, from record.Offset) ([]byte, record.Offset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out, next := buf[:0], from
	for _, b := range l.batches {
		if b.LastOffset() < from {
			continue
		}
		if len(out) > 0 && len(out)+len(b) > cap(buf) {
			break
		}
		out, next = append(out, b...), b.NextOffset()
	}
	if next == from {
		return nil, from, fmt.Errorf("%w: offset %d is not below %d", protocol.ErrOffsetOutOfRange, from, l.end)
	}
	return out, next, nil
}

// Bounds implements coordinator.Log.
func (l *Log) Bounds() (start, end record.Offset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, l.end
}

// HighWatermark implements coordinator.Log.
func (l *Log) HighWatermark() record.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hw
}

// MaxBatchBytes implements coordinator.Log.
func (l *Log) MaxBatchBytes() int {
	if l.MaxBytes > 0 {
		return l.MaxBytes
	}
	return 1 << 20
}

// Watch implements coordinator.Log.
func (l *Log) Watch(w *replica.Watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watches = append(l.watches, w)
}

// Unwatch implements coordinator.Log.
func (l *Log) Unwatch(w *replica.Watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.watches {
		if other == w {
			l.watches = append(l.watches[:i], l.watches[i+1:]...)
			return
		}
	}
}
