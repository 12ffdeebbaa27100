package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// OffsetDelete (key 47, KIP-496)
//
//   - Deletes committed offsets of a group, but those of topics its members are
//     subscribed to: GROUP_SUBSCRIBED_TO_TOPIC. A partition without an offset is
//     no error; one that doesn't exist is UNKNOWN_TOPIC_OR_PARTITION.
//   - A group with members of another protocol type than "consumer":
//     NON_EMPTY_GROUP. One that doesn't exist: GROUP_ID_NOT_FOUND.
func (b *Broker) offsetDelete(ctx context.Context, rq *Request, m *protocol.OffsetDeleteRequest) *protocol.OffsetDeleteResponse {
	resp := &protocol.OffsetDeleteResponse{Topics: make([]protocol.OffsetDeleteResponseTopic, 0, len(m.Topics))}
	if m.GroupId == "" {
		return &protocol.OffsetDeleteResponse{ErrorCode: int16(protocol.ErrInvalidGroupId)}
	}
	var partitions []group.FetchPartition
	var codes []*int16
	refused := false
	for i := range m.Topics {
		t := &m.Topics[i]
		topic, err := b.committedTopic(rq, 1, t.Name, protocol.UUID{})
		if err == nil && len(t.Partitions) == 0 {
			continue
		}
		refused = refused || err != nil
		out := protocol.OffsetDeleteResponseTopic{Name: t.Name, Partitions: make([]protocol.OffsetDeleteResponsePartition, len(t.Partitions))}
		for j := range t.Partitions {
			index, code := t.Partitions[j].PartitionIndex, &out.Partitions[j].ErrorCode
			out.Partitions[j].PartitionIndex = index
			if *code = b.checkCommitted(topic, err, index); *code == 0 {
				codes = append(codes, code)
				partitions = append(partitions, group.FetchPartition{Topic: t.Name, Partition: index})
			} else {
				refused = true
			}
		}
		resp.Topics = append(resp.Topics, out)
	}
	errs, err := b.Groups.DeleteOffsets(ctx, m.GroupId, partitions)
	if err != nil {
		return &protocol.OffsetDeleteResponse{ErrorCode: b.code(err)}
	}
	for i, code := range codes {
		*code = b.code(errs[i])
	}
	if refused {
		resp.Topics = mergeTopics(resp.Topics, func(t *protocol.OffsetDeleteResponseTopic) string { return t.Name }, joinDeleted)
	}
	return resp
}

func joinDeleted(into, from *protocol.OffsetDeleteResponseTopic) {
	into.Partitions = append(into.Partitions, from.Partitions...)
}
