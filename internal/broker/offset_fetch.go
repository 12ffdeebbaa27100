package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// OffsetFetch (key 9)
//
//   - Answers with the offsets that groups have committed: of the partitions
//     asked for, or of all for null topics. A partition without one has offset
//     -1 and no error, also in a group that doesn't exist.
//   - RequireStable refuses, with UNSTABLE_OFFSET_COMMIT, to tell an offset that
//     an open transaction may replace (KIP-447).
//   - A member that says its epoch is refused when it isn't the group's:
//     UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH.
//
// v2 all topics, an error for the group. v5 leader epoch. v6 flexible.
// v8 many groups (KIP-709). v9 member epoch (KIP-848). v10 topic ids.
func (b *Broker) offsetFetch(ctx context.Context, rq *Request, m *protocol.OffsetFetchRequest) *protocol.OffsetFetchResponse {
	if rq.Version() < 8 {
		return b.offsetFetchOne(ctx, rq, m)
	}
	resp := &protocol.OffsetFetchResponse{Groups: make([]protocol.OffsetFetchResponseGroup, len(m.Groups))}
	for i := range m.Groups {
		b.fetchGroupOffsets(ctx, rq, &m.Groups[i], &resp.Groups[i], m.RequireStable)
	}
	return resp
}

// offsetFetchOne answers in the form of versions 1 to 7.
func (b *Broker) offsetFetchOne(ctx context.Context, rq *Request, m *protocol.OffsetFetchRequest) *protocol.OffsetFetchResponse {
	g := protocol.OffsetFetchRequestGroup{GroupId: m.GroupId, MemberEpoch: -1}
	if m.Topics != nil {
		g.Topics = make([]protocol.OffsetFetchRequestTopics, len(m.Topics))
	}
	for i := range m.Topics {
		g.Topics[i] = protocol.OffsetFetchRequestTopics{Name: m.Topics[i].Name, PartitionIndexes: m.Topics[i].PartitionIndexes}
	}
	var out protocol.OffsetFetchResponseGroup
	b.fetchGroupOffsets(ctx, rq, &g, &out, m.RequireStable)
	resp := &protocol.OffsetFetchResponse{ErrorCode: out.ErrorCode, Topics: make([]protocol.OffsetFetchResponseTopic, len(out.Topics))}
	for i := range out.Topics {
		t := &resp.Topics[i]
		t.Name = out.Topics[i].Name
		for _, p := range out.Topics[i].Partitions {
			t.Partitions = append(t.Partitions, protocol.OffsetFetchResponsePartition(p))
		}
	}
	if out.ErrorCode != 0 && rq.Version() < 2 { // which has no error for the group
		resp.Topics = failedOffsets(&g, out.ErrorCode)
	}
	return resp
}

// failedOffsets puts a group's error on each partition.
func failedOffsets(g *protocol.OffsetFetchRequestGroup, code int16) []protocol.OffsetFetchResponseTopic {
	topics := make([]protocol.OffsetFetchResponseTopic, len(g.Topics))
	for i := range g.Topics {
		topics[i].Name = g.Topics[i].Name
		for _, index := range g.Topics[i].PartitionIndexes {
			topics[i].Partitions = append(topics[i].Partitions, protocol.OffsetFetchResponsePartition{
				PartitionIndex: index, CommittedOffset: -1, CommittedLeaderEpoch: -1, Metadata: new(string), ErrorCode: code,
			})
		}
	}
	return topics
}

// fetchGroupOffsets answers for one group.
func (b *Broker) fetchGroupOffsets(ctx context.Context, rq *Request, g *protocol.OffsetFetchRequestGroup, out *protocol.OffsetFetchResponseGroup, stable bool) {
	out.GroupId = g.GroupId
	r := &group.FetchRequest{Group: g.GroupId, Member: g.MemberId, Epoch: g.MemberEpoch, Stable: stable}
	if g.Topics != nil {
		r.Partitions = []group.FetchPartition{}
	}
	known := make([]bool, len(g.Topics))
	for i := range g.Topics {
		name, id, ok := b.fetchedTopic(rq, &g.Topics[i])
		known[i] = ok
		for _, index := range g.Topics[i].PartitionIndexes {
			if ok {
				r.Partitions = append(r.Partitions, group.FetchPartition{Topic: name, TopicID: id, Partition: index})
			}
		}
	}
	offsets, err := b.Groups.FetchOffsets(ctx, r)
	switch {
	case err != nil:
		out.ErrorCode = b.code(err)
	case g.Topics == nil:
		out.Topics = b.allOffsets(rq, offsets)
	default:
		out.Topics = b.offsetsAsked(g, known, offsets)
	}
}

// fetchedTopic is the name and the id of a topic asked for; ok is false where
// there is no topic of an id.
func (b *Broker) fetchedTopic(rq *Request, t *protocol.OffsetFetchRequestTopics) (name string, id protocol.UUID, ok bool) {
	if rq.Version() >= 10 {
		if topic := rq.Image.TopicByID(t.TopicId); topic != nil {
			return topic.Name, topic.ID, true
		}
		return "", t.TopicId, false
	}
	if topic := rq.Image.Topic(t.Name); topic != nil {
		id = topic.ID
	}
	return t.Name, id, true
}

func (b *Broker) offsetsAsked(g *protocol.OffsetFetchRequestGroup, known []bool, offsets []group.FetchedOffset) []protocol.OffsetFetchResponseTopics {
	topics := make([]protocol.OffsetFetchResponseTopics, len(g.Topics))
	for i := range g.Topics {
		t := &g.Topics[i]
		topics[i].Name, topics[i].TopicId = t.Name, t.TopicId
		topics[i].Partitions = make([]protocol.OffsetFetchResponsePartitions, len(t.PartitionIndexes))
		for j, index := range t.PartitionIndexes {
			o := group.FetchedOffset{Partition: index, Offset: -1, LeaderEpoch: -1, Err: protocol.ErrUnknownTopicId}
			if known[i] {
				o, offsets = offsets[0], offsets[1:]
			}
			topics[i].Partitions[j] = b.fetchedOffset(&o)
		}
	}
	return topics
}

// allOffsets groups offsets by topic. A topic that is gone has no id to be told
// by.
func (b *Broker) allOffsets(rq *Request, offsets []group.FetchedOffset) []protocol.OffsetFetchResponseTopics {
	topics := []protocol.OffsetFetchResponseTopics{}
	last := ""
	for i := range offsets {
		o := &offsets[i]
		if len(topics) == 0 || o.Topic != last {
			topic := rq.Image.Topic(o.Topic)
			if topic == nil && rq.Version() >= 10 {
				continue
			}
			t := protocol.OffsetFetchResponseTopics{Name: o.Topic}
			if topic != nil {
				t.TopicId = topic.ID
			}
			topics, last = append(topics, t), o.Topic
		}
		t := &topics[len(topics)-1]
		t.Partitions = append(t.Partitions, b.fetchedOffset(o))
	}
	return topics
}

func (b *Broker) fetchedOffset(o *group.FetchedOffset) protocol.OffsetFetchResponsePartitions {
	return protocol.OffsetFetchResponsePartitions{
		PartitionIndex: o.Partition, CommittedOffset: o.Offset, CommittedLeaderEpoch: o.LeaderEpoch, Metadata: &o.Metadata, ErrorCode: b.code(o.Err),
	}
}
