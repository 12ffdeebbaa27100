package group

import (
	"fmt"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// mayDowngrade tells whether the group becomes a classic one when some members
// are gone, and so many left: all of the others use the classic protocol.
func (m *Machine) mayDowngrade(g *consumerGroup, leaving []*consumerMember, left int) bool {
	classic := g.classic
	for _, mb := range leaving {
		if mb.classic != nil {
			classic--
		}
	}
	return classic == len(g.members)-len(leaving) && left > 0 && m.migration("downgrade") && left <= m.maxSize()
}

// downgrade makes a classic group out of the group without its leaving members,
// with one that joins in the place of another if joining isn't nil. It returns
// the records that do so. The assignment is the target; the group's epoch is the
// generation.
func (m *Machine) downgrade(g *consumerGroup, leaving []*consumerMember, joining *consumerMember) (*classicGroup, []coordinator.Record, error) {
	img := m.options.Image()
	next := m.newClassicGroup(g.groupID)
	next.typ, next.generation, next.status = consumerType, g.epoch, classicStable
	targets := maps.Clone(g.target)
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		if mb := g.members[id]; !slices.Contains(leaving, mb) {
			next.add(mb.downgraded(), consumerType)
		}
	}
	if joining != nil {
		next.add(joining.downgraded(), consumerType)
		targets[joining.id] = g.target[leaving[0].id]
	}
	name := next.vote()
	next.protocol = &name
	for _, mb := range next.order {
		b, err := classicAssignment(targets[mb.id], mb.metadata(name), img)
		if err != nil {
			return nil, nil, protocol.Refuse(protocol.ErrGroupIdNotFound, fmt.Sprintf("Cannot downgrade the classic group %s: %v.", g.groupID, err))
		}
		mb.assignment = b
	}
	next.findTopics()
	return next, append(g.replacedTombstones(leaving, joining), next.record(nil)), nil
}

// replacedTombstones are the tombstones of the group. The member that joins has
// taken another's place already.
func (g *consumerGroup) replacedTombstones(leaving []*consumerMember, joining *consumerMember) []coordinator.Record {
	if joining == nil {
		return g.tombstones()
	}
	ids := []string{joining.id}
	for id, mb := range g.members {
		if !slices.Contains(leaving, mb) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return g.tombstonesOf(ids)
}

func (m *consumerMember) downgraded() *classicMember {
	mb := &classicMember{
		id: m.id, instance: orNil(m.instance), clientID: m.clientID, host: m.clientHost,
		sessionMs: m.classic.SessionTimeoutMs, rebalanceMs: m.rebalanceTimeoutMs,
	}
	for _, p := range m.classic.SupportedProtocols {
		mb.protocols = append(mb.protocols, protocol.JoinGroupRequestProtocol(p))
	}
	return mb
}

// install makes the classic group the machine's, in the place of the consumer
// group. It comes when nothing can refuse the records any more: replayed, they
// find it, with the members' protocols, which no record holds. rebalance, once
// they are replayed, lets the members join a generation of their own.
func (m *Machine) install(g *consumerGroup, next *classicGroup, rebalance bool) {
	for id := range g.members {
		m.endSession(g.groupID, id)
	}
	m.recount(g, counted{})
	m.addClassic(next)
	next.touchAll()
	if !rebalance {
		return
	}
	m.sh.Follow(func() ([]coordinator.Record, error) {
		if m.sh.Machine() != coordinator.Machine(m) || m.groups[next.name] != group(next) || next.status != classicStable {
			return nil, nil
		}
		return next.prepareRebalance("the last member of the consumer protocol is gone"), nil
	})
}
