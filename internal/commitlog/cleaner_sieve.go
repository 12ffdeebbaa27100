package commitlog

import (
	"github.com/travisjeffery/jocko/internal/record"
)

// cleanSieve decides what stays of each batch of a log, which it must be shown in order.
//
//	record with a later one of its key      goes
//	record without a key                    goes
//	tombstone                               stays until delete.retention.ms after it was first passed here
//	record of an aborted transaction        goes
//	marker                                  stays as long as a batch of its transaction is there when it is passed, and
//	                                        delete.retention.ms from when there was none
//	last batch of a producer with a state   stays, if need be without its records, for its sequence and epoch
//
// Markers have no part in the map of keys: their control records' keys may equal those of data (KAFKA-14055).
type cleanSieve struct {
	*cleaning
	keys *offsetMap
	txns *cleanTxns

	keepRecord func(*record.Record) bool
	expired    bool   // the batch's delete horizon has passed
	count      int    // records of the batch
	decided    []bool // what keep said of them
	repeated   int    // how often it was asked again
}

// sieved is what is left of a batch.
type sieved struct {
	batch   record.Batch // nil: nothing
	changed bool
	aborted *AbortedTxn // what the transaction index must go on telling: the batch is its marker
}

func (s *cleanSieve) pass(b record.Batch) (sieved, error) {
	var out sieved
	var unneeded, drop bool
	horizon, has := b.DeleteHorizon()
	s.expired = has && horizon <= s.now
	control := b.IsControl()
	if control {
		var err error
		if unneeded, out.aborted, err = s.txns.control(b); err != nil {
			return out, err
		}
		drop = unneeded && s.expired
	} else {
		drop = s.txns.data(b)
	}
	keepEmpty := s.isLast(b)
	if drop && !keepEmpty {
		s.c.counters.RecordsRead.Add(int64(b.Count()))
		out.changed = true
		return out, nil
	}
	f := record.Filter{
		KeepEmpty: keepEmpty, Horizon: s.now + s.cfg.DeleteRetention.Milliseconds(), SetHorizon: control && unneeded,
	}
	switch {
	case drop:
		f.Keep = func(*record.Record) bool { return false }
	case !control:
		s.count, s.decided, s.repeated = int(b.Count()), s.decided[:0], 0
		f.Keep = s.keepRecord
	}
	res, err := f.Apply(b, record.NoLimits)
	s.c.counters.RecordsRead.Add(int64(res.Read))
	s.c.counters.RecordsKept.Add(int64(res.Kept))
	out.batch, out.changed = res.Batch, res.Changed
	return out, err
}

// isLast tells whether the batch is the last thing that its producer wrote: its last records or, where the log knows of none, the
// marker of its epoch.
func (s *cleanSieve) isLast(b record.Batch) bool {
	if !b.HasProducerID() {
		return false
	}
	last, active := s.producers[b.ProducerID()]
	if !active {
		return false
	}
	if last.offset != noOffset {
		return b.LastOffset() == last.offset
	}
	return b.IsControl() && b.ProducerEpoch() == last.epoch
}

// keep decides of a record. A batch that changes is read twice: the second time it repeats itself.
func (s *cleanSieve) keep(r *record.Record) bool {
	if len(s.decided) < s.count {
		s.decided = append(s.decided, s.decide(r))
		return s.decided[len(s.decided)-1]
	}
	s.repeated++
	return s.decided[s.repeated-1]
}

func (s *cleanSieve) decide(r *record.Record) bool {
	if r.Offset > s.keys.latest {
		return true
	}
	if r.Key == nil || r.Offset < s.keys.get(r.Key) {
		return false
	}
	return r.Value != nil || !s.expired
}
