package group

import (
	"fmt"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The timers of members of the classic protocol in a consumer group.
const (
	consumerJoinTimer = "consumer join" // ends the wait for a JoinGroup after a rebalance began
	consumerSyncTimer = "consumer sync" // ends the wait for the SyncGroup after a JoinGroup
)

// joinConsumer lets a member of the classic protocol join a consumer group, or
// join it again to learn its assignment. To the group its JoinGroup is a
// heartbeat that says everything.
func (m *Machine) joinConsumer(g *consumerGroup, j join) ([]coordinator.Record, error) {
	id, unknown := j.MemberId, j.MemberId == ""
	if unknown {
		id = m.options.NewID().String()
	}
	if err := m.checkClassicJoin(g, j, id); err != nil {
		j.answer.Give(joinError("", err))
		return nil, nil
	}
	if unknown && j.GroupInstanceId == nil && j.client.Version >= joinRequiresID {
		return j.refuse(id, protocol.ErrMemberIdRequired)
	}
	h, err := m.classicHeartbeat(g, j, id)
	if err == nil {
		err = h.joinClassic(unknown)
	}
	if err == nil {
		err = h.update(j.client)
	}
	downgrade := err == nil && h.downgrades()
	if err == nil && !(downgrade && h.epoch > g.assignmentEpoch) {
		err = h.reconcile()
	}
	if err != nil {
		j.answer.Give(joinError("", err))
		return nil, nil
	}
	return m.joinedConsumer(h, j, downgrade)
}

// downgrades tells whether the last member of the consumer protocol is replaced
// by one of the classic protocol.
func (h *heartbeat) downgrades() bool {
	old := h.g.members[h.replaced]
	return old != nil && old.classic == nil && h.m.mayDowngrade(h.g, []*consumerMember{old}, len(h.g.members))
}

// checkClassicJoin tells why a member of the classic protocol can't join.
func (m *Machine) checkClassicJoin(g *consumerGroup, j join, id string) error {
	if err := m.checkSize(g, id, orEmpty(j.GroupInstanceId)); err != nil {
		return err
	}
	supported := slices.ContainsFunc(j.Protocols, func(p protocol.JoinGroupRequestProtocol) bool { return g.protocols[p.Name] == g.classic })
	if !m.migration("upgrade") && !m.migration("downgrade") || j.ProtocolType != consumerType || !supported {
		return protocol.ErrInconsistentGroupProtocol
	}
	return nil
}

// classicHeartbeat makes a heartbeat of a JoinGroup.
func (m *Machine) classicHeartbeat(g *consumerGroup, j join, id string) (*heartbeat, error) {
	s, err := readClassicSubscription(j.Protocols[0].Metadata)
	if err != nil {
		return nil, protocol.ErrInconsistentGroupProtocol
	}
	img := m.options.Image()
	none := ""
	rq := &protocol.ConsumerGroupHeartbeatRequest{
		GroupId: j.GroupId, MemberId: id, MemberEpoch: -1, InstanceId: j.GroupInstanceId, RackId: s.RackId,
		RebalanceTimeoutMs: j.RebalanceTimeoutMs, SubscribedTopicNames: s.Topics, SubscribedTopicRegex: &none,
		TopicPartitions: []protocol.ConsumerGroupHeartbeatRequestTopicPartitions{},
	}
	for _, tp := range s.OwnedPartitions {
		if t := img.Topic(tp.Topic); t != nil {
			rq.TopicPartitions = append(rq.TopicPartitions, protocol.ConsumerGroupHeartbeatRequestTopicPartitions{TopicId: t.ID, Partitions: tp.Partitions})
		}
	}
	h := &heartbeat{m: m, g: g, req: rq, img: img, epoch: g.epoch}
	h.classic = classicMetadataOf(j.SessionTimeoutMs, j.Protocols)
	return h, nil
}

// joinClassic finds the member, or makes it. A new incarnation of a static
// member takes the place of the old one at any time.
func (h *heartbeat) joinClassic(unknown bool) error {
	id, instance := h.req.MemberId, orEmpty(h.req.InstanceId)
	known := h.g.static(instance)
	switch {
	case instance == "" || unknown && known == nil:
		if h.member = h.g.members[id]; h.member == nil {
			h.member = newConsumerMember(id)
		}
	case unknown:
		h.replace(known, id)
	case known == nil:
		return protocol.ErrUnknownMemberId
	case known.id != id:
		return protocol.ErrFencedInstanceId
	default:
		h.member = known
	}
	return nil
}

// joinedConsumer answers a JoinGroup, and makes a classic group of the group if
// it is to be one.
func (m *Machine) joinedConsumer(h *heartbeat, j join, downgrade bool) ([]coordinator.Record, error) {
	var next *classicGroup
	if downgrade {
		g, records, err := m.downgrade(h.g, []*consumerMember{h.g.members[h.replaced]}, h.updated)
		if err != nil {
			j.answer.Give(joinError("", err))
			return nil, nil
		}
		next, h.records = g, append(h.records, records...)
	}
	if err := m.sh.Check(h.records); err != nil {
		return nil, err
	}
	typ, name := consumerType, h.updated.classicProtocol()
	j.answer.Give(&protocol.JoinGroupResponse{GenerationId: h.updated.epoch, ProtocolType: &typ, ProtocolName: &name, MemberId: h.updated.id})
	if next != nil {
		m.install(h.g, next, h.epoch > h.g.assignmentEpoch)
		return h.records, nil
	}
	h.g.seen = h.img
	key := coordinator.TimerKey{ID: h.g.groupID, Sub: h.updated.id}
	m.touch(key.ID, key.Sub, time.Duration(j.SessionTimeoutMs)*time.Millisecond)
	key.Kind = consumerJoinTimer
	m.sh.Cancel(key)
	m.fenceAfter(consumerSyncTimer, h.g.groupID, h.updated.id, j.RebalanceTimeoutMs)
	return h.records, nil
}

// fenceAfter fences a member unless the timer is canceled.
func (m *Machine) fenceAfter(kind, group, member string, ms int32) {
	m.sh.After(coordinator.TimerKey{Kind: kind, ID: group, Sub: member}, time.Duration(ms)*time.Millisecond, func() ([]coordinator.Record, error) {
		g, ok := m.groups[group].(*consumerGroup)
		if !ok || g.members[member] == nil {
			return nil, nil
		}
		records, err := m.fence(g, g.members[member])
		if err != nil { // later then
			m.fenceAfter(kind, group, member, ms)
		}
		return records, err
	})
}

// expectJoin gives a member that is to join again its rebalance timeout for that.
func (m *Machine) expectJoin(g *consumerGroup, mb *consumerMember) {
	if !m.sh.Armed(coordinator.TimerKey{Kind: consumerJoinTimer, ID: g.groupID, Sub: mb.id}) {
		m.fenceAfter(consumerJoinTimer, g.groupID, mb.id, mb.rebalanceTimeoutMs)
	}
}

// classicMemberOf finds the member of a request of the classic protocol.
func (g *consumerGroup) classicMemberOf(id string, instance *string) (*consumerMember, error) {
	mb := g.members[id]
	if instance != nil {
		if mb = g.static(*instance); mb != nil && mb.id != id {
			return nil, protocol.ErrFencedInstanceId
		}
	}
	if mb == nil || mb.classic == nil {
		return nil, protocol.ErrUnknownMemberId
	}
	return mb, nil
}

// syncConsumer answers the SyncGroup of a member of a consumer group: there is
// no leader, and the assignment is there already.
func (m *Machine) syncConsumer(g *consumerGroup, rq *protocol.SyncGroupRequest, a *syncAnswer) error {
	mb, err := g.classicMemberOf(rq.MemberId, rq.GroupInstanceId)
	switch {
	case err != nil:
		return err
	case rq.GenerationId != mb.epoch:
		return protocol.ErrIllegalGeneration
	case rq.ProtocolType != nil && *rq.ProtocolType != consumerType, rq.ProtocolName != nil && *rq.ProtocolName != mb.classicProtocol():
		return protocol.ErrInconsistentGroupProtocol
	case g.epoch > mb.epoch && mb.state != unrevokedPartitions:
		m.expectJoin(g, mb)
		return protocol.ErrRebalanceInProgress
	}
	b, err := classicAssignment(mb.assigned.partitions(), mb.classicSubscription(), m.options.Image())
	if err != nil {
		return fmt.Errorf("the assignment of member %s of group %s: %w", mb.id, g.groupID, err)
	}
	m.sh.Cancel(coordinator.TimerKey{Kind: consumerSyncTimer, ID: g.groupID, Sub: mb.id})
	m.touchClassic(g, mb)
	a.Give(&protocol.SyncGroupResponse{ProtocolType: rq.ProtocolType, ProtocolName: rq.ProtocolName, Assignment: b})
	return nil
}

func (m *Machine) touchClassic(g *consumerGroup, mb *consumerMember) {
	m.touch(g.groupID, mb.id, time.Duration(mb.classic.SessionTimeoutMs)*time.Millisecond)
}

// heartbeatClassic tells a member to join again when there is something to do:
// another epoch, partitions to give up, partitions that have become free.
func (m *Machine) heartbeatClassic(g *consumerGroup, rq *protocol.HeartbeatRequest) error {
	mb, err := g.classicMemberOf(rq.MemberId, rq.GroupInstanceId)
	switch {
	case err != nil:
		return err
	case rq.GenerationId != mb.epoch:
		return protocol.ErrIllegalGeneration
	}
	m.touchClassic(g, mb)
	if mb.epoch < g.epoch || mb.state == unrevokedPartitions || mb.state == unreleasedPartition && !g.waits(mb) {
		m.expectJoin(g, mb)
		return protocol.ErrRebalanceInProgress
	}
	return nil
}

// waits tells whether a partition that a member is to have is still another's.
func (g *consumerGroup) waits(mb *consumerMember) bool {
	for topic, want := range g.target[mb.id] {
		for _, index := range want {
			if !mb.assigned.has(topic, index) && !g.holders.free(topic, index) {
				return true
			}
		}
	}
	return false
}

// leaveClassic removes the members that a LeaveGroup names from a consumer group.
func (m *Machine) leaveClassic(g *consumerGroup, who []protocol.LeaveGroupRequestMemberIdentity, a *coordinator.Answer[[]protocol.LeaveGroupResponseMemberResponse]) ([]coordinator.Record, error) {
	var left []*consumerMember
	answers := leaveAnswers(who, func(id *protocol.LeaveGroupRequestMemberIdentity) error {
		mb, err := g.leavingClassic(id)
		if err == nil && !slices.Contains(left, mb) {
			left = append(left, mb)
		}
		return err
	})
	var records []coordinator.Record
	if len(left) > 0 {
		var err error
		if records, err = m.fence(g, left...); err != nil {
			return nil, err
		}
	}
	a.Give(answers)
	return records, nil
}

// leavingClassic finds one who leaves, of either protocol. Who names an instance
// without a member is an administrator.
func (g *consumerGroup) leavingClassic(id *protocol.LeaveGroupRequestMemberIdentity) (*consumerMember, error) {
	if id.GroupInstanceId == nil {
		return g.member(id.MemberId)
	}
	switch mb := g.static(*id.GroupInstanceId); {
	case mb == nil:
		return nil, protocol.ErrUnknownMemberId
	case id.MemberId != "" && id.MemberId != mb.id:
		return nil, protocol.ErrFencedInstanceId
	default:
		return mb, nil
	}
}
