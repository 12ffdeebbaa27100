package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// DeleteRecords (key 21, KIP-107)
//
//   - Moves each partition's log start offset up to the offset given, or to the
//     high watermark for -1, and answers with the new one. Segments wholly
//     below it go with the next retention pass.
//   - Answers when the new start is on disk, so that a crash doesn't bring
//     deleted records back. (Kafka writes it within a minute.)
//   - Beyond the high watermark: OFFSET_OUT_OF_RANGE. A topic that is only
//     compacted: POLICY_VIOLATION. An internal topic: INVALID_TOPIC_EXCEPTION.
//
// v2 flexible.
func (b *Broker) deleteRecords(_ context.Context, _ *Request, m *protocol.DeleteRecordsRequest) *protocol.DeleteRecordsResponse {
	resp := &protocol.DeleteRecordsResponse{}
	for i := range m.Topics {
		t := &m.Topics[i]
		out := protocol.DeleteRecordsResponseDeleteRecordsTopicResult{Name: t.Name}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			low, err := b.deletePartitionRecords(t.Name, p)
			out.Partitions = append(out.Partitions, protocol.DeleteRecordsResponseDeleteRecordsPartitionResult{
				PartitionIndex: p.PartitionIndex, LowWatermark: int64(low), ErrorCode: b.code(err),
			})
		}
		resp.Topics = append(resp.Topics, out)
	}
	b.flushStarts(resp)
	return resp
}

// flushStarts puts the new log start offsets on disk. It comes after all were
// moved: one write serves a whole log dir.
func (b *Broker) flushStarts(resp *protocol.DeleteRecordsResponse) {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			if p.ErrorCode != 0 {
				continue
			}
			part, err := b.Replicas.ByName(t.Name, p.PartitionIndex)
			if err == nil {
				err = part.FlushStart()
			}
			if err != nil {
				p.LowWatermark, p.ErrorCode = -1, b.code(err)
			}
		}
	}
}

func (b *Broker) deletePartitionRecords(topic string, p *protocol.DeleteRecordsRequestDeleteRecordsPartition) (record.Offset, error) {
	part, err := b.Replicas.ByName(topic, p.PartitionIndex)
	if err != nil {
		return -1, err
	}
	if metadata.IsInternal(topic) {
		return -1, protocol.ErrInvalidTopicException
	}
	return part.DeleteRecords(record.Offset(p.Offset))
}
