package txn

import (
	"context"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// AddPartitions makes partitions part of a producer's transaction, which begins
// with the first ones. version is the transaction version that the client uses.
// begin, if there is one, is called whenever the coordinator is asked: again when
// it had to wait for the end of the transaction before. A verification that a
// partition began earlier doesn't survive that end.
//
// Errors: INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS,
// TOPIC_AUTHORIZATION_FAILED for a partition of Topic, and those of the runtime.
func (c *Coordinator) AddPartitions(ctx context.Context, transactionalID string, p Producer, partitions []Partition, version int16, begin func()) error {
	if slices.ContainsFunc(partitions, Partition.own) {
		return protocol.ErrTopicAuthorizationFailed
	}
	_, err := runAfter(ctx, c, transactionalID, begin, func(m *Machine, _ record.ProducerID) (step[struct{}], error) {
		return m.addPartitions(transactionalID, p, partitions, version)
	})
	return err
}

func (m *Machine) addPartitions(id string, p Producer, partitions []Partition, version int16) (step[struct{}], error) {
	t := m.byID[id]
	if t != nil && t.state.preparing() { // p may be who will hold the id then
		return step[struct{}]{wait: t.ended()}, nil
	}
	if err := t.check(p); err != nil {
		return step[struct{}]{}, err
	}
	if t.state == Ongoing && t.has(partitions) {
		return step[struct{}]{}, nil
	}
	next := t.fields
	next.state, next.previous, next.version, next.partitions = Ongoing, t.producer.ID, version, t.with(partitions)
	if t.state != Ongoing {
		next.startMs = m.now().UnixMilli()
	}
	records, err := m.put(t, next, t.lastEpoch)
	return step[struct{}]{records: records}, err
}

// check tells whether a producer holds the transactional id. t is nil for one
// that isn't known.
func (t *transaction) check(p Producer) error {
	switch {
	case t == nil || t.producer.ID != p.ID:
		return protocol.ErrInvalidProducerIdMapping
	case t.producer.Epoch != p.Epoch:
		return protocol.ErrProducerFenced
	}
	return nil
}

// Verify tells for each partition whether it is part of the producer's
// transaction: nil or TRANSACTION_ABORTABLE (KIP-890). The error is one for all of
// them, as those of AddPartitions.
func (c *Coordinator) Verify(ctx context.Context, transactionalID string, p Producer, partitions []Partition) ([]error, error) {
	return run(ctx, c, transactionalID, func(m *Machine, _ record.ProducerID) (step[[]error], error) {
		t := m.byID[transactionalID]
		if err := t.check(p); err != nil {
			return step[[]error]{}, err
		}
		if t.state.preparing() {
			return step[[]error]{}, protocol.ErrConcurrentTransactions
		}
		out := make([]error, len(partitions))
		for i, part := range partitions {
			if _, ok := t.partitions[part]; !ok {
				out[i] = protocol.ErrTransactionAbortable
			}
		}
		return step[[]error]{value: out}, nil
	})
}
