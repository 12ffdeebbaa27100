package txn

import (
	"context"
	"errors"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// EndTxn commits or aborts a producer's transaction. It returns when the decision
// is committed; the markers follow. version is the transaction version that the
// client uses: from 2 on the producer goes on with the epoch that is returned.
//
// Errors: INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, INVALID_TXN_STATE,
// CONCURRENT_TRANSACTIONS, and those of the runtime.
func (c *Coordinator) EndTxn(ctx context.Context, transactionalID string, p Producer, commit bool, version int16) (Producer, error) {
	return run(ctx, c, transactionalID, func(m *Machine, spare record.ProducerID) (step[Producer], error) {
		t := m.byID[transactionalID]
		if t == nil {
			return step[Producer]{}, protocol.ErrInvalidProducerIdMapping
		}
		if version >= 2 {
			return m.endV2(t, p, commit, spare)
		}
		return m.endV1(t, p, commit)
	})
}

// decided is the state that an end leads to first.
func decided(commit bool) State {
	if commit {
		return PrepareCommit
	}
	return PrepareAbort
}

// endV1 ends a transaction whose producer keeps its epoch. The same request again
// is answered the same.
func (m *Machine) endV1(t *transaction, p Producer, commit bool) (step[Producer], error) {
	if err := t.check(p); err != nil {
		return step[Producer]{}, err
	}
	switch {
	case t.state.preparing():
		return step[Producer]{wait: t.ended()}, nil
	case t.state == Ongoing:
		next := t.fields
		next.state, next.previous, next.next, next.version = decided(commit), t.producer.ID, -1, 0
		records, err := m.putEnd(t, next, t.lastEpoch)
		return step[Producer]{records: records, value: p}, err
	case t.state == CompleteCommit && commit, t.state == CompleteAbort && !commit:
		return step[Producer]{value: p}, nil
	}
	return step[Producer]{}, protocol.ErrInvalidTxnState
}

// endV2 ends a transaction whose producer goes on with the next epoch. The same
// request again comes with the epoch before. An abort without a transaction
// bumps the epoch too: the producer can't know whether the broker has seen any of
// its batches.
func (m *Machine) endV2(t *transaction, p Producer, commit bool, spare record.ProducerID) (step[Producer], error) {
	if t.state.preparing() {
		return step[Producer]{wait: t.ended()}, nil
	}
	overflowed := t.previous == p.ID && p.Epoch == maxEpoch && t.producer.Epoch == 0
	repeated := overflowed || t.producer.Epoch == p.Epoch+1
	if t.producer.ID != p.ID && !overflowed {
		return step[Producer]{}, protocol.ErrInvalidProducerIdMapping
	}
	if t.producer.Epoch != p.Epoch && (!repeated || t.state == Ongoing || t.state == Empty) {
		return step[Producer]{}, protocol.ErrProducerFenced
	}
	switch {
	case t.state == Ongoing, !repeated && !commit:
		return m.endStep(t, decided(commit), spare)
	case repeated && (t.state == CompleteCommit && commit || t.state == CompleteAbort && !commit):
		return step[Producer]{value: t.producer}, nil
	}
	return step[Producer]{}, protocol.ErrInvalidTxnState
}

func (m *Machine) endStep(t *transaction, state State, spare record.ProducerID) (step[Producer], error) {
	next := t.producer.next()
	if t.producer.exhausted() {
		next = Producer{spare, 0}
	}
	records, needID, err := m.end(t, state, 2, spare)
	return step[Producer]{records: records, value: next, needID: needID}, err
}

// end records how a transaction ends, with a bumped epoch. The last one of a
// producer id takes a new id along, which follows when the markers are written.
func (m *Machine) end(t *transaction, state State, version int16, spare record.ProducerID) (records []coordinator.Record, needID bool, err error) {
	next := t.fields
	next.state, next.producer, next.previous, next.next, next.version = state, t.producer.next(), t.producer.ID, -1, version
	if t.state != Ongoing {
		next.startMs, next.partitions = m.now().UnixMilli(), nil
	}
	if t.producer.exhausted() {
		if spare < 0 {
			return nil, true, nil
		}
		next.next = spare
	}
	records, err = m.putEnd(t, next, t.producer.Epoch)
	return records, false, err
}

// putEnd is put for a decided end, whose markers are written when it is
// committed.
func (m *Machine) putEnd(t *transaction, next fields, lastEpoch record.ProducerEpoch) ([]coordinator.Record, error) {
	records, err := m.put(t, next, lastEpoch)
	if err != nil {
		return nil, err
	}
	id := t.id
	m.sh.Then(func() { m.sendMarkers(id) })
	return records, nil
}

// abortRetry is the pause before a transaction that should be aborted, and
// couldn't, is tried again.
const abortRetry = time.Second

// abortTimedOut aborts a transaction whose time is over, unless it has ended or
// its producer has changed. It tries until ctx ends.
func (c *Coordinator) abortTimedOut(ctx context.Context, sh *coordinator.Shard, transactionalID string, p Producer) {
	spare := record.NoProducerID
	for ctx.Err() == nil {
		s, err := on(ctx, sh, func(m *Machine) (step[struct{}], error) {
			t := m.byID[transactionalID]
			if t == nil || t.state != Ongoing || t.producer != p {
				return step[struct{}]{}, nil
			}
			records, needID, err := m.fence(t, spare)
			return step[struct{}]{records: records, needID: needID}, err
		})
		if err == nil && s.needID {
			var id int64
			id, err = c.options.NewProducerID(ctx)
			spare = record.ProducerID(id)
		} else if err == nil {
			if s.records != nil {
				c.options.Logger.Info("a transaction timed out and is aborted", "transactional id", transactionalID, "producer", p.ID, "epoch", p.Epoch)
			}
			return
		}
		if err != nil && !errors.Is(err, protocol.ErrNotCoordinator) {
			pause(ctx, abortRetry)
		} else if err != nil {
			return
		}
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
