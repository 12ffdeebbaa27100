package commitlog

import (
	"fmt"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// keptBatches is how many of a producer's last batches are known, and so how many requests it may have in flight: a retry
// of one of them is answered with the offsets of the first try.
const keptBatches = 5

// noOffset stands for an offset that isn't known or doesn't exist.
const noOffset record.Offset = -1

// producerBatch is what is remembered of one batch.
type producerBatch struct {
	lastSequence int32
	offsetDelta  int32 // last offset less first
	lastOffset   record.Offset
	timestamp    int64 // the batch's largest, ms
}

func (b *producerBatch) firstSequence() int32 {
	if b.lastSequence < b.offsetDelta { // the sequence wrapped within the batch
		return int32(int64(b.lastSequence) - int64(b.offsetDelta) + 1<<31)
	}
	return b.lastSequence - b.offsetDelta
}

func (b *producerBatch) firstOffset() record.Offset {
	return b.lastOffset - record.Offset(b.offsetDelta)
}

// producer is the state of one producer id in one partition.
type producer struct {
	id               record.ProducerID
	epoch            record.ProducerEpoch // -1 until its first batch
	coordinatorEpoch int32                // of the last marker, -1: none
	lastTimestamp    int64                // of its last batch or marker, ms
	txnStart         record.Offset        // first offset of its open transaction, or noOffset
	count            int                  // batches kept
	batches          [keptBatches]producerBatch
}

func newProducer(id record.ProducerID) producer {
	return producer{id: id, epoch: -1, coordinatorEpoch: -1, lastTimestamp: -1, txnStart: noOffset}
}

func (p *producer) lastSequence() int32 {
	if p.count == 0 {
		return record.NoSequence
	}
	return p.batches[p.count-1].lastSequence
}

func (p *producer) lastOffset() record.Offset {
	if p.count == 0 {
		return noOffset
	}
	return p.batches[p.count-1].lastOffset
}

// duplicate finds the batch that b repeats.
func (p *producer) duplicate(b record.Batch) *producerBatch {
	if b.ProducerEpoch() != p.epoch {
		return nil
	}
	first, last := b.BaseSequence(), b.LastSequence()
	for i := range p.batches[:p.count] {
		if k := &p.batches[i]; k.firstSequence() == first && k.lastSequence == last {
			return k
		}
	}
	return nil
}

// setEpoch adopts an epoch. The sequence starts anew with it.
func (p *producer) setEpoch(e record.ProducerEpoch) {
	if p.epoch != e {
		p.epoch, p.count = e, 0
	}
}

func (p *producer) keep(b producerBatch) {
	if p.count == keptBatches {
		copy(p.batches[:], p.batches[1:])
		p.count--
	}
	p.batches[p.count] = b
	p.count++
	p.lastTimestamp = b.timestamp
}

// Origin says where an append comes from, and so what is checked of its producer.
type Origin uint8

const (
	// OriginClient is a Produce request: epoch and sequence are checked.
	OriginClient Origin = iota
	// OriginCoordinator is a coordinator of this broker, which also writes markers: its epochs are checked, it has no sequence.
	OriginCoordinator
	// originReplication is a leader that has checked already, or the log itself.
	originReplication
)

// check tells whether a batch of records at the offset may follow what the producer wrote before.
func (p *producer) check(b record.Batch, origin Origin) error {
	if origin == originReplication {
		return nil
	}
	epoch := b.ProducerEpoch()
	if epoch < p.epoch {
		return fmt.Errorf("%w: epoch %d of producer %d is older than epoch %d, which has written since",
			protocol.ErrInvalidProducerEpoch, epoch, p.id, p.epoch)
	}
	if origin == OriginClient {
		if err := p.checkSequence(epoch, b.BaseSequence()); err != nil {
			return err
		}
	}
	if p.txnStart != noOffset && !b.IsTransactional() {
		return fmt.Errorf("%w: producer %d has an open transaction since offset %d, its batch isn't transactional",
			protocol.ErrInvalidTxnState, p.id, p.txnStart)
	}
	return nil
}

// checkSequence: the first batch of a new epoch has sequence 0; a producer of which nothing is known, because retention has
// removed what it wrote or it was silent for too long, may begin anywhere.
func (p *producer) checkSequence(epoch record.ProducerEpoch, first int32) error {
	if p.epoch == record.NoProducerEpoch {
		return nil
	}
	if epoch != p.epoch {
		if first == 0 {
			return nil
		}
		return fmt.Errorf("%w: epoch %d of producer %d begins with sequence %d, not 0 (current epoch %d)",
			protocol.ErrOutOfOrderSequenceNumber, epoch, p.id, first, p.epoch)
	}
	if last := p.lastSequence(); first != record.AddSequence(last, 1) {
		return fmt.Errorf("%w: sequence %d of producer %d does not follow %d",
			protocol.ErrOutOfOrderSequenceNumber, first, p.id, last)
	}
	return nil
}

// checkMarker tells whether a transaction's marker may be written. Since transaction version 2 every transaction has an
// epoch of its own and the marker bears the next one; a repeated marker finds no open transaction and is let through.
func (p *producer) checkMarker(epoch record.ProducerEpoch, m marker, txnVersion int16, origin Origin) error {
	if origin == originReplication {
		return nil
	}
	stale := epoch < p.epoch || txnVersion >= 2 && epoch == p.epoch && p.txnStart != noOffset
	if stale {
		return fmt.Errorf("%w: a marker of epoch %d for producer %d, whose epoch is %d",
			protocol.ErrInvalidProducerEpoch, epoch, p.id, p.epoch)
	}
	if m.coordinatorEpoch < p.coordinatorEpoch {
		return fmt.Errorf("%w: a marker for producer %d of coordinator epoch %d, which is older than %d",
			protocol.ErrTransactionCoordinatorFenced, p.id, m.coordinatorEpoch, p.coordinatorEpoch)
	}
	return nil
}

// apply changes the state as the batch says, and tells of the transaction that the batch, a marker, has ended.
func (p *producer) apply(b record.Batch, m marker) (done completedTxn, completed bool) {
	if !b.IsControl() {
		p.setEpoch(b.ProducerEpoch())
		p.keep(producerBatch{b.LastSequence(), b.LastOffsetDelta(), b.LastOffset(), b.MaxTimestamp()})
		if b.IsTransactional() && p.txnStart == noOffset {
			p.txnStart = b.BaseOffset()
		}
		return completedTxn{}, false
	}
	if !m.isMarker {
		return completedTxn{}, false
	}
	done = completedTxn{p.id, p.txnStart, b.BaseOffset(), m.aborted}
	completed = p.txnStart != noOffset
	p.setEpoch(b.ProducerEpoch())
	p.coordinatorEpoch, p.lastTimestamp, p.txnStart = m.coordinatorEpoch, m.timestamp, noOffset
	return done, completed
}

// marker is what a control batch says of a transaction.
type marker struct {
	isMarker         bool
	aborted          bool
	coordinatorEpoch int32
	timestamp        int64
}

type completedTxn struct {
	id          record.ProducerID
	first, last record.Offset
	aborted     bool
}

// openTxn is a transaction that isn't replicated to the end: last is noOffset while it has no marker.
type openTxn struct {
	id          record.ProducerID
	first, last record.Offset
}

// producerState is the state of all producers of a partition: the map is what was applied up to end.
type producerState struct {
	byID    map[record.ProducerID]*producer
	txns    []openTxn       // open ones and those whose marker isn't below the high watermark, by first offset
	pending []pendingUpdate // of the append that is being checked
	end     record.Offset   // everything below was applied

	verifying map[record.ProducerID]verification // begun and not used yet
}

// pendingUpdate is a producer's state as it will be once the append is written.
type pendingUpdate struct {
	producer
	existing *producer // nil: a new one
}

func (s *producerState) reset(end record.Offset) {
	*s = producerState{end: end, pending: s.pending[:0]}
}

// find returns a producer's state, or nil.
func (s *producerState) find(id record.ProducerID) *producer { return s.byID[id] }

// prepare checks a batch of an append, on top of the append's earlier batches.
func (s *producerState) prepare(b record.Batch, m marker, opt *AppendOptions) error {
	p := s.pendingOf(b.ProducerID())
	if !b.IsControl() {
		if err := p.check(b, opt.Origin); err != nil {
			return err
		}
	} else if m.isMarker {
		if err := p.checkMarker(b.ProducerEpoch(), m, opt.TransactionVersion, opt.Origin); err != nil {
			return err
		}
	}
	p.apply(b, m)
	return nil
}

func (s *producerState) pendingOf(id record.ProducerID) *producer {
	for i := range s.pending {
		if s.pending[i].id == id {
			return &s.pending[i].producer
		}
	}
	u := pendingUpdate{existing: s.byID[id]}
	if u.existing != nil {
		u.producer = *u.existing
	} else {
		u.producer = newProducer(id)
	}
	s.pending = append(s.pending, u)
	return &s.pending[len(s.pending)-1].producer
}

// update applies a batch that is in the log, and tells of the transaction it ended, with the last stable offset that
// resulted.
func (s *producerState) update(b record.Batch, m marker) (done completedTxn, lastStable record.Offset, completed bool) {
	s.end = b.NextOffset()
	if !b.HasProducerID() || b.IsControl() && !m.isMarker {
		return
	}
	p := s.byID[b.ProducerID()]
	if p == nil {
		if s.byID == nil {
			s.byID = make(map[record.ProducerID]*producer)
		}
		n := newProducer(b.ProducerID())
		p = &n
		s.byID[n.id] = p
	}
	if b.IsTransactional() {
		delete(s.verifying, p.id) // used, or stale: the transaction it was begun for is over
	}
	wasOpen := p.txnStart != noOffset
	done, completed = p.apply(b, m)
	if !wasOpen && p.txnStart != noOffset {
		s.txns = append(s.txns, openTxn{p.id, p.txnStart, noOffset})
	}
	if completed {
		s.completeTxn(done)
		lastStable = s.lastStableAfter(done)
	}
	return done, lastStable, completed
}

func (s *producerState) completeTxn(done completedTxn) {
	for i := range s.txns {
		if t := &s.txns[i]; t.id == done.id && t.last == noOffset {
			t.last = done.last
			return
		}
	}
}

// lastStableAfter is the last stable offset that the end of a transaction leads to once it is replicated.
func (s *producerState) lastStableAfter(done completedTxn) record.Offset {
	for i := range s.txns {
		if s.txns[i].last == noOffset {
			return s.txns[i].first
		}
	}
	return done.last + 1
}

// firstUnstable is the first offset of the oldest transaction that isn't decided below the high watermark.
func (s *producerState) firstUnstable() (record.Offset, bool) {
	if len(s.txns) == 0 {
		return 0, false
	}
	return s.txns[0].first, true
}

// replicated forgets transactions whose marker is below the high watermark.
func (s *producerState) replicated(hw record.Offset) {
	if len(s.txns) == 0 {
		return
	}
	s.txns = slices.DeleteFunc(s.txns, func(t openTxn) bool { return t.last != noOffset && t.last < hw })
}

// expire forgets producers that were silent since before the time, other than those with an open transaction.
func (s *producerState) expire(before int64) {
	for id, p := range s.byID {
		if p.txnStart == noOffset && p.lastTimestamp < before {
			delete(s.byID, id)
		}
	}
	for id, v := range s.verifying {
		if v.beganMs < before {
			delete(s.verifying, id)
		}
	}
}

// ProducerState is a producer as DescribeProducers tells of it.
type ProducerState struct {
	ID               record.ProducerID
	Epoch            record.ProducerEpoch
	LastSequence     int32         // -1: none
	LastTimestamp    int64         // ms, -1: none
	CoordinatorEpoch int32         // -1: none
	TxnStart         record.Offset // of its open transaction, -1: none
}

func (s *producerState) list() []ProducerState {
	out := make([]ProducerState, 0, len(s.byID))
	for _, p := range s.byID {
		out = append(out, ProducerState{p.id, p.epoch, p.lastSequence(), p.lastTimestamp, p.coordinatorEpoch, p.txnStart})
	}
	slices.SortFunc(out, func(a, b ProducerState) int { return int(min(max(a.ID-b.ID, -1), 1)) })
	return out
}
