package record

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// An LZ4 frame, little-endian:
//
//	magic (4), flags (1), block size class (1), content size (8, by flag), header checksum (1)
//	then for each block: size (4, top bit: stored as it is), block, checksum (4, by flag)
//	a size of 0, content checksum (4, by flag)
//
// We read frames ourselves, because Kafka takes less than the format has: one frame, blocks that don't refer to earlier ones,
// no dictionary. What we took beyond that, Java consumers couldn't read.
const (
	lz4Magic           = 0x184d2204
	lz4Stored          = 1 << 31
	lz4VersionMask     = 0xc0
	lz4Version         = 0x40
	lz4Independent     = 0x20
	lz4BlockChecksum   = 0x10
	lz4ContentSize     = 0x08
	lz4ContentChecksum = 0x04
	lz4Reserved        = 0x02
	lz4Dictionary      = 0x01

	// maxLZ4Ratio bounds what an LZ4 block can decompress to: every byte that prolongs a match makes 255.
	maxLZ4Ratio = 256
	// lz4BlockSize is what we write, as Java does.
	lz4BlockSize = 64 << 10
)

var (
	errLZ4Header   = errors.New("bad frame header")
	errLZ4Checksum = errors.New("wrong checksum")
	errLZ4Block    = errors.New("bad block")
	errLZ4Size     = errors.New("wrong content size")
	errLZ4Trailing = errors.New("bytes follow the frame")
)

type lz4Decoder struct {
	src         []byte // what is left
	flags       byte
	maxBlock    int
	contentSize uint64
	total       uint64
	most        int64
	sum         xxh32  // of the content
	buf         []byte // memory for blocks
	block       []byte // decoded, or a part of src; what is unread
	done        bool
}

var lz4Decoders = sync.Pool{New: func() any { return new(lz4Decoder) }}

func (d *lz4Decoder) reset(src []byte, most int64) error {
	*d = lz4Decoder{most: most, buf: d.buf}
	if len(src) < 7 {
		return errTruncated
	}
	if binary.LittleEndian.Uint32(src) != lz4Magic {
		return errLZ4Header
	}
	d.flags = src[4]
	class := src[5] >> 4 & 7
	if d.flags&lz4VersionMask != lz4Version || d.flags&lz4Independent == 0 || d.flags&(lz4Reserved|lz4Dictionary) != 0 ||
		class < 4 || src[5]&0x8f != 0 {
		return errLZ4Header
	}
	d.maxBlock = 1 << (8 + 2*class)
	end := 6
	if d.flags&lz4ContentSize != 0 {
		end += 8
		if len(src) <= end {
			return errTruncated
		}
		d.contentSize = binary.LittleEndian.Uint64(src[6:])
	}
	if byte(checksum32(src[4:end])>>8) != src[end] {
		return errLZ4Checksum
	}
	d.src = src[end+1:]
	d.sum.reset()
	return nil
}

func (d *lz4Decoder) Read(p []byte) (int, error) {
	for len(d.block) == 0 {
		if d.done {
			return 0, io.EOF
		}
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.block)
	d.block = d.block[n:]
	return n, nil
}

// next decodes the next block, or the end of the frame.
func (d *lz4Decoder) next() error {
	if len(d.src) < 4 {
		return errTruncated
	}
	size := binary.LittleEndian.Uint32(d.src)
	d.src = d.src[4:]
	if size == 0 {
		d.done = true
		return d.end()
	}
	stored := size&lz4Stored != 0
	n := int(size &^ lz4Stored)
	if n > d.maxBlock {
		return errLZ4Block
	}
	if n > len(d.src) {
		return errTruncated
	}
	block := d.src[:n]
	d.src = d.src[n:]
	if d.flags&lz4BlockChecksum != 0 {
		if len(d.src) < 4 {
			return errTruncated
		}
		if binary.LittleEndian.Uint32(d.src) != checksum32(block) {
			return errLZ4Checksum
		}
		d.src = d.src[4:]
	}
	if !stored {
		var err error
		if block, err = d.uncompress(block); err != nil {
			return err
		}
	}
	d.block = block
	d.total += uint64(len(block))
	if d.flags&lz4ContentChecksum != 0 {
		d.sum.write(block)
	}
	return nil
}

func (d *lz4Decoder) uncompress(block []byte) ([]byte, error) {
	room := min(d.maxBlock, maxLZ4Ratio*len(block)+maxLZ4Ratio)
	if cap(d.buf) < room {
		d.buf = make([]byte, room)
	}
	n, err := lz4.UncompressBlock(block, d.buf[:room])
	if err != nil {
		return nil, errLZ4Block
	}
	return d.buf[:n], nil
}

// end checks what follows the last block.
func (d *lz4Decoder) end() error {
	if d.flags&lz4ContentSize != 0 && d.contentSize != d.total {
		return errLZ4Size
	}
	if d.flags&lz4ContentChecksum != 0 {
		if len(d.src) < 4 {
			return errTruncated
		}
		if binary.LittleEndian.Uint32(d.src) != d.sum.sum() {
			return errLZ4Checksum
		}
		d.src = d.src[4:]
	}
	if len(d.src) > 0 {
		return errLZ4Trailing
	}
	return nil
}

func (d *lz4Decoder) release() {
	d.src, d.block = nil, nil
	if cap(d.buf) > keptWindow {
		d.buf = nil
	}
	lz4Decoders.Put(d)
}

// lz4Encoder writes frames of independent 64 KiB blocks without checksums, as Java does.
type lz4Encoder struct {
	out   *sink
	level int
	fast  lz4.Compressor
	high  *lz4.CompressorHC
	plain []byte // up to one block
	block []byte
}

var lz4Encoders = sync.Pool{New: func() any {
	return &lz4Encoder{plain: make([]byte, 0, lz4BlockSize), block: make([]byte, 4+lz4BlockSize)}
}}

// Kafka's levels are 1 to 17, and 9, the default, is the fast compressor. The library's highest is 9.
const (
	lz4DefaultLevel = 9
	lz4TopLevel     = 9
)

func newLZ4Encoder(level int, out *sink) *lz4Encoder {
	e := lz4Encoders.Get().(*lz4Encoder)
	e.out, e.plain, e.level = out, e.plain[:0], level
	if level > 0 && level != lz4DefaultLevel {
		if e.high == nil {
			e.high = new(lz4.CompressorHC)
		}
		e.high.Level = 1 << (8 + min(level, lz4TopLevel)) // lz4.Level1 is 1<<9
	}
	return e
}

func (e *lz4Encoder) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := copy(e.plain[len(e.plain):cap(e.plain)], p)
		e.plain, p = e.plain[:len(e.plain)+k], p[k:]
		if len(e.plain) == cap(e.plain) {
			if err := e.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (e *lz4Encoder) flush() error {
	if len(e.out.b) == HeaderSize {
		if err := e.header(); err != nil {
			return err
		}
	}
	if len(e.plain) == 0 {
		return nil
	}
	n, err := e.compress(e.block[4:], e.plain)
	size := uint32(n)
	if err != nil || n == 0 || n >= len(e.plain) { // it doesn't get smaller
		n = copy(e.block[4:], e.plain)
		size = uint32(n) | lz4Stored
	}
	binary.LittleEndian.PutUint32(e.block, size)
	e.plain = e.plain[:0]
	_, err = e.out.Write(e.block[:4+n])
	return err
}

func (e *lz4Encoder) compress(dst, src []byte) (int, error) {
	if e.level > 0 && e.level != lz4DefaultLevel {
		return e.high.CompressBlock(src, dst)
	}
	return e.fast.CompressBlock(src, dst)
}

func (e *lz4Encoder) header() error {
	h := [7]byte{0, 0, 0, 0, lz4Version | lz4Independent, 4 << 4}
	binary.LittleEndian.PutUint32(h[:], lz4Magic)
	h[6] = byte(checksum32(h[4:6]) >> 8)
	_, err := e.out.Write(h[:])
	return err
}

func (e *lz4Encoder) Close() error {
	if err := e.flush(); err != nil {
		return err
	}
	_, err := e.out.Write(make([]byte, 4))
	return err
}

func (e *lz4Encoder) release() {
	e.out = nil
	lz4Encoders.Put(e)
}
