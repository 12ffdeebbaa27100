package protocol

import (
	"math/bits"
	"sync/atomic"

	"github.com/travisjeffery/jocko/internal/poison"
)

// Size classes of pooled frames are powers of two, from 1 KiB to 8 MiB. Larger frames are left to the garbage collector.
const (
	minFrameBits = 10
	maxFrameBits = 23
)

var framePools = newFramePools()

func newFramePools() (pools [maxFrameBits - minFrameBits + 1]*poison.Pool[Frame]) {
	for class := range pools {
		fresh := func() *Frame { return &Frame{buf: make([]byte, 1<<(class+minFrameBits))} }
		pools[class] = poison.NewPool(fresh, (*Frame).spoil)
	}
	return pools
}

// Frame is a buffer with a reference count, into which a request is read. Whatever aliases its bytes holds a reference:
// the last Release gives the buffer to the next request. Under the build tag "poison" it is overwritten first.
type Frame struct {
	buf    []byte
	n      int
	refs   atomic.Int32
	cached int // references of the cache; guarded by the cache's lock
}

// GetFrame returns a frame of n bytes with one reference. The bytes are not cleared.
func GetFrame(n int) *Frame {
	class := frameClass(n)
	var f *Frame
	if class < 0 {
		f = &Frame{buf: make([]byte, n)}
	} else {
		f = framePools[class].Get()
	}
	f.n = n
	f.refs.Store(1)
	return f
}

// frameClass is the index of the pool for n bytes, -1 for none.
func frameClass(n int) int {
	if n > 1<<maxFrameBits {
		return -1
	}
	return max(bits.Len(uint(max(n, 1)-1))-minFrameBits, 0)
}

// Bytes returns the frame's bytes, valid while the caller holds a reference.
func (f *Frame) Bytes() []byte { return f.buf[:f.n:f.n] }

// Cap is the memory that the frame takes, in bytes.
func (f *Frame) Cap() int { return cap(f.buf) }

// Retain adds a reference.
func (f *Frame) Retain() {
	if f.refs.Add(1) <= 1 {
		panic("BUG: Retain of a released frame")
	}
}

// Release drops a reference; the last one frees the buffer.
func (f *Frame) Release() {
	switch n := f.refs.Add(-1); {
	case n < 0:
		panic("BUG: Release of a released frame")
	case n > 0:
		return
	}
	if class := frameClass(cap(f.buf)); class >= 0 {
		framePools[class].Put(f)
	} else {
		f.spoil()
	}
}

func (f *Frame) spoil() { poison.Bytes(f.buf) }

// Cache is Retain for the one cache that may keep frames, which calls it under its lock. first reports whether it holds the
// frame only from now on: then Cap bytes are the cache's.
func (f *Frame) Cache() (first bool) {
	f.Retain()
	f.cached++
	return f.cached == 1
}

// Uncache is Release of what Cache has retained. last reports whether the cache doesn't hold the frame any more.
func (f *Frame) Uncache() (last bool) {
	f.cached--
	last = f.cached == 0
	f.Release()
	return last
}

// Unpin is Release, so that a frame can pin the ranges that alias it.
func (f *Frame) Unpin() { f.Release() }
