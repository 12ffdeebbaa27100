package server_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

// inBubble runs f with a server of in-memory connections in virtual time.
func inBubble(t *testing.T, opt server.Options, f func(t *testing.T, s *fixture, dial func() net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		opt.Listen = listener.listen
		s := run(t, opt)
		f(t, s, func() net.Conn { return listener.dial(t, nil) })
		s.stop()
	})
}

// Responses leave in the order of their requests, however long each Finish takes, and Starts don't wait for them.
func TestResponsesInOrder(t *testing.T) {
	const n = 500
	var started, finished atomic.Int32
	opt := server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		if ahead := started.Add(1) - finished.Load(); ahead > 10 {
			t.Errorf("%d requests started and not finished, above the limit", ahead)
		}
		var delay time.Duration
		if rand.IntN(4) == 0 {
			c.NoWait()
		} else {
			delay = rand.N(10 * time.Millisecond)
		}
		finish, err := echoLater(c, f)
		deadline := time.Now().Add(delay)
		return func(ctx context.Context, out *protocol.Encoder) server.After {
			time.Sleep(time.Until(deadline))
			finished.Add(1)
			return finish(ctx, out)
		}, err
	}), Limits: server.Limits{MaxQueued: 10}}
	inBubble(t, opt, func(t *testing.T, s *fixture, dial func() net.Conn) {
		nc := dial()
		begin := time.Now()
		go func() {
			for i := range n {
				if _, err := nc.Write(framed(request(i, 8+i))); err != nil {
					t.Error(err)
				}
			}
		}()
		for i := range n {
			expect(t, nc, request(i, 8+i))
		}
		if took := time.Since(begin); took > n*5*time.Millisecond {
			t.Errorf("took %v: the waits didn't overlap", took)
		}
	})
}

// A panic in Start or Finish ends its connection, is counted, and leaves the others alone.
func TestPanicEndsOneConnection(t *testing.T) {
	var log strings.Builder
	finishes := make(chan error, 10)
	h := func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		switch f.Bytes()[0] {
		case 1:
			panic("in Start")
		case 2:
			return func(_ context.Context, out *protocol.Encoder) server.After {
				out.Int32(5)
				panic("in Finish")
			}, nil
		case 3: // queued behind a panic: finished all the same, with an ended context
			return func(ctx context.Context, _ *protocol.Encoder) server.After {
				finishes <- ctx.Err()
				return server.After{}
			}, nil
		}
		return echo(c, f)
	}
	s := run(t, server.Options{Handler: handler(h), Log: logTo(&log)})
	healthy := s.dial(t)
	for i, first := range []byte{1, 2} {
		nc := s.dial(t)
		send(t, nc, append(framed([]byte{first, 0, 0, 0, 0, 0, 0, 0}), framed([]byte{3, 0, 0, 0, 0, 0, 0, 0})...))
		expectEnd(t, nc)
		send(t, healthy, framed(request(i+10, 30)))
		expect(t, healthy, request(i+10, 30))
	}
	s.stop()
	if n := s.stats.Panics.Load(); n != 2 {
		t.Errorf("%d panics counted, want 2", n)
	}
	if n := s.closed(metrics.ClosedPanic); n != 2 {
		t.Errorf("%d connections closed by a panic, want 2", n)
	}
	for _, want := range []string{"in Start", "in Finish", "conn_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log doesn't say %q:\n%s", want, log.String())
		}
	}
	close(finishes)
	for err := range finishes {
		if err == nil {
			t.Error("a Finish behind the panic saw a live context")
		}
	}
}

// An error of Start ends the connection after everything before it is answered.
func TestStartErrorAnswersEarlierRequests(t *testing.T) {
	opt := server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		if f.Bytes()[0] == 0 {
			return nil, errors.New("no such key")
		}
		finish, err := echoLater(c, f)
		return func(ctx context.Context, out *protocol.Encoder) server.After {
			time.Sleep(time.Second)
			return finish(ctx, out)
		}, err
	})}
	inBubble(t, opt, func(t *testing.T, s *fixture, dial func() net.Conn) {
		nc := dial()
		go nc.Write(append(framed(request(1, 9)), framed(make([]byte, 9))...))
		expect(t, nc, request(1, 9))
		expectEnd(t, nc)
		synctest.Wait()
		if s.closed(metrics.ClosedBadRequest) != 1 {
			t.Error("not counted as a bad request")
		}
	})
}

// WaitIdle returns when everything before the request was answered.
func TestWaitIdle(t *testing.T) {
	var waits []error
	opt := server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		if f.Bytes()[0] == 1 {
			finish, err := echoLater(c, f)
			return func(ctx context.Context, out *protocol.Encoder) server.After {
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
				return finish(ctx, out)
			}, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		waits = append(waits, c.WaitIdle(ctx))
		return echo(c, f)
	})}
	inBubble(t, opt, func(t *testing.T, _ *fixture, dial func() net.Conn) {
		slow, alone := request(1, 8), request(0, 8)
		for _, before := range []int{0, 1, 2, 5} { // five take longer than WaitIdle may
			waits = nil
			nc := dial()
			begin := time.Now()
			go func() {
				for range before {
					_, _ = nc.Write(framed(slow))
				}
				_, _ = nc.Write(framed(alone))
			}()
			for range before {
				expect(t, nc, slow)
			}
			expect(t, nc, alone)
			if got, want := time.Since(begin), time.Duration(before)*time.Second; got != want {
				t.Errorf("behind %d requests the answer came after %v, want %v", before, got, want)
			}
			if late := before > 3; len(waits) != 1 || errors.Is(waits[0], context.DeadlineExceeded) != late {
				t.Errorf("behind %d requests WaitIdle returned %v", before, waits)
			}
		}
		waits = nil
		nc := dial()
		send(t, nc, append(framed(slow), framed(alone)...))
		nc.Close() // the client leaves while Start waits
		synctest.Wait()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(waits) != 1 {
			t.Errorf("WaitIdle of a client that left returned %v", waits)
		}
	})
}

// Hold keeps Start, and what comes after it, until the channel says so.
func TestHold(t *testing.T) {
	ready := make(chan chan struct{}, 2)
	opt := server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		if f.Bytes()[0] == 1 {
			if err := c.Hold(<-ready); err != nil {
				return nil, err
			}
		}
		return echo(c, f)
	})}
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		opt := opt
		opt.Listen = listener.listen
		s := run(t, opt)
		nc := listener.dial(t, nil)
		hold := make(chan struct{})
		ready <- hold
		go nc.Write(append(framed(request(1, 8)), framed(request(2, 8))...))
		time.AfterFunc(time.Minute, func() { close(hold) })
		begin := time.Now()
		expect(t, nc, request(1, 8))
		expect(t, nc, request(2, 8))
		if time.Since(begin) != time.Minute {
			t.Errorf("answered after %v", time.Since(begin))
		}
		ready <- make(chan struct{}) // never ready
		go nc.Write(framed(request(1, 8)))
		synctest.Wait()
		s.stop()
		expectEnd(t, nc)
	})
}

// PauseUntil answers at once and starts nothing before; Close ends the connection behind the response.
func TestAfter(t *testing.T) {
	opt := server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		finish, err := sometimesLater(uint64(f.Bytes()[1]))(c, f)
		kind := f.Bytes()[0]
		return func(ctx context.Context, out *protocol.Encoder) server.After {
			after := finish(ctx, out)
			switch kind {
			case 1:
				after.PauseUntil = time.Now().Add(time.Hour)
			case 2:
				after.Close = true
			}
			return after
		}, err
	}), Limits: server.Limits{IdleTimeout: 10 * time.Minute}}
	inBubble(t, opt, func(t *testing.T, s *fixture, dial func() net.Conn) {
		for seed := range 6 {
			nc := dial()
			pause, last, never := request(1, 8), request(2, 8), request(3, 8)
			pause[1], last[1] = byte(seed), byte(seed)
			begin := time.Now()
			go nc.Write(framed(pause))
			expect(t, nc, pause)
			go nc.Write(framed(last))
			if took := time.Since(begin); took != 0 {
				t.Errorf("throttled response came after %v", took)
			}
			expect(t, nc, last)
			if took := time.Since(begin); took != time.Hour {
				t.Errorf("the next request was answered after %v, want an hour", took)
			}
			go nc.Write(framed(never))
			expectEnd(t, nc)
		}
		synctest.Wait()
		if n := s.closed(metrics.ClosedByHandler); n != 6 {
			t.Errorf("%d connections closed by the handler, want 6", n)
		}
	})
}

// No response: nil Finish, or nothing encoded.
func TestNoResponse(t *testing.T) {
	s := run(t, server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		switch f.Bytes()[0] {
		case 1:
			return nil, nil
		case 2:
			return func(context.Context, *protocol.Encoder) server.After { return server.After{} }, nil
		}
		return echo(c, f)
	})})
	nc := s.dial(t)
	for i := range 4 {
		send(t, nc, framed(request(i, 8)))
	}
	expect(t, nc, request(0, 8))
	expect(t, nc, request(3, 8))
}

func TestConnTellsWhoItIs(t *testing.T) {
	conns := make(chan *server.Conn, 2)
	s := run(t, server.Options{Handler: handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		conns <- c
		return echo(c, f)
	})})
	var ids []uint64
	for range 2 {
		nc := s.dial(t)
		send(t, nc, framed(request(1, 8)))
		c := <-conns
		if c.Listener() != plaintext || c.RemoteAddr().String() != nc.LocalAddr().String() {
			t.Errorf("listener %s, client %s", c.Listener(), c.RemoteAddr())
		}
		ids = append(ids, c.ID())
		nc.Close()
		<-c.Context().Done()
	}
	if ids[0] == ids[1] {
		t.Error("two connections have one id")
	}
}

// The budget bounds requests in flight, and what a request charges beside its frame.
func TestChargeIsBounded(t *testing.T) {
	results := make(chan error, 3)
	s := run(t, server.Options{Limits: server.Limits{MaxInFlightBytes: 1 << 20}, Handler: handler(
		func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
			results <- c.Charge(1000)
			results <- c.Charge(2 << 20)
			results <- c.Charge(-1)
			return echo(c, f)
		})})
	nc := s.dial(t)
	send(t, nc, framed(request(1, 8)))
	expect(t, nc, request(1, 8))
	for i, wantErr := range []bool{false, true, true} {
		if err := <-results; (err != nil) != wantErr {
			t.Errorf("charge %d: %v", i, err)
		}
	}
	s.stop()
	if n := s.stats.InFlightBytes.Load(); n != 0 {
		t.Errorf("%d bytes still claimed", n)
	}
}

// More bytes at once than the budget: all get through, one after the other.
func TestMoreThanTheBudget(t *testing.T) {
	s := run(t, server.Options{Handler: handler(echoLater), Limits: server.Limits{MaxInFlightBytes: 300_000}})
	const clients, rounds = 16, 5
	done := make(chan error, clients)
	for i := range clients {
		nc := s.dial(t)
		go func() {
			for round := range rounds {
				want := request(i+round, 200_000+round*100_000) // the last ones are larger than the whole budget
				go nc.Write(framed(want))
				got, err := receive(nc)
				if err == nil && string(got) != string(want) {
					err = errors.New("wrong bytes")
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s.stop()
	if n := s.stats.InFlightBytes.Load(); n != 0 {
		t.Errorf("%d bytes still claimed", n)
	}
}

func TestNoGoroutinesLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	s := run(t, server.Options{Handler: sometimesLater(3)})
	for i := range 20 {
		nc := s.dial(t)
		send(t, nc, framed(request(i, 100)))
		expect(t, nc, request(i, 100))
		if i%2 == 0 {
			nc.Close()
		}
	}
	s.stop()
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before:\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
}
