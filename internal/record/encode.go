package record

import (
	"io"
	"math"

	"github.com/travisjeffery/jocko/internal/poison"
)

// An encoder compresses what is written to it into a sink, until Close. It is pooled.
type encoder interface {
	io.WriteCloser
	release()
}

func newEncoder(c Codec, level int, out *sink) encoder {
	switch c {
	case None:
		return plainEncoder{out}
	case Gzip:
		return newGzipEncoder(level, out)
	case Snappy:
		return newSnappyEncoder(out)
	case LZ4:
		return newLZ4Encoder(level, out)
	case Zstd:
		return newZstdEncoder(level, out)
	}
	panic("BUG: no encoder for codec " + c.String())
}

type plainEncoder struct{ *sink }

func (plainEncoder) Close() error { return nil }
func (plainEncoder) release()     {}

// sink collects a batch in pooled memory: a header that is patched at the end, and what an encoder writes.
type sink struct {
	b    []byte
	most int
}

// A sink that grew over keptSink isn't kept.
const keptSink = 1 << 20

var sinks = poison.NewPool(nil, (*sink).spoil)

// newSink begins a batch with a copy of b's header, to become at most limit bytes (0: any size).
func newSink(b Batch, limit int) *sink {
	s := sinks.Get()
	s.most = limit
	if limit <= 0 {
		s.most = math.MaxInt32
	}
	s.b = append(s.b[:0], b[:HeaderSize]...)
	return s
}

func (s *sink) Write(p []byte) (int, error) {
	if len(p) > s.most-len(s.b) {
		return 0, errorf(TooLarge, "the record batch, recompressed, has over %d bytes, the limit is %d", len(s.b), s.most)
	}
	s.b = append(s.b, p...)
	return len(p), nil
}

// batch copies the batch out and corrects length, codec and CRC.
func (s *sink) batch(c Codec) Batch {
	b := make(Batch, len(s.b))
	copy(b, s.b)
	b.put32(posLength, int32(len(b)-LengthOverhead))
	b.put16(posAttributes, b.Attributes()&^attrCodec|int16(c))
	b.seal()
	return b
}

func (s *sink) release() {
	if cap(s.b) > keptSink {
		s.spoil()
		return
	}
	sinks.Put(s)
}

func (s *sink) spoil() { poison.Bytes(s.b) }
