package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// AddOffsetsToTxn (key 25)
//
//   - Makes the partition of committed offsets that a group belongs to part of a
//     transaction, before TxnOffsetCommit. Clients of transactions version 2 leave
//     that to TxnOffsetCommit.
//
// v2 PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH. v3 flexible. v4
// TRANSACTION_ABORTABLE.
func (b *Broker) addOffsetsToTxn(ctx context.Context, rq *Request, m *protocol.AddOffsetsToTxnRequest) *protocol.AddOffsetsToTxnResponse {
	err := b.addOffsets(ctx, rq, m)
	if rq.Version() < 2 {
		err = beforeFenced(err)
	}
	return &protocol.AddOffsetsToTxnResponse{ErrorCode: b.code(err)}
}

func (b *Broker) addOffsets(ctx context.Context, rq *Request, m *protocol.AddOffsetsToTxnRequest) error {
	if m.TransactionalId == "" {
		return protocol.ErrInvalidRequest
	}
	p, err := b.offsetsPartition(ctx, rq, m.GroupId)
	if err != nil {
		return err
	}
	return b.Transactions.AddPartitions(ctx, m.TransactionalId, producer(m.ProducerId, m.ProducerEpoch), []txn.Partition{p}, 0, nil)
}

// offsetsPartition is the partition that a group's committed offsets are in. Its
// topic is created if need be: an application may add to a transaction before it
// looks for the group's coordinator.
func (b *Broker) offsetsPartition(ctx context.Context, rq *Request, groupID string) (txn.Partition, error) {
	t := rq.Image.Topic(group.Topic)
	if t == nil {
		var err error
		if t, err = b.createInternal(ctx, offsetsTopic(b.config(rq))); err != nil {
			return txn.Partition{}, err
		}
	}
	return txn.Partition{Topic: group.Topic, Index: coordinator.PartitionFor(groupID, len(t.Partitions))}, nil
}
