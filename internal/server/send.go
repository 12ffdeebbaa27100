package server

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/protocol"
)

var (
	// errShort is a file range that ended before its length: the log was cut while the response was sent.
	errShort = errors.New("bytes of a response went away while it was sent")
	errHuge  = errors.New("BUG: a response of more than 2 GiB")
)

// copySize is how many bytes of files are gathered in memory for one write.
const copySize = 128 << 10

// slowReads bounds the threads that wait for disks while responses are sent, of all servers of the process together:
// each read of a file that isn't cached blocks one.
var slowReads = make(chan struct{}, 128)

// send writes a response of size bytes, whose length goes into the first four of its first range.
func (c *Conn) send(ranges []protocol.Range, size int64) error {
	if size > math.MaxInt32 {
		return errHuge
	}
	binary.BigEndian.PutUint32(ranges[0].Bytes, uint32(size))
	err := c.sendRanges(ranges)
	c.writes.end()
	if err == nil {
		c.listener.stats.BytesOut.Add(int(size) + sizePrefix)
	}
	return err
}

// readFull reads len(p) bytes of a file range.
func readFull(f protocol.File, p []byte, off int64) error {
	slowReads <- struct{}{}
	n, err := f.ReadAt(p, off)
	<-slowReads
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return errShort
	}
	return err
}

var copyPool = poison.NewPool(nil, func(b *[copySize]byte) { poison.Bytes(b[:]) })

// copier writes ranges to a connection that takes only bytes: TLS, in memory, or a socket of a system without a better
// way. It gathers them, so that a response is few writes.
type copier struct {
	c   *Conn
	buf *[copySize]byte
	n   int
}

func (c *Conn) sendCopied(ranges []protocol.Range) error {
	w := copier{c: c, buf: copyPool.Get()}
	defer copyPool.Put(w.buf)
	for _, r := range ranges {
		var err error
		if r.File == nil {
			err = w.bytes(r.Bytes)
		} else {
			err = w.file(r)
		}
		if err != nil {
			return err
		}
	}
	return w.flush()
}

func (w *copier) bytes(p []byte) error {
	for len(p) > 0 {
		n := copy(w.buf[w.n:], p)
		w.n += n
		p = p[n:]
		if err := w.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

func (w *copier) file(r protocol.Range) error {
	for pos, end := r.Pos, r.Pos+r.Len; pos < end; {
		n := min(end-pos, int64(copySize-w.n))
		if err := readFull(r.File, w.buf[w.n:w.n+int(n)], pos); err != nil {
			return err
		}
		w.n += int(n)
		pos += n
		if err := w.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

func (w *copier) flushFull() error {
	if w.n < copySize {
		return nil
	}
	return w.flush()
}

// maxWrite is how much is written at once where only the end of a write shows progress.
const maxWrite = 32 << 10

func (w *copier) flush() error {
	p := w.buf[:w.n]
	w.n = 0
	for len(p) > 0 {
		w.c.writes.wait(w.c.srv.clock.now())
		n, err := w.c.nc.Write(p[:min(len(p), maxWrite)])
		if err != nil {
			return err
		}
		w.c.writes.move(w.c.srv.clock.now(), n)
		p = p[n:]
	}
	return nil
}
