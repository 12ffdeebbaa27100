package group

import (
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The records of consumer groups, by the number of their key's type:
//
//	3  ConsumerGroupMetadata                  the group's epoch and the hash of its topics
//	4  ConsumerGroupPartitionMetadata         its topics; before Kafka 4.1, read and ended
//	5  ConsumerGroupMemberMetadata            what a member said of itself
//	6  ConsumerGroupTargetAssignmentMetadata  the epoch that the target assignment is of
//	7  ConsumerGroupTargetAssignmentMember    what a member is to have
//	8  ConsumerGroupCurrentMemberAssignment   what it has, and its epoch
//	16 ConsumerGroupRegularExpression         the topics that an expression matches
//
// A target assignment counts from the record of its epoch on, which comes behind
// those of the members.

func consumerGroupRecord(g string, epoch int32, hash int64) coordinator.Record {
	return coordinator.New(&protocol.ConsumerGroupMetadataKey{GroupId: g}, &protocol.ConsumerGroupMetadataValue{Epoch: epoch, MetadataHash: hash})
}

func groupTombstone(g string) coordinator.Record {
	return coordinator.Tombstone(&protocol.ConsumerGroupMetadataKey{GroupId: g})
}

func oldMetadataTombstone(g string) coordinator.Record {
	return coordinator.Tombstone(&protocol.ConsumerGroupPartitionMetadataKey{GroupId: g})
}

func memberRecord(g string, m *consumerMember) coordinator.Record {
	regex := m.regex
	return coordinator.New(&protocol.ConsumerGroupMemberMetadataKey{GroupId: g, MemberId: m.id}, &protocol.ConsumerGroupMemberMetadataValue{
		InstanceId: orNil(m.instance), RackId: orNil(m.rack), ClientId: m.clientID, ClientHost: m.clientHost,
		SubscribedTopicNames: m.topics, SubscribedTopicRegex: &regex, RebalanceTimeoutMs: m.rebalanceTimeoutMs,
		ServerAssignor: orNil(m.assignor), ClassicMemberMetadata: m.classic,
	})
}

func memberTombstone(g, member string) coordinator.Record {
	return coordinator.Tombstone(&protocol.ConsumerGroupMemberMetadataKey{GroupId: g, MemberId: member})
}

func assignmentEpochRecord(g string, epoch int32, at int64) coordinator.Record {
	return coordinator.New(&protocol.ConsumerGroupTargetAssignmentMetadataKey{GroupId: g},
		&protocol.ConsumerGroupTargetAssignmentMetadataValue{AssignmentEpoch: epoch, AssignmentTimestamp: at})
}

func assignmentEpochTombstone(g string) coordinator.Record {
	return coordinator.Tombstone(&protocol.ConsumerGroupTargetAssignmentMetadataKey{GroupId: g})
}

func targetRecord(g, member string, a assignment) coordinator.Record {
	v := &protocol.ConsumerGroupTargetAssignmentMemberValue{}
	for _, topic := range sortedTopics(a) {
		v.TopicPartitions = append(v.TopicPartitions, protocol.ConsumerGroupTargetAssignmentMemberValueTopicPartition{TopicId: topic, Partitions: a[topic]})
	}
	return coordinator.New(&protocol.ConsumerGroupTargetAssignmentMemberKey{GroupId: g, MemberId: member}, v)
}

func targetTombstone(g, member string) coordinator.Record {
	return coordinator.Tombstone(&protocol.ConsumerGroupTargetAssignmentMemberKey{GroupId: g, MemberId: member})
}

func currentRecord(g string, m *consumerMember) coordinator.Record {
	return coordinator.New(&protocol.ConsumerGroupCurrentMemberAssignmentKey{GroupId: g, MemberId: m.id}, &protocol.ConsumerGroupCurrentMemberAssignmentValue{
		MemberEpoch: m.epoch, PreviousMemberEpoch: m.previous, State: int8(m.state),
		AssignedPartitions: m.assigned.record(), PartitionsPendingRevocation: m.revoking.record(),
	})
}

func currentTombstone(g, member string) coordinator.Record {
	return coordinator.Tombstone(&protocol.ConsumerGroupCurrentMemberAssignmentKey{GroupId: g, MemberId: member})
}

func regexRecord(g, expr string, r *resolvedRegex) coordinator.Record {
	return coordinator.New(&protocol.ConsumerGroupRegularExpressionKey{GroupId: g, RegularExpression: expr},
		&protocol.ConsumerGroupRegularExpressionValue{Topics: r.topics, Version: r.version, Timestamp: r.at})
}

func regexTombstone(g, expr string) coordinator.Record {
	return coordinator.Tombstone(&protocol.ConsumerGroupRegularExpressionKey{GroupId: g, RegularExpression: expr})
}

// removal is the tombstones of a member, in the order in which Kafka reads them.
func removal(g, member string) []coordinator.Record {
	return []coordinator.Record{currentTombstone(g, member), targetTombstone(g, member), memberTombstone(g, member)}
}

func (o owned) record() []protocol.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions {
	out := make([]protocol.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions, 0, len(o))
	for _, topic := range sortedTopics(o) {
		tp := protocol.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions{TopicId: topic}
		for _, p := range o[topic] {
			tp.Partitions = append(tp.Partitions, p.index)
			tp.AssignmentEpochs = append(tp.AssignmentEpochs, p.epoch)
		}
		out = append(out, tp)
	}
	return out
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
