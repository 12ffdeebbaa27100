package txn

import (
	"context"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// InitProducerID gives a transactional id to a new incarnation of its producer,
// which fences the ones before: a transaction that one of them has left open is
// aborted first. current is what a producer that goes on after an error has
// (KIP-360), NoProducer for one that begins.
//
// Errors: INVALID_TRANSACTION_TIMEOUT, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS,
// and those of the runtime.
func (c *Coordinator) InitProducerID(ctx context.Context, transactionalID string, timeoutMs int32, current Producer) (Producer, error) {
	if limit := config.TransactionMaxTimeoutMs.In(c.options.Config()); timeoutMs <= 0 || time.Duration(timeoutMs)*time.Millisecond > limit {
		return NoProducer, protocol.ErrInvalidTransactionTimeout
	}
	return run(ctx, c, transactionalID, func(m *Machine, spare record.ProducerID) (step[Producer], error) {
		return m.initProducerID(transactionalID, timeoutMs, current, spare)
	})
}

func (m *Machine) initProducerID(id string, timeoutMs int32, current Producer, spare record.ProducerID) (step[Producer], error) {
	t := m.byID[id]
	switch {
	case t == nil && spare < 0:
		return step[Producer]{needID: true}, nil
	case t == nil:
		// What the record calls the id before is, as in Kafka, the id itself.
		t = &transaction{id: id, lastEpoch: -1, fields: fields{producer: Producer{spare, -1}, next: -1}}
	case t.state.preparing():
		return step[Producer]{wait: t.ended()}, nil
	case current != NoProducer && !t.mayGoOn(current):
		return step[Producer]{}, protocol.ErrProducerFenced
	case t.state == Ongoing:
		return fenceStep[Producer](m, t, spare)
	}
	next := fields{
		producer: t.producer, previous: t.producer.ID, next: t.next, timeoutMs: timeoutMs,
		state: Empty, startMs: -1, version: t.version,
	}
	last := record.ProducerEpoch(-1)
	switch {
	case current != NoProducer && t.producer.Epoch >= 0 && current.Epoch != t.producer.Epoch:
		if current.Epoch != t.lastEpoch {
			return step[Producer]{}, protocol.ErrProducerFenced
		}
		last = t.lastEpoch // a repeated request: it gets what the first one got
	case t.producer.exhausted() && spare < 0:
		return step[Producer]{needID: true}, nil
	case t.producer.exhausted():
		next.producer = Producer{spare, 0}
		if current != NoProducer {
			last = t.producer.Epoch
		}
	default:
		next.producer = t.producer.next()
		if current != NoProducer {
			last = t.producer.Epoch
		}
	}
	records, err := m.put(t, next, last)
	return step[Producer]{records: records, value: next.producer}, err
}

// mayGoOn tells whether a producer that goes on may be the holder of the
// transactional id: it has the producer id, or had the one before when its
// epochs were used up and wasn't told. Its epoch is looked at later.
func (t *transaction) mayGoOn(p Producer) bool {
	return p.ID == t.producer.ID || p.ID == t.previous && p.exhausted()
}

// fenceStep aborts an ongoing transaction that its producer isn't to end any
// more, with a bumped epoch that nobody is given; the operation goes on when it
// is aborted.
func fenceStep[T any](m *Machine, t *transaction, spare record.ProducerID) (step[T], error) {
	records, needID, err := m.fence(t, spare)
	if err != nil || needID {
		return step[T]{needID: needID}, err
	}
	return step[T]{records: records, wait: t.ended()}, nil
}

func (m *Machine) fence(t *transaction, spare record.ProducerID) (records []coordinator.Record, needID bool, err error) {
	if m.c.feature() >= 2 {
		return m.end(t, PrepareAbort, 2, spare)
	}
	next := t.fields
	next.state, next.producer, next.previous, next.next, next.version = PrepareAbort, t.producer.next(), t.producer.ID, -1, 0
	records, err = m.putEnd(t, next, -1)
	return records, false, err
}
