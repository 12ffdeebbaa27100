package node

import (
	"context"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/metrics"
)

// newGroups makes the group coordinator.
func (n *Node) newGroups() *group.Coordinator {
	counts := new(metrics.Groups)
	n.metrics.GroupCoordinator(counts)
	c := group.New(group.Options{
		Self: n.self, Image: n.raft.Image, NewID: newID, Now: n.env.Now, Logger: n.env.Logger,
		Log:     n.internalLog(group.Topic),
		Config:  n.current.Load,
		Metrics: counts, Offsets: n.metrics.Offsets(n.lags),
	})
	n.showLoads("group", c.Runtime)
	return c
}

// newTransactions makes the transaction coordinator.
func (n *Node) newTransactions() *txn.Coordinator {
	c := txn.New(txn.Options{
		Self: n.self, Image: n.raft.Image, Config: n.current.Load,
		Log:           n.internalLog(txn.Topic),
		NewProducerID: func(ctx context.Context) (int64, error) { return n.broker.NewProducerID(ctx) },
		WriteMarkers:  func(ctx context.Context, m txn.Markers) []error { return n.broker.WriteMarkers(ctx, m) },
		Metrics:       n.metrics, Now: n.env.Now, Logger: n.env.Logger,
	})
	n.showLoads("transaction", c.Runtime)
	return c
}

// internalLog finds the replicas of a coordinator's topic.
func (n *Node) internalLog(topic string) func(int32) (coordinator.Log, error) {
	return func(index int32) (coordinator.Log, error) {
		p, err := n.replicas.ByName(topic, index)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// showLoads shows how far a coordinator is with loading its state.
func (n *Node) showLoads(name string, rt *coordinator.Runtime) {
	labels := metrics.Labels{"coordinator": name}
	n.metrics.GaugeFunc("jocko_coordinator_loading_partitions", "Partitions of a coordinator's topic that are being loaded.", labels,
		func() float64 { return float64(rt.Loads().Loading) })
	n.metrics.GaugeFunc("jocko_coordinator_loaded_bytes", "Bytes that were read while a coordinator's partitions were loaded.", labels,
		func() float64 { return float64(rt.Loads().Bytes) })
	n.metrics.GaugeFunc("jocko_coordinator_load_seconds", "Time that the slowest load of a coordinator's partition took.", labels,
		func() float64 { return rt.Loads().Slowest.Seconds() })
}

// lagTimeout bounds how long a scrape waits for the group coordinator.
const lagTimeout = 5 * time.Second

// lags yields how far groups are behind, for a scrape.
func (n *Node) lags(yield func(metrics.Lag) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	for o := range n.groups.Committed(ctx) {
		l := metrics.Lag{Group: o.Group, Topic: o.Topic, Partition: o.Partition, Committed: o.Offset, Lag: -1}
		if p, err := n.replicas.ByName(o.Topic, o.Partition); err == nil {
			l.Lag = max(int64(p.HighWatermark())-o.Offset, 0)
		}
		if !yield(l) {
			return
		}
	}
}
