package group

import (
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
)

// expiryTimer is the timer of the next look for unused offsets, or of the sweep
// that is under way.
var expiryTimer = coordinator.TimerKey{Kind: "expiry"}

// scheduleExpiry has unused offsets looked for, again and again.
func (m *Machine) scheduleExpiry() {
	interval := config.OffsetsRetentionCheckIntervalMs.In(m.options.Config())
	m.sh.After(expiryTimer, interval, func() ([]coordinator.Record, error) {
		s := m.newSweep(expiryTimer, m.expireOffsets)
		s.done, s.refused = m.scheduleExpiry, m.scheduleExpiry
		return s.step()
	})
}

// expireOffsets is the records that delete what nobody has used of a group for
// the retention time: offsets, and the group if it has no members and none of
// its offsets is left.
func (m *Machine) expireOffsets(id string, room int) (records []coordinator.Record, looked int) {
	g := m.groups[id]
	if g == nil {
		return nil, 0
	}
	retention := time.Duration(config.OffsetsRetentionMinutes.In(m.options.Config())) * time.Minute
	now := m.sh.Now().UnixMilli()
	kept := len(m.offsets.producers[id]) > 0
	for p, o := range m.offsets.byGroup[id] {
		if len(records) == room {
			kept = true
			break
		}
		looked++
		if m.expired(g, p, &o, now, retention) {
			records = append(records, offsetTombstone(id, p))
		} else {
			kept = true
		}
	}
	m.options.Offsets.Expired.Add(len(records))
	if !kept && g.empty() {
		records = append(records, g.tombstones()...)
	}
	return records, looked
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
