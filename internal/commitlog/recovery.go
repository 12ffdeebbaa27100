package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// recover checks every batch from the recovery point on and computes anew what belongs to them: indexes, leader epochs. Where a
// batch is not whole, the log ends. If valid batches lie behind that place, it isn't the end of an unfinished write, and
// what is cut off is kept aside; if the place is below the recovery point, nothing is cut and the log is offline: these
// bytes were on disk once, and somebody must decide. Nothing else uses the log yet.
func (l *Log) recover(point record.Offset) error {
	i := max(floorSegment(l.segments, point), 0)
	for ; i < len(l.segments); i++ {
		s := l.segments[i]
		last := i == len(l.segments)-1
		limit := record.Offset(math.MaxInt64)
		if !last {
			limit = l.segments[i+1].base
		}
		whole, err := l.recoverSegment(s, point, limit)
		if err != nil {
			return err
		}
		if !whole {
			return l.cutTail(i, point)
		}
		if !last {
			if s.next != l.segments[i+1].base && !l.gapHolds(s, l.segments[i+1].base) {
				return l.cutTail(i, point)
			}
			s.addTime()
			s.sealed = true
		}
	}
	return l.checkRecovered(point)
}

// gapHolds tells whether the offsets between a segment and the next one may be missing: compaction leaves such gaps, but a lost
// write does too. The snapshot that is taken when a segment is begun is written once the one before it is on disk.
func (l *Log) gapHolds(s *segment, next record.Offset) bool {
	_, there := slices.BinarySearch(l.snapshots, next)
	return there && s.next < next
}

// checkRecovered: a log that ends below its recovery point has lost what was on disk.
func (l *Log) checkRecovered(point record.Offset) error {
	if end := l.activeLocked().next; end < point {
		return fmt.Errorf("%w: the log ends at offset %d, below its recovery point %d: records that were on disk are missing",
			protocol.ErrKafkaStorageError, end, point)
	}
	return nil
}

// recoverSegment checks the batches of a segment from the recovery point on. whole is false if it ends in anything but a whole
// batch, or one that reaches limit, where the next segment begins; s.size tells where.
func (l *Log) recoverSegment(s *segment, point, limit record.Offset) (whole bool, err error) {
	size := s.size // of the file
	from, err := l.recoverFrom(s, point)
	if err != nil {
		return false, err
	}
	if size == 0 {
		return limit == math.MaxInt64 || l.emptyHolds(s), nil
	}
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return false, err
	}
	defer h.Unpin()
	sc := newCheckedScan(h.file, size)
	defer sc.close()
	s.size = from
	s.checked = checkedRanges{from: from, to: from}
	var header [record.HeaderSize]byte
	for {
		b, n, err := sc.header(s.size)
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if errors.Is(err, errTorn) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		copy(header[:], b)
		b = header[:]
		ok, err := sc.check(s.size, n, b.CRC())
		if err != nil {
			return false, err
		}
		if !ok || !s.accepts(b) || b.LastOffset() >= limit {
			return false, nil
		}
		s.note(b, l.cfg.IndexInterval)
		s.checked.to = s.size
		if e := b.LeaderEpoch(); e > l.epochs.latest() {
			l.epochs.assign(e, b.BaseOffset())
		}
	}
}

// emptyHolds tells whether a sealed segment without a byte may be one: where its indexes have entries, its batches were lost.
func (l *Log) emptyHolds(s *segment) bool {
	for _, suffix := range []string{indexSuffix, timeIndexSuffix} {
		if b, err := readIndexFile(l.env.fs, s.file(l.folder, suffix)); err != nil || !allZero(b) {
			return false
		}
	}
	return true
}

// recoverFrom prepares the segment's account up to the position where checking begins: that of the last index entry at or below the
// recovery point, if the index can be believed so far, or the segment's beginning.
func (l *Log) recoverFrom(s *segment, point record.Offset) (int64, error) {
	size := s.size
	offsets, err := readIndexFile(l.env.fs, s.file(l.folder, indexSuffix))
	if err != nil {
		return 0, err
	}
	times, err := readIndexFile(l.env.fs, s.file(l.folder, timeIndexSuffix))
	if err != nil {
		return 0, err
	}
	s.adopt(offsets, times)
	s.loaded = true
	rel := s.clampRelative(point)
	n := 0
	for n < len(s.index.entries) && s.index.entries[n].rel() < rel {
		n++
	}
	s.next, s.maxTimestamp, s.maxTimestampAt = s.base, record.NoTimestamp, s.base
	if n == 0 || point <= s.base || !l.entryHolds(s, s.index.entries[n-1], size) || !l.timesHoldTo(s, n, size) {
		s.forgetIndexes()
		return 0, nil
	}
	e := s.index.entries[n-1]
	// The entry's own batch is noted again: with sinceIndexed at 0 it makes no second entry.
	s.index.entries, s.index.saved, s.index.stale = s.index.entries[:n:n], n, true
	t := 0
	for t < len(s.times.entries) && s.times.entries[t].rel <= e.rel() {
		t++
	}
	s.times.entries, s.times.saved, s.times.stale = s.times.entries[:t:t], t, true
	s.times.last = timeEntry{timestamp: -1}
	if t > 0 {
		s.times.last = s.times.entries[t-1]
		s.maxTimestamp, s.maxTimestampAt = s.times.last.timestamp, s.base+record.Offset(s.times.last.rel)
	}
	s.sinceIndexed = 0
	return int64(e.pos()), nil
}

// timesHoldTo tells whether the time index is whole up to the batch of the n-th offset entry: below the recovery point both are
// on disk, so where it isn't, it is damaged.
func (l *Log) timesHoldTo(s *segment, n int, size int64) bool {
	e := s.index.entries[n-1]
	t := 0
	for t < len(s.times.entries) && s.times.entries[t].rel <= e.rel() {
		t++
	}
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return false // the scan will say why
	}
	defer h.Unpin()
	sc := newScan(h.file, size)
	defer sc.close()
	v := view{seg: s, folder: l.folder, size: size, next: math.MaxInt64, entries: s.index.entries[:n]}
	holds, err := v.timesReach(&sc, s.times.entries[:t], int64(e.pos()))
	return holds && err == nil
}

// entryHolds tells whether the batch that an index entry speaks of is where it says.
func (l *Log) entryHolds(s *segment, e offsetEntry, size int64) bool {
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return false // the scan will say why
	}
	defer h.Unpin()
	sc := newCheckedScan(h.file, size)
	defer sc.close()
	b, n, err := sc.header(int64(e.pos()))
	if err != nil || b.LastOffset() != s.base+record.Offset(e.rel()) {
		return false
	}
	ok, err := sc.check(int64(e.pos()), n, b.CRC())
	return ok && err == nil
}

// cutTail ends the log at the last whole batch of the i-th segment.
func (l *Log) cutTail(i int, point record.Offset) error {
	s := l.segments[i]
	if s.next < point {
		return fmt.Errorf("%w: damage at position %d of %s (offset %d), below the recovery point %d",
			protocol.ErrKafkaStorageError, s.size, offsetFile(s.base, logSuffix), s.next, point)
	}
	later := l.segments[i+1:]
	behind, size, err := l.batchBehind(s)
	if err != nil {
		return err
	}
	var lost int64
	for _, g := range later {
		lost += g.size
	}
	if behind >= 0 || lost > 0 {
		l.env.counters.MiddleDamage.Add(1)
		l.env.opt.Logger.Error("damage within a log: it was cut there, the bytes are kept aside", "partition", l.tp.String(),
			"dir", l.dir.path, "segment", int64(s.base), "position", s.size, "offset", int64(s.next), "bytes", size-s.size+lost)
		if err := l.keepAside(s, size, later); err != nil {
			return err
		}
	} else {
		l.env.counters.TornTails.Add(1)
		l.env.opt.Logger.Info("an unfinished write was cut off", "partition", l.tp.String(), "segment", int64(s.base),
			"position", s.size, "offset", int64(s.next), "bytes", size-s.size)
	}
	if err := l.removeFromEnd(later, l.folder); err != nil {
		return err
	}
	l.segments = l.segments[: i+1 : i+1]
	l.unsynced.contents = true
	return l.truncateFileLocked(s, s.size)
}

// batchBehind looks for a valid batch behind the place where a segment's whole batches end. It returns its position, or -1, and the
// file's size.
func (l *Log) batchBehind(s *segment) (pos, size int64, err error) {
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return -1, 0, err
	}
	defer h.Unpin()
	if size, err = h.file.Size(); err != nil {
		return -1, 0, err
	}
	probe, check := newCheckedScan(h.file, size), newCheckedScan(h.file, size)
	defer probe.close()
	defer check.close()
	for pos = s.size + 1; pos+record.HeaderSize <= size; {
		n := int(min(size-pos, checkBufferSize))
		b, err := probe.bytes(pos, n)
		if err != nil {
			return -1, size, err
		}
		for i := 0; i+record.HeaderSize <= n; i++ {
			if !s.plausible(b[i:], size-pos-int64(i)) {
				continue
			}
			h, bsize, err := check.header(pos + int64(i))
			if err != nil {
				continue
			}
			if ok, err := check.check(pos+int64(i), bsize, h.CRC()); ok && err == nil {
				return pos + int64(i), size, nil
			}
		}
		pos += int64(max(n-record.HeaderSize+1, 1))
	}
	return -1, size, nil
}

// plausible tells, fast, whether a later batch of the segment might begin with b.
func (s *segment) plausible(b []byte, left int64) bool {
	if b[16] != record.Magic {
		return false
	}
	base := record.Offset(binary.BigEndian.Uint64(b))
	if base < s.next || base-s.base > 1<<31 {
		return false
	}
	size := int64(int32(binary.BigEndian.Uint32(b[8:]))) + record.LengthOverhead
	return size >= record.HeaderSize && size <= left
}

// keepAside saves what is about to be cut off: the segment's tail and all later segments, in files that nothing else looks at.
func (l *Log) keepAside(s *segment, size int64, later []*segment) error {
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	if size > s.size {
		if err := l.copyAside(h, s, s.size, size); err != nil {
			return err
		}
	}
	for _, g := range later {
		if g.size == 0 {
			continue
		}
		l.env.fds.drop(g)
		if err := l.env.fs.Rename(g.file(l.folder, logSuffix), l.asideName(g, 0)); err != nil {
			return err
		}
	}
	return l.env.fs.SyncDir(l.folder)
}

// asideName is the first free name for bytes that were cut out of a segment at a position.
func (l *Log) asideName(s *segment, pos int64) string {
	base := s.file(l.folder, logSuffix) + ".corrupt-" + fmt.Sprint(pos)
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s-%d", base, n)
		if _, err := l.env.fs.Stat(name); err != nil {
			return name
		}
	}
}

func (l *Log) copyAside(h *handle, s *segment, from, to int64) error {
	f, err := l.env.fs.CreateNew(l.asideName(s, from))
	if err != nil {
		return err
	}
	buf := checkBuffers.Get()
	defer checkBuffers.Put(buf)
	for pos := from; pos < to && err == nil; {
		n := int(min(to-pos, int64(len(*buf))))
		if n, err = h.file.ReadAt((*buf)[:n], pos); n == 0 {
			break
		}
		_, err = f.WriteAt((*buf)[:n], pos-from)
		pos += int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// scanEpochs computes the leader epochs of the batches below an offset.
func (l *Log) scanEpochs(until record.Offset) ([]epochEntry, error) {
	var c epochCache
	for _, s := range l.segments {
		if s.base >= until {
			break
		}
		if err := l.scanSegmentEpochs(s, until, &c); err != nil {
			return nil, err
		}
	}
	return c.entries, nil
}

func (l *Log) scanSegmentEpochs(s *segment, until record.Offset, c *epochCache) error {
	if s.size == 0 {
		return nil
	}
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	sc := newScan(h.file, s.size)
	defer sc.close()
	for pos := int64(0); ; {
		b, n, err := sc.header(pos)
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) || err == nil && b.BaseOffset() >= until {
			return nil
		}
		if err != nil {
			return err
		}
		if e := b.LeaderEpoch(); e > c.latest() {
			c.assign(e, b.BaseOffset())
		}
		pos += n
	}
}
