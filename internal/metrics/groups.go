package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Groups are the metrics of the group coordinator. The zero value is ready.
type Groups struct {
	Rebalances         Histogram // of classic groups: from their beginning to the assignment
	ConsumerRebalances Counter   // of consumer groups: epochs begun
	HeartbeatsExpired  Counter   // members whose session ended

	mu      sync.Mutex
	groups  map[groupKind]int
	members map[string]int // by type
}

// groupKind is what groups are counted by.
type groupKind struct{ kind, state string }

// Groups counts n more groups of a type ("classic") in a state ("Stable"), or
// fewer.
func (g *Groups) Groups(kind, state string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.groups == nil {
		g.groups = make(map[groupKind]int)
	}
	g.groups[groupKind{kind, state}] += n
}

// Members counts n more members of groups of a type, or fewer.
func (g *Groups) Members(kind string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members == nil {
		g.members = make(map[string]int)
	}
	g.members[kind] += n
}

// GroupCoordinator exposes the group coordinator's metrics.
func (m *Metrics) GroupCoordinator(g *Groups) {
	m.registry.MustRegister((*groupCollector)(g))
	m.registry.MustRegister(g.Rebalances.collector("jocko_group_rebalance_duration_seconds",
		"Time from the beginning of a classic group's rebalance to its assignment; _count is the number of rebalances."))
	m.CounterFunc("jocko_consumer_group_rebalances_total", "Epochs that consumer groups have begun: each asks for another assignment.", nil,
		func() float64 { return float64(g.ConsumerRebalances.Load()) })
	m.CounterFunc("jocko_group_heartbeats_expired_total", "Members removed because their session ended.", nil,
		func() float64 { return float64(g.HeartbeatsExpired.Load()) })
}

var (
	groupsDesc       = desc("jocko_groups", "Groups whose coordinator is this broker.", "type", "state")
	groupMembersDesc = desc("jocko_group_members", "Members of groups whose coordinator is this broker.", "type")
)

type groupCollector Groups

func (c *groupCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- groupsDesc
	ch <- groupMembersDesc
}

func (c *groupCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, n := range c.groups {
		gauge(ch, groupsDesc, float64(n), k.kind, k.state)
	}
	for kind, n := range c.members {
		gauge(ch, groupMembersDesc, float64(n), kind)
	}
}
