package group

import (
	"cmp"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// replayConsumer applies a record of a consumer group. A compacted log may lack
// any of them, so none is taken for granted.
func (m *Machine) replayConsumer(key, value protocol.Record) {
	if m.loaded {
		before, _ := m.groups[consumerGroupOf(key)].(*consumerGroup)
		defer func() { m.countConsumer(before, consumerGroupOf(key)) }()
	}
	switch k := key.(type) {
	case *protocol.ConsumerGroupMetadataKey:
		v, _ := value.(*protocol.ConsumerGroupMetadataValue)
		m.replayGroup(k.GroupId, v)
	case *protocol.ConsumerGroupPartitionMetadataKey:
		if g := m.consumerToReplay(k.GroupId, value != nil); g != nil {
			g.oldMetadata = value != nil
		}
	case *protocol.ConsumerGroupMemberMetadataKey:
		v, _ := value.(*protocol.ConsumerGroupMemberMetadataValue)
		m.replayMember(k, v)
	case *protocol.ConsumerGroupTargetAssignmentMetadataKey:
		v, _ := value.(*protocol.ConsumerGroupTargetAssignmentMetadataValue)
		m.replayAssignmentEpoch(k.GroupId, v)
	case *protocol.ConsumerGroupTargetAssignmentMemberKey:
		v, _ := value.(*protocol.ConsumerGroupTargetAssignmentMemberValue)
		m.replayTarget(k, v)
	case *protocol.ConsumerGroupCurrentMemberAssignmentKey:
		v, _ := value.(*protocol.ConsumerGroupCurrentMemberAssignmentValue)
		m.replayCurrent(k, v)
	case *protocol.ConsumerGroupRegularExpressionKey:
		v, _ := value.(*protocol.ConsumerGroupRegularExpressionValue)
		m.replayRegex(k, v)
	}
}

// consumerGroupOf is the group that a record speaks of.
func consumerGroupOf(key protocol.Record) string {
	switch k := key.(type) {
	case *protocol.ConsumerGroupMetadataKey:
		return k.GroupId
	case *protocol.ConsumerGroupPartitionMetadataKey:
		return k.GroupId
	case *protocol.ConsumerGroupMemberMetadataKey:
		return k.GroupId
	case *protocol.ConsumerGroupTargetAssignmentMetadataKey:
		return k.GroupId
	case *protocol.ConsumerGroupTargetAssignmentMemberKey:
		return k.GroupId
	case *protocol.ConsumerGroupCurrentMemberAssignmentKey:
		return k.GroupId
	case *protocol.ConsumerGroupRegularExpressionKey:
		return k.GroupId
	}
	return ""
}

// consumerToReplay returns the group that a record speaks of. One that a record
// other than a tombstone speaks of is made if need be; a classic group of that
// name ends, as when its own tombstone comes behind it.
func (m *Machine) consumerToReplay(id string, create bool) *consumerGroup {
	g, ok := m.groups[id].(*consumerGroup)
	if !ok && create {
		g = newConsumerGroup(id)
		m.groups[id] = g
	}
	return g
}

func (m *Machine) replayGroup(id string, v *protocol.ConsumerGroupMetadataValue) {
	g := m.consumerToReplay(id, v != nil)
	switch {
	case g == nil:
	case v != nil:
		if m.loaded && v.Epoch > g.epoch {
			m.options.Metrics.ConsumerRebalances.Add(1)
		}
		g.epoch, g.metadataHash = v.Epoch, v.MetadataHash
	default:
		for member := range g.members {
			m.endSession(id, member)
		}
		delete(m.groups, id)
	}
}

func (m *Machine) replayAssignmentEpoch(id string, v *protocol.ConsumerGroupTargetAssignmentMetadataValue) {
	g := m.consumerToReplay(id, v != nil)
	switch {
	case g == nil:
	case v != nil:
		g.assignmentEpoch, g.assignedAt = v.AssignmentEpoch, v.AssignmentTimestamp
	default:
		g.assignmentEpoch, g.assignedAt = firstEpoch, 0
	}
}

func (m *Machine) replayTarget(k *protocol.ConsumerGroupTargetAssignmentMemberKey, v *protocol.ConsumerGroupTargetAssignmentMemberValue) {
	g := m.consumerToReplay(k.GroupId, v != nil)
	switch {
	case g == nil:
	case v == nil:
		delete(g.target, k.MemberId)
	default:
		a := make(assignment, len(v.TopicPartitions))
		for _, tp := range v.TopicPartitions {
			if len(tp.Partitions) > 0 {
				a[tp.TopicId] = sortedPartitions(tp.Partitions)
			}
		}
		g.target[k.MemberId] = a
	}
}

// sortedPartitions returns partitions in ascending order: Kafka writes them in
// that of its sets.
func sortedPartitions(ps []int32) []int32 {
	if slices.IsSorted(ps) {
		return ps
	}
	ps = slices.Clone(ps)
	slices.Sort(ps)
	return ps
}

func (m *Machine) replayMember(k *protocol.ConsumerGroupMemberMetadataKey, v *protocol.ConsumerGroupMemberMetadataValue) {
	g := m.consumerToReplay(k.GroupId, v != nil)
	switch {
	case g == nil:
	case v == nil:
		g.remove(k.MemberId)
		m.endSession(k.GroupId, k.MemberId)
	default:
		next := newConsumerMember(k.MemberId)
		if m := g.members[k.MemberId]; m != nil {
			*next = *m
		}
		next.instance, next.rack = orEmpty(v.InstanceId), orEmpty(v.RackId)
		next.clientID, next.clientHost = v.ClientId, v.ClientHost
		next.rebalanceTimeoutMs, next.assignor = v.RebalanceTimeoutMs, orEmpty(v.ServerAssignor)
		next.topics, next.regex = sortedNames(v.SubscribedTopicNames), orEmpty(v.SubscribedTopicRegex)
		next.classic = v.ClassicMemberMetadata
		g.put(next)
	}
}

// sortedNames returns names in order, without doubles.
func sortedNames(names []string) []string {
	if slices.IsSortedFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(a, b), 1) }) {
		return names
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

func (m *Machine) replayCurrent(k *protocol.ConsumerGroupCurrentMemberAssignmentKey, v *protocol.ConsumerGroupCurrentMemberAssignmentValue) {
	g := m.consumerToReplay(k.GroupId, v != nil)
	if g == nil || v == nil && g.members[k.MemberId] == nil {
		return
	}
	next := newConsumerMember(k.MemberId)
	if m := g.members[k.MemberId]; m != nil {
		*next = *m
	}
	if v == nil {
		next.epoch, next.previous, next.state, next.assigned, next.revoking = leaveEpoch, leaveEpoch, stable, nil, nil
	} else {
		next.epoch, next.previous, next.state = v.MemberEpoch, v.PreviousMemberEpoch, memberState(v.State)
		next.assigned = ownedOf(v.AssignedPartitions, v.MemberEpoch)
		next.revoking = ownedOf(v.PartitionsPendingRevocation, v.MemberEpoch)
	}
	g.put(next)
}

// ownedOf reads the partitions of a record. Before Kafka 4.4 it had no epochs:
// then they count as assigned in the member's.
func ownedOf(tps []protocol.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions, epoch int32) owned {
	out := make(owned, len(tps))
	for _, tp := range tps {
		if len(tp.Partitions) == 0 {
			continue
		}
		ps := make([]ownedPartition, len(tp.Partitions))
		for i, index := range tp.Partitions {
			ps[i] = ownedPartition{index, epoch}
			if len(tp.AssignmentEpochs) == len(ps) {
				ps[i].epoch = tp.AssignmentEpochs[i]
			}
		}
		slices.SortFunc(ps, func(a, b ownedPartition) int { return cmp.Compare(a.index, b.index) })
		out[tp.TopicId] = ps
	}
	return out
}

func (m *Machine) replayRegex(k *protocol.ConsumerGroupRegularExpressionKey, v *protocol.ConsumerGroupRegularExpressionValue) {
	g := m.consumerToReplay(k.GroupId, v != nil)
	if g == nil {
		return
	}
	if r := g.resolved[k.RegularExpression]; r != nil {
		count(g.topics, r.topics, -1)
		delete(g.resolved, k.RegularExpression)
	}
	if v != nil {
		r := &resolvedRegex{topics: sortedNames(v.Topics), version: v.Version, at: v.Timestamp}
		g.resolved[k.RegularExpression] = r
		count(g.topics, r.topics, 1)
	}
}

// put makes a member what it is now.
func (g *consumerGroup) put(next *consumerMember) {
	before := g.members[next.id]
	g.members[next.id] = next
	g.tally(before, -1)
	g.tally(next, 1)
	if before != nil && before.instance != next.instance {
		g.forget(before)
	}
	if next.instance != "" {
		g.instances[next.instance] = next.id
	}
}

func (g *consumerGroup) remove(id string) {
	if m := g.members[id]; m != nil {
		delete(g.members, id)
		g.tally(m, -1)
		g.forget(m)
	}
}

// forget ends the claim of a member on its instance id, unless another has it by
// now.
func (g *consumerGroup) forget(m *consumerMember) {
	if g.instances[m.instance] == m.id {
		delete(g.instances, m.instance)
	}
}

// tally adds a member to what the group counts, or takes it out of it.
func (g *consumerGroup) tally(m *consumerMember, by int) {
	if m == nil {
		return
	}
	count(g.topics, m.topics, by)
	if m.assignor != "" {
		count(g.votes, []string{m.assignor}, by)
	}
	if m.regex != "" {
		count(g.regexes, []string{m.regex}, by)
	}
	if m.classic != nil {
		g.classic += by
		for _, p := range m.classic.SupportedProtocols {
			count(g.protocols, []string{p.Name}, by)
		}
	}
	g.holders.add(m.assigned, int8(by))
	g.holders.add(m.revoking, int8(by))
}

func count(counts map[string]int, names []string, by int) {
	for _, n := range names {
		if counts[n] += by; counts[n] == 0 {
			delete(counts, n)
		}
	}
}
