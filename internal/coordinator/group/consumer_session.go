package group

import (
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
)

// The timers of consumer groups, each of one member.
const (
	consumerSessionTimer   = "consumer session"
	consumerRebalanceTimer = "consumer rebalance"
)

// memberKey names a member of a group.
type memberKey struct{ group, member string }

// session is when a member is fenced unless it is heard of before. A heartbeat
// moves the deadline only: the timer looks at it when it fires.
type session struct {
	deadline time.Time
	fires    time.Time
}

// soft moves the member's deadlines, once nothing can refuse the heartbeat any
// more. before is the member before it was reconciled.
func (h *heartbeat) soft(before *consumerMember) {
	h.g.seen = h.img
	if h.upgraded != nil {
		h.m.abandon(h.upgraded)
	}
	h.m.touch(h.g.groupID, h.updated.id, h.m.sessionTimeout(h.g.groupID))
	if h.updated != before {
		h.m.limitRevocation(h.g.groupID, h.updated)
	}
	h.m.resolveRegexes(h)
}

func (m *Machine) sessionTimeout(group string) time.Duration {
	return config.GroupConsumerSessionTimeoutMs.In(m.options.groupConfig(group))
}

// touch gives a member another session.
func (m *Machine) touch(group, member string, timeout time.Duration) {
	key := memberKey{group, member}
	s := m.sessions[key]
	if s == nil {
		s = &session{}
		m.sessions[key] = s
	}
	s.deadline = time.Now().Add(timeout)
	if s.fires.IsZero() || s.fires.After(s.deadline) {
		m.armSession(key, s, timeout)
	}
}

func (m *Machine) armSession(key memberKey, s *session, d time.Duration) {
	s.fires = time.Now().Add(d)
	m.sh.After(coordinator.TimerKey{Kind: consumerSessionTimer, ID: key.group, Sub: key.member}, d, func() ([]coordinator.Record, error) {
		if rest := time.Until(s.deadline); rest > 0 {
			m.armSession(key, s, rest)
			return nil, nil
		}
		return m.expire(key)
	})
}

// expire fences a member that wasn't heard of.
func (m *Machine) expire(key memberKey) ([]coordinator.Record, error) {
	delete(m.sessions, key)
	g, ok := m.groups[key.group].(*consumerGroup)
	if !ok || g.members[key.member] == nil {
		return nil, nil
	}
	records, err := m.fence(g, g.members[key.member])
	if err == nil {
		m.options.Metrics.HeartbeatsExpired.Add(1)
	}
	if err != nil { // later then
		m.touch(key.group, key.member, m.sessionTimeout(key.group))
	}
	return records, err
}

// limitRevocation gives a member that has partitions to give up its rebalance
// timeout for that.
func (m *Machine) limitRevocation(group string, mb *consumerMember) {
	key := coordinator.TimerKey{Kind: consumerRebalanceTimer, ID: group, Sub: mb.id}
	if mb.state != unrevokedPartitions {
		m.sh.Cancel(key)
		return
	}
	m.sh.After(key, time.Duration(mb.rebalanceTimeoutMs)*time.Millisecond, func() ([]coordinator.Record, error) {
		g, ok := m.groups[group].(*consumerGroup)
		if !ok {
			return nil, nil
		}
		if now := g.members[mb.id]; now == nil || now.epoch != mb.epoch {
			return nil, nil
		}
		records, err := m.fence(g, g.members[mb.id])
		if err != nil { // later then
			m.limitRevocation(group, g.members[mb.id])
		}
		return records, err
	})
}

// endSession ends the timers of a member that is no more.
func (m *Machine) endSession(group, member string) {
	key := memberKey{group, member}
	if m.sessions[key] != nil {
		delete(m.sessions, key)
		m.sh.Cancel(coordinator.TimerKey{Kind: consumerSessionTimer, ID: group, Sub: member})
	}
	for _, kind := range [...]string{consumerRebalanceTimer, consumerJoinTimer, consumerSyncTimer} {
		m.sh.Cancel(coordinator.TimerKey{Kind: kind, ID: group, Sub: member})
	}
}

// loadedConsumer gives every member a session from now on.
func (m *Machine) loadedConsumer() {
	for id, g := range m.groups {
		g, ok := g.(*consumerGroup)
		if !ok {
			continue
		}
		m.recount(g, g.count())
		for _, mb := range g.members {
			timeout := m.sessionTimeout(id)
			if mb.classic != nil {
				timeout = time.Duration(mb.classic.SessionTimeoutMs) * time.Millisecond
			}
			m.touch(id, mb.id, timeout)
			if mb.state == unrevokedPartitions {
				m.limitRevocation(id, mb)
			}
		}
	}
}
