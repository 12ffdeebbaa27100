// Package server carries Kafka's frames between clients and a handler: listeners, framing, ordered responses, limits.
//
// Its main type is Server. It knows that a request is four bytes of length and so many bytes, and that the answers of a
// connection leave in the order of its requests; it does not know what they mean. The invariants:
//
//   - Start runs on the connection's reader, in the order of the requests. Every Finish that a Start returned runs exactly
//     once, in the same order, also when the connection is gone by then: what it holds it can let go there.
//   - Every Pin of a response is released exactly once, sent or not.
//   - Memory for requests is claimed from one budget before it is allocated, and allocated as the bytes arrive. An idle
//     connection holds no buffer.
//   - What one connection does wrong, or what panics for it, ends that connection and nothing else.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Handler begins requests.
type Handler interface {
	// Start does the ordered part of a request. The frame is the request without its length; a handler that needs its
	// bytes after Start returned retains it. A nil Finish is a request without a response. An error ends the connection
	// once everything before it is answered.
	Start(c *Conn, f *protocol.Frame) (Finish, error)
}

// Finish does the part of a request that may wait, and encodes response header and body. Nothing encoded means no
// response. The context ends with the connection.
type Finish func(ctx context.Context, out *protocol.Encoder) After

// After is what happens to the connection once the response was sent.
type After struct {
	Close      bool      // end it
	PauseUntil time.Time // start no request before: a quota was exceeded
}

// Listener is one address to accept connections at.
type Listener struct {
	Name           string // "PLAINTEXT", as in listeners=PLAINTEXT://...
	Addr           string // host:port; an empty host is all interfaces, port 0 any free one
	MaxConnections int    // listener.name.<name>.max.connections; 0 is no limit of its own
}

// Options is all a server needs.
type Options struct {
	Listen    func(network, addr string) (net.Listener, error) // net.Listen, or a test's
	Listeners []Listener
	Handler   Handler
	Limits    Limits
	Metrics   *metrics.Server
	Log       *slog.Logger

	// Socket buffers in bytes, socket.send.buffer.bytes and socket.receive.buffer.bytes; 0 or less leaves them to the
	// system, which sizes them by need.
	SendBuffer, ReceiveBuffer int
}

// Limits bound what connections may take. A zero field means the default.
type Limits struct {
	MaxConnections      int                // max.connections; default unlimited
	MaxConnectionsPerIP int                // max.connections.per.ip; default unlimited
	PerIP               map[netip.Addr]int // max.connections.per.ip.overrides
	MaxRequestBytes     int32              // socket.request.max.bytes; default 100 MiB
	MaxInFlightBytes    int64              // queued.max.request.bytes, of all connections together; default 256 MiB
	MaxQueued           int                // requests of a connection that are started and not answered; default 64
	IdleTimeout         time.Duration      // connections.max.idle.ms; default 10 minutes, negative is never
	ReadTimeout         time.Duration      // for a request to arrive, and longer while it comes at MinRate; default 25 s
	StallTimeout        time.Duration      // for a response to be taken, and longer while it goes at MinRate; default 50 s
	ShutdownTimeout     time.Duration      // for started requests to finish when the server stops; default 5 s
}

// MinRate is the slowest transfer, in bytes a second, that may take longer than its timeout. A few trickling bytes must
// not hold a buffer or a segment for ever; a real line is a hundred times faster.
const MinRate = 4 << 10

func (l Limits) withDefaults() Limits {
	orDefault(&l.MaxRequestBytes, 100<<20)
	orDefault(&l.MaxInFlightBytes, 256<<20)
	orDefault(&l.MaxQueued, 64)
	orDefault(&l.IdleTimeout, 10*time.Minute)
	orDefault(&l.ReadTimeout, 25*time.Second)
	orDefault(&l.StallTimeout, 50*time.Second)
	orDefault(&l.ShutdownTimeout, 5*time.Second)
	return l
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server owns the listeners and their connections.
type Server struct {
	opt       Options
	limits    Limits
	listeners []*listener
	budget    budget
	clock     clock

	base     context.Context // of every connection; ends when the time to finish is up
	stopAll  context.CancelFunc
	draining atomic.Bool
	stopping chan struct{} // closed when draining begins
	nextID   atomic.Uint64

	mu      sync.Mutex
	conns   map[*Conn]struct{} // nil once Run let no more in
	perIP   map[netip.Addr]int // connections of each address, when there is a limit
	changed chan struct{}      // closed and replaced when a connection ends
}

// listener is a bound Listener.
type listener struct {
	Listener
	net   net.Listener
	stats *metrics.Listener
	open  int // guarded by Server.mu
}

// Listen binds all listeners, so that their ports are known before anything is served; Run serves them.
func Listen(opt Options) (*Server, error) {
	s := &Server{
		opt:      opt,
		limits:   opt.Limits.withDefaults(),
		conns:    make(map[*Conn]struct{}),
		perIP:    make(map[netip.Addr]int),
		changed:  make(chan struct{}),
		stopping: make(chan struct{}),
	}
	s.budget.init(s.limits.MaxInFlightBytes, &opt.Metrics.InFlightBytes)
	s.clock.start()
	s.base, s.stopAll = context.WithCancel(context.Background())
	for _, l := range opt.Listeners {
		bound, err := opt.Listen("tcp", l.Addr)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("listener %s at %s: %w", l.Name, l.Addr, err)
		}
		s.listeners = append(s.listeners, &listener{Listener: l, net: bound, stats: opt.Metrics.Listener(l.Name)})
	}
	return s, nil
}

// Addr returns the address a listener is bound to, or nil for a name it doesn't have.
func (s *Server) Addr(name string) net.Addr {
	for _, l := range s.listeners {
		if l.Name == name {
			return l.net.Addr()
		}
	}
	return nil
}

// Close gives the ports back. Run does it by itself: it is for a server that was never run.
func (s *Server) Close() {
	for _, l := range s.listeners {
		_ = l.net.Close()
	}
	s.stopAll()
}

// Run serves until the context ends or a listener fails. It then accepts and reads nothing more, lets started requests
// finish for ShutdownTimeout, and returns when the last connection is closed: nil if the context ended.
func (s *Server) Run(ctx context.Context) error {
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(s.listeners))
	var loops sync.WaitGroup
	for _, l := range s.listeners {
		loops.Go(func() { failed <- s.accept(accepting, l) })
	}
	loops.Go(func() { s.sweep(s.base) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop()
	for _, l := range s.listeners {
		_ = l.net.Close()
	}
	s.drain()
	s.stopAll()
	loops.Wait()
	return err
}

// drain asks every connection to stop reading and waits for them to end, in the end by closing them.
func (s *Server) drain() {
	s.draining.Store(true)
	close(s.stopping)
	timeout := time.NewTimer(s.limits.ShutdownTimeout)
	defer timeout.Stop()
	s.each((*Conn).stopReading)
	for {
		s.mu.Lock()
		left, changed := len(s.conns), s.changed
		if left == 0 {
			s.conns = nil
		}
		s.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			s.opt.Log.Warn("closing connections whose requests didn't finish in time",
				"connections", left, "timeout", s.limits.ShutdownTimeout)
			s.each(func(c *Conn) { c.close(metrics.ClosedShutdown, nil) })
		}
	}
}

// each calls f for every open connection, without the lock.
func (s *Server) each(f func(*Conn)) {
	s.mu.Lock()
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}

// errStopped is why a server that ends takes no connection.
var errStopped = errors.New("the server stops")

// ServeConn serves one connection that was made elsewhere, an in-process one for example, and returns when it ended. The
// name must be one of the listeners'; the limits on connections don't apply.
func (s *Server) ServeConn(name string, nc net.Conn) error {
	for _, l := range s.listeners {
		if l.Name == name {
			c, err := s.add(l, nc)
			if err != nil {
				_ = nc.Close()
				return err
			}
			c.serve()
			return nil
		}
	}
	panic("BUG: no listener is named " + name)
}

// add makes a connection known, so that it is swept and drained.
func (s *Server) add(l *listener, nc net.Conn) (*Conn, error) {
	c := newConn(s, l, nc)
	s.mu.Lock()
	if s.conns == nil || s.draining.Load() {
		s.mu.Unlock()
		c.cancel()
		return nil, errStopped
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	l.stats.Open.Add(1)
	return c, nil
}

// remove forgets a connection that ended.
func (s *Server) remove(c *Conn) {
	c.listener.stats.Open.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.signalLocked()
}

func (s *Server) signalLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}
