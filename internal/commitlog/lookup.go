package commitlog

import (
	"errors"
	"io"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// TimestampOffset is a record that was found by its time.
type TimestampOffset struct {
	Timestamp int64 // ms
	Offset    record.Offset
	Epoch     record.LeaderEpoch // of the batch, -1: none
}

// OffsetForTimestamp finds the first record, in the order of offsets, whose timestamp is at or after the given one. ok is
// false where there is none.
func (l *Log) OffsetForTimestamp(timestamp int64) (found TimestampOffset, ok bool, err error) {
	for {
		changes := l.changes.Load()
		found, ok, err = l.offsetForTimestamp(timestamp)
		if err == nil || l.changes.Load() == changes {
			return found, ok, l.readError2(err)
		}
	}
}

func (l *Log) offsetForTimestamp(timestamp int64) (found TimestampOffset, ok bool, err error) {
	for _, s := range l.segmentsSnapshot() {
		largest, err := l.segmentTimestamp(s)
		if err != nil {
			return found, false, err
		}
		if largest < timestamp {
			continue
		}
		if found, ok, err = l.searchTime(s, timestamp); ok || err != nil {
			return found, ok, err
		}
	}
	return found, false, nil
}

// MaxTimestamp finds the record with the largest timestamp at or above the log start offset, the first of them.
func (l *Log) MaxTimestamp() (found TimestampOffset, ok bool, err error) {
	for {
		changes := l.changes.Load()
		found, ok, err = l.maxTimestamp()
		if err == nil || l.changes.Load() == changes {
			return found, ok, l.readError2(err)
		}
	}
}

func (l *Log) maxTimestamp() (found TimestampOffset, ok bool, err error) {
	var best *segment
	largest := int64(record.NoTimestamp)
	for _, s := range l.segmentsSnapshot() {
		ts, err := l.segmentTimestamp(s)
		if err != nil {
			return found, false, err
		}
		if start := l.Start(); ts > largest && s.base < start { // the record that has it may be deleted
			if ts, err = l.largestFrom(s, start); err != nil {
				return found, false, err
			}
		}
		if ts > largest {
			best, largest = s, ts
		}
	}
	if best == nil {
		return found, false, nil
	}
	return l.searchTime(best, largest)
}

// largestFrom is the largest timestamp of a segment's records at or above an offset, -1 where they have none. It reads batch
// headers, and the records of a batch that the offset lies in.
func (l *Log) largestFrom(s *segment, from record.Offset) (int64, error) {
	l.mu.Lock()
	v := l.viewOfLocked(s)
	l.mu.Unlock()
	largest := int64(record.NoTimestamp)
	h, err := l.env.fds.reader(l.env.fs, s, v.folder)
	if err != nil {
		return largest, err
	}
	defer h.Unpin()
	sc := newScan(h.file, v.size)
	defer sc.close()
	var first record.Batch
	var pos int64
	err = l.withIndex(&v, func() (err error) {
		first, _, pos, err = v.find(&sc, from)
		return err
	})
	for err == nil && first != nil {
		b, size, e := sc.header(pos)
		if errors.Is(e, io.EOF) {
			return largest, nil
		}
		if e != nil {
			return largest, v.damaged(pos, e)
		}
		ts := b.MaxTimestamp()
		if b.BaseOffset() < from {
			ts, err = l.largestInBatch(&v, h, pos, size, from)
		}
		largest = max(largest, ts)
		pos += size
	}
	return largest, err
}

func (l *Log) largestInBatch(v *view, h *handle, pos, size int64, from record.Offset) (int64, error) {
	largest := int64(record.NoTimestamp)
	if err := l.checkRange(v, h, pos, pos+size); err != nil {
		return largest, err
	}
	_, err := readBatch(h, pos, size, func(_ record.Batch, rec *record.Record) bool {
		if rec.Offset >= from {
			largest = max(largest, rec.Timestamp)
		}
		return false
	})
	return largest, err
}

func (l *Log) readError2(err error) error {
	if err == nil {
		return nil
	}
	return l.readError(err)
}

// segmentTimestamp is the largest timestamp of a segment's records, -1 where they have none. It is read from the time index once.
func (l *Log) segmentTimestamp(s *segment) (int64, error) {
	l.mu.Lock()
	known := s.loaded || s.maxTimestamp >= 0 || s.size == 0
	largest := s.maxTimestamp
	v := view{seg: s, folder: l.folder, size: s.size, next: s.next, sealed: s.sealed}
	l.mu.Unlock()
	if known {
		return largest, nil
	}
	times, err := l.readTimeIndex(&v)
	if err != nil || len(times) == 0 {
		return record.NoTimestamp, err
	}
	last := times[len(times)-1]
	l.mu.Lock()
	defer l.mu.Unlock()
	s.maxTimestamp, s.maxTimestampAt = last.timestamp, s.base+record.Offset(last.rel)
	return s.maxTimestamp, nil
}

// searchTime finds the first record of a segment, at or above the log's start, with at least the timestamp.
func (l *Log) searchTime(s *segment, timestamp int64) (found TimestampOffset, ok bool, err error) {
	l.mu.Lock()
	v := l.viewOfLocked(s)
	held, dropped, loaded := s.times.entries, s.times.dropped, s.loaded
	l.mu.Unlock()
	times, err := l.timesOf(&v, held, dropped, loaded)
	if err != nil {
		return found, false, err
	}
	h, err := l.env.fds.reader(l.env.fs, s, v.folder)
	if err != nil {
		return found, false, err
	}
	defer h.Unpin()
	var pos int64
	err = l.withIndex(&v, func() (err error) {
		pos, err = v.timePosition(h, times, timestamp)
		return err
	})
	if err != nil {
		return found, false, err
	}
	return l.scanTime(h, &v, pos, timestamp)
}

// timesOf returns a segment's time index: from memory, the file, or both.
func (l *Log) timesOf(v *view, held []timeEntry, dropped int, loaded bool) ([]timeEntry, error) {
	if !loaded {
		return l.readTimeIndex(v)
	}
	if dropped == 0 {
		return held, nil
	}
	b, err := readIndexFile(l.env.fs, v.seg.file(v.folder, timeIndexSuffix))
	if err != nil {
		return nil, err
	}
	times, _ := decodeTimeEntries(b)
	return append(times[:min(dropped, len(times))], held...), nil
}

// timePosition is where the search for a timestamp begins: at the batch that had the largest one below it. A time index that
// names a batch with another timestamp is passed over.
func (v *view) timePosition(h *handle, times []timeEntry, timestamp int64) (int64, error) {
	t, ok := floorTime(times, timestamp-1)
	if !ok {
		return 0, nil
	}
	sc := newScan(h.file, v.size)
	defer sc.close()
	b, _, pos, err := v.find(&sc, v.seg.base+record.Offset(t.rel))
	if err != nil || b == nil || b.MaxTimestamp() != t.timestamp {
		return 0, err
	}
	return pos, nil
}

// viewOfLocked is viewLocked for a segment that may have left the log since.
func (l *Log) viewOfLocked(s *segment) view {
	if i := slices.Index(l.segments, s); i >= 0 {
		return l.viewLocked(i, s.base)
	}
	return view{seg: s, folder: l.folder, size: s.size, next: s.next, sealed: s.sealed}
}

// scanTime walks batches, and the records of those whose largest timestamp is large enough.
func (l *Log) scanTime(h *handle, v *view, pos, timestamp int64) (found TimestampOffset, ok bool, err error) {
	sc := newScan(h.file, v.size)
	defer sc.close()
	start := l.Start()
	for {
		b, size, err := sc.header(pos)
		if errors.Is(err, io.EOF) {
			return found, false, nil
		}
		if err != nil {
			return found, false, v.damaged(pos, err)
		}
		if b.MaxTimestamp() >= timestamp && b.LastOffset() >= start {
			if err := l.checkRange(v, h, pos, pos+size); err != nil {
				return found, false, err
			}
			if found, ok, err = searchBatch(h, pos, size, timestamp, start); ok || err != nil {
				return found, ok, err
			}
		}
		pos += size
	}
}

func searchBatch(h *handle, pos, size, timestamp int64, start record.Offset) (found TimestampOffset, ok bool, err error) {
	ok, err = readBatch(h, pos, size, func(b record.Batch, rec *record.Record) bool {
		found = TimestampOffset{rec.Timestamp, rec.Offset, b.LeaderEpoch()}
		return rec.Timestamp >= timestamp && rec.Offset >= start
	})
	return found, ok, err
}

// readBatch passes a batch's records to is until it returns true.
func readBatch(h *handle, pos, size int64, is func(record.Batch, *record.Record) bool) (ok bool, err error) {
	buf := make([]byte, size)
	if _, err := h.file.ReadAt(buf, pos); err != nil {
		return false, err
	}
	b, _, err := record.Next(buf)
	if err != nil {
		return false, errors.Join(protocol.ErrCorruptMessage, err)
	}
	r := record.Read(b, record.NoLimits)
	defer r.Close()
	for r.Next() {
		if is(b, r.Record()) {
			return true, nil
		}
	}
	if err := r.Err(); err != nil {
		return false, errors.Join(protocol.ErrCorruptMessage, err)
	}
	return false, nil
}

// AbortedTxns lists the aborted transactions with records in [from, to), in the order of their markers.
func (l *Log) AbortedTxns(from, to record.Offset) ([]AbortedTxn, error) {
	for {
		changes := l.changes.Load()
		txns, err := l.abortedTxns(from, to)
		if l.changes.Load() == changes {
			return txns, err
		}
		// Segments were removed or replaced meanwhile: what was read may be of others.
	}
}

func (l *Log) abortedTxns(from, to record.Offset) ([]AbortedTxn, error) {
	l.mu.Lock()
	segments, folder := l.segments, l.folder
	l.mu.Unlock()
	var out []AbortedTxn
	for _, s := range segments[max(floorSegment(segments, from), 0):] {
		l.mu.Lock()
		txns, loaded := s.txns.entries, s.loaded
		l.mu.Unlock()
		if !loaded {
			var err error
			if txns, err = l.sealedTxns(s, folder); err != nil {
				return nil, l.readError(err)
			}
		}
		var done bool
		if out, done = collectAborted(out, txns, from, to); done {
			break
		}
	}
	return out, nil
}

// sealedTxns reads a sealed segment's transaction index. One that is damaged is computed anew from the markers.
func (l *Log) sealedTxns(s *segment, folder string) ([]AbortedTxn, error) {
	l.mu.Lock()
	there := s.txns.onDisk
	l.mu.Unlock()
	if !there {
		return nil, nil
	}
	txns, whole, err := l.readTxnIndex(s, folder)
	if err != nil || whole {
		return txns, err
	}
	return l.rebuildTxnIndex(s)
}
