package commitlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Truncate removes all batches that reach the offset or go beyond it, and what is known of them: as a follower does whose
// leader has other records there. The log then ends at the offset or, if that was inside a batch, before it. A
// higher offset than the log's end changes nothing but the leader epochs. It returns when what was removed can't come
// back after a crash.
func (l *Log) Truncate(to record.Offset) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	err := l.checkLocked()
	if err == nil && to >= l.End() {
		l.epochs.truncateEnd(to)
		err = nil
		l.mu.Unlock()
		return l.saveAfterCut()
	}
	base := l.segments[0].base
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if to < base {
		return l.truncateFully(to)
	}
	return l.cut(to)
}

// TruncateFully removes everything; the log goes on at the offset.
func (l *Log) TruncateFully(at record.Offset) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	if err := l.Err(); err != nil {
		return err
	}
	return l.truncateFully(at)
}

// lowerRecoveryPoint makes the next start scan from the offset on, before bytes below the old recovery point change.
func (l *Log) lowerRecoveryPoint(to record.Offset) error {
	l.mu.Lock()
	lower := int64(to) < l.recoveryPoint.Load()
	if lower {
		l.recoveryPoint.Store(int64(to))
	}
	l.flushed.Store(min(l.flushed.Load(), int64(to)))
	if l.cleanedTo.Load() > int64(to) { // what comes in its place was never compacted
		l.setCleanedTo(to)
	}
	dir := l.dir
	l.mu.Unlock()
	if !lower {
		return nil
	}
	return dir.checkpointer.writeNow(recoveryPoints | cleanerOffsets)
}

// cutPoint is where a log is cut.
type cutPoint struct {
	i    int           // index of the segment
	pos  int64         // where its bytes end
	held record.Offset // end of the last batch that stays, or the segment's base
	next record.Offset // the log's new end: above held in a gap that compaction left
}

// cut truncates within the log: flushMu is held, to is above the first base offset and below the end. Appends are refused from
// when the end is lower until the files and the producers are too.
func (l *Log) cut(to record.Offset) error {
	c, err := l.findCut(to)
	if err != nil {
		return l.readError(err)
	}
	point := c.held
	if c.pos > 0 {
		point-- // the next start looks at the segment that is cut, also where another follows it
	}
	if err := l.lowerRecoveryPoint(point); err != nil {
		return err
	}
	l.mu.Lock()
	l.cutting = true
	s, gone, folder := l.segments[c.i], l.segments[c.i+1:], l.folder
	l.setSegmentsLocked(slices.Clone(l.segments[:c.i+1]))
	l.cuts.Add(1)
	l.setEndLocked(c.next)
	l.start.Store(min(l.start.Load(), int64(c.next))) // inside the batch that went
	l.highWatermark.Store(min(l.highWatermark.Load(), int64(c.next)))
	l.epochs.truncateEnd(c.next)
	l.dirty = 0
	l.mu.Unlock()
	err = l.removeFromEnd(gone, folder)
	if err == nil {
		l.mu.Lock()
		err = l.cutSegmentLocked(s, c)
		l.mu.Unlock()
	}
	if err == nil {
		err = l.rewindProducers(c.next)
	}
	if err != nil {
		return l.cutFailed(err)
	}
	l.mu.Lock()
	if c.held < c.next { // recovery takes the gap for a lost write unless there is a snapshot
		l.activeLocked().snapshot = l.producers.encodeSnapshot()
	}
	l.cutting = false
	l.mu.Unlock()
	return l.saveAfterCut()
}

// cutFailed takes the log offline: it was truncated in part, and only the next start can tell how far.
func (l *Log) cutFailed(err error) error {
	err = l.logDir().ioError("truncate "+l.tp.String(), err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
	return err
}

// removeFromEnd removes segments so that a crash at any moment leaves a log without a hole.
func (l *Log) removeFromEnd(gone []*segment, folder string) error {
	for _, s := range slices.Backward(gone) {
		if err := l.removeSegmentFiles(s, folder); err != nil {
			return err
		}
		if err := l.env.fs.SyncDir(folder); err != nil {
			return err
		}
	}
	return nil
}

// findCut finds where the log is cut so that no batch reaches the offset.
func (l *Log) findCut(to record.Offset) (cutPoint, error) {
	l.mu.Lock()
	i := l.floorLocked(to)
	v := l.viewLocked(i, to)
	folder := l.folder
	l.mu.Unlock()
	c := cutPoint{i: i, held: v.seg.base, next: to}
	if v.size == 0 {
		return c, nil
	}
	h, err := l.env.fds.reader(l.env.fs, v.seg, folder)
	if err != nil {
		return c, err
	}
	defer h.Unpin()
	sc := newScan(h.file, v.size)
	defer sc.close()
	err = l.withIndex(&v, func() error { return v.findCut(&sc, &c, to) })
	return c, err
}

func (v *view) findCut(sc *scan, c *cutPoint, to record.Offset) error {
	b, _, pos, err := v.find(sc, to)
	if err != nil {
		return err
	}
	c.pos, c.next = pos, to
	if b == nil {
		c.pos = v.size
	} else {
		c.next = min(to, b.BaseOffset())
	}
	c.held, err = v.endBefore(sc, c.pos)
	return err
}

// endBefore is the end of the last batch below a position where a batch begins or the segment ends.
func (v *view) endBefore(sc *scan, pos int64) (record.Offset, error) {
	var at int64
	if e, ok := floorPosition(v.entries, pos-1); ok {
		if _, err := v.entryBatch(sc, e); err != nil {
			return 0, err
		}
		at = int64(e.pos())
	}
	next := v.seg.base
	for at < pos {
		b, size, err := sc.header(at)
		if err != nil {
			return 0, v.damaged(at, err)
		}
		at, next = at+size, b.NextOffset()
	}
	return next, nil
}

// cutSegmentLocked makes the segment end at a position and the log's active segment begin or go on there. Bytes that may
// have been sent are not written over: the file is cut and sealed, and a new segment follows. A cut in a gap begins a new
// segment too: its name is what tells the log's end after a restart.
func (l *Log) cutSegmentLocked(s *segment, c cutPoint) (err error) {
	sent := c.pos > 0 && c.pos < s.sentTo
	if c.pos == 0 {
		err = l.restartSegmentLocked(s, s.base)
	} else if err = l.truncateFileLocked(s, c.pos); err == nil {
		err = l.reloadSegmentLocked(s, c.pos, c.held)
	}
	if err != nil || !sent && c.held == c.next {
		return err
	}
	s = l.activeLocked()
	s.addTime()
	s.sealed = true
	return l.beginSegmentLocked(c.next)
}

// restartSegmentLocked replaces the active segment, of which nothing is left, by an empty one. Where it keeps its name, a
// new file takes the old one's place in one step: without any, nothing would tell where the log goes on.
func (l *Log) restartSegmentLocked(s *segment, next record.Offset) error {
	l.setSegmentsLocked(slices.Clone(l.segments[:len(l.segments)-1]))
	if next != s.base {
		if err := l.removeSegmentFiles(s, l.folder); err != nil {
			return err
		}
		return l.beginSegmentLocked(next)
	}
	if err := l.removeFiles(s, l.folder, indexSuffix, timeIndexSuffix, txnIndexSuffix); err != nil {
		return err // with entries and no batches, the segment would look like one that lost them
	}
	if err := l.replaceFile(s.file(l.folder, logSuffix), nil); err != nil {
		return err
	}
	l.unsynced.contents = true
	l.addSegmentLocked(next).onDisk = true
	return nil
}

// beginSegmentLocked adds an empty segment and its file: without it, nothing would tell the log's end after a restart.
func (l *Log) beginSegmentLocked(base record.Offset) error {
	return l.createFileLocked(l.addSegmentLocked(base))
}

// createFileLocked makes a segment's file before there is anything to write into it.
func (l *Log) createFileLocked(s *segment) error {
	h, err := l.env.fds.writer(l.env.fs, s, l.folder)
	if err != nil {
		return err
	}
	h.Unpin()
	s.onDisk, l.unsynced.contents = true, true
	return nil
}

func (l *Log) truncateFileLocked(s *segment, pos int64) error {
	h, err := l.env.fds.writer(l.env.fs, s, l.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	return h.file.Truncate(pos)
}

// reloadSegmentLocked brings a segment's account in line with a file that was cut at pos.
func (l *Log) reloadSegmentLocked(s *segment, pos int64, next record.Offset) error {
	if err := l.loadSegmentLocked(s); err != nil {
		return err
	}
	s.size, s.next, s.sealed, s.synced, s.preallocated, s.syncedSize = pos, next, false, false, 0, -1
	s.checked.cut(pos)
	n, _ := slices.BinarySearchFunc(s.index.entries, pos, func(e offsetEntry, p int64) int { return int(int64(e.pos()) - p) })
	s.index = offsetIndex{entries: slices.Clone(s.index.entries[:n]), saved: min(s.index.saved, n), stale: true}
	rel := s.clampRelative(next)
	n, _ = slices.BinarySearchFunc(s.times.entries, rel, func(e timeEntry, r uint32) int { return int(int64(e.rel) - int64(r)) })
	last := timeEntry{timestamp: -1}
	if n > 0 {
		last = s.times.entries[n-1]
	}
	s.times = timeIndex{entries: slices.Clone(s.times.entries[:n]), saved: min(s.times.saved, n), last: last, stale: true}
	n = len(s.txns.entries)
	for n > 0 && s.txns.entries[n-1].LastOffset >= next {
		n--
	}
	s.txns.entries, s.txns.saved = slices.Clone(s.txns.entries[:n]), min(s.txns.saved, n)
	s.sinceIndexed = pos
	if n := len(s.index.entries); n > 0 {
		s.sinceIndexed -= int64(s.index.entries[n-1].pos())
	}
	s.maxTimestamp, s.maxTimestampAt = last.timestamp, s.base+record.Offset(last.rel)
	return l.raiseTimestampLocked(s)
}

// raiseTimestampLocked looks for larger timestamps behind the last time index entry.
func (l *Log) raiseTimestampLocked(s *segment) error {
	h, err := l.env.fds.reader(l.env.fs, s, l.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	sc := newScan(h.file, s.size)
	defer sc.close()
	var pos int64
	if e, ok := floorOffset(s.index.entries, s.clampRelative(s.maxTimestampAt)); ok && s.maxTimestamp >= 0 {
		pos = int64(e.pos())
	}
	for {
		b, size, err := sc.header(pos)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errTorn) {
			return fmt.Errorf("%w: no batch at position %d of %s", protocol.ErrCorruptMessage, pos, offsetFile(s.base, logSuffix))
		}
		if err != nil {
			return err
		}
		if b.MaxTimestamp() > s.maxTimestamp {
			s.maxTimestamp, s.maxTimestampAt = b.MaxTimestamp(), b.LastOffset()
		}
		pos += size
	}
}

// truncateFully begins the log anew at an offset: flushMu is held.
func (l *Log) truncateFully(at record.Offset) error {
	if err := l.lowerRecoveryPoint(0); err != nil {
		return err
	}
	l.mu.Lock()
	l.cutting = true
	segments, folder := l.segments, l.folder
	keep := 0
	if segments[0].base == at {
		keep = 1
	}
	l.cuts.Add(1)
	l.setSegmentsLocked(segments[:1:1])
	l.mu.Unlock()
	err := errors.Join(l.removeFromEnd(segments[keep:], folder), l.removeSnapshots(folder, 0))
	l.mu.Lock()
	err = errors.Join(err, l.restartSegmentLocked(segments[0], at))
	l.setEndLocked(at)
	for _, o := range []interface{ Store(int64) }{&l.start, &l.highWatermark, &l.flushed, &l.recoveryPoint} {
		o.Store(int64(at))
	}
	l.epochs.clear()
	l.producers.reset(at)
	l.dirty = 0
	l.cutting = false
	dir := l.dir
	l.mu.Unlock()
	if err != nil {
		return l.cutFailed(err)
	}
	if err := l.saveAfterCut(); err != nil {
		return err
	}
	return dir.checkpointer.writeNow(recoveryPoints | logStarts | highWatermarks)
}

// saveAfterCut makes a truncation durable: epochs, names and what is left.
func (l *Log) saveAfterCut() error {
	_, err := l.flushAllLocked(false) // nobody waits for offsets that were cut off
	return err
}

// rewindProducers brings the producers' state back to a lower offset.
func (l *Log) rewindProducers(to record.Offset) error {
	l.mu.Lock()
	folder, behind := l.folder, l.producers.end <= to && len(l.producers.byID) == 0
	l.mu.Unlock()
	if err := l.removeSnapshots(folder, to+1); err != nil {
		return err
	}
	if behind {
		return nil
	}
	return l.loadProducers(to, false)
}

// removeSnapshots removes the snapshots at or above an offset.
func (l *Log) removeSnapshots(folder string, from record.Offset) error {
	l.mu.Lock()
	i, _ := slices.BinarySearch(l.snapshots, from)
	gone := l.snapshots[i:]
	l.snapshots = slices.Clone(l.snapshots[:i])
	l.unsynced.contents = true
	l.mu.Unlock()
	for _, o := range gone {
		if err := l.env.fs.Remove(filepath.Join(folder, offsetFile(o, snapshotSuffix))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeSegmentFiles removes a segment's files at once.
func (l *Log) removeSegmentFiles(s *segment, folder string) error {
	return l.removeFiles(s, folder, indexSuffix, timeIndexSuffix, txnIndexSuffix, logSuffix)
}

func (l *Log) removeFiles(s *segment, folder string, suffixes ...string) error {
	l.env.fds.drop(s)
	l.env.indexes.drop(s)
	var err error
	for _, suffix := range suffixes {
		if e := l.env.fs.Remove(s.file(folder, suffix)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
