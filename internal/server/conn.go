package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Conn is one client's connection.
//
// Its reader goroutine lives as long as it does. Responses that may wait are finished by a writer goroutine, which begins
// when there is one to finish and ends when there is none; a response that doesn't wait and has none before it is
// finished by the reader itself, without a change of goroutine.
type Conn struct {
	// State is the handler's own, touched only in Start.
	State any

	srv      *Server
	listener *listener
	nc       net.Conn
	raw      syscall.RawConn // nil when nc is no socket
	id       uint64
	ctx      context.Context
	cancel   context.CancelFunc

	in     input
	reads  pace
	writes pace
	active atomic.Int64 // clock at the last request or response
	noWait bool         // what Start said about its Finish; reader's

	// pending counts requests from their first handling to their response being sent. Only the reader adds. While it is
	// 1 the reader's current request is the only one, nothing is queued and no writer is writing.
	pending  atomic.Int32
	waiting  atomic.Bool   // the reader waits for pending to fall
	finished chan struct{} // capacity 1: pending fell while the reader waited
	pause    atomic.Int64  // unix nanoseconds before which nothing is started; 0 is none

	mu      sync.Mutex
	queue   []Finish // to be finished by the writer
	head    int      // of queue
	writing bool     // the writer goroutine exists
	closed  bool
	why     metrics.Close // why it was closed
}

func newConn(s *Server, l *listener, nc net.Conn) *Conn {
	c := &Conn{
		srv:      s,
		listener: l,
		nc:       nc,
		id:       s.nextID.Add(1),
		finished: make(chan struct{}, 1),
	}
	c.ctx, c.cancel = context.WithCancel(s.base)
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	c.in.init(c)
	c.active.Store(s.clock.now())
	return c
}

// Listener returns the name of the listener it came through.
func (c *Conn) Listener() string { return c.listener.Name }

// RemoteAddr returns the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// ID returns a number that no other connection of this server has or had.
func (c *Conn) ID() uint64 { return c.id }

// Context ends with the connection.
func (c *Conn) Context() context.Context { return c.ctx }

// Stopping is closed when the server begins to stop. A Finish that waits for what may never come answers then; one that
// waits for what was promised goes on.
func (c *Conn) Stopping() <-chan struct{} { return c.srv.stopping }

// NoWait, called in Start, promises that the Finish which this Start returns won't wait. If nothing is queued before it,
// it then runs right after Start on the same goroutine.
func (c *Conn) NoWait() { c.noWait = true }

// Idle, called in Start, tells that all earlier requests of this connection were answered.
func (c *Conn) Idle() bool { return c.pending.Load() == 1 }

// WaitIdle, called in Start, blocks until all earlier requests of this connection were answered. It fails when the
// connection or the context ends.
func (c *Conn) WaitIdle(ctx context.Context) error {
	if !c.waitPending(1, c.ctx.Done(), ctx.Done()) {
		return cmp.Or(c.ctx.Err(), ctx.Err())
	}
	return nil
}

// Hold, called in Start, blocks until the channel is closed or readable. It fails when the connection ends.
func (c *Conn) Hold(ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// Charge claims n bytes of the budget for requests in flight until Start returns, for what decoding allocates beside
// the frame. It never waits, and fails when a request that asks for much finds the budget spent.
func (c *Conn) Charge(n int) error {
	if n < 0 || !c.in.claim.force(&c.srv.budget, int64(n)) {
		return errBudget
	}
	return nil
}

// serve reads and starts requests until the connection ends, then waits until each was finished.
func (c *Conn) serve() {
	why, err := c.read()
	c.reads.end()
	c.stop(why, err)
	c.in.drop()
	c.in.claim.release(&c.srv.budget)
	c.waitPending(0, nil, nil)
	c.close(why, nil)
	c.listener.stats.Closed(c.why)
	c.srv.remove(c)
}

// stop ends reading. What was started is still answered, unless the client is gone or a bug of ours showed.
func (c *Conn) stop(why metrics.Close, err error) {
	switch why {
	case metrics.ClosedBadFrame, metrics.ClosedBadRequest, metrics.ClosedShutdown:
		c.log(why, err)
	default:
		c.close(why, err)
	}
}

// read is the reader's loop; it returns why it ended.
func (c *Conn) read() (metrics.Close, error) {
	for {
		if err := c.waitToRead(); err != nil {
			return whyReadEnded(err), err
		}
		f, err := c.in.next()
		if err != nil {
			return whyReadEnded(err), err
		}
		c.pending.Add(1)
		c.active.Store(c.srv.clock.now())
		finish, err := c.begin(f)
		f.Release()
		c.in.claim.release(&c.srv.budget)
		if err != nil {
			c.answered()
			if errors.As(err, new(panicError)) {
				return metrics.ClosedPanic, err
			}
			return metrics.ClosedBadRequest, err
		}
		c.handOver(finish)
	}
}

// errDraining ends the reader of a server that stops.
var errDraining = errors.New("the server stops")

// waitToRead waits while the queue is full or a throttled client has to pause.
func (c *Conn) waitToRead() error {
	if c.srv.draining.Load() {
		return errDraining
	}
	if !c.waitPending(int32(c.srv.limits.MaxQueued)-1, c.ctx.Done(), nil) {
		return c.ctx.Err()
	}
	return c.waitPause()
}

// waitPause waits until After.PauseUntil of an earlier response.
func (c *Conn) waitPause() error {
	until := c.pause.Load()
	if until == 0 {
		return nil
	}
	c.pause.CompareAndSwap(until, 0)
	d := time.Until(time.Unix(0, until))
	if d <= 0 {
		return nil
	}
	c.pending.Add(1) // not idle
	defer c.answered()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func whyReadEnded(err error) metrics.Close {
	switch {
	case errors.Is(err, errDraining), errors.Is(err, os.ErrDeadlineExceeded): // stopReading
		return metrics.ClosedShutdown
	case errors.As(err, new(frameError)):
		return metrics.ClosedBadFrame
	}
	return metrics.ClosedByPeer
}

// panicError is a panic of a handler.
type panicError struct{ value any }

func (e panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// begin calls the handler's Start.
func (c *Conn) begin(f *protocol.Frame) (finish Finish, err error) {
	defer func() {
		if v := recover(); v != nil {
			finish, err = nil, c.panicked(v)
		}
	}()
	if err := c.waitPause(); err != nil { // the response that asked for it was sent while this request was read
		return nil, err
	}
	c.noWait = false
	return c.srv.opt.Handler.Start(c, f)
}

// panicked logs and counts a panic of the handler.
func (c *Conn) panicked(v any) error {
	c.srv.opt.Metrics.Panics.Inc()
	c.srv.opt.Log.Error("panic in a request handler, closing its connection",
		"conn", c.id, "listener", c.listener.Name, "client", c.nc.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
	return panicError{v}
}

// handOver finishes a request here if that can't hold up the reader, and else leaves it to the writer.
func (c *Conn) handOver(finish Finish) {
	if finish == nil {
		c.answered()
		return
	}
	if c.noWait && c.pending.Load() == 1 {
		c.respond(finish)
		c.answered()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, finish)
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

// write is the writer: it finishes what is queued, and ends.
func (c *Conn) write() {
	for {
		finish := c.dequeue()
		if finish == nil {
			return
		}
		c.respond(finish)
		c.answered()
	}
}

func (c *Conn) dequeue() Finish {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head == len(c.queue) {
		c.queue, c.head, c.writing = c.queue[:0], 0, false
		return nil
	}
	finish := c.queue[c.head]
	c.queue[c.head] = nil
	c.head++
	if c.head == len(c.queue) {
		c.queue, c.head = c.queue[:0], 0
	}
	return finish
}

// answered ends a request and wakes the reader if it waits for that.
func (c *Conn) answered() {
	c.active.Store(c.srv.clock.now())
	c.pending.Add(-1)
	if c.waiting.Load() {
		select {
		case c.finished <- struct{}{}:
		default:
		}
	}
}

// waitPending blocks the reader until no more than n requests are pending, and reports false if one of the channels was
// closed before.
func (c *Conn) waitPending(n int32, end, abort <-chan struct{}) bool {
	if c.pending.Load() <= n {
		return true
	}
	c.waiting.Store(true)
	defer c.waiting.Store(false)
	for c.pending.Load() > n {
		select {
		case <-c.finished:
		case <-end:
			return false
		case <-abort:
			return false
		}
	}
	return true
}

// sizePrefix is the length of a response's length.
const sizePrefix = 4

// respond finishes one request, sends what it encoded and lets the ranges go.
func (c *Conn) respond(finish Finish) {
	out := protocol.GetEncoder()
	defer out.Put()
	out.Int32(0) // the size, known later
	after, err := c.end(finish, out)
	ranges := out.Ranges()
	defer protocol.Records(ranges).Unpin()
	if err != nil {
		c.close(metrics.ClosedPanic, err)
		return
	}
	switch { // before the client can react to the response
	case after.Close:
		c.pause.Store(math.MaxInt64)
	case !after.PauseUntil.IsZero():
		c.pause.Store(after.PauseUntil.UnixNano())
	}
	if size := out.Size() - sizePrefix; size > 0 {
		if err := c.send(ranges, size); err != nil {
			c.close(whySendFailed(err), err)
			return
		}
	}
	if after.Close {
		c.close(metrics.ClosedByHandler, nil)
	}
}

// end calls a Finish.
func (c *Conn) end(finish Finish, out *protocol.Encoder) (after After, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.panicked(v)
		}
	}()
	return finish(c.ctx, out), nil
}

func whySendFailed(err error) metrics.Close {
	if errors.Is(err, errShort) {
		return metrics.ClosedShort
	}
	return metrics.ClosedByPeer
}

// stopReading makes the reader return from what it waits for on the socket, now or when it comes to it.
func (c *Conn) stopReading() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }

// close ends the connection, once: reads, writes and waits return. The first reason given is the one counted.
func (c *Conn) close(why metrics.Close, err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed, c.why = true, why
	c.mu.Unlock()
	c.log(why, err)
	if tcp, ok := c.nc.(*net.TCPConn); ok && why == metrics.ClosedStalled {
		_ = tcp.SetLinger(0) // the kernel drops what the client doesn't take
	}
	c.cancel()
	_ = c.nc.Close()
}

func (c *Conn) log(why metrics.Close, err error) {
	c.srv.opt.Log.Debug("connection ends", "conn", c.id, "listener", c.listener.Name,
		"client", c.nc.RemoteAddr(), "reason", why.String(), "err", err)
}
