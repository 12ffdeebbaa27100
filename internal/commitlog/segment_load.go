package commitlog

import (
	"errors"
	"io"
	"io/fs"
	"math"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// loadSegmentLocked reads a segment's index files into memory, for a segment that is appended to or cut.
func (l *Log) loadSegmentLocked(s *segment) error {
	if s.loaded && s.index.dropped == 0 && s.times.dropped == 0 {
		return nil
	}
	offsets, err := readIndexFile(l.env.fs, s.file(l.folder, indexSuffix))
	if err != nil {
		return err
	}
	times, err := readIndexFile(l.env.fs, s.file(l.folder, timeIndexSuffix))
	if err != nil {
		return err
	}
	if s.loaded {
		s.rejoin(offsets, times)
		l.env.indexes.drop(s)
		return nil
	}
	s.broken = !s.adopt(offsets, times)
	if s.txns.entries, _, err = l.readTxnIndex(s, l.folder); err != nil {
		return err
	}
	s.txns.saved = len(s.txns.entries)
	s.loaded = true
	l.env.indexes.drop(s)
	return nil
}

// readIndexFile reads a file that may be missing.
func readIndexFile(fsys vfs.FS, name string) ([]byte, error) {
	b, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// adopt takes what is credible of index files. What is missing makes searches longer, not wrong.
func (s *segment) adopt(offsets, times []byte) (whole bool) {
	s.indexed = offsets != nil && times != nil
	entries, ok := decodeOffsetEntries(offsets, s.size)
	s.index = offsetIndex{entries: entries, saved: len(entries), stale: len(offsets) != len(entries)*offsetEntrySize}
	timed, ok2 := decodeTimeEntries(times)
	s.times = timeIndex{entries: timed, saved: len(timed), last: timeEntry{timestamp: -1}, stale: len(times) != len(timed)*timeEntrySize}
	if n := len(timed); n > 0 {
		s.times.last = timed[n-1]
	}
	return ok && ok2
}

// rejoin puts what was dropped of a segment's indexes, and is in its files, before what is held. If the files hold less than they
// should, searches are longer.
func (s *segment) rejoin(offsets, times []byte) {
	entries, _ := decodeOffsetEntries(offsets, s.size)
	n := min(len(entries), s.index.dropped)
	s.index.saved -= s.index.dropped - n
	s.index.entries = append(entries[:n:n], s.index.entries...)
	s.index.dropped, s.index.stale = 0, true
	timed, _ := decodeTimeEntries(times)
	n = min(len(timed), s.times.dropped)
	s.times.saved -= s.times.dropped - n
	s.times.entries = append(timed[:n:n], s.times.entries...)
	s.times.dropped, s.times.stale = 0, true
}

// readTxnIndex reads a segment's transaction index. whole is false where some of it can't be true.
func (l *Log) readTxnIndex(s *segment, folder string) (txns []AbortedTxn, whole bool, err error) {
	b, err := readIndexFile(l.env.fs, s.file(folder, txnIndexSuffix))
	if err != nil || len(b) == 0 {
		return nil, true, err
	}
	next := s.base + 1<<31
	txns, whole = decodeTxnEntries(b, s.base, next)
	return txns, whole, nil
}

// loadActive brings the account of the last segment, whose file has size bytes, up to date with its batches, starting from
// what the indexes say. It returns errTorn if anything but whole batches is found: then the segment must be recovered.
func (l *Log) loadActive(s *segment, size int64) error {
	s.size = size
	if size == 0 {
		s.loaded, s.index.stale, s.times.stale = true, s.onDisk, s.onDisk
		return nil
	}
	if err := l.loadSegmentLocked(s); err != nil {
		return err
	}
	if !l.indexesHold(s, size) {
		return l.reindex(s, size)
	}
	from := int64(0)
	if n := len(s.index.entries); n > 0 {
		from = int64(s.index.entries[n-1].pos())
	}
	if n := len(s.times.entries); n > 0 {
		s.maxTimestamp, s.maxTimestampAt = s.times.last.timestamp, s.base+record.Offset(s.times.last.rel)
		if s.maxTimestampAt > s.base+1<<31 {
			return errTorn
		}
	}
	return l.rescan(s, from, size)
}

// indexesHold tells whether the last segment's indexes are whole, as a clean stop leaves them: the time index ends with the
// segment's largest timestamp. It reads what lies behind the last time entry, which is little unless times went back.
func (l *Log) indexesHold(s *segment, size int64) bool {
	if s.broken {
		return false
	}
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return true // the scan will say why
	}
	defer h.Unpin()
	sc := newScan(h.file, size)
	defer sc.close()
	v := view{seg: s, folder: l.folder, size: size, next: math.MaxInt64, entries: s.index.entries, last: true}
	holds, err := v.timesReach(&sc, s.times.entries, size)
	return holds && err == nil
}

// reindex computes the last segment's indexes anew from its batches, without their checksums. The next flush saves them.
func (l *Log) reindex(s *segment, size int64) error {
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	sc := newScan(h.file, size)
	defer sc.close()
	s.forgetIndexes()
	for {
		b, _, err := sc.header(s.size)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !s.accepts(b) {
			return errTorn
		}
		s.note(b, l.cfg.IndexInterval)
	}
	s.addTime()
	s.checked = checkedRanges{from: size, to: size}
	l.env.counters.RebuiltIndexes.Add(1)
	l.env.opt.Logger.Warn("index computed anew", "partition", l.tp.String(), "segment", int64(s.base))
	l.dir.flusher.request(l, flushAll)
	return nil
}

// forgetIndexes begins the segment's account anew: no batch is noted yet.
func (s *segment) forgetIndexes() {
	s.index, s.times = offsetIndex{stale: true}, newTimeIndex()
	s.times.stale = true
	s.size, s.sinceIndexed, s.next = 0, 0, s.base
	s.maxTimestamp, s.maxTimestampAt = record.NoTimestamp, s.base
}

// rescan notes the batches from a position, which the last index entry names, without their checksums.
func (l *Log) rescan(s *segment, from, size int64) error {
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	sc := newScan(h.file, size)
	defer sc.close()
	s.next = s.base
	if n := len(s.index.entries); n > 0 {
		b, _, err := sc.header(from)
		if err != nil || b.LastOffset() != s.base+record.Offset(s.index.entries[n-1].rel()) {
			return errors.Join(errTorn, err)
		}
	}
	pos, next := from, s.base
	for {
		b, n, err := sc.header(pos)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, fits := s.relative(b.LastOffset()); b.BaseOffset() < next || !fits {
			return errTorn
		}
		if b.MaxTimestamp() > s.maxTimestamp {
			s.maxTimestamp, s.maxTimestampAt = b.MaxTimestamp(), b.LastOffset()
		}
		next = b.NextOffset()
		pos += n
	}
	s.next, s.sinceIndexed = next, size-from
	if timed := s.base + record.Offset(s.times.last.rel); s.times.len() > 0 && timed >= max(next, s.base+1) {
		return errTorn // the time index speaks of records that aren't there
	}
	s.checked = checkedRanges{from: size, to: size}
	return nil
}

// readFirstTimestampLocked reads what rolling by time counts from, once.
func (l *Log) readFirstTimestampLocked(s *segment) error {
	if s.firstTimestamp != timestampUnknown || s.size == 0 {
		return nil
	}
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return l.dir.ioError("read a segment", err)
	}
	defer h.Unpin()
	sc := newScan(h.file, s.size)
	defer sc.close()
	b, _, err := sc.header(0)
	if err != nil {
		return l.dir.ioError("read a segment", err)
	}
	s.firstTimestamp = b.MaxTimestamp()
	return nil
}
