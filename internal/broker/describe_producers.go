package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeProducers (key 61, KIP-664)
//
//   - Lists the producers that the leader of each partition remembers: id,
//     epoch, last sequence and time, and where an open transaction began.
func (b *Broker) describeProducers(_ context.Context, _ *Request, m *protocol.DescribeProducersRequest) *protocol.DescribeProducersResponse {
	resp := &protocol.DescribeProducersResponse{}
	for i := range m.Topics {
		t := &m.Topics[i]
		out := protocol.DescribeProducersResponseTopicResponse{Name: t.Name}
		for _, index := range t.PartitionIndexes {
			out.Partitions = append(out.Partitions, b.describePartitionProducers(t.Name, index))
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (b *Broker) describePartitionProducers(topic string, index int32) protocol.DescribeProducersResponsePartitionResponse {
	out := protocol.DescribeProducersResponsePartitionResponse{PartitionIndex: index, ActiveProducers: []protocol.DescribeProducersResponseProducerState{}}
	if metadata.CheckTopicName(topic) != nil {
		out.ErrorCode = int16(protocol.ErrInvalidTopicException)
		return out
	}
	part, err := b.Replicas.ByName(topic, index)
	if err == nil {
		var states []commitlog.ProducerState
		states, err = part.Producers()
		for _, s := range states {
			out.ActiveProducers = append(out.ActiveProducers, activeProducer(s))
		}
	}
	out.ErrorCode = b.code(err)
	return out
}

func activeProducer(s commitlog.ProducerState) protocol.DescribeProducersResponseProducerState {
	return protocol.DescribeProducersResponseProducerState{
		ProducerId: int64(s.ID), ProducerEpoch: int32(s.Epoch), LastSequence: s.LastSequence, LastTimestamp: s.LastTimestamp,
		CoordinatorEpoch: s.CoordinatorEpoch, CurrentTxnStartOffset: int64(s.TxnStart),
	}
}
