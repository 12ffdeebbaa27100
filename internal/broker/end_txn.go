package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// EndTxn (key 26)
//
//   - Commits or aborts a transaction, see txn.Coordinator.EndTxn. It is answered
//     when that is decided; the markers follow.
//
// v2 PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH. v3 flexible. v4
// TRANSACTION_ABORTABLE. v5 transactions version 2: the producer goes on with
// the id and the epoch of the answer.
func (b *Broker) endTxn(ctx context.Context, rq *Request, m *protocol.EndTxnRequest) *protocol.EndTxnResponse {
	p, err := b.endTransaction(ctx, rq, m)
	if rq.Version() < 2 {
		err = beforeFenced(err)
	}
	if err != nil {
		p = txn.NoProducer
	}
	return &protocol.EndTxnResponse{ErrorCode: b.code(err), ProducerId: int64(p.ID), ProducerEpoch: int16(p.Epoch)}
}

func (b *Broker) endTransaction(ctx context.Context, rq *Request, m *protocol.EndTxnRequest) (txn.Producer, error) {
	if m.TransactionalId == "" {
		return txn.NoProducer, protocol.ErrInvalidRequest
	}
	version := int16(0)
	if rq.Version() > 4 {
		version = 2
	}
	return b.Transactions.EndTxn(ctx, m.TransactionalId, producer(m.ProducerId, m.ProducerEpoch), m.Committed, version)
}
