package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// errBudget is why Charge refuses.
var errBudget = errors.New("too many bytes of requests in flight")

// budget bounds the bytes of requests in flight, of all connections together. Claims that don't fit wait in order.
//
// A request is claimed as it arrives, so connections that each hold a part could wait for each other. Therefore one of
// them at a time may go over the limit, by no more than the largest request, until its request has started; the read
// timeout ends that one too if its client lets it wait.
type budget struct {
	limit   int64
	used    *atomic.Int64
	waiting atomic.Int32 // length of queue

	mu    sync.Mutex
	queue []*waiter
	over  bool // a claim went over the limit
}

// waiter is a claim that waits for n more bytes.
type waiter struct {
	claim *claim
	n     int64
	ready chan struct{} // closed when they were granted
}

// claim is what one connection holds of the budget; only its reader touches it, or for a reader that waits, the budget.
type claim struct {
	n    int64
	over bool // it is the budget's claim over the limit
}

func (b *budget) init(limit int64, used *atomic.Int64) { b.limit, b.used = limit, used }

// take claims n more bytes if they fit and nobody waits.
func (c *claim) take(b *budget, n int64) bool {
	if b.waiting.Load() > 0 || !b.fit(n) {
		return false
	}
	c.n += n
	return true
}

// fit adds n to what is used if the limit allows it. With nothing in use any request does: one above the limit would
// else wait for ever.
func (b *budget) fit(n int64) bool {
	for {
		used := b.used.Load()
		if used > 0 && used+n > b.limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// wait claims n more bytes when its turn comes.
func (c *claim) wait(ctx context.Context, b *budget, n int64) error {
	w := &waiter{claim: c, n: n, ready: make(chan struct{})}
	b.mu.Lock()
	b.queue = append(b.queue, w)
	b.waiting.Add(1)
	b.grantLocked()
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready: // granted meanwhile: release gives it back
	default:
		b.forgetLocked(w)
		b.grantLocked()
	}
	return ctx.Err()
}

// grantLocked serves the queue from its head as far as the limit allows.
func (b *budget) grantLocked() {
	for len(b.queue) > 0 && b.fit(b.queue[0].n) {
		b.serveLocked(b.queue[0])
	}
	for i := 0; i < len(b.queue); {
		w := b.queue[i]
		if !b.over && w.claim.n > 0 {
			b.over, w.claim.over = true, true
		}
		if !w.claim.over {
			i++
			continue
		}
		b.used.Add(w.n)
		b.serveLocked(w)
	}
}

func (b *budget) serveLocked(w *waiter) {
	w.claim.n += w.n
	b.forgetLocked(w)
	close(w.ready)
}

func (b *budget) forgetLocked(w *waiter) {
	for i := range b.queue {
		if b.queue[i] == w {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			b.waiting.Add(-1)
			return
		}
	}
}

// small claims what lies in a scratch buffer already: it is bounded by the number of connections and never waits, so that
// heartbeats and fetches get through when large requests queue.
func (c *claim) small(b *budget, n int64) {
	b.used.Add(n)
	c.n += n
}

// smallCharge is what a request may always charge beside its frame, however little is left.
const smallCharge = 64 << 10

// force claims n more bytes without waiting. It refuses only what is not small and doesn't fit.
func (c *claim) force(b *budget, n int64) bool {
	if c.n+n <= smallCharge {
		c.small(b, n)
		return true
	}
	if !b.fit(n) {
		return false
	}
	c.n += n
	return true
}

// release gives everything back.
func (c *claim) release(b *budget) {
	if c.n == 0 {
		return
	}
	b.used.Add(-c.n)
	c.n = 0
	if !c.over && b.waiting.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.over {
		b.over, c.over = false, false
	}
	b.grantLocked()
}
