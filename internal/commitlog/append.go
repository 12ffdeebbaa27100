package commitlog

import (
	"fmt"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// AppendOptions says who appends.
type AppendOptions struct {
	Origin             Origin
	TransactionVersion int16 // of the transaction that a marker ends; 0 or 1: markers bear the epoch of the data
	// Verified is called, with the log locked, for a transactional batch of a producer that has no open transaction here:
	// an error refuses the append. nil lets all pass.
	Verified func(record.ProducerID, record.ProducerEpoch) error
}

// Appended tells what an append did.
type Appended struct {
	First, Last  record.Offset // of the records
	LogStart     record.Offset // the log start offset, which Produce answers
	MaxTimestamp int64         // the largest, ms
	Bytes        int
	LeaderEpoch  record.LeaderEpoch
	Generation   int64 // of the log with the records, see Log.Generation
	Duplicate    bool  // nothing was written: the producer had sent the batch before, and First and Last are its offsets
}

// AppendLeader appends validated batches as the leader of an epoch. Offsets and the leader epoch are written into buf, which
// is otherwise stored as it is and isn't kept. A refused append changes nothing. Errors wrap a protocol.Error:
// OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED,
// RECORD_LIST_TOO_LARGE for more than a segment takes, KAFKA_STORAGE_ERROR for a full disk or a failed write, after which
// the log is as it was before; NOT_LEADER_OR_FOLLOWER while the log is truncated.
func (l *Log) AppendLeader(buf []byte, epoch record.LeaderEpoch, opt AppendOptions) (Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkAppendLocked(); err != nil {
		return Appended{}, err
	}
	if err := l.dir.checkSpace(); err != nil {
		return Appended{}, err
	}
	if int64(len(buf)) > l.cfg.SegmentBytes {
		return Appended{}, fmt.Errorf("%w: %d bytes are more than segment.bytes %d", protocol.ErrRecordListTooLarge, len(buf), l.cfg.SegmentBytes)
	}
	if a, ok := l.duplicateLocked(buf, &opt); ok {
		return a, nil
	}
	a, err := l.prepareLocked(buf, epoch, &opt)
	if err != nil {
		return Appended{}, err
	}
	return a, l.writeLocked(buf, &a)
}

// duplicateLocked looks for the offsets that a producer's batch got when it was sent before. Of several batches the first may be
// there and the others not, after a crash: they have no common answer.
func (l *Log) duplicateLocked(buf []byte, opt *AppendOptions) (Appended, bool) {
	b, rest, err := record.Next(buf)
	if err != nil || len(rest) > 0 || opt.Origin != OriginClient || !b.HasProducerID() || b.IsControl() {
		return Appended{}, false
	}
	p := l.producers.find(b.ProducerID())
	if p == nil {
		return Appended{}, false
	}
	d := p.duplicate(b)
	if d == nil {
		return Appended{}, false
	}
	return Appended{
		First: d.firstOffset(), Last: d.lastOffset, LogStart: l.Start(), MaxTimestamp: d.timestamp,
		LeaderEpoch: l.epochs.at(d.lastOffset), Duplicate: true,
	}, true
}

// prepareLocked gives the batches their offsets and checks their producers.
func (l *Log) prepareLocked(buf []byte, epoch record.LeaderEpoch, opt *AppendOptions) (Appended, error) {
	next := l.End()
	a := Appended{First: next, LogStart: l.Start(), MaxTimestamp: record.NoTimestamp, Bytes: len(buf), LeaderEpoch: epoch}
	l.producers.pending = l.producers.pending[:0]
	for rest := buf; len(rest) > 0; {
		b, tail, err := record.Next(rest)
		if err != nil {
			return a, fmt.Errorf("%w: append of something that is no batch: %w", protocol.ErrCorruptMessage, err)
		}
		b.SetBaseOffset(next)
		b.SetLeaderEpoch(epoch)
		if b.HasProducerID() {
			if err := l.checkProducerLocked(b, opt); err != nil {
				return a, err
			}
		}
		a.MaxTimestamp = max(a.MaxTimestamp, b.MaxTimestamp())
		next = b.NextOffset()
		rest = tail
	}
	a.Last = next - 1
	if a.Last < a.First {
		return a, fmt.Errorf("%w: append without a record", protocol.ErrCorruptMessage)
	}
	return a, nil
}

func (l *Log) checkProducerLocked(b record.Batch, opt *AppendOptions) error {
	m, err := readMarker(b)
	if err != nil {
		return err
	}
	if opt.Verified != nil && b.IsTransactional() && !b.IsControl() && !l.producers.ongoing(b.ProducerID(), b.ProducerEpoch()) {
		if err := l.producers.checkEpoch(b); err != nil {
			return err // the client aborts and goes on, where the other refusal would be its end (KAFKA-19690)
		}
		if err := opt.Verified(b.ProducerID(), b.ProducerEpoch()); err != nil {
			return err
		}
		if err := l.producers.checkFirst(b); err != nil {
			return err
		}
	}
	return l.producers.prepare(b, m, opt)
}

// AppendFollower appends batches as the leader stored them. buf must hold whole batches, in order, from the log's end on (a
// gap is allowed: compaction leaves them); their checksums are checked. The first batch of an empty log may begin below its end:
// the leader's log starts within that batch after a DeleteRecords. A refused append changes nothing; it is refused with
// NOT_LEADER_OR_FOLLOWER while the log is truncated.
func (l *Log) AppendFollower(buf []byte) (Appended, error) {
	a, err := checkReplicated(buf)
	if err != nil {
		return Appended{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkAppendLocked(); err != nil {
		return Appended{}, err
	}
	if a.First < l.End() && l.End() <= a.Last && len(l.segments) == 1 && l.segments[0].size == 0 {
		l.beginBelowLocked(a.First)
	}
	if a.First < l.End() {
		return Appended{}, fmt.Errorf("%w: append at offset %d below the log's end %d", protocol.ErrCorruptMessage, a.First, l.End())
	}
	a.LogStart = l.Start()
	return a, l.writeLocked(buf, &a)
}

// beginBelowLocked lets an empty log begin at an offset below its start: where the batch begins that the start is in.
func (l *Log) beginBelowLocked(base record.Offset) {
	l.replaceEmptyLocked(l.activeLocked(), base)
	l.setEndLocked(base)
	l.recoveryPoint.Store(int64(base))
	l.flushed.Store(int64(base))
}

// checkReplicated checks what came from a leader without the log's lock.
func checkReplicated(buf []byte) (Appended, error) {
	a := Appended{First: noOffset, Last: noOffset, MaxTimestamp: record.NoTimestamp, Bytes: len(buf), LeaderEpoch: noEpoch}
	for rest := buf; len(rest) > 0; {
		b, tail, err := record.Next(rest)
		if err == nil {
			err = b.CheckCRC()
		}
		if err != nil {
			return a, fmt.Errorf("%w: a replicated batch: %w", protocol.ErrCorruptMessage, err)
		}
		if b.BaseOffset() <= a.Last || b.LastOffsetDelta() < 0 {
			return a, fmt.Errorf("%w: replicated offsets %d to %d after %d", protocol.ErrCorruptMessage, b.BaseOffset(), b.LastOffset(), a.Last)
		}
		if a.First == noOffset {
			a.First = b.BaseOffset()
		}
		a.Last, a.MaxTimestamp = b.LastOffset(), max(a.MaxTimestamp, b.MaxTimestamp())
		a.LeaderEpoch = b.LeaderEpoch()
		rest = tail
	}
	if a.First == noOffset {
		return a, fmt.Errorf("%w: append without a batch", protocol.ErrCorruptMessage)
	}
	return a, nil
}

// writeLocked puts checked batches on the file and takes them into account.
func (l *Log) writeLocked(buf []byte, a *Appended) error {
	s := l.activeLocked()
	now := int64(0)
	if s.firstTimestamp < 0 {
		if err := l.readFirstTimestampLocked(s); err != nil {
			return err
		}
		now = l.env.nowMs()
	}
	if s.full(l.cfg, int64(len(buf)), a.Last, a.MaxTimestamp, now) && (s.size > 0 || !s.fits(a.Last)) {
		s = l.rollLocked(a.First)
	}
	if err := l.writeFileLocked(s, buf); err != nil {
		l.env.counters.FailedAppends.Add(1)
		return err
	}
	l.noteLocked(s, buf)
	l.setEndLocked(a.Last + 1)
	a.Generation = l.Generation()
	l.dirty += int64(len(buf))
	l.requestFlushLocked()
	return nil
}

// fits tells whether an offset may be in the segment at all.
func (s *segment) fits(o record.Offset) bool {
	_, ok := s.relative(o)
	return ok
}

// writeFileLocked makes the one write of an append. What a failed write has left behind the segment's end is cut off.
func (l *Log) writeFileLocked(s *segment, buf []byte) error {
	h, err := l.env.fds.writer(l.env.fs, s, l.folder)
	if err != nil {
		return l.dir.ioError("open a segment", err)
	}
	defer h.Unpin()
	if !s.onDisk {
		s.onDisk, l.unsynced.contents = true, true
	}
	l.preallocateLocked(s, h.file, int64(len(buf)))
	if _, err := h.file.WriteAt(buf, s.size); err != nil {
		if terr := h.file.Truncate(s.size); terr != nil && !vfs.IsNoSpace(err) {
			l.failLocked(fmt.Errorf("%w: a failed write could not be taken back: %w", protocol.ErrKafkaStorageError, terr))
		}
		return l.dir.ioError("append to a segment", err)
	}
	return nil
}

// noteLocked brings indexes, epochs and producers up to date with batches that were written.
func (l *Log) noteLocked(s *segment, buf []byte) {
	for len(buf) > 0 {
		b, rest, err := record.Next(buf)
		if err != nil {
			panic("BUG: a batch was checked, written and is none: " + err.Error())
		}
		s.note(b, l.cfg.IndexInterval)
		l.noteBatchLocked(s, b)
		buf = rest
	}
	s.checked.to = s.size
}

// noteBatchLocked applies a batch to the state that isn't the segment's.
func (l *Log) noteBatchLocked(s *segment, b record.Batch) {
	if e := b.LeaderEpoch(); e != l.epochs.latest() {
		l.epochs.assign(e, b.BaseOffset())
	}
	if !b.HasProducerID() {
		l.producers.end = b.NextOffset()
		return
	}
	m, _ := readMarker(b) // was read before, or comes from a leader that has
	if done, stable, ok := l.producers.update(b, m); ok && done.aborted {
		s.txns.entries = append(s.txns.entries, AbortedTxn{done.id, done.first, done.last, stable})
	}
}

func (l *Log) requestFlushLocked() {
	switch {
	case l.unflushedLocked() >= l.cfg.FlushMessages:
		l.dir.flusher.request(l, flushData)
	case l.dirty >= flushBytes:
		l.dir.flusher.request(l, flushAll)
	}
	if l.cfg.FlushAge != Never {
		l.dir.flusher.requestBy(l, l.cfg.FlushAge)
	}
}

func (l *Log) unflushedLocked() int64 { return l.end.Load() - l.flushed.Load() }

// Roll seals the active segment and begins a new one, unless it is empty.
func (l *Log) Roll() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkAppendLocked(); err != nil {
		return err
	}
	if l.activeLocked().size == 0 {
		return nil
	}
	if err := l.createFileLocked(l.rollLocked(l.End())); err != nil {
		return l.dir.ioError("roll "+l.tp.String(), err)
	}
	return nil
}

// rollLocked begins a new segment at base. The old one is sealed; saving and syncing what belongs to it is left to the flusher.
func (l *Log) rollLocked(base record.Offset) *segment {
	old := l.activeLocked()
	if old.size == 0 {
		return l.replaceEmptyLocked(old, base)
	}
	old.addTime()
	old.sealed = true
	s := l.addSegmentLocked(base)
	s.snapshot = l.producers.encodeSnapshot()
	l.dir.flusher.request(l, flushAll)
	return s
}

// replaceEmptyLocked moves an active segment that holds nothing to another base offset.
func (l *Log) replaceEmptyLocked(old *segment, base record.Offset) *segment {
	if old.base == base {
		return old
	}
	l.env.fds.drop(old)
	if old.onDisk {
		_ = l.env.fs.Remove(old.file(l.folder, logSuffix)) // an empty segment that stays does no harm
	}
	s := newSegment(base, l.env.nowMs())
	s.jitter = old.jitter
	l.setSegmentsLocked(append(append([]*segment{}, l.segments[:len(l.segments)-1]...), s))
	return s
}

const (
	// preallocationStep is the most that is reserved at once for a segment, preallocationMin the least that is worth a call.
	preallocationStep = 16 << 20
	preallocationMin  = 256 << 10
	// preallocationBudget bounds what all logs together may have reserved and not written.
	preallocationBudget = 1 << 30
)

// preallocateLocked reserves space ahead of a segment that grows, as much again as it has, so that appends find their blocks:
// it makes writes cheaper and the file less scattered. Space that can't be had is the write's problem.
func (l *Log) preallocateLocked(s *segment, f vfs.File, n int64) {
	if s.size+n <= s.preallocated {
		return
	}
	step := min(s.size, preallocationStep, preallocationBudget/max(l.dir.logCount.Load(), 1))
	if l.cfg.Preallocate {
		step = max(l.cfg.SegmentBytes-s.size-n, 0)
	}
	if step < preallocationMin {
		return
	}
	s.preallocated = s.size + n + step
	_ = f.Preallocate(s.size, n+step) // a hint: without it the write takes the blocks, or says why not
}
