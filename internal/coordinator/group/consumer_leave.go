package group

import (
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// leaveConsumer decides on the heartbeat of a member that leaves: for good, or,
// with epoch -2, until its instance comes back within the session timeout.
func (m *Machine) leaveConsumer(req *protocol.ConsumerGroupHeartbeatRequest, a *coordinator.Answer[*protocol.ConsumerGroupHeartbeatResponse]) ([]coordinator.Record, error) {
	g, err := m.consumer(req.GroupId)
	if err != nil {
		return nil, err
	}
	member, err := g.leaving(req)
	if err != nil {
		return nil, err
	}
	id := member.id
	a.Give(&protocol.ConsumerGroupHeartbeatResponse{MemberId: &id, MemberEpoch: req.MemberEpoch})
	if req.MemberEpoch == leaveStaticEpoch {
		next := *member
		next.epoch, next.assigned, next.revoking = leaveStaticEpoch, member.assigned.withEpoch(0), nil
		return []coordinator.Record{currentRecord(g.groupID, &next)}, nil
	}
	return m.fence(g, member)
}

// leaving finds the member that leaves.
func (g *consumerGroup) leaving(req *protocol.ConsumerGroupHeartbeatRequest) (*consumerMember, error) {
	if req.InstanceId == nil {
		return g.member(req.MemberId)
	}
	known := g.static(*req.InstanceId)
	switch {
	case known == nil:
		return nil, protocol.Refuse(protocol.ErrUnknownMemberId, "Instance id "+*req.InstanceId+" is unknown.")
	case known.id != req.MemberId:
		return nil, fencedInstance(req.MemberId, *req.InstanceId, known)
	}
	return known, nil
}

// fence takes members out of the group. If the others use the classic protocol
// it becomes a classic group. Nothing refuses its records any more.
func (m *Machine) fence(g *consumerGroup, members ...*consumerMember) ([]coordinator.Record, error) {
	if !m.mayDowngrade(g, members, len(g.members)-len(members)) {
		records := m.removeMembers(g, members)
		return records, m.sh.Check(records)
	}
	next, records, err := m.downgrade(g, members, nil)
	if err == nil {
		err = m.sh.Check(records)
	}
	if err != nil {
		return nil, err
	}
	m.install(g, next, true)
	return records, nil
}

// removeMembers takes members out of the group and bumps its epoch: what they
// had is others' with the next assignment. When none are left, that needn't
// wait.
func (m *Machine) removeMembers(g *consumerGroup, members []*consumerMember) []coordinator.Record {
	var records []coordinator.Record
	left := maps.Clone(g.regexes)
	ended := make(map[string]*resolvedRegex)
	for _, mb := range members {
		records = append(records, removal(g.groupID, mb.id)...)
		if mb.regex != "" {
			count(left, []string{mb.regex}, -1)
		}
	}
	for _, expr := range slices.Sorted(maps.Keys(g.regexes)) {
		if left[expr] == 0 {
			records = append(records, regexTombstone(g.groupID, expr))
			ended[expr] = nil
		}
	}
	hash := m.topicHashes.of(g.topicsWith(members, nil, ended), m.options.Image())
	records = append(records, consumerGroupRecord(g.groupID, g.epoch+1, hash))
	if len(members) == len(g.members) {
		records = append(records, assignmentEpochRecord(g.groupID, g.epoch+1, 0))
	}
	return records
}
