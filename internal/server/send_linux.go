package server

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/protocol"
)

const (
	// sendfileMin is the file range from which sendfile costs less than reading it and sending it with its neighbours;
	// BenchmarkFileRange measures it.
	sendfileMin = 64 << 10

	// sendfileStep bounds one call, so that progress shows and others get their turn at the disk.
	sendfileStep = 1 << 20

	// maxVec is how many byte ranges leave in one call.
	maxVec = 128
)

// sender writes one response to a socket. Neighbouring byte ranges and small file ranges leave together; a large file
// range goes from the page cache to the socket, at its explicit offset: the descriptor and its position are shared.
type sender struct {
	c *Conn

	vec   [maxVec]unix.Iovec // to be sent: vec[:n]
	n     int
	msg   unix.Msghdr
	flags int
	buf   *[copySize]byte // where small file ranges are read to; nil until one is
	used  int             // of buf

	in     int // the file being sent
	pos    int64
	left   int64
	err    error
	onVec  func(fd uintptr) bool // sendVec and sendFile, made once
	onFile func(fd uintptr) bool
}

var senders = poison.NewPool(func() *sender {
	s := new(sender)
	s.onVec, s.onFile = s.sendVec, s.sendFile
	return s
}, func(s *sender) { s.in, s.pos, s.left = -1, -1, -1 })

func (c *Conn) sendRanges(ranges []protocol.Range) error {
	if c.raw == nil {
		return c.sendCopied(ranges)
	}
	s := senders.Get()
	s.c = c
	err := s.send(ranges)
	s.reset()
	senders.Put(s)
	return err
}

// reset lets go of everything that belongs to a response.
func (s *sender) reset() {
	clear(s.vec[:s.n])
	s.msg = unix.Msghdr{}
	s.n, s.used, s.c, s.err = 0, 0, nil, nil
	if s.buf != nil {
		copyPool.Put(s.buf)
		s.buf = nil
	}
}

func (s *sender) send(ranges []protocol.Range) error {
	for i := range ranges {
		if err := s.add(&ranges[i]); err != nil {
			return err
		}
	}
	return s.flush(false)
}

// add sends a range, or notes it for the next flush.
func (s *sender) add(r *protocol.Range) error {
	if r.File == nil {
		return s.bytes(r.Bytes)
	}
	if fd, ok := r.File.Fd(); ok && r.Len >= sendfileMin {
		return s.file(int(fd), r.Pos, r.Len)
	}
	return s.small(r)
}

func (s *sender) bytes(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if s.n == maxVec {
		if err := s.flush(true); err != nil {
			return err
		}
	}
	s.vec[s.n].Base = unsafe.SliceData(p)
	s.vec[s.n].SetLen(len(p))
	s.n++
	return nil
}

// small reads a file range into memory, from where it leaves with the bytes before and after it.
func (s *sender) small(r *protocol.Range) error {
	if s.buf == nil {
		s.buf = copyPool.Get()
	}
	for pos, end := r.Pos, r.Pos+r.Len; pos < end; {
		if s.used == copySize {
			if err := s.flush(true); err != nil {
				return err
			}
		}
		n := int(min(end-pos, int64(copySize-s.used)))
		p := s.buf[s.used : s.used+n]
		if err := readFull(r.File, p, pos); err != nil {
			return err
		}
		if err := s.bytes(p); err != nil {
			return err
		}
		s.used += n
		pos += int64(n)
	}
	return nil
}

// flush sends the byte ranges noted. With more to come the kernel keeps the last, partial segment for it.
func (s *sender) flush(more bool) error {
	if s.n == 0 {
		return nil
	}
	s.flags = unix.MSG_NOSIGNAL
	if more {
		s.flags |= unix.MSG_MORE
	}
	s.msg.Iov = &s.vec[0]
	s.msg.SetIovlen(s.n)
	err := s.c.raw.Write(s.onVec)
	if err == nil {
		err = s.err
	}
	clear(s.vec[:s.n])
	s.n, s.used = 0, 0
	return err
}

// sendVec sends without blocking; false asks to be called again when there is room.
func (s *sender) sendVec(fd uintptr) bool {
	for s.msg.Iovlen > 0 {
		n, _, errno := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&s.msg)), uintptr(s.flags))
		switch errno {
		case 0:
			s.sent(int(n))
			s.advance(int(n))
		case unix.EINTR:
		case unix.EAGAIN:
			s.c.writes.wait(s.c.srv.clock.now())
			return false
		default:
			s.err = errno
			return true
		}
	}
	return true
}

// advance moves the message past n sent bytes.
func (s *sender) advance(n int) {
	for s.msg.Iovlen > 0 {
		v := s.msg.Iov
		if n < int(v.Len) {
			v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), n))
			v.SetLen(int(v.Len) - n)
			return
		}
		n -= int(v.Len)
		if s.msg.Iovlen--; s.msg.Iovlen > 0 {
			s.msg.Iov = (*unix.Iovec)(unsafe.Add(unsafe.Pointer(v), unsafe.Sizeof(*v)))
		}
	}
}

func (s *sender) sent(n int) { s.c.writes.move(s.c.srv.clock.now(), n) }

// file sends a range of a file without copying it through this process.
func (s *sender) file(fd int, pos, length int64) error {
	if err := s.flush(true); err != nil {
		return err
	}
	s.in, s.pos, s.left = fd, pos, length
	if err := s.c.raw.Write(s.onFile); err != nil {
		return err
	}
	return s.err
}

// sendFile sends without blocking on the socket; false asks to be called again when there is room.
func (s *sender) sendFile(fd uintptr) bool {
	for s.left > 0 {
		slowReads <- struct{}{}
		n, err := unix.Sendfile(int(fd), s.in, &s.pos, int(min(s.left, sendfileStep)))
		<-slowReads
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			s.c.writes.wait(s.c.srv.clock.now())
			return false
		case err != nil:
			s.err = err
			return true
		case n == 0:
			s.err = errShort
			return true
		default:
			s.sent(n)
			s.left -= int64(n)
		}
	}
	return true
}
