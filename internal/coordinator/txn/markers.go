package txn

import (
	"errors"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Markers are what ends one transaction in its partitions.
type Markers struct {
	Producer         Producer // with the epoch that the markers bear
	CoordinatorEpoch record.LeaderEpoch
	Commit           bool
	// TransactionVersion is of the client: from 2 on the epoch is that of no
	// record of the transaction, but the one after (KIP-1228).
	TransactionVersion int16
	Partitions         []Partition
}

// The pause before markers are tried again grows from the first to the last.
const (
	firstMarkerRetry = 20 * time.Millisecond
	lastMarkerRetry  = time.Second
)

// sendMarkers writes the markers of a transaction whose end is committed, on a
// goroutine of its own, and records then that it is complete. A log from elsewhere
// may say that a partition of Topic takes part: that one gets none.
func (m *Machine) sendMarkers(id string) {
	t := m.byID[id]
	if t == nil || !t.state.preparing() {
		return
	}
	markers := Markers{
		Producer: t.producer, CoordinatorEpoch: m.sh.Epoch, Commit: t.state == PrepareCommit,
		TransactionVersion: t.version, Partitions: slices.DeleteFunc(t.sorted(), Partition.own),
	}
	previous := m.previous
	m.background(func() {
		if previous != nil {
			previous.senders.Wait()
		}
		if m.writeMarkers(markers) {
			m.complete(id, markers.Producer)
		}
	})
}

// writeMarkers tries until all markers are written. It is false when somebody
// else is the coordinator.
func (m *Machine) writeMarkers(markers Markers) bool {
	retry := firstMarkerRetry
	for len(markers.Partitions) > 0 {
		if m.ctx.Err() != nil {
			return false
		}
		var left []Partition
		for i, err := range m.c.options.WriteMarkers(m.ctx, markers) {
			switch p := markers.Partitions[i]; {
			case err == nil:
			case errors.Is(err, protocol.ErrTransactionCoordinatorFenced):
				m.c.options.Logger.Warn("another coordinator has written a marker", "partition", p, "producer", markers.Producer.ID)
				return false
			case errors.Is(err, protocol.ErrInvalidProducerEpoch):
				// The partition knows a later epoch, which is given when the
				// transaction is complete: it was ended there before.
				m.c.options.Logger.Warn("a transaction has ended before its marker came", "partition", p, "producer", markers.Producer.ID)
			default:
				left = append(left, p)
			}
		}
		if markers.Partitions = left; len(left) > 0 {
			pause(m.ctx, retry)
			retry = min(2*retry, lastMarkerRetry)
		}
	}
	return m.ctx.Err() == nil
}

// complete records that a transaction's markers are written. It tries until the
// machine is lost, whose successor begins again.
func (m *Machine) complete(id string, p Producer) {
	for m.ctx.Err() == nil {
		_, err := on(m.ctx, m.sh, func(m *Machine) (step[struct{}], error) { return m.completed(id, p) })
		if err == nil || errors.Is(err, protocol.ErrNotCoordinator) {
			return
		}
		pause(m.ctx, lastMarkerRetry)
	}
}

func (m *Machine) completed(id string, p Producer) (step[struct{}], error) {
	t := m.byID[id]
	if t == nil || !t.state.preparing() || t.producer != p {
		return step[struct{}]{}, nil
	}
	next := t.fields
	next.state, next.previous, next.next, next.partitions = CompleteAbort, t.producer.ID, -1, nil
	if t.state == PrepareCommit {
		next.state = CompleteCommit
	}
	if t.version >= 2 && t.next >= 0 {
		next.producer = Producer{t.next, 0}
	}
	records, err := m.put(t, next, t.lastEpoch)
	return step[struct{}]{records: records}, err
}
