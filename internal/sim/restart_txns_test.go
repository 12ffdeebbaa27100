package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// txn picks a transactional producer whose transaction is open, or may be opened.
func (w *workload) txn(open bool) (string, *txnModel, error) {
	var names []string
	for name, x := range w.m.txns {
		if !open || x.now != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	name, err := one(w, names)
	return name, w.m.txns[name], err
}

// initTxn makes a transactional producer, or bumps the epoch of one, which aborts what it has open.
func (w *workload) initTxn() error {
	name := fmt.Sprint("txn-", w.rnd.IntN(6))
	x := w.m.txns[name]
	if x == nil {
		x = &txnModel{old: w.rnd.IntN(3) == 0, timeout: 600_000 + int32(w.rnd.IntN(1000))}
	}
	w.touched = "txn " + name
	w.note("init transactional producer %s (old: %t)", name, x.old)
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.Version, rq.TransactionalID, rq.TransactionTimeoutMillis = 4, &name, x.timeout
	rs, err := ask[*kmsg.InitProducerIDResponse](w.s, rq)
	if err != nil {
		return fmt.Errorf("init %s: %w", name, err)
	}
	if known := w.m.txns[name]; known == nil && slices.Contains(w.producerIDs(), rs.ProducerID) {
		return fmt.Errorf("init %s: producer id %d is given out twice", name, rs.ProducerID)
	}
	if x.now != nil {
		w.end(x, false)
	}
	x.producerModel = producerModel{id: rs.ProducerID, epoch: rs.ProducerEpoch, seq: map[partition]int32{}}
	x.state, w.m.txns[name] = "Empty", x
	return nil
}

// open begins a transaction in the model, if none is open.
func (x *txnModel) open() {
	if x.now == nil {
		x.now, x.parts, x.pending, x.state = &transaction{}, map[partition]bool{}, map[string]offsets{}, "Ongoing"
	}
}

func (w *workload) produceTxn() error {
	name, x, err := w.txn(false)
	if err != nil {
		return err
	}
	tp, t, l, err := w.part()
	if err != nil {
		return err
	}
	if x.old && (x.now == nil || !x.parts[tp]) {
		at := kmsg.NewAddPartitionsToTxnRequestTopic()
		at.Topic, at.Partitions = tp.topic, []int32{tp.index}
		rq := kmsg.NewPtrAddPartitionsToTxnRequest()
		rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch, rq.Topics = 3, name, x.id, x.epoch, append(rq.Topics, at)
		if _, err := ask[*kmsg.AddPartitionsToTxnResponse](w.s, rq); err != nil {
			return fmt.Errorf("add %v to the transaction of %s: %w", tp, name, err)
		}
	}
	x.open()
	x.parts[tp] = true
	es := w.batch(t, x.id, x.epoch, x.seq[tp])
	if err := w.write(tp, t, l, es, x.now, name, x.old); err != nil {
		return err
	}
	x.seq[tp] += int32(len(es))
	return nil
}

// commitInTxn commits offsets of a group in a transaction.
func (w *workload) commitInTxn() error {
	name, x, err := w.txn(false)
	if err != nil {
		return err
	}
	group := fmt.Sprint("simple-", w.rnd.IntN(4))
	o, err := w.someOffsets()
	if err != nil {
		return err
	}
	w.note("commit %d offsets of %s in the transaction of %s", len(o), group, name)
	rq := kmsg.NewPtrTxnOffsetCommitRequest()
	rq.Version, rq.TransactionalID, rq.Group, rq.ProducerID, rq.ProducerEpoch, rq.Generation = 5, name, group, x.id, x.epoch, -1
	if x.old {
		rq.Version = 3
		add := kmsg.NewPtrAddOffsetsToTxnRequest()
		add.Version, add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = 3, name, x.id, x.epoch, group
		if _, err := ask[*kmsg.AddOffsetsToTxnResponse](w.s, add); err != nil {
			return fmt.Errorf("add the offsets of %s to the transaction of %s: %w", group, name, err)
		}
	}
	for _, tp := range o.partitions() {
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = tp.index, o[tp].offset, o[tp].leaderEpoch, ref(o[tp].metadata)
		t := kmsg.NewTxnOffsetCommitRequestTopic()
		t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
		rq.Topics = append(rq.Topics, t)
	}
	if _, err := ask[*kmsg.TxnOffsetCommitResponse](w.s, rq); err != nil {
		return fmt.Errorf("commit offsets of %s in the transaction of %s: %w", group, name, err)
	}
	x.open()
	if x.pending[group] == nil {
		x.pending[group] = offsets{}
	}
	maps.Copy(x.pending[group], o)
	w.m.group(group, "simple")
	return nil
}

func (w *workload) endTxn() error {
	name, x, err := w.txn(true)
	if err != nil {
		return err
	}
	commit := w.rnd.IntN(3) > 0
	w.note("end the transaction of %s, commit %t", name, commit)
	rq := kmsg.NewPtrEndTxnRequest()
	rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch, rq.Commit = 5, name, x.id, x.epoch, commit
	if x.old {
		rq.Version = 3
	}
	rs, err := ask[*kmsg.EndTxnResponse](w.s, rq)
	if err != nil {
		return fmt.Errorf("end the transaction of %s: %w", name, err)
	}
	w.end(x, commit)
	if !x.old {
		if rs.ProducerID != x.id || rs.ProducerEpoch <= x.epoch {
			return fmt.Errorf("end the transaction of %s: it was told to go on as %d/%d after %d/%d", name, rs.ProducerID, rs.ProducerEpoch, x.id, x.epoch)
		}
		x.epoch, x.seq = rs.ProducerEpoch, map[partition]int32{}
	}
	return w.awaitEnd()
}

// end ends a transaction in the model: a marker goes to each partition.
func (w *workload) end(x *txnModel, commit bool) {
	x.now.ended, x.now.committed = true, commit
	x.state = "CompleteAbort"
	marker := logEntry{control: abortMarker, producer: x.id}
	if commit {
		x.state, marker.control = "CompleteCommit", commitMarker
	}
	for tp := range x.parts {
		l := w.m.topics[tp.topic].parts[tp.index]
		delete(l.open, x.id)
		l.add([]logEntry{marker}, nil)
	}
	if commit {
		for group, o := range x.pending {
			committed := w.m.group(group, "simple").offsets
			for tp, c := range o {
				if was, found := committed[tp]; !found || was.turn < c.turn {
					committed[tp] = c
				}
			}
		}
	}
	x.now, x.parts, x.pending = nil, nil, nil
}

// awaitEnd waits until all markers are written, so that the next record's offset is known.
func (w *workload) awaitEnd() error {
	o := &observer{s: w.s, d: newDump()}
	if err := o.coordinators(); err != nil {
		return err
	}
	return nil
}
