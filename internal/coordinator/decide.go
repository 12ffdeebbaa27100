package coordinator

import (
	"fmt"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// decide runs an operation and replays what it records.
func (s *Shard) decide(o *op) error {
	records, err := o.decide()
	if err != nil || len(records) == 0 {
		return err
	}
	size, err := s.check(records)
	if err != nil {
		return s.retract(err)
	}
	if limit := s.log.MaxBatchBytes(); s.builder.Size()+size > limit && record.HeaderSize+size <= limit {
		if err := s.flush(); err != nil { // what fits into one batch isn't torn by a crash
			return err
		}
	}
	at := At{ProducerID: record.NoProducerID, ProducerEpoch: record.NoProducerEpoch}
	for i := range records {
		if err := s.add(&records[i]); err != nil {
			return err
		}
		at.Offset = s.next
		s.next++
		s.machine.Replay(at, records[i].Key, records[i].Value)
	}
	return nil
}

// retract replaces the answers that an operation gave, whose records were
// refused, and returns the error.
func (s *Shard) retract(err error) error {
	for _, p := range s.answered {
		p.err = err
	}
	s.effects = s.effects[:0]
	return err
}

// Check tells what the log would refuse of records. An operation that changes
// soft state asks before it does.
func (s *Shard) Check(records []Record) error {
	_, err := s.check(records)
	return err
}

// check returns the size of the records in a batch too, at most.
func (s *Shard) check(records []Record) (size int, err error) {
	if s.writable != nil {
		return 0, answerFor(s.writable)
	}
	if len(records) == 0 {
		return 0, nil
	}
	if s.checked.first == &records[0] && s.checked.count == len(records) {
		return s.checked.size, nil
	}
	for i := range records {
		key, value := records[i].encode(s.encoder)
		n := maxRecordOverhead + len(key) + len(value)
		if record.HeaderSize+n > s.log.MaxBatchBytes() {
			return 0, answerFor(protocol.ErrMessageTooLarge)
		}
		size += n
	}
	s.checked = checked{&records[0], len(records), size}
	return size, nil
}

// checked is what Check let through, so that records which an operation asked
// about aren't encoded for that once more when it returns them.
type checked struct {
	first *Record
	count int
	size  int // in a batch, at most
}

// maxRecordOverhead is what a record has at most beside its key and its value.
const maxRecordOverhead = 5 + 1 + 10 + 5 + 5 + 5 + 1

// add puts a record into the batch, which is appended first when it is full.
func (s *Shard) add(r *Record) error {
	key, value := r.encode(s.encoder)
	if s.builder.Count() > 0 && s.builder.SizeWith(key, value) > s.log.MaxBatchBytes() {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.builder.Append(s.Now().UnixMilli(), key, value)
	return nil
}

// flush appends the batch. A failure costs the machine.
func (s *Shard) flush() error {
	if s.builder.Count() == 0 {
		return nil
	}
	first := s.next - record.Offset(s.builder.Count())
	_, err := s.append(first, replica.InternalAppend{})
	if err != nil {
		s.drop(err)
	}
	return err
}

// append appends what the builder holds, which begins at first.
func (s *Shard) append(first record.Offset, opt replica.InternalAppend) (replica.Appended, error) {
	batch := s.builder.Build()
	s.builder.Reset()
	a, err := s.log.AppendInternal(batch, s.Epoch, opt)
	if err == nil && a.First != first {
		err = fmt.Errorf("BUG: records of offset %d were appended at %d", first, a.First)
	}
	return a, err
}

// decideTxn runs an operation whose records are a transaction's. They have a
// batch of their own, which is appended before it is replayed: the log may
// refuse it for its producer.
func (s *Shard) decideTxn(o *op) error {
	if err := s.flush(); err != nil {
		return err
	}
	records, err := o.decide()
	if err != nil || len(records) == 0 {
		return err
	}
	if err := s.Check(records); err != nil {
		return s.retract(err)
	}
	at := At{Offset: s.next, ProducerID: o.txn.ProducerID, ProducerEpoch: o.txn.ProducerEpoch}
	s.builder.SetProducer(at.ProducerID, at.ProducerEpoch, record.NoSequence, true)
	for i := range records {
		key, value := records[i].encode(s.encoder)
		s.builder.Append(s.Now().UnixMilli(), key, value)
	}
	if s.builder.Size() > s.log.MaxBatchBytes() {
		s.builder.Reset()
		return s.retract(answerFor(protocol.ErrRecordListTooLarge))
	}
	if err := s.appendNow(at.Offset, replica.InternalAppend{Verified: o.txn.Verified}); err != nil {
		return s.retract(err)
	}
	for i := range records {
		s.machine.Replay(at, records[i].Key, records[i].Value)
		at.Offset++
	}
	s.next = at.Offset
	return nil
}

// appendNow appends what the builder holds before it is replayed, so that a
// refusal changes nothing.
func (s *Shard) appendNow(first record.Offset, opt replica.InternalAppend) error {
	_, err := s.append(first, opt)
	if err == nil {
		return nil
	}
	if !isRefusal(err) {
		s.drop(err)
	}
	return answerFor(err)
}

// endTxn appends a marker and applies it.
func (s *Shard) endTxn(o *op) error {
	if err := s.flush(); err != nil {
		return err
	}
	if s.writable != nil {
		return answerFor(s.writable)
	}
	m := *o.marker
	at := At{Offset: s.next, ProducerID: m.ProducerID, ProducerEpoch: m.ProducerEpoch}
	a, err := s.log.AppendInternal(m.Batch(), s.Epoch, replica.InternalAppend{TransactionVersion: o.version})
	if err == nil && a.First != at.Offset {
		err = fmt.Errorf("BUG: the marker of offset %d was appended at %d", at.Offset, a.First)
	}
	if err != nil {
		if !isRefusal(err) {
			s.drop(err)
		}
		return answerFor(err)
	}
	s.next++
	s.machine.EndTxn(at, m.Type == record.Commit)
	return nil
}
