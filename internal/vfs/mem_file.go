package vfs

import (
	"io/fs"
	"sync/atomic"
	"syscall"
	"time"
)

// memFile is a descriptor of a file in a Mem. It keeps working when the file is renamed or removed.
type memFile struct {
	m      *Mem
	n      *node
	name   string
	write  bool
	closed atomic.Bool
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) Fd() (uintptr, bool) { return 0, false }

func (f *memFile) Size() (int64, error) {
	if f.closed.Load() {
		return 0, pathError("stat", f.name, fs.ErrClosed)
	}
	f.n.mu.RLock()
	defer f.n.mu.RUnlock()
	return f.n.data.size, nil
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	switch {
	case f.closed.Load():
		return 0, pathError("read", f.name, fs.ErrClosed)
	case off < 0:
		return 0, pathError("read", f.name, syscall.EINVAL)
	}
	f.n.mu.RLock()
	defer f.n.mu.RUnlock()
	return f.n.data.readAt(b, off)
}

func (f *memFile) WriteAt(b []byte, off int64) (n int, err error) {
	err = f.change("write", off, func() error {
		if len(b) == 0 {
			return nil
		}
		n = f.n.data.writeAt(b, off, f.m.take)
		f.n.mod = time.Now()
		f.m.logWriteLocked(f.n, b[:n], off)
		if n < len(b) {
			return syscall.ENOSPC
		}
		return nil
	})
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	return f.change("truncate", size, func() error {
		f.m.truncateLocked(f.n, size)
		return nil
	})
}

func (m *Mem) truncateLocked(n *node, size int64) {
	freed := n.data.truncate(size)
	n.mod = time.Now()
	m.used.Add(-int64(freed) * pageSize)
	m.logLocked(entry{kind: opTruncate, id: n.id, off: size, at: n.mod})
}

func (f *memFile) Preallocate(off, n int64) error {
	return f.change("fallocate", min(off, n-1), func() error {
		if !f.n.data.reserve(off, n, f.m.take) {
			return syscall.ENOSPC
		}
		return nil
	})
}

func (f *memFile) Sync() error { return f.sync(opSync) }

func (f *memFile) Datasync() error { return f.sync(opSync) }

// failSync is what Fault calls when it fails a Sync: as on Linux, the bytes not yet on disk are forgotten by then, and
// the next Sync will succeed without them.
func (f *memFile) failSync() { _ = f.sync(opSyncFailed) }

func (f *memFile) sync(kind entryKind) error {
	if f.closed.Load() {
		return pathError("sync", f.name, fs.ErrClosed)
	}
	if !f.m.record {
		return nil
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.m.logLocked(entry{kind: kind, id: f.n.id})
	return nil
}

// change runs fn, which changes the file, with the locks that this needs: a recording Mem must log changes in the order
// in which they were done, a volatile one keeps files independent of each other.
func (f *memFile) change(op string, arg int64, fn func() error) error {
	switch {
	case f.closed.Load():
		return pathError(op, f.name, fs.ErrClosed)
	case !f.write:
		return pathError(op, f.name, syscall.EBADF)
	case arg < 0:
		return pathError(op, f.name, syscall.EINVAL)
	}
	if f.m.record {
		f.m.mu.Lock()
		defer f.m.mu.Unlock()
	}
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	return pathError(op, f.name, fn())
}

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	f.n.opens--
	if f.n.unlinked && f.n.opens == 0 {
		f.m.used.Add(-f.n.data.taken() * pageSize)
		f.n.data = pages{}
	}
	return nil
}
