package server_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

// served reports whether a connection gets an answer within a moment.
func served(t *testing.T, nc net.Conn) bool {
	t.Helper()
	send(t, nc, framed(request(1, 8)))
	if err := nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err := receive(nc)
	return err == nil
}

// At max.connections no more are accepted until one ends.
func TestMaxConnections(t *testing.T) {
	for _, opt := range []server.Options{
		{Limits: server.Limits{MaxConnections: 3}},
		{Listeners: []server.Listener{{Name: plaintext, Addr: "127.0.0.1:0", MaxConnections: 3}}},
	} {
		s := run(t, opt)
		var first net.Conn
		for range 3 {
			first = s.dial(t)
			if !served(t, first) {
				t.Fatal("a connection within the limit isn't served")
			}
		}
		waiting := s.dial(t)
		if served(t, waiting) {
			t.Error("a connection above the limit is served")
		}
		if n := s.stats.Listener(plaintext).Blocked.Load(); n != 1 {
			t.Errorf("blocked %d times, want once", n)
		}
		first.Close()
		if err := waiting.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		expect(t, waiting, request(1, 8))
		s.stop()
	}
}

// Stopping doesn't wait for a connection that waits for its place.
func TestStopWhileAcceptIsBlocked(t *testing.T) {
	s := run(t, server.Options{Limits: server.Limits{MaxConnections: 1}})
	if !served(t, s.dial(t)) {
		t.Fatal("the first connection isn't served")
	}
	above := s.dial(t)
	if served(t, above) {
		t.Error("a connection above the limit is served")
	}
	s.stop()
	expectReset(t, above)
}

// expectReset checks that the other side is gone, with or without RST.
func expectReset(t *testing.T, nc net.Conn) {
	t.Helper()
	if err := nc.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := receive(nc); err == nil {
		t.Error("received a response")
	}
}

// Above max.connections.per.ip a connection is closed; another address has its own count.
func TestMaxConnectionsPerIP(t *testing.T) {
	s := run(t, server.Options{
		Listeners: []server.Listener{{Name: plaintext, Addr: "0.0.0.0:0"}},
		Limits: server.Limits{
			MaxConnectionsPerIP: 2,
			PerIP:               map[netip.Addr]int{netip.MustParseAddr("127.0.0.3"): 0},
		},
	})
	port := s.Addr(plaintext).(*net.TCPAddr).Port
	from := func(ip string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		nc, err := d.Dial("tcp", (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String())
		if err != nil {
			t.Skipf("no address %s: %v", ip, err)
		}
		t.Cleanup(func() { nc.Close() })
		return nc
	}
	first := from("127.0.0.1")
	if !served(t, first) || !served(t, from("127.0.0.1")) {
		t.Error("a connection within the limit isn't served")
	}
	expectReset(t, from("127.0.0.1"))
	if !served(t, from("127.0.0.2")) {
		t.Error("another address isn't served")
	}
	expectReset(t, from("127.0.0.3"))
	if n := s.closed(metrics.RefusedIP); n != 2 {
		t.Errorf("%d connections refused, want 2", n)
	}
	first.Close()
	for !servedOrClosed(t, from("127.0.0.1")) { // until the server has seen it
	}
}

func servedOrClosed(t *testing.T, nc net.Conn) bool {
	t.Helper()
	_, _ = nc.Write(framed(request(1, 8)))
	_, err := receive(nc)
	return err == nil
}

// Stopping lets started requests finish, starts no new ones, and ends idle connections at once.
func TestStopFinishesWhatStarted(t *testing.T) {
	waiting := handler(func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		finish, err := echoLater(c, f)
		wait := time.Duration(f.Bytes()[0]) * time.Second
		return func(ctx context.Context, out *protocol.Encoder) server.After {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
			return finish(ctx, out)
		}, err
	})
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		s := run(t, server.Options{Handler: waiting, Listen: listener.listen, Limits: server.Limits{ShutdownTimeout: 10 * time.Second}})
		idle, partial, quick, stuck := listener.dial(t, nil), listener.dial(t, nil), listener.dial(t, nil), listener.dial(t, nil)
		send(t, partial, framed(request(1, 100))[:50])
		send(t, quick, append(framed(request(2, 8)), framed(request(3, 8))...))
		send(t, stuck, framed(request(60, 8)))
		synctest.Wait()
		begin := time.Now()
		stopped := make(chan time.Duration)
		go func() {
			s.stop()
			stopped <- time.Since(begin)
		}()
		expectEnd(t, idle)
		expectEnd(t, partial)
		if took := time.Since(begin); took != 0 {
			t.Errorf("idle connections ended after %v", took)
		}
		expect(t, quick, request(2, 8))
		expect(t, quick, request(3, 8))
		expectEnd(t, quick)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("started requests were answered after %v", took)
		}
		expectEnd(t, stuck)
		if took := <-stopped; took != 10*time.Second {
			t.Errorf("stopped after %v, want the shutdown timeout", took)
		}
		if err := s.ServeConn(plaintext, newEnd(t)); err == nil {
			t.Error("a stopped server serves a connection")
		}
	})
}

func newEnd(t *testing.T) net.Conn {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	return theirs
}

func TestServeConn(t *testing.T) {
	s := run(t, server.Options{})
	ours, theirs := net.Pipe()
	ended := make(chan error)
	go func() { ended <- s.ServeConn(plaintext, theirs) }()
	send(t, ours, framed(request(1, 8)))
	expect(t, ours, request(1, 8))
	ours.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var bound []net.Listener
	_, err = server.Listen(server.Options{
		Listen: func(network, addr string) (net.Listener, error) {
			l, err := net.Listen(network, addr)
			if err == nil {
				bound = append(bound, l)
			}
			return l, err
		},
		Listeners: []server.Listener{{Name: "A", Addr: "127.0.0.1:0"}, {Name: "B", Addr: taken.Addr().String()}},
		Metrics:   &metrics.New(metrics.Options{}).Server,
	})
	if err == nil || !strings.Contains(err.Error(), "listener B") {
		t.Errorf("error %v doesn't name the listener", err)
	}
	if len(bound) != 1 {
		t.Fatalf("%d listeners bound", len(bound))
	}
	if _, err := bound[0].Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the first listener is still open: %v", err)
	}
}
