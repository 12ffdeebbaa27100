package commitlog

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

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

	rebuild sync.Mutex // one index is computed anew at a time
}

type cachedIndex struct {
	seg     *segment
	entries []offsetEntry
}

func newIndexCache(budget int64) *indexCache {
	return &indexCache{budget: budget, order: list.New(), bySeg: make(map[*segment]*list.Element)}
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
	return offsets, err
}

func (l *Log) readTimeIndex(v *view) ([]timeEntry, error) {
	b, err := vfs.ReadFile(l.env.fs, v.seg.file(v.folder, timeIndexSuffix))
	if err == nil {
		if entries, ok := decodeTimeEntries(b); ok && (len(entries) > 0 || v.size == 0) {
			return entries, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, times, err := l.rebuildIndexes(v)
	return times, err
}

// rebuildIndexes computes the indexes of a sealed segment from its batches, which are checked, and saves them.
func (l *Log) rebuildIndexes(v *view) ([]offsetEntry, []timeEntry, error) {
	l.env.indexes.rebuild.Lock()
	defer l.env.indexes.rebuild.Unlock()
	s, err := l.scanSegment(v)
	if err != nil {
		l.noteDamage(err)
		return nil, nil, err
	}
	s.addTime()
	l.env.counters.RebuiltIndexes.Add(1)
	l.env.opt.Logger.Warn("index computed anew", "partition", l.tp.String(), "segment", int64(v.seg.base))
	err = l.replaceFile(v.seg.file(v.folder, indexSuffix), encodeOffsetEntries(nil, s.index.entries))
	if err == nil {
		err = l.replaceFile(v.seg.file(v.folder, timeIndexSuffix), encodeTimeEntries(nil, s.times.entries))
	}
	if err != nil && !vfs.IsNoSpace(err) {
		return nil, nil, err
	}
	return s.index.entries, s.times.entries, nil // on a full disk, from memory
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
