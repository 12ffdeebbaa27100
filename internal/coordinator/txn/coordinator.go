package txn

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Topic is the internal topic of transactional ids.
const Topic = "__transaction_state"

// Feature is the feature that says which records are written and which protocol
// clients may use: 1 adds fields to the records, 2 is an epoch per transaction
// (KIP-890).
const Feature = "transaction.version"

// Options are what New needs.
type Options struct {
	Self   metadata.BrokerID
	Image  func() *metadata.Image
	Log    func(partition int32) (coordinator.Log, error) // this broker's replica of one of Topic's partitions
	Config func() *config.Broker                          // the broker configs in force
	// NewProducerID returns a producer id that nobody had before.
	NewProducerID func(context.Context) (int64, error)
	// WriteMarkers ends a transaction in its partitions, wherever they are led,
	// and returns an error for each, in their order: nil where the marker is
	// committed or the partition is no more. It ends soon after its context.
	WriteMarkers func(context.Context, Markers) []error
	Metrics      *metrics.Metrics // nil: nobody looks
	Now          func() time.Time // wall clock
	Logger       *slog.Logger
}

// Coordinator coordinates the transactional ids whose partitions of Topic this
// broker leads.
type Coordinator struct {
	*coordinator.Runtime
	options *Options
	gauges  gauges
	running sync.WaitGroup // goroutines of machines

	mu       sync.Mutex
	machines map[int32]*Machine // the newest of each partition
}

// New returns a Coordinator without transactional ids; Run loads them.
func New(o Options) *Coordinator {
	c := &Coordinator{options: &o, machines: make(map[int32]*Machine)}
	c.gauges.open = make(map[*transaction]int64)
	c.Runtime = coordinator.NewRuntime(coordinator.Options{
		Topic: Topic, Self: o.Self, Image: o.Image, Log: o.Log, Now: o.Now, Logger: o.Logger,
		New:           func(sh *coordinator.Shard) coordinator.Machine { return newMachine(sh, c) },
		CommitTimeout: func() time.Duration { return requestTimeout },
	})
	if o.Metrics != nil {
		c.measure(o.Metrics)
	}
	return c
}

// Run serves until ctx ends, and returns when nothing of it runs any more.
func (c *Coordinator) Run(ctx context.Context) error {
	err := c.Runtime.Run(ctx)
	c.running.Wait()
	return err
}

// succeed notes the newest machine of a partition and returns the one before.
func (c *Coordinator) succeed(m *Machine) (previous *Machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	previous = c.machines[m.sh.Index]
	if previous != nil {
		previous.previous = nil // whoever waits for it has waited for the one before
	}
	c.machines[m.sh.Index] = m
	return previous
}

// feature is the finalized level of transaction.version.
func (c *Coordinator) feature() int16 { return c.options.Image().Feature(Feature) }

// requestTimeout bounds an operation, and how long its records may take to be
// replicated. It is Kafka's default of request.timeout.ms.
const requestTimeout = 30 * time.Second

// completionWait bounds how long a request waits for the markers of the
// transaction before. Kafka's clients would be told CONCURRENT_TRANSACTIONS at
// once and ask again after a pause; markers take less than that.
const completionWait = time.Second

// A step is what an operation on a transactional id leads to.
type step[T any] struct {
	records []coordinator.Record
	value   T
	wait    <-chan struct{} // the operation is to be run again when it is closed
	needID  bool            // the operation is to be run again with a new producer id
}

// operation decides on the shard's goroutine. id is a producer id that it may
// use up, -1 for none.
type operation[T any] func(m *Machine, id record.ProducerID) (step[T], error)

// run runs an operation on the machine that a transactional id belongs to until
// it is through. Errors are the operation's and those of coordinator.Do; one that
// waits for too long is answered CONCURRENT_TRANSACTIONS.
func run[T any](ctx context.Context, c *Coordinator, transactionalID string, decide operation[T]) (T, error) {
	return runAfter(ctx, c, transactionalID, nil, decide)
}

// runAfter is run, with something to do each time before the operation.
func runAfter[T any](ctx context.Context, c *Coordinator, transactionalID string, before func(), decide operation[T]) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	spare := record.NoProducerID
	var patience <-chan time.Time
	for {
		if before != nil {
			before()
		}
		s, err := ask(ctx, c, transactionalID, spare, decide)
		switch {
		case err != nil:
			return none, err
		case s.needID:
			id, err := c.options.NewProducerID(ctx)
			if err != nil {
				return none, err
			}
			spare = record.ProducerID(id)
		case s.wait == nil:
			return s.value, nil
		default:
			if patience == nil {
				patience = time.After(completionWait)
			}
			select {
			case <-s.wait:
			case <-patience:
				return none, protocol.ErrConcurrentTransactions
			case <-ctx.Done():
				return none, protocol.ErrConcurrentTransactions
			}
		}
	}
}

// ask runs an operation once.
func ask[T any](ctx context.Context, c *Coordinator, transactionalID string, spare record.ProducerID, decide operation[T]) (step[T], error) {
	sh, err := c.Shard(transactionalID)
	if err != nil {
		return step[T]{}, err
	}
	return on(ctx, sh, func(m *Machine) (step[T], error) { return decide(m, spare) })
}

// on runs an operation once on a shard.
func on[T any](ctx context.Context, sh *coordinator.Shard, decide func(*Machine) (step[T], error)) (step[T], error) {
	return coordinator.Do(ctx, sh, func(a *coordinator.Answer[step[T]]) ([]coordinator.Record, error) {
		s, err := decide(sh.Machine().(*Machine))
		if err != nil {
			return nil, err
		}
		a.Give(s)
		return s.records, nil
	})
}
