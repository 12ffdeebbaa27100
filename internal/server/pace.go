package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
)

// clock is a coarse clock that costs an atomic load: the sweep sets it.
type clock struct {
	origin time.Time
	at     atomic.Int64 // nanoseconds since origin, and never 0
}

func (c *clock) start() {
	c.origin = time.Now()
	c.at.Store(1)
}

func (c *clock) now() int64  { return c.at.Load() }
func (c *clock) tick() int64 { c.at.Store(max(int64(time.Since(c.origin)), 1)); return c.at.Load() }

// pace watches one transfer, of a request or a response, while it waits for the other side. One goroutine moves it, the
// sweep looks at it.
type pace struct {
	begun atomic.Int64 // clock at which it first waited; 0 when no transfer is under way
	moved atomic.Int64 // clock at its last progress
	bytes atomic.Int64 // moved since it began
}

// wait notes that the transfer is about to wait for the other side.
func (p *pace) wait(now int64) {
	if p.begun.Load() == 0 {
		p.bytes.Store(0)
		p.moved.Store(now)
		p.begun.Store(now)
	}
}

// move notes progress.
func (p *pace) move(now int64, n int) {
	if p.begun.Load() != 0 {
		p.bytes.Add(int64(n))
		p.moved.Store(now)
	}
}

// end notes that nothing is under way.
func (p *pace) end() {
	if p.begun.Load() != 0 {
		p.begun.Store(0)
	}
}

// suspend stops the watch for a wait that is ours; resume goes on with it as if that hadn't taken any time.
func (p *pace) suspend() (begun int64) { return p.begun.Swap(0) }

func (p *pace) resume(begun, since, now int64) {
	if begun != 0 {
		p.moved.Store(now)
		p.begun.Store(begun + now - since)
	}
}

// tooSlow reports whether the other side kept us waiting: nothing moved for the timeout, or after the timeout less than
// MinRate did.
func (p *pace) tooSlow(now int64, timeout time.Duration) bool {
	begun := p.begun.Load()
	if begun == 0 {
		return false
	}
	took := time.Duration(now - begun)
	if took <= timeout {
		return false
	}
	return time.Duration(now-p.moved.Load()) > timeout || float64(p.bytes.Load()) < took.Seconds()*MinRate
}

// The sweep looks at every connection a few dozen times within the shortest timeout, but no more than needed.
const (
	minSweep = 10 * time.Millisecond
	maxSweep = time.Second
)

func (l *Limits) sweepInterval() time.Duration {
	shortest := min(l.ReadTimeout, l.StallTimeout)
	if l.IdleTimeout > 0 {
		shortest = min(shortest, l.IdleTimeout)
	}
	return min(max(shortest/25, minSweep), maxSweep)
}

// sweep moves the clock and ends connections that are idle or too slow, until the context ends. It takes the place of a
// deadline for each read and write, which would cost every request two changes of a timer.
func (s *Server) sweep(ctx context.Context) {
	t := time.NewTicker(s.limits.sweepInterval())
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		now := s.clock.tick()
		var ended []*Conn
		s.mu.Lock()
		for c := range s.conns {
			if _, over := c.overdue(now); over {
				ended = append(ended, c)
			}
		}
		s.mu.Unlock()
		for _, c := range ended {
			if why, over := c.overdue(now); over {
				c.close(why, nil)
			}
		}
	}
}

// pressedTimeout is the read timeout while requests wait for memory that slow ones hold.
const pressedTimeout = 5 * time.Second

// overdue reports whether a connection has used up one of its times.
func (c *Conn) overdue(now int64) (metrics.Close, bool) {
	l := &c.srv.limits
	readTimeout := l.ReadTimeout
	if c.srv.budget.waiting.Load() > 0 {
		readTimeout = min(readTimeout, pressedTimeout)
	}
	switch {
	case c.reads.tooSlow(now, readTimeout):
		return metrics.ClosedSlow, true
	case c.writes.tooSlow(now, l.StallTimeout):
		return metrics.ClosedStalled, true
	case l.IdleTimeout > 0 && c.pending.Load() == 0 && c.reads.begun.Load() == 0 &&
		now-c.active.Load() > int64(l.IdleTimeout):
		return metrics.ClosedIdle, true
	}
	return 0, false
}
