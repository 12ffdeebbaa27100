package commitlog

import (
	"slices"

	"github.com/travisjeffery/jocko/internal/record"
)

// cleanTxns follows transactions through the batches of a log, in their order, and says which are of no use: the records of
// aborted transactions, and markers of transactions of which no batch is left. Below the last stable offset every
// transaction has been decided.
type cleanTxns struct {
	aborted   []AbortedTxn                      // not met yet, by first offset
	aborting  map[record.ProducerID]*abortedRun // met, and not ended yet
	committed map[record.ProducerID]bool        // producers with batches of a transaction that will commit
}

type abortedRun struct {
	AbortedTxn
	seen bool // a batch of it is in the log
}

func newCleanTxns(aborted []AbortedTxn) *cleanTxns {
	aborted = slices.Clone(aborted)
	slices.SortFunc(aborted, func(a, b AbortedTxn) int { return int(min(max(a.FirstOffset-b.FirstOffset, -1), 1)) })
	return &cleanTxns{aborted: aborted, aborting: map[record.ProducerID]*abortedRun{}, committed: map[record.ProducerID]bool{}}
}

// advance meets the aborted transactions that begin with a batch or before it, and haven't ended before it.
func (t *cleanTxns) advance(b record.Batch) {
	for len(t.aborted) > 0 && t.aborted[0].FirstOffset <= b.LastOffset() {
		a := t.aborted[0]
		t.aborted = t.aborted[1:]
		if a.LastOffset >= b.BaseOffset() && t.aborting[a.ProducerID] == nil {
			t.aborting[a.ProducerID] = &abortedRun{AbortedTxn: a}
		}
	}
}

// data passes a batch of records and tells whether they were aborted.
func (t *cleanTxns) data(b record.Batch) (aborted bool) {
	t.advance(b)
	if !b.IsTransactional() {
		return false
	}
	if run := t.aborting[b.ProducerID()]; run != nil {
		run.seen = true
		return true
	}
	t.committed[b.ProducerID()] = true
	return false
}

// control passes a control batch and tells whether nothing is left that it ends. Where an aborted transaction has a batch
// left, so that the transaction index must go on telling of it, that is returned.
func (t *cleanTxns) control(b record.Batch) (unneeded bool, aborted *AbortedTxn, err error) {
	t.advance(b)
	if b.Count() == 0 {
		return true, nil, nil // emptied before
	}
	m, err := readMarker(b)
	if err != nil || !m.isMarker {
		return false, nil, err
	}
	id := b.ProducerID()
	if !m.aborted {
		had := t.committed[id]
		delete(t.committed, id)
		return !had, nil, nil
	}
	run := t.aborting[id]
	delete(t.aborting, id)
	if run == nil || !run.seen {
		return true, nil, nil
	}
	return false, &run.AbortedTxn, nil
}
