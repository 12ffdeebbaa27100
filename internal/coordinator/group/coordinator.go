package group

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Topic is the internal topic of groups and their offsets.
const Topic = "__consumer_offsets"

// Options are what New needs.
type Options struct {
	Self   metadata.BrokerID
	Image  func() *metadata.Image
	Log    func(partition int32) (coordinator.Log, error) // this broker's replica of one of Topic's partitions
	Config func() *config.Broker                          // the broker configs in force
	NewID  func() protocol.UUID
	Now    func() time.Time // wall clock
	Logger *slog.Logger
	// Metrics is shared by all machines.
	Metrics *metrics.Groups
	// Offsets counts what becomes of committed offsets.
	Offsets *metrics.Offsets

	// topicsVersion grows whenever topics are created: regular expressions are
	// compared with them again. It begins with the time, ms, so that it grows over
	// restarts too.
	topicsVersion *atomic.Int64
	deleted       *deletions
}

// groupConfig is the configs in force for a group: its own over the broker's.
func (o *Options) groupConfig(id string) config.Lookup {
	own := o.Image().Config(metadata.Resource{Type: metadata.GroupResource, Name: id})
	return config.Inherited{Own: own, Broker: o.Config()}
}

// Client is who asks.
type Client struct {
	ID      string // the client's name for itself
	Host    string // its address, as Kafka prints it: a slash in front
	Version int16  // of the API it uses
}

// Coordinator coordinates the groups whose partitions of Topic this broker
// leads.
type Coordinator struct {
	*coordinator.Runtime
	options *Options
}

// New returns a Coordinator without groups; Run loads them.
func New(o Options) *Coordinator {
	o.topicsVersion = new(atomic.Int64)
	o.topicsVersion.Store(o.Now().UnixMilli())
	o.deleted = &deletions{byShard: make(map[int32]deletedTopics)}
	c := &Coordinator{options: &o}
	c.Runtime = coordinator.NewRuntime(coordinator.Options{
		Topic: Topic, Self: o.Self, Image: o.Image, Log: o.Log, Now: o.Now, Logger: o.Logger,
		New:           func(sh *coordinator.Shard) coordinator.Machine { return newMachine(sh, c.options) },
		CommitTimeout: func() time.Duration { return config.OffsetsCommitTimeoutMs.In(o.Config()) },
		Codec:         record.Codec(config.OffsetsTopicCompressionCodec.In(o.Config())),
	})
	return c
}

// countTopics takes notice of topics that were created.
func (c *Coordinator) countTopics(prev *metadata.Image, delta *metadata.Delta) {
	for _, t := range delta.ChangedTopics {
		if prev.TopicByID(t.ID) == nil {
			v := c.options.topicsVersion
			v.Store(max(v.Load()+1, c.options.Now().UnixMilli()))
			return
		}
	}
}

// ask runs an operation on the machine that a group belongs to.
func ask[T any](ctx context.Context, c *Coordinator, group string, decide func(*Machine, *coordinator.Answer[T]) ([]coordinator.Record, error)) (T, error) {
	sh, err := c.Shard(group)
	if err != nil {
		var none T
		return none, err
	}
	return coordinator.Do(ctx, sh, func(a *coordinator.Answer[T]) ([]coordinator.Record, error) {
		return decide(sh.Machine().(*Machine), a)
	})
}

// view looks at the machine that a group belongs to.
func view[T any](ctx context.Context, c *Coordinator, group string, look func(*Machine) (T, error)) (T, error) {
	return ask(ctx, c, group, func(m *Machine, a *coordinator.Answer[T]) ([]coordinator.Record, error) {
		v, err := look(m)
		if err == nil {
			a.Give(v)
		}
		return nil, err
	})
}
