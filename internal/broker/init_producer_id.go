package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// InitProducerId (key 22)
//
//   - Gives a producer without a transactional id a producer id that nobody had
//     before, in epoch 0, from a block of 1,000 that the controller handed out.
//   - A transactional id needs the transaction coordinator, of which there is
//     none: COORDINATOR_NOT_AVAILABLE.
//
// v2 flexible. v3 the producer's id and epoch, to bump it (KIP-360).
// v5 transactions version 2 (KIP-890).
func (b *Broker) initProducerID(ctx context.Context, _ *Request, m *protocol.InitProducerIdRequest) *protocol.InitProducerIdResponse {
	resp := &protocol.InitProducerIdResponse{ProducerId: -1, ProducerEpoch: -1}
	switch {
	case m.TransactionalId != nil && *m.TransactionalId == "", (m.ProducerId == -1) != (m.ProducerEpoch == -1):
		resp.ErrorCode = int16(protocol.ErrInvalidRequest)
		return resp
	case m.TransactionalId != nil:
		resp.ErrorCode = int16(protocol.ErrCoordinatorNotAvailable)
		return resp
	}
	id, err := b.producerIDs.next(ctx)
	if err != nil {
		resp.ErrorCode = b.code(err)
		return resp
	}
	resp.ProducerId, resp.ProducerEpoch = id, 0
	return resp
}

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
