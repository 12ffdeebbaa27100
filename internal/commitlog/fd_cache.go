package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// handle is an open .log file. It is kept open by references: readers and the ranges they return hold one each. When it
// has none, the cache may close it. It is the Pin of the ranges that Log.Read returns.
type handle struct {
	file     vfs.File
	writable bool
	seg      *segment
	cache    *fdCache
	refs     atomic.Int32 // handleClosed once closed
	used     atomic.Bool  // since the cache looked last
	retired  atomic.Bool  // not to be given out again: closed with the last reference
	slot     int          // in fdCache.ring, guarded by fdCache.mu
}

const handleClosed = -1 << 30

// ref takes a reference unless the file was closed.
func (h *handle) ref() bool {
	for {
		n := h.refs.Load()
		if n < 0 {
			return false
		}
		if h.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Unpin gives a reference back.
func (h *handle) Unpin() {
	n := h.refs.Add(-1)
	if n < 0 {
		panic("BUG: a segment's file was unpinned more often than pinned")
	}
	if n == 0 && h.retired.Load() {
		h.tryClose()
	}
}

// tryClose closes the file if nobody holds it.
func (h *handle) tryClose() bool {
	if !h.refs.CompareAndSwap(0, handleClosed) {
		return false
	}
	h.seg.handle.CompareAndSwap(h, nil)
	_ = h.file.Close() // nothing was left unsynced that anybody was told is safe
	h.cache.open.Add(-1)
	return true
}

// fdCache bounds the number of .log files that are open. A file is opened when it is needed; when there are too many, one
// that wasn't used lately is closed (second chance: a clock hand clears the marks it passes).
type fdCache struct {
	limit int
	open  atomic.Int64 // files open, retired ones included

	mu   sync.Mutex
	ring []*handle // handles given out through their segments
	hand int
}

// reader returns the segment's file with a reference taken. A segment that was replaced has no file any more.
func (c *fdCache) reader(fsys vfs.FS, s *segment, folder string) (*handle, error) {
	for !s.gone.Load() {
		if h := s.handle.Load(); h != nil && h.ref() {
			h.used.Store(true)
			return h, nil
		}
		f, err := fsys.Open(s.file(folder, logSuffix))
		if err != nil {
			return nil, err
		}
		h := c.install(s, f, false)
		if h == nil {
			continue
		}
		if !s.gone.Load() {
			return h, nil
		}
		c.retire(h) // what was opened may be the file of the segment that came instead
		h.Unpin()
	}
	return nil, fmt.Errorf("%s: %w", offsetFile(s.base, logSuffix), fs.ErrNotExist)
}

// writer is reader for the file that is appended to. The first time it is created, and must not be there: a file that this log
// neither made nor recovered is never written to. Log.mu is held: there is no other writer.
func (c *fdCache) writer(fsys vfs.FS, s *segment, folder string) (*handle, error) {
	for made := s.onDisk; ; made = true {
		h := s.handle.Load()
		if h != nil && h.writable && h.ref() {
			h.used.Store(true)
			return h, nil
		}
		if h != nil && !h.writable {
			c.retire(h)
		}
		f, err := openSegment(fsys, s.file(folder, logSuffix), made, s.size)
		if err != nil {
			return nil, err
		}
		if h := c.install(s, f, true); h != nil {
			return h, nil
		}
	}
}

// openSegment opens a .log file that was made, or makes it. Of one that was made, size bytes must be there.
func openSegment(fsys vfs.FS, name string, made bool, size int64) (vfs.File, error) {
	if !made {
		f, err := fsys.CreateNew(name)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: %s is there, and is not of this log", protocol.ErrKafkaStorageError, name)
		}
		return f, err
	}
	f, err := fsys.OpenWrite(name)
	if err != nil {
		return nil, err
	}
	there, err := f.Size()
	if err == nil && there < size {
		err = fmt.Errorf("%w: %s has %d bytes of %d", protocol.ErrKafkaStorageError, name, there, size)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// install makes a handle the segment's, with a reference for the caller, or closes the file and returns nil if another
// was faster.
func (c *fdCache) install(s *segment, f vfs.File, writable bool) *handle {
	h := &handle{file: f, writable: writable, seg: s, cache: c}
	h.refs.Store(1)
	h.used.Store(true)
	c.mu.Lock()
	if !s.handle.CompareAndSwap(nil, h) {
		c.mu.Unlock()
		_ = f.Close() // nothing was written
		return nil
	}
	c.open.Add(1)
	h.slot = len(c.ring)
	c.ring = append(c.ring, h)
	victim := c.victimLocked()
	c.mu.Unlock()
	if victim != nil {
		victim.tryClose()
	}
	return h
}

// victimLocked picks a handle to close if there are too many, and takes it out of the ring. It looks at each twice at most.
func (c *fdCache) victimLocked() *handle {
	if len(c.ring) <= c.limit {
		return nil
	}
	for range 2 * len(c.ring) {
		c.hand = (c.hand + 1) % len(c.ring)
		h := c.ring[c.hand]
		if h.refs.Load() > 0 || h.used.Swap(false) {
			continue
		}
		c.removeLocked(h)
		h.retired.Store(true) // whoever takes a reference just now closes it
		return h
	}
	return nil
}

func (c *fdCache) removeLocked(h *handle) {
	last := len(c.ring) - 1
	if h.slot > last || c.ring[h.slot] != h {
		return // already out
	}
	c.ring[h.slot] = c.ring[last]
	c.ring[h.slot].slot = h.slot
	c.ring[last] = nil
	c.ring = c.ring[:last]
}

// retire takes a handle out of use: it is closed once the last range that pins it was sent.
func (c *fdCache) retire(h *handle) {
	c.mu.Lock()
	c.removeLocked(h)
	c.mu.Unlock()
	h.seg.handle.CompareAndSwap(h, nil)
	h.retired.Store(true)
	h.tryClose()
}

// drop retires the segment's handle, if it has one.
func (c *fdCache) drop(s *segment) {
	if h := s.handle.Load(); h != nil {
		c.retire(h)
	}
}
