package commitlog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/record"
)

// naive is what follows from a list of batches, by the words of Kafka's documents: which epochs wrote, what is known of each
// producer, which transactions are open, and which were aborted. It shares no code with the log.
type naive struct {
	producers map[record.ProducerID]ProducerState
	aborted   []AbortedTxn
}

func newNaive(batches []modelBatch) *naive {
	n := &naive{producers: make(map[record.ProducerID]ProducerState)}
	for _, m := range batches {
		n.add(record.Batch(m.bytes))
	}
	return n
}

func (n *naive) add(b record.Batch) {
	if b.ProducerID() < 0 {
		return
	}
	p, known := n.producers[b.ProducerID()]
	if !known {
		p = ProducerState{ID: b.ProducerID(), LastSequence: -1, CoordinatorEpoch: -1, TxnStart: -1}
	}
	if p.Epoch != b.ProducerEpoch() {
		p.LastSequence = -1
	}
	p.Epoch = b.ProducerEpoch()
	if !b.IsControl() {
		p.LastSequence = int32((int64(b.BaseSequence()) + int64(b.LastOffsetDelta())) % (1 << 31))
		p.LastTimestamp = b.MaxTimestamp()
		if b.IsTransactional() && p.TxnStart < 0 {
			p.TxnStart = b.BaseOffset()
		}
		n.producers[p.ID] = p
		return
	}
	marker, _, err := record.ReadMarker(b)
	if err != nil {
		panic(err)
	}
	first := p.TxnStart
	p.CoordinatorEpoch, p.LastTimestamp, p.TxnStart = marker.CoordinatorEpoch, marker.Timestamp, -1
	n.producers[p.ID] = p
	if marker.Type == record.Abort && first >= 0 {
		n.aborted = append(n.aborted, AbortedTxn{p.ID, first, b.BaseOffset(), n.stable(b.BaseOffset() + 1)})
	}
}

// stable is the first offset of the oldest open transaction, or else the end.
func (n *naive) stable(end record.Offset) record.Offset {
	for _, p := range n.producers {
		if p.TxnStart >= 0 {
			end = min(end, p.TxnStart)
		}
	}
	return end
}

// list is the producers by id.
func (n *naive) list() []ProducerState {
	return slices.SortedFunc(maps.Values(n.producers), func(a, b ProducerState) int { return cmp.Compare(a.ID, b.ID) })
}

// abortedIn lists the aborted transactions of which a record or the marker lies in [from, to).
func (n *naive) abortedIn(from, to record.Offset) []AbortedTxn {
	return slices.DeleteFunc(slices.Clone(n.aborted), func(t AbortedTxn) bool { return t.LastOffset < from || t.FirstOffset >= to })
}

// checkEpochs compares a log's leader epochs with those of the batches that it holds. An epoch ends somewhere behind its last
// batch and not behind the next epoch's first.
func checkEpochs(l *Log, batches []modelBatch) error {
	for i, m := range batches {
		epoch := record.Batch(m.bytes).LeaderEpoch()
		for _, o := range []record.Offset{max(m.base, l.Start()), m.next - 1} {
			if got := l.EpochFor(o); got != epoch {
				return fmt.Errorf("leader epoch of offset %d is %d, not %d", o, got, epoch)
			}
		}
		if i == len(batches)-1 {
			break
		}
		next := record.Batch(batches[i+1].bytes).LeaderEpoch()
		if next == epoch {
			continue
		}
		if found, end := l.EpochEnd(epoch); found != epoch || end < m.next || end > batches[i+1].base {
			return fmt.Errorf("epoch %d ends at %d of epoch %d, not between %d and %d", epoch, end, found, m.next, batches[i+1].base)
		}
		for e := epoch + 1; e < next && m.next == batches[i+1].base; e++ { // wrote nothing
			if found, end := l.EpochEnd(e); found != epoch || end != m.next {
				return fmt.Errorf("epoch %d, which wrote nothing, ends at %d of epoch %d", e, end, found)
			}
		}
	}
	return nil
}
