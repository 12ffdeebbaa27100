package commitlog

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"sync"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// indexCache holds offset indexes that were read from files, those used last, up to a number of bytes.
type indexCache struct {
	budget int64

	mu    sync.Mutex
	used  int64
	order *list.List // of *cachedIndex, the one used last in front
	bySeg map[*segment]*list.Element

	rebuild diskLock // one index is computed anew at a time
}

type cachedIndex struct {
	seg     *segment
	entries []offsetEntry
}

func newIndexCache(budget int64) *indexCache {
	return &indexCache{budget: budget, order: list.New(), bySeg: make(map[*segment]*list.Element), rebuild: newDiskLock()}
}

func (c *indexCache) get(s *segment) ([]offsetEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.bySeg[s]
	if e == nil {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedIndex).entries, true
}

func (c *indexCache) put(s *segment, entries []offsetEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropLocked(s)
	c.bySeg[s] = c.order.PushFront(&cachedIndex{s, entries})
	c.used += int64(cap(entries)) * offsetEntrySize
	for c.used > c.budget && c.order.Len() > 1 {
		c.dropLocked(c.order.Back().Value.(*cachedIndex).seg)
	}
}

func (c *indexCache) drop(s *segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropLocked(s)
}

func (c *indexCache) dropLocked(s *segment) {
	if e := c.bySeg[s]; e != nil {
		c.used -= int64(cap(e.Value.(*cachedIndex).entries)) * offsetEntrySize
		c.order.Remove(e)
		delete(c.bySeg, s)
	}
}

// loadEntries gets a view its index entries from the cache or the file. An index that is missing or damaged is computed anew.
func (l *Log) loadEntries(v *view) error {
	if v.entries != nil {
		return nil
	}
	entries, ok := l.env.indexes.get(v.seg)
	if !ok {
		var err error
		if entries, err = l.readOffsetIndex(v); err != nil {
			return err
		}
		l.env.indexes.put(v.seg, entries)
	}
	v.entries = entries
	if entries == nil {
		v.entries = []offsetEntry{}
	}
	return nil
}

func (l *Log) readOffsetIndex(v *view) ([]offsetEntry, error) {
	b, err := vfs.ReadFile(l.env.fs, v.seg.file(v.folder, indexSuffix))
	if err == nil {
		if entries, ok := decodeOffsetEntries(b, v.size); ok {
			return entries, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	offsets, _, err := l.rebuildIndexes(v)
	if err == nil && v.cutShort(b, offsets) {
		err = v.cutError()
		l.noteDamage(err)
	}
	return offsets, err
}

// cutShort tells whether an index file goes on where the index that was computed from the batches ends: then it isn't the index
// that is wrong, batches are missing.
func (v *view) cutShort(file []byte, computed []offsetEntry) bool {
	whole, ok := decodeOffsetEntries(file, math.MaxInt32)
	n := len(whole)
	return ok && n > len(computed) && slices.Equal(whole[:len(computed)], computed) && v.seg.base+record.Offset(whole[n-1].rel()) < v.next
}

// goneError is for segments whose names belong to others.
func (v *view) goneError() error {
	return fmt.Errorf("%s: %w", offsetFile(v.seg.base, logSuffix), fs.ErrNotExist)
}

func (v *view) cutError() error {
	return fmt.Errorf("%w: %s: it ends at position %d, its index knows of more", protocol.ErrCorruptMessage,
		offsetFile(v.seg.base, logSuffix), v.size)
}

// checkEmpty tells whether a sealed segment without a batch may be one: compaction leaves such segments, with empty indexes.
func (l *Log) checkEmpty(v *view) error {
	if v.entries != nil {
		return nil // its index is in memory; the files may not have their names yet
	}
	for _, suffix := range []string{indexSuffix, timeIndexSuffix} {
		b, err := readIndexFile(l.env.fs, v.seg.file(v.folder, suffix))
		if err != nil {
			return err
		}
		if v.seg.gone.Load() {
			return v.goneError()
		}
		if !allZero(b) {
			err := v.cutError()
			l.noteDamage(err)
			return err
		}
	}
	return nil
}

func (l *Log) readTimeIndex(v *view) ([]timeEntry, error) {
	b, err := vfs.ReadFile(l.env.fs, v.seg.file(v.folder, timeIndexSuffix))
	if err == nil {
		entries, ok := decodeTimeEntries(b)
		if ok {
			if ok, err = l.timesHold(v, entries); err != nil {
				return nil, err
			}
		}
		if ok {
			return entries, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, times, err := l.rebuildIndexes(v)
	return times, err
}

// withIndex does something with a view's index entries, twice if the index turns out to be damaged: then with a new one.
func (l *Log) withIndex(v *view, do func() error) error {
	if err := l.loadEntries(v); err != nil {
		return err
	}
	err := do()
	if !errors.Is(err, errIndex) {
		return err
	}
	if v.entries, _, err = l.rebuildIndexes(v); err != nil {
		return err
	}
	return do()
}

// rebuildIndexes computes the indexes of a segment from its batches, which are checked, and saves them; those of a segment that
// is held in memory are saved with the next flush.
func (l *Log) rebuildIndexes(v *view) ([]offsetEntry, []timeEntry, error) {
	l.env.indexes.rebuild.Lock()
	defer l.env.indexes.rebuild.Unlock()
	if v.seg.gone.Load() {
		return nil, nil, v.goneError()
	}
	s, err := l.scanSegment(v)
	if err != nil {
		l.noteDamage(err)
		return nil, nil, err
	}
	l.env.counters.RebuiltIndexes.Add(1)
	l.env.opt.Logger.Warn("index computed anew", "partition", l.tp.String(), "segment", int64(v.seg.base))
	if l.adoptRebuilt(v.seg, s) {
		return s.index.entries, s.times.entries, nil
	}
	l.env.indexes.put(v.seg, s.index.entries)
	if !v.sealed {
		return s.index.entries, s.times.entries, nil // the next flush of the segment, not a reader, writes its files
	}
	s.addTime()
	err = l.replaceFile(v.seg.file(v.folder, indexSuffix), encodeOffsetEntries(nil, s.index.entries))
	if err == nil {
		err = l.replaceFile(v.seg.file(v.folder, timeIndexSuffix), encodeTimeEntries(nil, s.times.entries))
	}
	if err != nil && !vfs.IsNoSpace(err) {
		return nil, nil, err
	}
	return s.index.entries, s.times.entries, nil // on a full disk, from memory
}

// adoptRebuilt gives a segment that is held in memory its new indexes. What was appended since they were computed keeps the
// entries it has.
func (l *Log) adoptRebuilt(s, rebuilt *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.loaded || s.index.dropped > 0 {
		return false
	}
	offsets := slices.Clone(rebuilt.index.entries)
	for _, e := range s.index.entries {
		if int64(e.pos()) >= rebuilt.size {
			offsets = append(offsets, e)
		}
	}
	times := newTimeIndex()
	times.entries, times.last = slices.Clone(rebuilt.times.entries), rebuilt.times.last
	for _, t := range s.times.entries {
		if s.base+record.Offset(t.rel) >= rebuilt.next {
			times.add(t.timestamp, t.rel)
		}
	}
	times.stale = true
	s.index, s.times = offsetIndex{entries: offsets, stale: true}, times
	if s.size == rebuilt.size {
		s.maxTimestamp, s.maxTimestampAt = rebuilt.maxTimestamp, rebuilt.maxTimestampAt
	}
	return true
}

// timesHold tells whether a time index is whole. The long part of the question, whether a batch behind the last entry has a larger
// timestamp, is asked of a sealed segment once.
func (l *Log) timesHold(v *view, times []timeEntry) (bool, error) {
	h, err := l.env.fds.reader(l.env.fs, v.seg, v.folder)
	if err != nil {
		return false, err
	}
	defer h.Unpin()
	until := v.size
	if v.sealed && v.seg.timesHeld.Load() {
		until = 0
	}
	holds := true
	err = l.withIndex(v, func() (err error) {
		sc := newScan(h.file, v.size)
		defer sc.close()
		holds, err = v.timesReach(&sc, times, until)
		return err
	})
	if holds && err == nil && v.sealed {
		v.seg.timesHeld.Store(true)
	}
	return holds, err
}

// timesReach tells whether the last entry of a time index names a batch with its timestamp, and no later batch that begins at or
// below the position until has a larger one.
func (v *view) timesReach(sc *scan, times []timeEntry, until int64) (bool, error) {
	largest, pos := int64(record.NoTimestamp), int64(0)
	if n := len(times); n > 0 {
		largest = times[n-1].timestamp
		b, size, at, err := v.find(sc, v.seg.base+record.Offset(times[n-1].rel))
		if err != nil || b == nil || b.MaxTimestamp() != largest {
			return false, err
		}
		pos = at + size
	}
	for pos <= until {
		b, size, err := sc.header(pos)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, v.damaged(pos, err)
		}
		if b.MaxTimestamp() > largest {
			return false, nil
		}
		pos += size
	}
	return true, nil
}

// scanSegment walks and checks all batches of a segment and returns what its account of them should be.
func (l *Log) scanSegment(v *view) (*segment, error) {
	h, err := l.env.fds.reader(l.env.fs, v.seg, v.folder)
	if err != nil {
		return nil, err
	}
	defer h.Unpin()
	sc := newCheckedScan(h.file, v.size)
	defer sc.close()
	s := newSegment(v.seg.base, 0)
	interval := l.Config().IndexInterval
	var header [record.HeaderSize]byte
	for {
		b, size, err := sc.header(s.size)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, v.damaged(s.size, err)
		}
		copy(header[:], b)
		if ok, err := sc.check(s.size, size, b.CRC()); err != nil || !ok || !s.accepts(header[:]) {
			return nil, errors.Join(err, v.damaged(s.size, errTorn))
		}
		s.note(header[:], interval)
	}
}

// accepts tells whether a batch may follow what the segment holds.
func (s *segment) accepts(b []byte) bool {
	h := record.Batch(b)
	_, fits := s.relative(h.LastOffset())
	return h.BaseOffset() >= s.next && fits
}

// replaceFile writes a file that can be computed again: its name changes at once, its durability doesn't matter.
func (l *Log) replaceFile(name string, data []byte) error {
	f, err := l.env.fs.Create(name + tmpSuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = l.env.fs.Rename(name+tmpSuffix, name)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	return nil
}
