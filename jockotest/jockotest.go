// Package jockotest starts real brokers inside a Go test.
//
//	broker := jockotest.Start(t)
//	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
//
// Its main type is Broker. Every broker is on its own: its own port, its own
// data, in memory unless a directory is given, and no global state, so a
// process can run any number of them. It ends with its test.
package jockotest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/node"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// A Broker is a running broker.
type Broker struct {
	tb     testing.TB
	config config.Map
	env    node.Env

	mu   sync.Mutex
	node *node.Node
	stop context.CancelFunc
	done chan error
}

// An Option changes what Start starts.
type Option func(*options)

type options struct {
	overrides []string
	dir       string
	logger    *slog.Logger
}

// Dir keeps the data in a directory, which outlives the broker, instead of in
// memory.
func Dir(dir string) Option { return func(o *options) { o.dir = dir } }

// Config sets a key of server.properties.
func Config(key, value string) Option {
	return func(o *options) { o.overrides = append(o.overrides, key+"="+value) }
}

// Logger gives the broker's log a place; without it there is none.
func Logger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// startTimeout bounds the start of a broker, recovery included.
const startTimeout = 30 * time.Second

// Start starts a broker on a free port of 127.0.0.1 and stops it when the test
// ends. A broker that can't start fails the test. A group's first generation
// doesn't wait for more members (group.initial.rebalance.delay.ms is 0); all else
// is as on any broker.
func Start(tb testing.TB, opts ...Option) *Broker {
	tb.Helper()
	o := options{logger: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	b := &Broker{tb: tb, env: node.Env{Logger: o.logger}}
	dir := o.dir
	if dir == "" {
		dir = "/jocko"
		b.env.FS = vfs.NewVolatile()
	}
	b.config = config.Map{
		"listeners":      "PLAINTEXT://127.0.0.1:0",
		"admin.listener": "",
		"log.dirs":       dir,
		// A test's consumers all come at once, or it waits for them itself.
		"group.initial.rebalance.delay.ms": "0",
	}
	for _, kv := range o.overrides {
		key, value, _ := strings.Cut(kv, "=")
		b.config[key] = value
	}
	if err := b.start(); err != nil {
		tb.Fatalf("jockotest: %v", err)
	}
	tb.Cleanup(b.Stop)
	return b
}

func (b *Broker) start() error {
	ctx, stop := context.WithCancel(context.Background())
	n, err := node.New(b.config, b.env)
	if err != nil {
		stop()
		return err
	}
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-n.Ready():
	case err := <-done:
		stop()
		return fmt.Errorf("the broker ended at once: %w", err)
	case <-timeout.C:
		stop()
		return fmt.Errorf("the broker was not ready within %v", startTimeout)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.node, b.stop, b.done = n, stop, done
	return nil
}

// Addr is the broker's host:port for clients.
func (b *Broker) Addr() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.node.Addr()
}

// Stop stops the broker cleanly. It may be called more than once.
func (b *Broker) Stop() {
	b.mu.Lock()
	stop, done := b.stop, b.done
	b.stop = nil
	b.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	if err := <-done; err != nil {
		b.tb.Errorf("jockotest: the broker ended with: %v", err)
	}
}

// Restart stops the broker and starts it again on the same data and address.
func (b *Broker) Restart() {
	b.tb.Helper()
	addr := b.Addr()
	b.Stop()
	b.config["listeners"] = "PLAINTEXT://" + addr
	if err := b.start(); err != nil {
		b.tb.Fatalf("jockotest: %v", err)
	}
}
