package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

// A request must arrive within the read timeout, or keep to MinRate.
func TestSlowRequests(t *testing.T) {
	limits := server.Limits{ReadTimeout: 25 * time.Second, IdleTimeout: time.Hour}
	for _, tc := range []struct {
		name   string
		size   int           // of the request
		first  int           // bytes sent at once
		piece  int           // bytes sent from then on
		every  time.Duration // at this interval; 0 never
		closed time.Duration // by when it must be closed; 0 when it gets its answer
	}{
		{"nothing but a length", 100, 4, 0, 0, 30 * time.Second},
		{"half a length", 100, 2, 0, 0, 30 * time.Second},
		{"claims 100 MiB", 100 << 20, 4, 0, 0, 30 * time.Second},
		{"a byte a second", 100, 4, 1, time.Second, 30 * time.Second},
		{"stops in a large body", 1 << 20, 500_000, 0, 0, 30 * time.Second},
		{"large and below the rate", 1 << 20, 8, 1000, time.Second, 30 * time.Second},
		{"large and above the rate", 1 << 20, 8, 8000, time.Second, 0},
		{"below the rate but soon done", 100, 4, 10, time.Second, 0},
		{"fast, then stops", 1 << 20, 900_000, 8000, time.Minute, 30 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, server.Options{Limits: limits}, func(t *testing.T, s *fixture, dial func() net.Conn) {
				time.Sleep(1234 * time.Millisecond)
				nc := dial()
				begin := time.Now()
				want := request(1, min(tc.size, 1<<20))
				stream := append(size(int32(tc.size)), want...)
				var sending sync.WaitGroup
				defer sending.Wait()
				sending.Go(func() {
					_, err := nc.Write(stream[:tc.first])
					for at := tc.first; err == nil && tc.every > 0 && at < len(stream); at += tc.piece {
						time.Sleep(tc.every)
						_, err = nc.Write(stream[at:min(at+tc.piece, len(stream))])
					}
				})
				if tc.closed == 0 {
					expect(t, nc, want)
					return
				}
				expectEnd(t, nc)
				if took := time.Since(begin); took > tc.closed || took < 20*time.Second {
					t.Errorf("closed after %v, want by %v", took, tc.closed)
				}
				synctest.Wait()
				if s.closed(metrics.ClosedSlow) != 1 {
					t.Error("not counted as slow")
				}
				if n := s.stats.InFlightBytes.Load(); n != 0 {
					t.Errorf("%d bytes still claimed", n)
				}
			})
		})
	}
}

// While requests wait for memory, one that holds some and sends nothing is closed soon.
func TestSlowRequestsUnderPressure(t *testing.T) {
	limits := server.Limits{MaxInFlightBytes: 100_000}
	inBubble(t, server.Options{Limits: limits}, func(t *testing.T, s *fixture, dial func() net.Conn) {
		slow, healthy := dial(), dial()
		send(t, slow, framed(request(1, 90_000))[:20_000])
		synctest.Wait()
		begin := time.Now()
		want := request(2, 95_000)
		go healthy.Write(framed(want))
		expect(t, healthy, want)
		if took := time.Since(begin); took > 7*time.Second {
			t.Errorf("a request waited %v for a slow one", took)
		}
		expectEnd(t, slow)
	})
}

// A connection without requests ends after connections.max.idle.ms; one whose request waits doesn't.
func TestIdleConnections(t *testing.T) {
	opt := server.Options{Limits: server.Limits{IdleTimeout: time.Minute}, Handler: handler(
		func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
			finish, err := echoLater(c, f)
			wait := time.Duration(f.Bytes()[0]) * time.Second
			return func(ctx context.Context, out *protocol.Encoder) server.After {
				time.Sleep(wait)
				return finish(ctx, out)
			}, err
		})}
	inBubble(t, opt, func(t *testing.T, s *fixture, dial func() net.Conn) {
		nc := dial()
		long := request(200, 8)
		go nc.Write(framed(long))
		expect(t, nc, long) // after 200 s
		begin := time.Now()
		expectEnd(t, nc)
		if took := time.Since(begin); took < 59*time.Second || took > 63*time.Second {
			t.Errorf("closed after %v idle, want a minute", took)
		}
		synctest.Wait()
		if s.closed(metrics.ClosedIdle) != 1 {
			t.Error("not counted as idle")
		}
	})
	opt.Limits.IdleTimeout = -1
	inBubble(t, opt, func(t *testing.T, _ *fixture, dial func() net.Conn) {
		nc := dial()
		time.Sleep(20 * time.Hour)
		go nc.Write(framed(request(0, 8)))
		expect(t, nc, request(0, 8))
	})
}

// pin counts its releases.
type pin struct{ released atomic.Int32 }

func (p *pin) Unpin() { p.released.Add(1) }

// pinned answers with ranges that are each pinned, and remembers the pins.
type pinned struct {
	mu     sync.Mutex
	pins   []*pin
	ranges func() []protocol.Range
}

func (p *pinned) put(out *protocol.Encoder) {
	ranges := p.ranges()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range ranges {
		pin := new(pin)
		p.pins = append(p.pins, pin)
		ranges[i].Pin = pin
	}
	putRecords(out, ranges...)
}

func (p *pinned) handler(now bool) handler {
	return func(c *server.Conn, _ *protocol.Frame) (server.Finish, error) {
		if now {
			c.NoWait()
		}
		return func(_ context.Context, out *protocol.Encoder) server.After {
			p.put(out)
			return server.After{}
		}, nil
	}
}

// check reports pins that weren't released exactly once.
func (p *pinned) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pins) == 0 {
		t.Error("nothing was pinned")
	}
	for i, pin := range p.pins {
		if n := pin.released.Load(); n != 1 {
			t.Errorf("pin %d of %d was released %d times", i, len(p.pins), n)
		}
	}
}

// hidden is a file without a descriptor, as one in memory: it is read and copied.
type hidden struct{ *os.File }

func (hidden) Fd() (uintptr, bool) { return 0, false }

type shown struct{ *os.File }

func (f shown) Fd() (uintptr, bool) { return f.File.Fd(), true }

// segment is a file of n known bytes.
func segment(t testing.TB, n int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "segment"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(request(9, n)); err != nil {
		t.Fatal(err)
	}
	return f
}

// mixed is a list of ranges of every kind, and the bytes they stand for.
func mixed(t testing.TB) (ranges func() []protocol.Range, want []byte) {
	const total = 3 << 20
	f, content := segment(t, total), request(9, total)
	all := []protocol.Range{}
	for i, n := range []int64{100, 5000, 70_000, 10, 300_000, 1, 140_000, 64 << 10, 1 << 20, 3} {
		pos := int64(i) * 200_001
		b := request(i, int(n)%9000+1)
		all = append(all,
			protocol.Range{File: shown{f}, Pos: pos, Len: n},
			protocol.Range{Bytes: b},
			protocol.Range{File: hidden{f}, Pos: pos + 1, Len: n})
		want = append(want, content[pos:pos+n]...)
		want = append(want, b...)
		want = append(want, content[pos+1:pos+1+n]...)
	}
	for i := range 300 { // more than leave in one call
		all = append(all, protocol.Range{Bytes: content[i : i+3]})
		want = append(want, content[i:i+3]...)
	}
	return func() []protocol.Range { return append([]protocol.Range(nil), all...) }, want
}

// Ranges of every kind arrive as the bytes they stand for, over a socket and over a connection that only copies, and
// several at once from one descriptor.
func TestRangesArriveWhole(t *testing.T) {
	ranges, want := mixed(t)
	p := &pinned{ranges: ranges}
	check := func(nc net.Conn, rounds int) {
		go func() {
			for range rounds {
				_, _ = nc.Write(framed(request(1, 20)))
			}
		}()
		for range rounds {
			got, err := receive(nc)
			if err != nil {
				t.Error(err)
				return
			}
			if len(got) < len(want) || string(got[len(got)-len(want):]) != string(want) {
				t.Errorf("received %s that don't end with the ranges' %s", brief(got), brief(want))
			}
		}
	}
	s := run(t, server.Options{Handler: p.handler(false)})
	var clients sync.WaitGroup
	for range 8 {
		nc := s.dial(t)
		clients.Go(func() { check(nc, 3) })
	}
	clients.Wait()
	s.stop()
	listener := newPipes()
	s = run(t, server.Options{Handler: p.handler(true), Listen: listener.listen})
	check(listener.dial(t, nil), 3)
	s.stop()
	p.check(t)
}

// failing is a connection whose writes fail after a number of bytes.
type failing struct {
	net.Conn
	left int
}

func (f *failing) Write(b []byte) (int, error) {
	n, err := f.Conn.Write(b[:min(len(b), f.left)])
	if f.left -= n; err == nil && n < len(b) {
		err = errors.New("the network is gone")
	}
	return n, err
}

// Every pin is released once when writing fails at any point.
func TestPinsAreReleasedWhenWritesFail(t *testing.T) {
	ranges, _ := mixed(t)
	p := &pinned{ranges: ranges}
	listener := newPipes()
	s := run(t, server.Options{Handler: p.handler(false), Listen: listener.listen})
	for _, n := range []int{0, 1, 4, 100, 5000, 100_000, 1 << 20, 3 << 20} {
		nc := listener.dial(t, func(nc net.Conn) net.Conn { return &failing{nc, n} })
		go func() {
			for range 3 {
				_, _ = nc.Write(framed(request(1, 20)))
			}
		}()
		if got, _ := io.Copy(io.Discard, nc); got != int64(n) {
			t.Errorf("received %d bytes, want %d", got, n)
		}
	}
	s.stop()
	p.check(t)
}

// The same over sockets: the client resets the connection with the response half read, and behind it others queue.
func TestPinsAreReleasedWhenTheClientResets(t *testing.T) {
	ranges, _ := mixed(t)
	p := &pinned{ranges: ranges}
	s := run(t, server.Options{Handler: p.handler(false)})
	for _, n := range []int64{0, 1, 5000, 1 << 20} {
		nc := s.dial(t)
		for range 4 {
			send(t, nc, framed(request(1, 20)))
		}
		if _, err := io.CopyN(io.Discard, nc, n); err != nil {
			t.Fatal(err)
		}
		reset(t, nc)
	}
	s.stop()
	p.check(t)
	if n := s.closed(metrics.ClosedByPeer); n != 4 {
		t.Errorf("%d connections closed by the peer, want 4", n)
	}
}

// reset closes a connection with RST.
func reset(t testing.TB, nc net.Conn) {
	t.Helper()
	if err := nc.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	nc.Close()
}

// A file that ends before its range closes the connection, on each way out.
func TestShortFile(t *testing.T) {
	f := segment(t, 100_000)
	for _, tc := range []struct {
		name string
		r    protocol.Range
	}{
		{"sendfile", protocol.Range{File: shown{f}, Pos: 20_000, Len: 80_001}},
		{"sendfile, all gone", protocol.Range{File: shown{f}, Pos: 100_000, Len: 90_000}},
		{"small", protocol.Range{File: shown{f}, Pos: 99_990, Len: 20}},
		{"copied", protocol.Range{File: hidden{f}, Pos: 50_000, Len: 90_000}},
	} {
		for _, memory := range []bool{false, true} {
			p := &pinned{ranges: func() []protocol.Range {
				return []protocol.Range{{Bytes: []byte("first")}, tc.r, {Bytes: []byte("last")}}
			}}
			var s *fixture
			var nc net.Conn
			if memory {
				listener := newPipes()
				s = run(t, server.Options{Handler: p.handler(true), Listen: listener.listen})
				nc = listener.dial(t, nil)
			} else {
				s = run(t, server.Options{Handler: p.handler(true)})
				nc = s.dial(t)
			}
			send(t, nc, framed(request(1, 20)))
			if _, err := receive(nc); err == nil {
				t.Errorf("%s: a whole response was received", tc.name)
			}
			s.stop()
			p.check(t)
			if s.closed(metrics.ClosedShort) != 1 {
				t.Errorf("%s: not counted as a short file", tc.name)
			}
		}
	}
}

// A Finish that panics with ranges encoded, and responses behind it that are dropped.
func TestPinsAreReleasedAfterPanic(t *testing.T) {
	ranges, _ := mixed(t)
	p := &pinned{ranges: ranges}
	s := run(t, server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		bad := f.Bytes()[0] == 1
		return func(_ context.Context, out *protocol.Encoder) server.After {
			p.put(out)
			if bad {
				panic("with pins")
			}
			return server.After{}
		}, nil
	})})
	nc := s.dial(t)
	send(t, nc, append(framed(request(1, 20)), framed(request(2, 20))...))
	expectEnd(t, nc)
	s.stop()
	p.check(t)
}

// A client that doesn't take its response loses its connection, over a socket and in memory; others don't wait for it.
func TestStalledReaders(t *testing.T) {
	f := segment(t, 32<<20)
	for _, kind := range []struct {
		name string
		r    protocol.Range
	}{
		{"sendfile", protocol.Range{File: shown{f}, Len: 32 << 20}},
		{"copy", protocol.Range{File: hidden{f}, Len: 32 << 20}},
		{"bytes", protocol.Range{Bytes: make([]byte, 32<<20)}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := &pinned{ranges: func() []protocol.Range { return []protocol.Range{kind.r} }}
			limits := server.Limits{StallTimeout: 2 * time.Second}
			conns := make(chan *server.Conn, 10)
			s := run(t, server.Options{Limits: limits, Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
				if c.State == nil && f.Bytes()[0] == 1 {
					c.State = true
					conns <- c
				}
				return p.handler(true)(c, f)
			})})
			stalled := make([]net.Conn, 10)
			for i := range stalled {
				stalled[i] = s.dial(t)
				for range 3 {
					send(t, stalled[i], framed(request(1, 20)))
				}
			}
			healthy := s.dial(t)
			send(t, healthy, framed(request(2, 20)))
			if got, err := receive(healthy); err != nil || len(got) < 32<<20 {
				t.Errorf("a reader beside stalled ones received %d bytes, %v", len(got), err)
			}
			for range stalled {
				<-(<-conns).Context().Done()
			}
			for _, nc := range stalled { // what the kernel held is gone with the connection
				if n, err := io.Copy(io.Discard, nc); n >= 32<<20 && err == nil {
					t.Error("a stalled client received everything")
				}
			}
			s.stop()
			p.check(t)
			if n := s.closed(metrics.ClosedStalled); n != 10 {
				t.Errorf("%d connections closed as stalled, want 10", n)
			}
		})
	}
}

// In virtual time: closed within a minute without progress, kept while the client reads at more than MinRate.
func TestSlowReaders(t *testing.T) {
	const total = 1 << 20
	for _, tc := range []struct {
		name   string
		every  time.Duration // a piece is read
		piece  int64
		closed bool
	}{
		{"never", time.Hour, 1, true},
		{"a byte a second", time.Second, 1, true},
		{"below the rate", time.Second, 1000, true},
		{"above the rate", 10 * time.Second, 100_000, false},
		{"stops in the middle", 70 * time.Second, total / 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &pinned{ranges: func() []protocol.Range { return []protocol.Range{{Bytes: make([]byte, total)}} }}
			inBubble(t, server.Options{Handler: p.handler(false)}, func(t *testing.T, s *fixture, dial func() net.Conn) {
				nc := dial()
				send(t, nc, framed(request(1, 20)))
				begin := time.Now()
				var got int64
				var err error
				for err == nil && got < total {
					var n int64
					n, err = io.CopyN(io.Discard, nc, tc.piece)
					got += n
					if err == nil {
						time.Sleep(tc.every)
					}
				}
				if closed := got < total; closed != tc.closed {
					t.Errorf("received %d bytes in %v: closed %v, want %v", got, time.Since(begin), closed, tc.closed)
				}
				synctest.Wait()
				if n := s.closed(metrics.ClosedStalled); (n == 1) != tc.closed {
					t.Errorf("%d connections counted as stalled", n)
				}
			})
			p.check(t)
		})
	}
}

// RST in the middle of a request: nothing is started, nothing stays.
func TestResetWithinRequest(t *testing.T) {
	s := run(t, server.Options{Handler: handler(func(*server.Conn, *protocol.Frame) (server.Finish, error) {
		t.Error("a request was started")
		return nil, nil
	})})
	for _, n := range []int{1, 4, 100, 9000, 100_000} {
		nc := s.dial(t)
		send(t, nc, framed(request(1, 200_000))[:n])
		reset(t, nc)
	}
	healthyStop(t, s)
}

// healthyStop stops the server and checks that nothing is left.
func healthyStop(t *testing.T, s *fixture) {
	t.Helper()
	s.stop()
	if n := s.stats.InFlightBytes.Load(); n != 0 {
		t.Errorf("%d bytes still claimed", n)
	}
	if n := s.stats.Listener(plaintext).Open.Load(); n != 0 {
		t.Errorf("%d connections still open", n)
	}
}

// A client that closed its sending side has left: what it waits for ends at once.
func TestHalfClosed(t *testing.T) {
	ended := make(chan error, 1)
	s := run(t, server.Options{Handler: handler(func(*server.Conn, *protocol.Frame) (server.Finish, error) {
		return func(ctx context.Context, _ *protocol.Encoder) server.After {
			<-ctx.Done()
			ended <- ctx.Err()
			return server.After{}
		}, nil
	})})
	nc := s.dial(t)
	send(t, nc, framed(request(1, 20)))
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, nc)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the wait ended with %v", err)
	}
	healthyStop(t, s)
}

// A listener whose Accept fails for a while goes on; one that is closed ends Run.
func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPipes()
		flaky := &flakyListener{pipes: inner, fails: 5}
		s := run(t, server.Options{Listen: func(string, string) (net.Listener, error) { return flaky, nil }})
		nc := inner.dial(t, nil)
		go nc.Write(framed(request(1, 8)))
		expect(t, nc, request(1, 8))
		s.stop()
	})
	l := newPipes()
	s, err := server.Listen(server.Options{
		Listen: l.listen, Listeners: []server.Listener{{Name: plaintext}},
		Handler: handler(echo), Metrics: &metrics.New(metrics.Options{}).Server, Log: logTo(io.Discard),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Run(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
}

type flakyListener struct {
	*pipes
	fails int
}

func (f *flakyListener) Accept() (net.Conn, error) {
	if f.fails--; f.fails >= 0 {
		return nil, syscall.EMFILE
	}
	return f.pipes.Accept()
}
