package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// OffsetForLeaderEpoch (key 23)
//
//   - Says where a leader epoch ends in the leader's log: the start of the next
//     epoch, or the log end for the newest one. A client compares that with
//     where it stands and sees a truncation (KIP-101, KIP-279, KIP-320).
//   - An epoch older than the log knows, or newer, has no end: -1.
//
// v2 current leader epoch. v3 replica id. v4 flexible.
func (b *Broker) offsetForLeaderEpoch(_ context.Context, _ *Request, m *protocol.OffsetForLeaderEpochRequest) *protocol.OffsetForLeaderEpochResponse {
	resp := &protocol.OffsetForLeaderEpochResponse{}
	for i := range m.Topics {
		t := &m.Topics[i]
		out := protocol.OffsetForLeaderEpochResponseOffsetForLeaderTopicResult{Topic: t.Topic}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			answer := protocol.OffsetForLeaderEpochResponseEpochEndOffset{Partition: p.Partition, LeaderEpoch: -1, EndOffset: -1}
			part, err := b.Replicas.ByName(t.Topic, p.Partition)
			if err == nil {
				end, e := part.EpochEnd(record.LeaderEpoch(p.CurrentLeaderEpoch), record.LeaderEpoch(p.LeaderEpoch))
				if err = e; err == nil {
					answer.LeaderEpoch, answer.EndOffset = int32(end.Epoch), int64(end.End)
				}
			}
			answer.ErrorCode = b.code(err)
			out.Partitions = append(out.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}
