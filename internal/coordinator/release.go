package coordinator

import (
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// settle puts the answers and effects of an operation behind what it recorded.
func (s *Shard) settle(o *op, err error) {
	if p := o.promise; p != nil {
		switch {
		case err != nil:
			p.give(err)
		case o.marker != nil:
			p.give(nil)
		case !p.given:
			p.open = true
			s.open[p] = struct{}{}
		}
	} else if err != nil {
		s.logger.Warn("an operation of the coordinator's own was refused", "error", err)
	}
	if s.deadline.IsZero() {
		s.deadline = time.Now().Add(s.options.CommitTimeout())
	}
	for _, p := range s.answered {
		s.waiting = append(s.waiting, waiting{end: s.next, deadline: s.deadline, promise: p})
	}
	for _, f := range s.effects {
		s.waiting = append(s.waiting, waiting{end: s.next, deadline: s.deadline, effect: f})
	}
	s.answered, s.effects = s.answered[:0], s.effects[:0]
}

// release lets go what the high watermark has passed.
func (s *Shard) release() {
	if s.first == len(s.waiting) {
		return
	}
	hw := s.log.HighWatermark()
	for s.first < len(s.waiting) && s.waiting[s.first].end <= hw {
		w := s.waiting[s.first]
		s.waiting[s.first] = waiting{}
		s.first++
		if w.promise != nil {
			w.promise.release(nil)
		} else {
			w.effect()
		}
	}
	if s.first == len(s.waiting) {
		s.waiting, s.first = s.waiting[:0], 0
	}
}

// expire answers those whose records take too long to be replicated. The
// records stay: the operation may yet be committed, and its effects come then.
func (s *Shard) expire() {
	now := time.Now()
	kept := s.waiting[:0]
	for _, w := range s.waiting[s.first:] {
		switch {
		case w.deadline.After(now):
			kept = append(kept, w)
		case w.promise != nil:
			w.promise.release(answerFor(protocol.ErrRequestTimedOut))
		default:
			w.deadline = now.Add(s.options.CommitTimeout())
			kept = append(kept, w)
		}
	}
	clear(s.waiting[len(kept):])
	s.waiting, s.first = kept, 0
}

// drop throws the machine away after a failed append: nobody knows what the log
// holds. It is replayed next.
func (s *Shard) drop(err error) {
	if s.machine == nil {
		return
	}
	s.logger.Warn("the coordinator's state is replayed: its log failed", "error", err)
	s.unload(answerFor(err))
	s.state = protocol.ErrCoordinatorLoadInProgress
}

// unload throws the machine away. What is committed is still answered as it
// was; everybody else gets err.
func (s *Shard) unload(err error) {
	s.release()
	s.state = err
	s.cancelTimers()
	s.machine.Unloaded()
	s.machine = nil
	s.builder.Reset()
	for _, w := range s.waiting[s.first:] {
		if w.promise != nil {
			w.promise.release(err)
		}
	}
	for _, p := range s.answered {
		p.release(err)
	}
	for p := range s.open {
		p.given = true
		p.release(err)
	}
	clear(s.open)
	clear(s.waiting)
	clear(s.answered)
	clear(s.effects)
	s.waiting, s.answered, s.effects, s.first = s.waiting[:0], s.answered[:0], s.effects[:0], 0
}
