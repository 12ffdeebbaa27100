package server_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

const plaintext = "PLAINTEXT"

// handler makes a function a server.Handler.
type handler func(c *server.Conn, f *protocol.Frame) (server.Finish, error)

func (h handler) Start(c *server.Conn, f *protocol.Frame) (server.Finish, error) { return h(c, f) }

// echo answers every request with its own bytes, without waiting.
func echo(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
	c.NoWait()
	return echoLater(c, f)
}

// echoLater does so on the writer.
func echoLater(_ *server.Conn, f *protocol.Frame) (server.Finish, error) {
	f.Retain()
	return func(_ context.Context, out *protocol.Encoder) server.After {
		_, _ = out.Write(f.Bytes())
		f.Release()
		return server.After{}
	}, nil
}

// fixture is a running server.
type fixture struct {
	*server.Server
	stats *metrics.Server
	stop  func() // ends it and waits; more than once is fine
}

// run serves with the options completed, until the test ends.
func run(t testing.TB, opt server.Options) *fixture {
	t.Helper()
	if opt.Listen == nil {
		opt.Listen = net.Listen
	}
	if opt.Listeners == nil {
		opt.Listeners = []server.Listener{{Name: plaintext, Addr: "127.0.0.1:0"}}
	}
	if opt.Handler == nil {
		opt.Handler = handler(echo)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	opt.Metrics = &metrics.New(metrics.Options{}).Server
	s, err := server.Listen(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &fixture{s, opt.Metrics, stop}
}

func (f *fixture) dial(t testing.TB) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", f.Addr(plaintext).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// closed returns how many connections ended for a reason.
func (f *fixture) closed(why metrics.Close) uint64 {
	return f.stats.Listener(plaintext).ClosedCount(why)
}

// request is n bytes, at least the eight of a header, that differ from those of other seeds.
func request(seed, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(seed + i*7 + i>>8)
	}
	return b
}

// framed puts the length before a message.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

func send(t testing.TB, nc net.Conn, b []byte) {
	t.Helper()
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
}

// receive returns the next response, without its length.
func receive(nc io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(nc, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(nc, b)
	return b, err
}

// expect receives one response and compares it.
func expect(t testing.TB, nc net.Conn, want []byte) {
	t.Helper()
	got, err := receive(nc)
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	if string(got) != string(want) {
		t.Fatalf("received %s, want %s", brief(got), brief(want))
	}
}

func brief(b []byte) string { return fmt.Sprintf("%d bytes %x...", len(b), b[:min(len(b), 16)]) }

// expectEnd checks that the server closed the connection without another byte.
func expectEnd(t testing.TB, nc net.Conn) {
	t.Helper()
	b, err := io.ReadAll(nc)
	if len(b) > 0 {
		t.Fatalf("received %s before the end", brief(b))
	}
	if errors.Is(err, net.ErrClosed) {
		t.Fatalf("our own end is closed: %v", err)
	}
}

// pipes is a net.Listener of in-memory connections.
type pipes struct {
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) listen(string, string) (net.Listener, error) { return p, nil }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.accept:
		return nc, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// dial hands the server one end, wrapped if asked, and returns the other.
func (p *pipes) dial(t testing.TB, wrap func(net.Conn) net.Conn) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	if wrap != nil {
		theirs = wrap(theirs)
	}
	p.accept <- theirs
	return ours
}

// watched tells when the server closed its end.
type watched struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

// logTo writes a text log to w.
func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// putRecords encodes a response that ends with the ranges.
func putRecords(out *protocol.Encoder, ranges ...protocol.Range) {
	rsp := protocol.FetchResponse{Responses: []protocol.FetchResponseFetchableTopicResponse{{
		Partitions: []protocol.FetchResponsePartitionData{{Records: ranges}},
	}}}
	rsp.Encode(out, 4)
}
