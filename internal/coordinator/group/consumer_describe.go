package group

import (
	"context"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The types of members in ConsumerGroupDescribe.
const (
	typeClassic  int8 = 0
	typeConsumer int8 = 1
)

// ConsumerGroupDescribe describes a consumer group.
func (c *Coordinator) ConsumerGroupDescribe(ctx context.Context, group string) protocol.ConsumerGroupDescribeResponseDescribedGroup {
	d, err := view(ctx, c, group, func(m *Machine) (protocol.ConsumerGroupDescribeResponseDescribedGroup, error) {
		g, err := m.consumer(group)
		if err != nil {
			return protocol.ConsumerGroupDescribeResponseDescribedGroup{}, err
		}
		return g.describe(m), nil
	})
	if err != nil {
		d = newDescribedGroup(group)
		d.ErrorCode = protocol.CodeOf(err)
		if text, ok := protocol.TextOf(err); ok {
			d.ErrorMessage = &text
		}
	}
	return d
}

func newDescribedGroup(id string) protocol.ConsumerGroupDescribeResponseDescribedGroup {
	var d protocol.ConsumerGroupDescribeResponseDescribedGroup
	d.Default()
	d.GroupId, d.ErrorMessage = id, nil
	return d
}

func (g *consumerGroup) describe(m *Machine) protocol.ConsumerGroupDescribeResponseDescribedGroup {
	d := newDescribedGroup(g.groupID)
	d.GroupState, d.GroupEpoch, d.AssignmentEpoch = g.state(), g.epoch, g.assignmentEpoch
	d.AssignorName = g.preferredAssignor(g.votes, m.options.Config())
	img := m.options.Image()
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		d.Members = append(d.Members, g.members[id].describe(g.target[id], img))
	}
	return d
}

func (m *consumerMember) describe(target assignment, img *metadata.Image) protocol.ConsumerGroupDescribeResponseMember {
	regex, kind := m.regex, typeConsumer
	if m.classic != nil {
		kind = typeClassic
	}
	have := make(assignment)
	for _, o := range []owned{m.assigned, m.revoking} {
		for topic, ps := range o {
			for _, p := range ps {
				have[topic] = append(have[topic], p.index)
			}
		}
	}
	for _, ps := range have {
		slices.Sort(ps)
	}
	return protocol.ConsumerGroupDescribeResponseMember{
		MemberId: m.id, InstanceId: orNil(m.instance), RackId: orNil(m.rack), MemberEpoch: m.epoch,
		ClientId: m.clientID, ClientHost: m.clientHost,
		SubscribedTopicNames: m.topics, SubscribedTopicRegex: &regex, MemberType: kind,
		Assignment: describeAssignment(have, img), TargetAssignment: describeAssignment(target, img),
	}
}

// describeAssignment leaves out topics that are gone.
func describeAssignment(a assignment, img *metadata.Image) protocol.ConsumerGroupDescribeResponseAssignment {
	var out protocol.ConsumerGroupDescribeResponseAssignment
	for _, id := range sortedTopics(a) {
		if t := img.TopicByID(id); t != nil {
			out.TopicPartitions = append(out.TopicPartitions, protocol.ConsumerGroupDescribeResponseTopicPartitions{TopicId: id, TopicName: t.Name, Partitions: a[id]})
		}
	}
	return out
}
