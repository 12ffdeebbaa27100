package record

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/pierrec/lz4/v4"

	"github.com/travisjeffery/jocko/internal/poison"
)

// An LZ4 frame, little-endian:
//
//	magic (4), flags (1), block size class (1), content size (8, by flag), header checksum (1)
//	then for each block: size (4, top bit: stored as it is), block, checksum (4, by flag)
//	a size of 0, content checksum (4, by flag)
//
// We read frames ourselves, for two reasons. Kafka takes less than the format has: one frame, blocks that don't refer to
// earlier ones, no dictionary. What we took beyond that, Java consumers couldn't read. And the block size in a header says
// little: most clients outside of Java and librdkafka declare 4 MiB for any batch, so we ask the blocks themselves.
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
	sum         xxh32 // of the content
}

var lz4Decoders = poison.NewPool(nil, func(d *lz4Decoder) { *d = lz4Decoder{} })

func (d *lz4Decoder) reset(src []byte, most int64) error {
	*d = lz4Decoder{most: most}
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

func (d *lz4Decoder) decode(s *stream) (n int, err error) {
	for n == 0 && err == nil {
		n, err = d.next(s)
	}
	return n, err
}

// next decodes the next block, which may be empty, or reads the end of the frame.
func (d *lz4Decoder) next(s *stream) (int, error) {
	size, err := d.u32()
	if err != nil {
		return 0, err
	}
	if size == 0 {
		return 0, d.end()
	}
	block, err := d.block(int(size &^ lz4Stored))
	if err != nil {
		return 0, err
	}
	var out []byte
	if size&lz4Stored != 0 {
		out = s.room(len(block))[:len(block)]
		copy(out, block)
	} else if out, err = d.uncompress(s, block); err != nil {
		return 0, err
	}
	d.total += uint64(len(out))
	if d.flags&lz4ContentChecksum != 0 {
		d.sum.write(out)
	}
	return len(out), nil
}

func (d *lz4Decoder) u32() (uint32, error) {
	if len(d.src) < 4 {
		return 0, errTruncated
	}
	v := binary.LittleEndian.Uint32(d.src)
	d.src = d.src[4:]
	return v, nil
}

// block cuts off the next n bytes and the checksum that may follow them.
func (d *lz4Decoder) block(n int) ([]byte, error) {
	if n > d.maxBlock {
		return nil, errLZ4Block
	}
	if n > len(d.src) {
		return nil, errTruncated
	}
	block := d.src[:n]
	d.src = d.src[n:]
	if d.flags&lz4BlockChecksum == 0 {
		return block, nil
	}
	sum, err := d.u32()
	if err == nil && sum != checksum32(block) {
		err = errLZ4Checksum
	}
	return block, err
}

// uncompress decodes a block into the stream's window.
func (d *lz4Decoder) uncompress(s *stream, block []byte) ([]byte, error) {
	room := s.room(0)
	if size := min(d.maxBlock, maxLZ4Ratio*len(block)+maxLZ4Ratio); size > len(room) {
		if size = lz4Size(block); size < 0 || size > d.maxBlock {
			return nil, errLZ4Block
		}
		if uint64(size) > uint64(d.most)-d.total {
			return nil, errOverLimit
		}
		room = s.room(size)
	}
	n, err := lz4.UncompressBlock(block, room[:min(len(room), d.maxBlock)])
	if err != nil {
		return nil, errLZ4Block
	}
	return room[:n], nil
}

// lz4Size is how many bytes a block decompresses to, or -1 if it isn't whole. It reads what a decoder reads, and copies
// nothing. A block is a row of sequences: a token with two lengths of 4 bits, more of the first length, literals, the
// match's offset (2), more of the second. The last sequence ends with its literals.
func lz4Size(b []byte) (size int) {
	for i := 0; i < len(b); {
		token := int(b[i])
		var n int
		n, i = lz4Length(token>>4, b, i+1)
		if n > len(b)-i {
			return -1
		}
		size += n
		if i += n; i == len(b) {
			break
		}
		if len(b)-i < 2 {
			return -1
		}
		n, i = lz4Length(token&15, b, i+2)
		size += n + 4
	}
	return size
}

// lz4Length completes a length that may go on at b[i].
func lz4Length(n int, b []byte, i int) (length, next int) {
	if n < 15 {
		return n, i
	}
	for i < len(b) {
		c := b[i]
		n, i = n+int(c), i+1
		if c < 255 {
			break
		}
	}
	return n, i
}

// end checks what follows the last block. It returns io.EOF if that is right.
func (d *lz4Decoder) end() error {
	if d.flags&lz4ContentSize != 0 && d.contentSize != d.total {
		return errLZ4Size
	}
	if d.flags&lz4ContentChecksum != 0 {
		sum, err := d.u32()
		if err != nil {
			return err
		}
		if sum != d.sum.sum() {
			return errLZ4Checksum
		}
	}
	if len(d.src) > 0 {
		return errLZ4Trailing
	}
	return io.EOF
}

func (d *lz4Decoder) release() {
	d.src = nil
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

var lz4Encoders = poison.NewPool(func() *lz4Encoder {
	return &lz4Encoder{plain: make([]byte, 0, lz4BlockSize), block: make([]byte, 4+lz4BlockSize)}
}, (*lz4Encoder).spoil)

// Kafka's levels are 1 to 17, and 9, the default, is the fast compressor. The library's highest is 9.
const (
	lz4DefaultLevel = 9
	lz4TopLevel     = 9
)

func newLZ4Encoder(level int, out *sink) *lz4Encoder {
	e := lz4Encoders.Get()
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

func (e *lz4Encoder) spoil() {
	poison.Bytes(e.plain)
	poison.Bytes(e.block)
}
