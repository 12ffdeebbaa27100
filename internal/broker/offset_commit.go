package broker

import (
	"context"
	"slices"

	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// OffsetCommit (key 8)
//
//   - Commits offsets of a group, each on its own, and answers when they are
//     committed in the group's partition of __consumer_offsets.
//   - A member says its generation or epoch and is refused when that isn't the
//     group's: ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH,
//     FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS. Without one (-1) anybody may
//     commit for a group that has no members.
//   - A topic or partition that doesn't exist: UNKNOWN_TOPIC_OR_PARTITION.
//     Metadata above offset.metadata.max.bytes: OFFSET_METADATA_TOO_LARGE. A topic
//     without partitions isn't answered.
//
// v2 to v4 retention time. v6 leader epoch. v7 static members. v8 flexible.
// v9 member epochs (KIP-848). v10 topic ids.
func (b *Broker) offsetCommit(ctx context.Context, rq *Request, m *protocol.OffsetCommitRequest) *protocol.OffsetCommitResponse {
	resp := &protocol.OffsetCommitResponse{Topics: make([]protocol.OffsetCommitResponseTopic, 0, len(m.Topics))}
	r := &group.CommitRequest{
		Group: m.GroupId, Member: m.MemberId, Instance: m.GroupInstanceId, Epoch: m.GenerationIdOrMemberEpoch, RetentionMs: -1,
	}
	if rq.Version() <= 4 {
		r.RetentionMs = m.RetentionTimeMs
	}
	c := commits{request: r}
	for i := range m.Topics {
		t := &m.Topics[i]
		topic, err := b.committedTopic(rq, 10, t.Name, t.TopicId)
		if err == nil && len(t.Partitions) == 0 {
			continue
		}
		c.refused = c.refused || err != nil
		out := protocol.OffsetCommitResponseTopic{
			Name: t.Name, TopicId: t.TopicId, Partitions: make([]protocol.OffsetCommitResponsePartition, len(t.Partitions)),
		}
		c.grow(len(t.Partitions))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			out.Partitions[j].PartitionIndex = p.PartitionIndex
			c.add(b, topic, err, &out.Partitions[j].ErrorCode, group.Commit{
				Partition: p.PartitionIndex, Offset: p.CommittedOffset, LeaderEpoch: p.CommittedLeaderEpoch, Metadata: p.CommittedMetadata,
			})
		}
		resp.Topics = append(resp.Topics, out)
	}
	b.commitOffsets(ctx, rq, r, c.codes)
	if c.refused {
		resp.Topics = mergeTopics(resp.Topics, committedTo, joinCommitted)
	}
	return resp
}

// commits gathers what of a request is worth asking the coordinator for, and
// where the codes of its answer go.
type commits struct {
	request *group.CommitRequest
	codes   []*int16
	refused bool // some of the request isn't
}

func (c *commits) grow(n int) {
	c.codes, c.request.Offsets = slices.Grow(c.codes, n), slices.Grow(c.request.Offsets, n)
}

// add takes an offset of a topic, or of one that err says there isn't.
func (c *commits) add(b *Broker, topic *metadata.Topic, err error, code *int16, o group.Commit) {
	if *code = b.checkCommitted(topic, err, o.Partition); *code != 0 {
		c.refused = true
		return
	}
	o.Topic, o.TopicID = topic.Name, topic.ID
	c.codes, c.request.Offsets = append(c.codes, code), append(c.request.Offsets, o)
}

// topicName is a topic in a request that names topics, or has their ids.
type topicName struct {
	name string
	id   protocol.UUID
}

func committedTo(t *protocol.OffsetCommitResponseTopic) topicName {
	return topicName{t.Name, t.TopicId}
}

func joinCommitted(into, from *protocol.OffsetCommitResponseTopic) {
	into.Partitions = append(into.Partitions, from.Partitions...)
}

// committedTopic finds the topic that an offset is committed for, by its id from
// version byID on.
func (b *Broker) committedTopic(rq *Request, byID int16, name string, id protocol.UUID) (*metadata.Topic, error) {
	t, unknown := rq.Image.Topic(name), protocol.ErrUnknownTopicOrPartition
	if rq.Version() >= byID {
		t, unknown = rq.Image.TopicByID(id), protocol.ErrUnknownTopicId
	}
	if t == nil {
		return nil, unknown
	}
	return t, nil
}

func (b *Broker) checkCommitted(t *metadata.Topic, err error, partition int32) int16 {
	if err == nil && (partition < 0 || int(partition) >= len(t.Partitions)) {
		err = protocol.ErrUnknownTopicOrPartition
	}
	return b.code(err)
}

// commitOffsets commits what is worth asking the coordinator for and writes the
// codes.
func (b *Broker) commitOffsets(ctx context.Context, rq *Request, r *group.CommitRequest, codes []*int16) {
	if len(codes) == 0 {
		return
	}
	errs, err := b.Groups.CommitOffsets(ctx, rq.client(), r)
	for i, code := range codes {
		if err != nil {
			*code = b.code(err)
		} else {
			*code = b.code(errs[i])
		}
	}
}
