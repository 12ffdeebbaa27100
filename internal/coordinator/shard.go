package coordinator

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

const (
	// inboxSize bounds the operations that wait for their turn; who comes later
	// waits outside.
	inboxSize = 256
	// maxTurn bounds the operations whose records go into one append. Nobody's
	// answer waits for more than these.
	maxTurn = 1024
)

// A Shard is the machine of one partition and the goroutine that runs it.
type Shard struct {
	Index int32 // of the partition
	// Epoch is the partition's leader epoch, which markers carry as the
	// coordinator's epoch.
	Epoch record.LeaderEpoch

	options  *Options
	logger   *slog.Logger
	log      Log
	previous *Shard // of an earlier epoch: it ends first
	inbox    chan *op
	cancel   context.CancelFunc
	ended    chan struct{} // closed when the goroutine has ended
	loaded   loadProgress

	// What follows belongs to the goroutine.
	machine   Machine // nil while there is none: operations get state
	state     error
	next      record.Offset // of the next record that is replayed
	writable  error         // why the log takes nothing now, nil if it does
	deadline  time.Time     // of the answers given in this turn, zero before the first
	builder   *record.Builder
	encoder   *protocol.Encoder
	watcher   *replica.Watcher
	watch     *replica.Watch
	moved     []*replica.Watch // what watcher.Take fills
	timers    map[TimerKey]*timer
	open      map[*promise]struct{} // promises whose operation ended without an answer
	answered  []*promise            // by the operation in hand
	effects   []func()              // of the operation in hand
	following []*op                 // to be run behind the operation in hand
	checked   checked               // by the operation in hand
	waiting   []waiting             // from first on: for the high watermark, by offset
	first     int
}

// op is one operation.
type op struct {
	promise *promise // nil for a timer's
	decide  func() ([]Record, error)

	txn     *Txn           // the records are a transaction's
	marker  *record.Marker // the operation is the end of a transaction
	version int16          // of that transaction

	timer *timer // the operation is a timer's, of key
	key   TimerKey
}

// Txn is the open transaction that records are part of.
type Txn struct {
	ProducerID    record.ProducerID
	ProducerEpoch record.ProducerEpoch
	// Verified is called with the log locked when the producer has no open
	// transaction there; an error refuses the records. nil lets all pass.
	Verified func(record.ProducerID, record.ProducerEpoch) error
}

// waiting is what is to happen when everything below end is committed.
type waiting struct {
	end      record.Offset
	deadline time.Time
	promise  *promise // or
	effect   func()
}

// Then has effect called, on the shard's goroutine, once everything that the
// operation in hand records is committed. Effects that a lost machine owed are
// begun again by Loaded.
func (s *Shard) Then(effect func()) { s.effects = append(s.effects, effect) }

// Now is the wall clock.
func (s *Shard) Now() time.Time { return s.options.Now() }

// post puts an operation into the inbox.
func (s *Shard) post(ctx context.Context, o *op) error {
	select {
	case s.inbox <- o:
		return nil
	case <-s.ended:
		return protocol.ErrNotCoordinator
	case <-ctx.Done():
		return protocol.ErrRequestTimedOut
	}
}

// run loads the machine and serves operations until ctx ends.
func (s *Shard) run(ctx context.Context) {
	defer close(s.ended)
	if s.previous != nil {
		<-s.previous.ended
		s.previous = nil
	}
	s.log.Watch(s.watch)
	defer s.log.Unwatch(s.watch)
	for ctx.Err() == nil {
		if err := s.load(ctx); err != nil {
			s.pause(ctx, err)
			continue
		}
		s.serve(ctx)
	}
	s.state = protocol.ErrNotCoordinator
	s.refuseQueued()
}

// serve runs operations until ctx ends or the machine is lost.
func (s *Shard) serve(ctx context.Context) {
	for s.machine != nil {
		var expiry <-chan time.Time
		if s.first < len(s.waiting) {
			expiry = time.After(time.Until(s.waiting[s.first].deadline))
		}
		select {
		case <-ctx.Done():
			s.unload(protocol.ErrNotCoordinator)
		case o := <-s.inbox:
			s.turn(o)
		case <-s.watcher.C:
			s.moved = s.watcher.Take(s.moved[:0])
			s.release()
		case <-expiry:
			s.expire()
		}
	}
}

// turn runs the operation and those that wait behind it, and appends what they
// record as one batch.
func (s *Shard) turn(o *op) {
	var end record.Offset
	end, s.writable = s.log.Writable(s.Epoch)
	s.deadline = time.Time{}
	if s.writable == nil && end != s.next {
		s.drop(fmt.Errorf("somebody else wrote to the log: it ends at %d, the state at %d", end, s.next))
	}
	for n := 0; o != nil; n++ {
		s.guard(func() { s.take(o) })
		if s.machine == nil {
			o.refuse(s.state)
			s.following = nil
		}
		if len(s.following) > 0 {
			o, s.following = s.following[0], s.following[1:]
			continue
		}
		o = nil
		if n < maxTurn {
			select {
			case o = <-s.inbox:
			default:
			}
		}
	}
	if s.machine != nil && s.flush() == nil {
		s.guard(s.release)
	}
}

// guard keeps a panic in a machine from ending the process: the machine is
// replaced by what its log says.
func (s *Shard) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			s.logger.Error("a coordinator's operation panicked", "panic", r, "stack", string(debug.Stack()))
			s.drop(fmt.Errorf("panic: %v", r))
		}
	}()
	f()
}

// take runs one operation.
func (s *Shard) take(o *op) {
	if s.machine == nil {
		o.refuse(s.state)
		return
	}
	if o.timer != nil && s.timers[o.key] != o.timer {
		return // canceled or replaced while it waited
	}
	s.checked = checked{}
	var err error
	switch {
	case o.marker != nil:
		err = s.endTxn(o)
	case o.txn != nil:
		err = s.decideTxn(o)
	default:
		err = s.decide(o)
	}
	if s.machine != nil { // else it was lost under way, and turn answers
		s.settle(o, err)
	}
}

// refuse answers an operation that wasn't run, or whose shard is gone.
func (o *op) refuse(err error) {
	if o.promise != nil && !o.promise.given {
		o.promise.given = true
		o.promise.release(err)
	}
}

// pause waits before the log is tried again. Operations are refused meanwhile.
func (s *Shard) pause(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.logger.Error("loading the coordinator's state failed", "error", err)
	s.state = answerFor(err)
	again := time.NewTimer(s.options.ReloadPause)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			return
		case o := <-s.inbox:
			s.take(o)
		case <-s.watcher.C:
			s.moved = s.watcher.Take(s.moved[:0])
		}
	}
}

// refuseQueued answers what is in the inbox.
func (s *Shard) refuseQueued() {
	for {
		select {
		case o := <-s.inbox:
			s.take(o)
		default:
			return
		}
	}
}

// Machine is the shard's machine, for operations, which run on its goroutine.
func (s *Shard) Machine() Machine { return s.machine }
