package record

import (
	"errors"
	"io"

	"github.com/travisjeffery/jocko/internal/poison"
)

// A decoder turns one compressed payload into a stream. It is pooled and reads src without copying it. most is the number of
// bytes the stream may have.
type decoder interface {
	reset(src []byte, most int64) error
	// decode puts the next bytes into room that it takes from s, and returns how many. It asks for no more room than those
	// bytes need, whatever src declares. The error is io.EOF at the end, with or after the last bytes.
	decode(s *stream) (int, error)
	release()
}

func newDecoder(c Codec) decoder {
	switch c {
	case Gzip:
		return gzipDecoders.Get()
	case Snappy:
		return snappyDecoders.Get()
	case LZ4:
		return lz4Decoders.Get()
	case Zstd:
		return zstdDecoders.Get()
	}
	panic("BUG: no decoder for codec " + c.String())
}

var errOverLimit = &Error{Kind: TooLarge, Message: "the records are larger than allowed once decompressed"}

func undecodable(c Codec, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = errTruncated
	}
	return &Error{Kind: Undecodable, Message: "the records are no " + c.String() + " data", Err: err}
}

var errTruncated = errors.New("it ends too early")

// stream is a window over the records of a batch. The window of a batch that isn't compressed is its payload.
type stream struct {
	codec  Codec
	dec    decoder   // nil: not compressed
	window []byte    // the unread bytes are window[r:w]
	r, w   int       //
	left   int64     // bytes that may still come
	tee    io.Writer // gets every decompressed byte, if set
	err    error     // io.EOF at the end
	own    []byte    // memory for windows; it stays with the stream in the pool
}

const (
	// windowSize is the first size of a window, and what its size is rounded to.
	windowSize = 64 << 10
	// A window that grew over keptWindow isn't kept. The largest block of LZ4 fits, behind the start of a record.
	keptWindow = 4<<20 + 2*windowSize
	// maxEmptyReads is how often a decoder may return nothing without an error.
	maxEmptyReads = 100
)

var streams = poison.NewPool(nil, (*stream).spoil)

func newStream() *stream { return streams.Get() }

// open begins a batch.
func (s *stream) open(b Batch, l Limits) error {
	*s = stream{codec: b.Codec(), own: s.own}
	if s.codec == None {
		s.window, s.w, s.err = b.Payload(), len(b)-HeaderSize, io.EOF
		return nil
	}
	if !s.codec.Valid() {
		s.err = errorf(Undecodable, "unknown compression type %d", s.codec)
		return s.err
	}
	if s.own == nil {
		s.own = make([]byte, windowSize)
	}
	s.window = s.own
	s.left = l.bytes(len(b) - HeaderSize)
	s.dec = newDecoder(s.codec)
	if err := s.dec.reset(b.Payload(), s.left); err != nil {
		s.err = undecodable(s.codec, err)
	}
	return s.fatal()
}

// fatal is the stream's error, unless that is its end.
func (s *stream) fatal() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// release gives the stream back. Bytes of its window must not be used any more.
func (s *stream) release() {
	if s.dec != nil {
		s.dec.release()
	}
	own := s.own
	if len(own) > keptWindow {
		s.spoil()
		own = nil
	}
	*s = stream{own: own}
	streams.Put(s)
}

func (s *stream) spoil() { poison.Bytes(s.own) }

// unread is what the window holds.
func (s *stream) unread() []byte { return s.window[s.r:s.w] }

// fill decodes more bytes behind those unread.
func (s *stream) fill() error {
	if s.err != nil {
		return s.fatal()
	}
	if s.r > 0 {
		copy(s.window, s.window[s.r:s.w])
		s.r, s.w = 0, s.w-s.r
	}
	return s.read()
}

// room returns the free part of the window, which has at least n bytes: the window grows where it must, by half at least.
func (s *stream) room(n int) []byte {
	if n > len(s.window)-s.w {
		size := max(s.w+n, len(s.window)+len(s.window)/2)
		grown := make([]byte, (size+windowSize-1)/windowSize*windowSize)
		copy(grown, s.window[:s.w])
		s.window, s.own = grown, grown
	}
	return s.window[s.w:]
}

func (s *stream) read() error {
	for range maxEmptyReads {
		n, err := s.dec.decode(s)
		if int64(n) > s.left {
			err = errOverLimit
		} else if s.tee != nil && n > 0 {
			if _, err := s.tee.Write(s.window[s.w : s.w+n]); err != nil {
				s.err = err
				return err
			}
		}
		s.left -= int64(n)
		s.w += n
		if err == io.EOF {
			s.err = io.EOF
			return nil
		}
		if err != nil {
			s.err = undecodable(s.codec, err)
			return s.err
		}
		if n > 0 {
			return nil
		}
	}
	s.err = undecodable(s.codec, io.ErrNoProgress)
	return s.err
}

// ended tells whether no more bytes will come than the window holds.
func (s *stream) ended() bool { return s.err == io.EOF }

// drained reads to the end, where a codec's own checksum is. It returns how many bytes were left, at least.
func (s *stream) drained() (left int, err error) {
	for s.r == s.w && !s.ended() {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	return s.w - s.r, nil
}

// The three reads below are for records larger than a window: they throw away what they pass.

// varint reads a 32 bit varint.
func (s *stream) varint() (v int32, size int, ok bool, err error) {
	if err := s.atLeast(maxVarint32Size); err != nil {
		return 0, 0, false, err
	}
	v, n := varint32(s.unread(), 0)
	if n < 0 {
		return 0, 0, false, nil
	}
	s.r += n
	return v, n, true, nil
}

// skip passes n bytes; ok is false where there aren't as many.
func (s *stream) skip(n int) (ok bool, err error) {
	for {
		have := min(n, s.w-s.r)
		s.r += have
		n -= have
		if n == 0 {
			return true, nil
		}
		if s.ended() {
			return false, nil
		}
		if err := s.fill(); err != nil {
			return false, err
		}
	}
}

// atLeast fills the window to n bytes, or to the end of the stream.
func (s *stream) atLeast(n int) error {
	for s.w-s.r < n && !s.ended() {
		if err := s.fill(); err != nil {
			return err
		}
	}
	return nil
}
