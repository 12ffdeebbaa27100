package record

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"

	"github.com/klauspost/compress/zstd"

	"github.com/travisjeffery/jocko/internal/poison"
)

var (
	errZstdFrame  = errors.New("bad frame")
	errZstdDict   = errors.New("it needs a dictionary")
	errZstdWindow = errors.New("its window is larger than 128 MiB")
)

const (
	zstdMagic     = 0xfd2fb528
	zstdSkippable = 0x184d2a50 // the low 4 bits vary
	// zstdBlockSize is the most that one block decompresses to.
	zstdBlockSize = 128 << 10
	// zstdMaxWindow is the largest window that a frame may claim: Java consumers don't read others.
	zstdMaxWindow = 128 << 20
	// A decoder that needed a window over zstdKeptWindow isn't kept.
	zstdKeptWindow = 8 << 20
)

// zstdDecoder never sees the window size that a frame claims where that is more than the frame can fill: a Java producer
// at level 22 claims 128 MiB for any batch, and an attacker claims what he likes. The size is lowered to what the frame's
// blocks can decompress to, which no match can reach beyond.
type zstdDecoder struct {
	*zstd.Decoder
	src     []byte
	pos     int
	windows []zstdWindow // window descriptors to be replaced, by position
	next    int          // in windows
	largest uint64       // window
}

// zstdWindow replaces the byte at pos.
type zstdWindow struct {
	pos        int
	descriptor byte
}

var zstdDecoders = poison.NewPool(func() *zstdDecoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdMaxWindow), zstd.WithDecoderMaxMemory(zstdMaxWindow))
	if err != nil {
		panic("BUG: zstd options: " + err.Error())
	}
	return &zstdDecoder{Decoder: d}
}, libraryOwned)

func (d *zstdDecoder) reset(src []byte, most int64) error {
	d.src, d.pos, d.windows, d.next, d.largest = src, 0, d.windows[:0], 0, 0
	for rest := src; len(rest) > 0; {
		n, err := d.scanFrame(rest, len(src)-len(rest), most)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return d.Reset(zstdSource{d})
}

func (d *zstdDecoder) decode(s *stream) (int, error) { return d.Read(s.room(1)) }

// scanFrame finds the end of the frame at the front of b, which is at src[at:], and notes what window it needs.
func (d *zstdDecoder) scanFrame(b []byte, at int, most int64) (size int, err error) {
	if len(b) < 8 {
		return 0, errTruncated
	}
	magic := binary.LittleEndian.Uint32(b)
	if magic&^0xf == zstdSkippable {
		n := uint64(binary.LittleEndian.Uint32(b[4:])) + 8
		if n > uint64(len(b)) {
			return 0, errTruncated
		}
		return int(n), nil
	}
	var h zstd.Header
	if magic != zstdMagic || h.Decode(b) != nil || h.Skippable {
		return 0, errZstdFrame
	}
	if h.DictionaryID != 0 {
		return 0, errZstdDict
	}
	bound, size, err := scanBlocks(b, h.HeaderSize)
	if err != nil {
		return 0, err
	}
	if h.HasCheckSum {
		size += 4
	}
	hasSize := h.HasFCS && h.FrameContentSize != math.MaxUint64 // that means unknown, too
	switch {
	case size > len(b):
		return 0, errTruncated
	case hasSize && h.FrameContentSize > uint64(bound), !hasSize && h.SingleSegment:
		return 0, errZstdFrame
	case hasSize && h.FrameContentSize > uint64(most):
		return 0, errOverLimit
	}
	if h.SingleSegment { // no descriptor: the content is the window
		d.largest = max(d.largest, h.FrameContentSize)
		return size, nil
	}
	// The descriptor follows magic and frame header descriptor.
	w := b[5]
	if zstdWindowBytes(w) > zstdMaxWindow {
		return 0, errZstdWindow
	}
	if enough := windowDescriptor(min(bound, most)); zstdWindowBytes(enough) < zstdWindowBytes(w) {
		w = enough
		d.windows = append(d.windows, zstdWindow{at + 5, w})
	}
	d.largest = max(d.largest, zstdWindowBytes(w))
	return size, nil
}

// scanBlocks passes the blocks of a frame, which begin at b[i]. It returns how much they can decompress to and where they end.
func scanBlocks(b []byte, i int) (bound int64, end int, err error) {
	for {
		if len(b)-i < 3 {
			return 0, 0, errTruncated
		}
		header := int(b[i]) | int(b[i+1])<<8 | int(b[i+2])<<16
		last, kind, size := header&1 != 0, header>>1&3, header>>3
		i += 3
		switch kind {
		case 0: // raw
			bound += int64(size)
		case 1: // one byte, repeated
			bound += int64(size)
			size = 1
		case 2: // compressed
			bound += zstdBlockSize
		default:
			return 0, 0, errZstdFrame
		}
		if size > len(b)-i {
			return 0, 0, errTruncated
		}
		i += size
		if last {
			return bound, i, nil
		}
	}
}

// windowDescriptor is that of the smallest window of a power of two with at least n bytes, and at least a block.
func windowDescriptor(n int64) byte {
	n = min(max(n, zstdBlockSize), zstdMaxWindow)
	return byte(bits.Len64(uint64(n-1))-10) << 3
}

// zstdWindowBytes is the size that a descriptor means.
func zstdWindowBytes(d byte) uint64 {
	base := uint64(1) << (10 + d>>3)
	return base + base/8*uint64(d&7)
}

// zstdSource reads a zstdDecoder's src with its window descriptors replaced.
type zstdSource struct{ d *zstdDecoder }

func (s zstdSource) Read(p []byte) (int, error) {
	d := s.d
	if d.pos == len(d.src) {
		return 0, io.EOF
	}
	n := copy(p, d.src[d.pos:])
	for d.next < len(d.windows) && d.windows[d.next].pos < d.pos+n {
		w := d.windows[d.next]
		p[w.pos-d.pos] = w.descriptor
		d.next++
	}
	d.pos += n
	return n, nil
}

func (d *zstdDecoder) release() {
	d.src = nil
	if d.largest > zstdKeptWindow {
		d.Close()
		return
	}
	_ = d.Reset(nil)
	zstdDecoders.Put(d)
}

// zstdEncoder is pooled by the library's level; it has four.
type zstdEncoder struct {
	*zstd.Encoder
	pool *poison.Pool[zstdEncoder]
}

var zstdEncoders = func() (pools [zstd.SpeedBestCompression + 1]*poison.Pool[zstdEncoder]) {
	for speed := range pools {
		pools[speed] = poison.NewPool(func() *zstdEncoder { return makeZstdEncoder(zstd.EncoderLevel(speed)) }, libraryOwned)
	}
	return pools
}()

func makeZstdEncoder(speed zstd.EncoderLevel) *zstdEncoder {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic("BUG: zstd options: " + err.Error())
	}
	return &zstdEncoder{Encoder: enc}
}

func newZstdEncoder(level int, out *sink) *zstdEncoder {
	speed := zstd.SpeedDefault
	if level != 0 {
		speed = zstd.EncoderLevelFromZstd(level)
	}
	pool := zstdEncoders[speed]
	e := pool.Get()
	e.pool = pool
	e.Reset(out)
	return e
}

func (e *zstdEncoder) release() {
	e.Reset(nil)
	e.pool.Put(e)
}
