package broker

import (
	"context"
	"slices"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeTopicPartitions (key 75, KIP-966)
//
//   - Describes topics in the order of their names, all of them for an empty
//     list, up to the smaller of the request's limit and
//     max.request.partition.size.limit partitions; then a cursor says where the
//     next request goes on.
//   - Shows the eligible leader replicas beside the ISR.
func (b *Broker) describeTopicPartitions(_ context.Context, rq *Request, m *protocol.DescribeTopicPartitionsRequest) *protocol.DescribeTopicPartitionsResponse {
	resp := &protocol.DescribeTopicPartitionsResponse{Topics: []protocol.DescribeTopicPartitionsResponseTopic{}}
	all := len(m.Topics) == 0
	var names []string
	if all {
		for t := range rq.Image.Topics() {
			names = append(names, t.Name)
		}
	}
	for i := range m.Topics {
		names = append(names, m.Topics[i].Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)

	from := int32(0)
	if m.Cursor != nil {
		at, exact := slices.BinarySearch(names, m.Cursor.TopicName)
		names = names[at:]
		if exact {
			from = max(m.Cursor.PartitionIndex, 0)
		}
	}
	left := min(max(m.ResponsePartitionLimit, 1), int32(config.MaxRequestPartitionSizeLimit.In(b.config(rq))))
	for _, name := range names {
		t := rq.Image.Topic(name)
		if t == nil {
			if !all {
				resp.Topics = append(resp.Topics, undescribed(name))
			}
			from = 0
			continue
		}
		if left <= 0 {
			resp.NextCursor = &protocol.DescribeTopicPartitionsResponseCursor{TopicName: name, PartitionIndex: from}
			break
		}
		to := min(from+left, int32(len(t.Partitions)))
		resp.Topics = append(resp.Topics, describePartitions(rq, t, from, to))
		left -= to - from
		if to < int32(len(t.Partitions)) {
			resp.NextCursor = &protocol.DescribeTopicPartitionsResponseCursor{TopicName: name, PartitionIndex: to}
			break
		}
		from = 0
	}
	return resp
}

func undescribed(name string) protocol.DescribeTopicPartitionsResponseTopic {
	code := protocol.ErrUnknownTopicOrPartition
	if metadata.CheckTopicName(name) != nil {
		code = protocol.ErrInvalidTopicException
	}
	return protocol.DescribeTopicPartitionsResponseTopic{
		ErrorCode: int16(code), Name: &name, TopicAuthorizedOperations: topicOperations,
		Partitions: []protocol.DescribeTopicPartitionsResponsePartition{},
	}
}

func describePartitions(rq *Request, t *metadata.Topic, from, to int32) protocol.DescribeTopicPartitionsResponseTopic {
	name := t.Name
	out := protocol.DescribeTopicPartitionsResponseTopic{
		Name: &name, TopicId: t.ID, IsInternal: metadata.IsInternal(name), TopicAuthorizedOperations: topicOperations,
		Partitions: []protocol.DescribeTopicPartitionsResponsePartition{},
	}
	for i := from; i < to; i++ {
		p := t.Partitions[i]
		o := protocol.DescribeTopicPartitionsResponsePartition{
			PartitionIndex: p.ID, LeaderId: int32(p.Leader), LeaderEpoch: int32(p.LeaderEpoch),
			ReplicaNodes: metadata.WireIDs(p.Replicas), IsrNodes: metadata.WireIDs(p.ISR),
			EligibleLeaderReplicas: metadata.WireIDs(p.ELR), LastKnownElr: metadata.WireIDs(p.LastKnownELR),
			OfflineReplicas: offline(rq.Image, p.Replicas),
		}
		if rq.Image.Broker(p.Leader) == nil {
			o.ErrorCode = int16(protocol.ErrLeaderNotAvailable)
		}
		out.Partitions = append(out.Partitions, o)
	}
	return out
}
