package coordinator

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// An Answer is what one operation's caller waits for. It is given in the
// operation, or in a later one (a JoinGroup is answered by the last member's),
// always on the shard's goroutine, and reaches the caller once everything
// replayed up to then is committed.
type Answer[T any] struct {
	promise
	value T
}

// Give answers. The first answer holds: one that comes later, of a timer for
// instance, is dropped.
func (a *Answer[T]) Give(v T) {
	if !a.given {
		a.value = v
		a.give(nil)
	}
}

// promise is the part of an Answer that doesn't depend on its type.
type promise struct {
	shard *Shard
	done  chan struct{} // capacity 1: receives once, when the caller may look
	err   error
	given bool // guarded by the shard's goroutine
	open  bool // in shard.open: the operation ended without an answer
}

func (p *promise) give(err error) {
	if p.given {
		return
	}
	p.given, p.err = true, err
	if p.open {
		delete(p.shard.open, p)
	}
	p.shard.answered = append(p.shard.answered, p)
}

// release lets the caller look. err, if any, takes the place of the answer.
func (p *promise) release(err error) {
	if err != nil {
		p.err = err
	}
	p.done <- struct{}{} // capacity 1, once: never blocks
}

// Do runs an operation in the shard and waits for its answer. decide looks at
// the machine and changes nothing in it but soft state; it gives the answer, or
// leaves that to a later operation, and returns what to record. An error of its
// own is the answer and nothing is recorded.
//
// Errors of the runtime: NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS,
// COORDINATOR_NOT_AVAILABLE, and REQUEST_TIMED_OUT when ctx ends first, after
// which nobody knows whether the operation took place.
func Do[T any](ctx context.Context, s *Shard, decide func(*Answer[T]) ([]Record, error)) (T, error) {
	a := newAnswer[T](s)
	return await(ctx, a, &op{promise: &a.promise, decide: func() ([]Record, error) { return decide(a) }})
}

// DoTxn is Do for records that belong to a producer's open transaction. opt says
// how the log is to check it.
func DoTxn[T any](ctx context.Context, s *Shard, txn Txn, decide func(*Answer[T]) ([]Record, error)) (T, error) {
	a := newAnswer[T](s)
	return await(ctx, a, &op{promise: &a.promise, txn: &txn, decide: func() ([]Record, error) { return decide(a) }})
}

// Read looks at the machine. What it sees is committed when it returns.
func Read[T any](ctx context.Context, s *Shard, view func() T) (T, error) {
	return Do(ctx, s, func(a *Answer[T]) ([]Record, error) {
		a.Give(view())
		return nil, nil
	})
}

// EndTxn appends a transaction's marker and applies it to the machine.
func EndTxn(ctx context.Context, s *Shard, m record.Marker, transactionVersion int16) error {
	a := newAnswer[struct{}](s)
	_, err := await(ctx, a, &op{promise: &a.promise, marker: &m, version: transactionVersion})
	return err
}

func newAnswer[T any](s *Shard) *Answer[T] {
	return &Answer[T]{promise: promise{shard: s, done: make(chan struct{}, 1)}}
}

func await[T any](ctx context.Context, a *Answer[T], o *op) (T, error) {
	var none T
	if err := a.shard.post(ctx, o); err != nil {
		return none, err
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return none, protocol.ErrRequestTimedOut
	case <-a.shard.ended:
		select {
		case <-a.done: // was answered before
		default: // came into the inbox after the last look at it
			return none, protocol.ErrNotCoordinator
		}
	}
	if a.err != nil {
		return none, a.err
	}
	return a.value, nil
}
