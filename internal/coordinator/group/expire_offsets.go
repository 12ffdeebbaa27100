package group

import (
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// scheduleExpiry has unused offsets looked for, again and again.
func (m *Machine) scheduleExpiry() {
	interval := config.OffsetsRetentionCheckIntervalMs.In(m.options.Config())
	m.sh.After(coordinator.TimerKey{Kind: "expiry"}, interval, func() ([]coordinator.Record, error) {
		m.scheduleExpiry()
		return m.expireOffsets(), nil
	})
}

// expireOffsets is the records that delete what nobody has used for the
// retention time: offsets, and groups that have no members and no offsets left.
func (m *Machine) expireOffsets() []coordinator.Record {
	retention := time.Duration(config.OffsetsRetentionMinutes.In(m.options.Config())) * time.Minute
	now := m.sh.Now().UnixMilli()
	var records []coordinator.Record
	for id, g := range m.groups {
		kept := len(m.offsets.producers[id]) > 0
		for p, o := range m.offsets.byGroup[id] {
			if m.expired(g, p, &o, now, retention) {
				records = append(records, offsetTombstone(id, p))
				m.options.Offsets.Expired.Inc()
			} else {
				kept = true
			}
		}
		if !kept && g.empty() {
			records = append(records, g.tombstones()...)
		}
	}
	return records
}

func (m *Machine) expired(g group, p partition, o *offset, now int64, retention time.Duration) bool {
	since, expires := g.expiry(o)
	if !expires || g.subscribed(p.topic) || m.offsets.held(g.id(), p) {
		return false
	}
	if o.expires >= 0 {
		return now >= o.expires
	}
	return now-since >= retention.Milliseconds()
}

// Apply follows a change of the metadata. It never waits.
func (c *Coordinator) Apply(prev, next *metadata.Image, delta *metadata.Delta) {
	c.countTopics(prev, delta)
	c.Runtime.Apply(prev, next, delta)
	if len(delta.DeletedTopics) == 0 {
		return
	}
	deleted := make(map[string]protocol.UUID, len(delta.DeletedTopics))
	for _, t := range delta.DeletedTopics {
		deleted[t.Name] = t.ID
	}
	for _, sh := range c.Shards() {
		sh.Tell(func() ([]coordinator.Record, error) { return sh.Machine().(*Machine).forgetTopics(deleted), nil })
	}
}

// forgetTopics is the records that delete the offsets of topics that are gone.
func (m *Machine) forgetTopics(deleted map[string]protocol.UUID) []coordinator.Record {
	var records []coordinator.Record
	forget := func(group string, offsets groupOffsets) {
		for p, o := range offsets {
			if id, gone := deleted[p.topic]; gone && !otherTopic(o.topicID, id) {
				records = append(records, offsetTombstone(group, p))
			}
		}
	}
	for group, offsets := range m.offsets.byGroup {
		forget(group, offsets)
	}
	for _, groups := range m.offsets.pending {
		for group, offsets := range groups {
			forget(group, offsets)
		}
	}
	return records
}
