package broker

import (
	"context"
	"errors"

	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// InitProducerId (key 22)
//
//   - Gives a producer without a transactional id a producer id that nobody had
//     before, in epoch 0, from a block of 1,000 that the controller handed out.
//   - With a transactional id, the transaction coordinator gives the id's
//     producer id in a new epoch, see txn.Coordinator.InitProducerID.
//
// v2 flexible. v3 the producer's id and epoch, to bump it (KIP-360). v4
// PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH. v5 transactions version 2
// (KIP-890).
func (b *Broker) initProducerID(ctx context.Context, rq *Request, m *protocol.InitProducerIdRequest) *protocol.InitProducerIdResponse {
	p, err := b.newProducer(ctx, m)
	if err != nil {
		p = txn.NoProducer
	}
	if rq.Version() < 4 {
		err = beforeFenced(err)
	}
	return &protocol.InitProducerIdResponse{ProducerId: int64(p.ID), ProducerEpoch: int16(p.Epoch), ErrorCode: b.code(err)}
}

func (b *Broker) newProducer(ctx context.Context, m *protocol.InitProducerIdRequest) (txn.Producer, error) {
	switch {
	case m.TransactionalId != nil && *m.TransactionalId == "", (m.ProducerId == -1) != (m.ProducerEpoch == -1):
		return txn.NoProducer, protocol.ErrInvalidRequest
	case m.TransactionalId != nil:
		return b.Transactions.InitProducerID(ctx, *m.TransactionalId, m.TransactionTimeoutMs, producer(m.ProducerId, m.ProducerEpoch))
	}
	id, err := b.producerIDs.next(ctx)
	if err != nil {
		return txn.NoProducer, err
	}
	return producer(id, 0), nil
}

func producer(id int64, epoch int16) txn.Producer {
	return txn.Producer{ID: record.ProducerID(id), Epoch: record.ProducerEpoch(epoch)}
}

// beforeFenced is what clients were told before there was PRODUCER_FENCED.
func beforeFenced(err error) error {
	if errors.Is(err, protocol.ErrProducerFenced) {
		return protocol.ErrInvalidProducerEpoch
	}
	return err
}

// NewProducerID returns a producer id that nobody had before.
func (b *Broker) NewProducerID(ctx context.Context) (int64, error) { return b.producerIDs.next(ctx) }

// producerIDs hands out producer ids from this broker's block and asks the
// controller for the next block when it is used up. What is left of a block is
// lost with the process: ids are never given twice.
type producerIDs struct {
	allocate func(context.Context) (first int64, n int32, err error)

	turn       chan struct{} // holds one token; whoever has it may touch the block
	first, end int64
}

func newProducerIDs(allocate func(context.Context) (int64, int32, error)) *producerIDs {
	p := &producerIDs{allocate: allocate, turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

func (p *producerIDs) next(ctx context.Context) (int64, error) {
	select {
	case <-p.turn:
		defer func() { p.turn <- struct{}{} }()
	case <-ctx.Done():
		return -1, protocol.ErrRequestTimedOut
	}
	if p.first == p.end {
		first, n, err := p.allocate(ctx)
		if err != nil {
			return -1, err
		}
		p.first, p.end = first, first+int64(n)
	}
	p.first++
	return p.first - 1, nil
}
