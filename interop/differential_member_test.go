//go:build differential

package interop

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// classicMember is a member of a classic group as one player sees it.
type classicMember struct {
	p          *player
	group, id  string
	instance   *string
	generation int32
	rebalance  int32 // ms
	session    int32 // ms
	protocols  []kmsg.JoinGroupRequestProtocol
}

// newMember makes a member that has not joined yet. Its time-outs are longer than a scene.
func (p *player) newMember(group string) *classicMember {
	return &classicMember{
		p: p, group: group, generation: -1, rebalance: 8_000, session: 30_000,
		protocols: protocolsOf(subscription("alpha"), "range", "roundrobin"),
	}
}

func (p *player) newStatic(group, instance string) *classicMember {
	m := p.newMember(group)
	m.instance = &instance
	return m
}

func protocolsOf(metadata []byte, names ...string) []kmsg.JoinGroupRequestProtocol {
	var out []kmsg.JoinGroupRequestProtocol
	for _, name := range names {
		protocol := kmsg.NewJoinGroupRequestProtocol()
		protocol.Name, protocol.Metadata = name, metadata
		out = append(out, protocol)
	}
	return out
}

// subscription is a consumer's metadata in JoinGroup.
func subscription(topics ...string) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version, meta.Topics = 1, topics
	return meta.AppendTo(nil)
}

// assignment is a consumer's assignment in SyncGroup.
func assignment(topic string, partitions ...int32) []byte {
	a := kmsg.NewConsumerMemberAssignment()
	t := kmsg.NewConsumerMemberAssignmentTopic()
	t.Topic, t.Partitions = topic, partitions
	a.Topics = append(a.Topics, t)
	return a.AppendTo(nil)
}

// joining makes the member's JoinGroup at any version that has what the member needs.
func (m *classicMember) joining() *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.InstanceID = m.group, m.id, m.instance
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = m.session, m.rebalance
	req.ProtocolType, req.Protocols = "consumer", m.protocols
	if m.instance != nil {
		return at(m.p, req, 5, 9)
	}
	return at(m.p, req, 1, 9)
}

// join joins the group, twice where a member id is asked for first.
func (m *classicMember) join() *kmsg.JoinGroupResponse {
	resp := ask[*kmsg.JoinGroupResponse](m.p, m.joining())
	m.joined(resp)
	if resp.ErrorCode == 79 {
		again := m.joining()
		again.Version = max(again.Version, 4)
		resp = ask[*kmsg.JoinGroupResponse](m.p, again)
		m.joined(resp)
	}
	return resp
}

// beginJoin begins a join that waits for other members; an id is asked for before.
func (m *classicMember) beginJoin() *pending {
	req := m.joining()
	if m.id == "" && m.instance == nil {
		req.Version = max(req.Version, 4)
		m.joined(ask[*kmsg.JoinGroupResponse](m.p, req))
		again := m.joining()
		again.Version = req.Version
		return m.p.begin(again)
	}
	return m.p.begin(req)
}

func (m *classicMember) joined(resp *kmsg.JoinGroupResponse) *kmsg.JoinGroupResponse {
	if resp.ErrorCode == 79 || resp.ErrorCode == 0 {
		m.id = resp.MemberID
	}
	if resp.ErrorCode == 0 {
		m.generation = resp.Generation
	}
	return resp
}

// syncing makes the member's SyncGroup; a leader gives assignments to all members.
func (m *classicMember) syncing(to map[string][]byte) *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = m.group, m.id, m.generation, m.instance
	req.ProtocolType, req.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	for id, a := range to {
		ga := kmsg.NewSyncGroupRequestGroupAssignment()
		ga.MemberID, ga.MemberAssignment = id, a
		req.GroupAssignment = append(req.GroupAssignment, ga)
	}
	if m.instance != nil {
		return at(m.p, req, 3, 5)
	}
	return anyVersion(m.p, req)
}

// syncAll syncs a group of this member alone.
func (m *classicMember) syncAll() {
	m.p.tell(m.syncing(map[string][]byte{m.id: assignment("alpha", 0, 1, 2)}))
}

// stable makes the member the only one of a stable group.
func (m *classicMember) stable() {
	m.join()
	m.syncAll()
}

func (m *classicMember) beating() *kmsg.HeartbeatRequest {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = m.group, m.id, m.generation, m.instance
	if m.instance != nil {
		return at(m.p, req, 3, 4)
	}
	return anyVersion(m.p, req)
}

func (m *classicMember) beat() { m.p.tell(m.beating()) }

// beatUntilRebalance heartbeats until the member hears of a rebalance.
func (m *classicMember) beatUntilRebalance() {
	until(m.p, m.beating(), func(r *kmsg.HeartbeatResponse) bool { return r.ErrorCode == 27 })
}

func (m *classicMember) leaving() *kmsg.LeaveGroupRequest {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = m.group, m.id
	one := kmsg.NewLeaveGroupRequestMember()
	one.MemberID, one.InstanceID = m.id, m.instance
	req.Members = append(req.Members, one)
	if m.instance != nil {
		return at(m.p, req, 3, 5)
	}
	return anyVersion(m.p, req)
}

func (m *classicMember) leave() { m.p.tell(m.leaving()) }

// committing makes the member's commit of one offset.
func (m *classicMember) committing(topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	req := m.p.commitOf(m.group, topic, partition, offset)
	req.MemberID, req.Generation, req.InstanceID = m.id, m.generation, m.instance
	if m.instance != nil {
		return at(m.p, req, 7, 10)
	}
	return req
}

// commitOf makes a commit of one offset from outside any group.
func (p *player) commitOf(group, topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.RetentionTimeMillis = group, -1, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.TopicID = topic, p.topicID(topic)
	op := kmsg.NewOffsetCommitRequestTopicPartition()
	op.Partition, op.Offset, op.LeaderEpoch = partition, offset, oneOf[int32](p, -1, 0, 5)
	op.Metadata = oneOf(p, nil, kmsg.StringPtr(""), kmsg.StringPtr("some text"))
	t.Partitions = append(t.Partitions, op)
	req.Topics = append(req.Topics, t)
	return anyVersion(p, req)
}

// topicID returns the id the broker gave a topic; of an unknown one, an id that no topic has.
func (p *player) topicID(topic string) [16]byte {
	if id, known := p.s.ids[topic]; known {
		return id
	}
	return [16]byte{0xde, 0xad, 0xbe, 0xef, 3}
}

// offsets reads a group's committed offsets of some partitions of topics, of all of them when none is
// named.
func (p *player) offsets(group string, stable bool, topics ...string) *kmsg.OffsetFetchRequest {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.RequireStable = group, stable
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberEpoch = group, -1
	for _, topic := range topics {
		t := kmsg.NewOffsetFetchRequestTopic()
		t.Topic, t.Partitions = topic, []int32{0, 1, 2}
		req.Topics = append(req.Topics, t)
		gt := kmsg.NewOffsetFetchRequestGroupTopic()
		gt.Topic, gt.TopicID, gt.Partitions = topic, p.topicID(topic), t.Partitions
		g.Topics = append(g.Topics, gt)
	}
	req.Groups = append(req.Groups, g)
	if len(topics) == 0 {
		return at(p, req, 2, 10) // before, null meant none
	}
	return anyVersion(p, req)
}

// readBack reads what a group has come to: its members and its offsets.
func (p *player) readBack(group string) {
	p.tell(p.describing(group))
	p.tell(p.offsets(group, false))
}

func (p *player) describing(groups ...string) *kmsg.DescribeGroupsRequest {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = groups
	return anyVersion(p, req)
}

func (p *player) deleting(groups ...string) *kmsg.DeleteGroupsRequest {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = groups
	return anyVersion(p, req)
}

func (p *player) listing(states, types []string) *kmsg.ListGroupsRequest {
	req := kmsg.NewPtrListGroupsRequest()
	req.StatesFilter, req.TypesFilter = states, types
	return anyVersion(p, req)
}
