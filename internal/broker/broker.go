// Package broker is what the requests of Kafka's protocol mean: the table of
// APIs served and one file for each. Its main type is Broker. A handler
// translates between the wire and the packages below; it keeps no state, takes
// no locks, and one request sees one metadata image from beginning to end.
package broker

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/controller"
	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/raft"
	"github.com/travisjeffery/jocko/internal/replica"
)

// Options are what New needs.
type Options struct {
	Self       metadata.BrokerID
	Config     func(*metadata.Image) *config.Broker // the broker configs in force under an image
	Raft       *raft.Node
	Controller *controller.Controller
	Replicas   *replica.Replicas
	Groups     *group.Coordinator
	// Transactions coordinates transactional ids.
	Transactions *txn.Coordinator
	Dirs         *commitlog.Dirs
	Metrics      *metrics.Metrics
	Logger       *slog.Logger
	LogLevel     func() string    // of the root logger, in Kafka's words
	Now          func() time.Time // wall clock
	NewID        func() protocol.UUID
	Telemetry    *Forwarder // nil: clients aren't asked for metrics
}

// Broker answers requests.
type Broker struct {
	Options
	apis        []api
	byKey       []*api // by key, nil where nothing is served
	sessions    *fetchSessions
	producerIDs *producerIDs
	deletions   deletions
	telemetry   *telemetry // nil without a receiver

	fetchMaxBytes atomic.Int64 // fetch.max.bytes in force: read for every fetch
}

// New returns a Broker; it is a server.Handler.
func New(o Options) *Broker {
	cfg := o.Config(o.Raft.Image())
	b := &Broker{
		Options:  o,
		sessions: newFetchSessions(config.MaxIncrementalFetchSessionCacheSlots.In(cfg), fetchSessionEviction),
	}
	b.configure(cfg)
	if o.Telemetry != nil {
		b.telemetry = &telemetry{forward: o.Telemetry.forward, clients: make(map[protocol.UUID]*telemetryClient)}
	}
	b.apis = slices.DeleteFunc(table(), func(a api) bool { return a.telemetry && o.Telemetry == nil })
	for i := range b.apis {
		a := &b.apis[i]
		a.metrics = o.Metrics.API(int16(a.key))
		for int(a.key) >= len(b.byKey) {
			b.byKey = append(b.byKey, nil)
		}
		b.byKey[a.key] = a
	}
	b.producerIDs = newProducerIDs(func(ctx context.Context) (int64, int32, error) {
		return o.Controller.AllocateProducerIDs(ctx, o.Self)
	})
	o.Metrics.GaugeFunc("jocko_fetch_sessions", "Incremental fetch sessions.", nil, func() float64 { return float64(b.sessions.Len()) })
	return b
}

// Apply follows a change of the metadata.
func (b *Broker) Apply(_, next *metadata.Image, delta *metadata.Delta) {
	if len(delta.ChangedConfigs) > 0 {
		b.configure(b.Config(next))
	}
	if len(delta.DeletedTopics) > 0 {
		b.deletions.note(delta.DeletedTopics)
	}
}

func (b *Broker) configure(cfg *config.Broker) { b.fetchMaxBytes.Store(config.FetchMaxBytes.In(cfg)) }

// fetchSessionEviction is how long a session that nobody uses keeps its place
// from others.
const fetchSessionEviction = 2 * time.Minute

// lookup returns the row of an API, nil where it isn't served.
func (b *Broker) lookup(k protocol.Key) *api {
	if k < 0 || int(k) >= len(b.byKey) {
		return nil
	}
	return b.byKey[k]
}

func (b *Broker) image() *metadata.Image { return b.Raft.Image() }

// config is the broker's configuration as the request sees it.
func (b *Broker) config(rq *Request) *config.Broker { return b.Config(rq.Image) }

// controllerID is the node that leads the metadata quorum.
func (b *Broker) controllerID() metadata.BrokerID { return b.Raft.LeaderID() }

// lookupPartition finds a partition by what a client calls its topic.
func (b *Broker) lookupPartition(key topicKey, byID bool, index int32) (*replica.Partition, error) {
	if byID {
		return b.Replicas.ByID(key.id, index)
	}
	return b.Replicas.ByName(key.name, index)
}
