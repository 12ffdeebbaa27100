package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// ListOffsets (key 2)
//
//   - Finds, per partition, the first record at or after a timestamp, or one of
//     the places that negative timestamps name: -1 the end (the high watermark,
//     or the last stable offset for read_committed), -2 the log start offset,
//     -3 the record with the largest timestamp (decision 10), -4 the start of the local log,
//     -5 the end of the tiered one, -6 the earliest offset not uploaded.
//   - Nothing found is offset -1 without an error. Without tiered storage -4 is
//     -2, and -5 and -6 find nothing.
//   - A partition named twice is refused (INVALID_REQUEST), and so are an
//     isolation level that doesn't exist and a place that the request's version
//     doesn't know (UNSUPPORTED_VERSION).
//
// v2 isolation level. v4 leader epochs. v6 flexible. v7 -3 (KIP-734). v8 -4
// (KIP-405). v9 -5 (KIP-1005). v10 timeout.ms (KIP-1075). v11 -6 (KIP-1023).
func (b *Broker) listOffsets(_ context.Context, rq *Request, m *protocol.ListOffsetsRequest) *protocol.ListOffsetsResponse {
	resp := &protocol.ListOffsetsResponse{}
	twice := duplicates(m)
	for i := range m.Topics {
		t := &m.Topics[i]
		out := protocol.ListOffsetsResponseListOffsetsTopicResponse{Name: t.Name}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			answer := protocol.ListOffsetsResponseListOffsetsPartitionResponse{PartitionIndex: p.PartitionIndex, Timestamp: -1, Offset: -1, LeaderEpoch: -1}
			err := error(protocol.ErrInvalidRequest)
			if !twice[topicPartition{t.Name, p.PartitionIndex}] && isolationKnown(m.IsolationLevel) {
				err = b.listOffset(rq, m, t.Name, p, &answer)
			}
			answer.ErrorCode = b.code(err)
			out.Partitions = append(out.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// isolationKnown tells whether an isolation level exists: 0 is read_uncommitted,
// 1 read_committed.
func isolationKnown(level int8) bool { return level == 0 || level == 1 }

// specialSince is the version that brought each special timestamp.
var specialSince = map[int64]int16{-1: 1, -2: 1, -3: 7, -4: 8, -5: 9, -6: 11}

func (b *Broker) listOffset(rq *Request, m *protocol.ListOffsetsRequest, topic string, p *protocol.ListOffsetsRequestListOffsetsPartition, out *protocol.ListOffsetsResponseListOffsetsPartitionResponse) error {
	if p.Timestamp < 0 {
		if since, ok := specialSince[p.Timestamp]; !ok || rq.Version() < since {
			return protocol.ErrUnsupportedVersion
		}
	}
	part, err := b.Replicas.ByName(topic, p.PartitionIndex)
	if err != nil {
		return err
	}
	found, err := part.ListOffset(p.Timestamp, record.LeaderEpoch(p.CurrentLeaderEpoch), m.IsolationLevel == 1)
	if err != nil || !found.Found {
		return err
	}
	out.Offset, out.Timestamp, out.LeaderEpoch = int64(found.Offset), found.Timestamp, int32(found.Epoch)
	return nil
}

type topicPartition struct {
	topic string
	index int32
}

// duplicates finds the partitions that a request names more than once.
func duplicates(m *protocol.ListOffsetsRequest) map[topicPartition]bool {
	seen := make(map[topicPartition]bool)
	for i := range m.Topics {
		for j := range m.Topics[i].Partitions {
			tp := topicPartition{m.Topics[i].Name, m.Topics[i].Partitions[j].PartitionIndex}
			_, again := seen[tp]
			seen[tp] = again
		}
	}
	return seen
}
