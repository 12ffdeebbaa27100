package server

import (
	"encoding/binary"
	"fmt"

	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/protocol"
)

const (
	// scratchSize is how much one read of the socket asks for: a small request, or several, come in one system call.
	scratchSize = 8 << 10

	// minRequest is the smallest request header: API key, version, correlation id.
	minRequest = 8

	// growth is how far ahead of the bytes received a frame is allocated for a client that is not yet known to send
	// requests of its size.
	growth = 4

	// maxTrust is the largest frame allocated at once for a client that has sent one of that size before.
	maxTrust = 2 << 20
)

// scratch buffers are lent to connections while bytes lie unread in them.
var scratchPool = poison.NewPool(nil, func(b *[scratchSize]byte) { poison.Bytes(b[:]) })

// frameError is a length that no request can have.
type frameError struct{ size, limit int32 }

func (e frameError) Error() string {
	return fmt.Sprintf("a request of %d bytes, not between %d and socket.request.max.bytes=%d", e.size, minRequest, e.limit)
}

// input cuts what a connection sends into frames. Small frames are copied out of a scratch buffer that several share; a
// larger one is read where it will stay. Only the reader touches it.
type input struct {
	c       *Conn
	scratch *[scratchSize]byte // nil when nothing is unread
	r, w    int                // the unread bytes are scratch[r:w]
	trust   int                // size of the largest frame received whole, up to maxTrust
	claim   claim
	first   [16]byte // see readConn

	// The read that onReadable does, and its outcome.
	readable func(fd uintptr) bool
	dst      []byte // nil: into scratch
	n        int
	err      error
}

func (in *input) init(c *Conn) {
	in.c = c
	in.readable = in.onReadable
}

// next returns the next frame, without its length. While it waits with nothing received it holds no buffer.
func (in *input) next() (*protocol.Frame, error) {
	for in.w-in.r < sizePrefix {
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
	size := int32(binary.BigEndian.Uint32(in.scratch[in.r:]))
	if limit := in.c.srv.limits.MaxRequestBytes; size < minRequest || size > limit {
		return nil, frameError{size, limit}
	}
	f, err := in.frame(int(size))
	if err != nil {
		return nil, err
	}
	in.c.reads.end()
	in.trust = max(in.trust, min(int(size), maxTrust))
	in.c.listener.stats.BytesIn.Add(sizePrefix + int(size))
	return f, nil
}

// frame returns the frame whose length is the next thing in scratch.
func (in *input) frame(size int) (*protocol.Frame, error) {
	for in.w-in.r < sizePrefix+size && sizePrefix+size <= scratchSize {
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
	if sizePrefix+size > scratchSize {
		return in.large(size)
	}
	in.claim.small(&in.c.srv.budget, int64(size))
	f := protocol.GetFrame(size)
	copy(f.Bytes(), in.scratch[in.r+sizePrefix:])
	in.consume(sizePrefix + size)
	return f, nil
}

// consume drops n unread bytes, and the scratch buffer with the last.
func (in *input) consume(n int) {
	if in.r += n; in.r == in.w {
		in.drop()
	}
}

// drop lets the scratch buffer go.
func (in *input) drop() {
	in.r, in.w = 0, 0
	if in.scratch != nil {
		scratchPool.Put(in.scratch)
		in.scratch = nil
	}
}

// large reads a frame that is larger than scratch. It first waits until scratch is full: a length alone moves nobody to
// allocate.
func (in *input) large(size int) (*protocol.Frame, error) {
	for in.w-in.r < scratchSize && in.trust < size {
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
	f, err := in.grow(nil, in.w-in.r-sizePrefix, size)
	if err != nil {
		return nil, err
	}
	n := copy(f.Bytes(), in.scratch[in.r+sizePrefix:in.w])
	in.drop()
	for n < size {
		if n == len(f.Bytes()) {
			if f, err = in.grow(f, n, size); err != nil {
				return nil, err
			}
		}
		got, err := in.readInto(f.Bytes()[n:])
		if err != nil {
			f.Release()
			return nil, err
		}
		n += got
	}
	return f, nil
}

// grow returns a frame for more of the size bytes that were announced, with the n received ones of f, which it releases.
func (in *input) grow(f *protocol.Frame, n, size int) (*protocol.Frame, error) {
	next, held := min(size, max(in.trust, growth*n)), 0
	if f != nil {
		held = len(f.Bytes())
	}
	err := in.take(int64(next - held))
	if err == nil {
		grown := protocol.GetFrame(next)
		if f != nil {
			copy(grown.Bytes(), f.Bytes()[:n])
			f.Release()
		}
		return grown, nil
	}
	if f != nil {
		f.Release()
	}
	return nil, err
}

// take claims n more bytes of the budget. While it waits for them the client isn't slow.
func (in *input) take(n int64) error {
	budget, clock := &in.c.srv.budget, &in.c.srv.clock
	if in.claim.take(budget, n) {
		return nil
	}
	begun, since := in.c.reads.suspend(), clock.now()
	err := in.claim.wait(in.c.ctx, budget, n)
	in.c.reads.resume(begun, since, clock.now())
	return err
}

// fill reads more into scratch, and waits for it.
func (in *input) fill() error {
	if in.r > 0 {
		copy(in.scratch[:], in.scratch[in.r:in.w])
		in.r, in.w = 0, in.w-in.r
	}
	n, err := in.readInto(nil)
	in.w += n
	return err
}

// readInto reads some bytes into dst, or with nil into scratch, and returns how many: at least one, or an error.
func (in *input) readInto(dst []byte) (int, error) {
	in.dst = dst
	n, err := in.read()
	in.dst = nil
	if n > 0 {
		in.c.reads.move(in.c.srv.clock.now(), n)
		return n, nil
	}
	if in.scratch != nil && in.w == 0 {
		in.drop()
	}
	return 0, err
}

// buffer is where the next read goes.
func (in *input) buffer() []byte {
	if in.dst != nil {
		return in.dst
	}
	if in.scratch == nil {
		in.scratch = scratchPool.Get()
	}
	return in.scratch[in.w:]
}

// beforeWait is called when nothing is there to be read.
func (in *input) beforeWait() {
	if in.dst == nil && in.w == 0 {
		in.drop() // idle
		return
	}
	in.c.reads.wait(in.c.srv.clock.now())
}
