package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/node"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// dataDir is the log dir of brokers in memory.
const dataDir = "/data"

// pipes is a network of one address, in memory.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) listen(string, string) (net.Listener, error) { return p, nil }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.accepted:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9092} }

func (p *pipes) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.accepted <- theirs:
		return ours, nil
	case <-p.closed:
	case <-time.After(callTimeout):
	}
	ours.Close()
	theirs.Close()
	return nil, net.ErrClosed
}

// logBuffer keeps a broker's log for when a test fails.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// broker is a whole broker in this process, on any file system, with a network of its own.
type broker struct {
	net  *pipes
	log  *logBuffer
	stop context.CancelFunc
	done chan error
}

// errNotStarted wraps the reason why a broker ended before it served.
var errNotStarted = errors.New("the broker did not start")

// boot starts a broker and waits until it serves.
func boot(fs vfs.FS, configs config.Map) (*broker, error) {
	cfg := config.Map{
		"listeners": "PLAINTEXT://127.0.0.1:9092", "admin.listener": "", "log.dirs": dataDir,
		"auto.create.topics.enable": "false", "log.retention.check.interval.ms": "3600000",
	}
	for k, v := range configs {
		cfg[k] = v
	}
	b := &broker{net: newPipes(), log: new(logBuffer), done: make(chan error, 1)}
	n, err := node.New(cfg, node.Env{FS: fs, Listen: b.net.listen, Logger: slog.New(slog.NewTextHandler(b.log, nil))})
	if err != nil {
		return nil, err
	}
	var ctx context.Context
	ctx, b.stop = context.WithCancel(context.Background())
	go func() { b.done <- n.Run(ctx) }()
	select {
	case <-n.Ready():
		return b, nil
	case err := <-b.done:
		b.stop()
		return b, fmt.Errorf("%w: %w", errNotStarted, err)
	}
}

// end stops the broker in order and returns what Run returned.
func (b *broker) end() error {
	b.stop()
	return <-b.done
}

// mustBoot starts a broker that has no reason not to.
func mustBoot(t *testing.T, fs vfs.FS, configs config.Map) *broker {
	t.Helper()
	b, err := boot(fs, configs)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	return b
}

func (b *broker) client(t *testing.T) *client {
	t.Helper()
	c, err := connect(b.net.dial)
	ok(t, err)
	return c
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
