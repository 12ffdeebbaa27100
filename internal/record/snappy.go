package record

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
)

// Snappy comes in two framings. Some clients send one raw block. Java and librdkafka send the framing of snappy-java,
// called xerial after its maker, big-endian:
//
//	0x82 "SNAPPY" 0x00, version (4), lowest compatible version (4): nobody looks at the versions
//	then for each block: size (4), raw block
var xerialMagic = [8]byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const (
	xerialHeaderSize = 16
	xerialBlockSize  = 32 << 10 // what Java writes
	// maxSnappyRatio bounds what a snappy block can decompress to: its densest element makes 64 bytes of 3.
	maxSnappyRatio = 22
)

var errSnappyBlock = errors.New("bad block")

// snappyDecoder decodes block by block, because a block is the window of its own matches.
type snappyDecoder struct {
	src    []byte // what is left
	xerial bool
	block  []byte // decoded, pos is how far it was read
	pos    int
	most   int64
}

var snappyDecoders = sync.Pool{New: func() any { return new(snappyDecoder) }}

func (d *snappyDecoder) reset(src []byte, most int64) error {
	d.src, d.most, d.pos, d.block = src, most, 0, d.block[:0]
	d.xerial = len(src) >= len(xerialMagic) && [8]byte(src) == xerialMagic
	if !d.xerial && len(src) > 0 {
		return nil
	}
	if len(src) < xerialHeaderSize {
		return errTruncated
	}
	d.src = src[xerialHeaderSize:]
	return nil
}

func (d *snappyDecoder) Read(p []byte) (int, error) {
	for d.pos == len(d.block) {
		if len(d.src) == 0 {
			return 0, io.EOF
		}
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.block[d.pos:])
	d.pos += n
	return n, nil
}

// next decodes the next block.
func (d *snappyDecoder) next() error {
	block := d.src
	d.src = nil
	if d.xerial {
		if len(block) < 4 {
			return errTruncated
		}
		size := binary.BigEndian.Uint32(block)
		block = block[4:]
		if uint64(size) > uint64(len(block)) {
			return errTruncated
		}
		block, d.src = block[:size], block[size:]
	}
	n, err := s2.DecodedLen(block)
	if err != nil {
		return errSnappyBlock
	}
	if n > maxSnappyRatio*len(block) || !isSnappy(block) {
		return errSnappyBlock
	}
	if int64(n) > d.most {
		return errOverLimit
	}
	if cap(d.block) < n {
		d.block = make([]byte, n)
	}
	d.pos = 0
	d.block, err = s2.Decode(d.block[:n], block)
	if err != nil {
		d.block = d.block[:0]
		return errSnappyBlock
	}
	return nil
}

// isSnappy tells whether a block has no elements of s2, a descendant of snappy whose decoder we use and which other
// readers of the log can't decode: copies with the offset 0.
func isSnappy(b []byte) bool {
	_, i := binary.Uvarint(b)
	for i >= 0 && i < len(b) {
		tag := b[i]
		switch tag & 3 {
		case 0: // literal
			n := int(tag >> 2)
			if n < 60 {
				i += n + 2
				continue
			}
			size := n - 59 // bytes that hold the length
			if len(b)-i <= size {
				return true // the decoder finds that out
			}
			n = 0
			for k := size; k > 0; k-- {
				n = n<<8 | int(b[i+k])
			}
			i += size + n + 2
		case 1:
			if tag>>5 == 0 && i+1 < len(b) && b[i+1] == 0 {
				return false
			}
			i += 2
		case 2:
			i += 3
		case 3:
			i += 5
		}
	}
	return true
}

func (d *snappyDecoder) release() {
	d.src = nil
	if cap(d.block) > keptWindow {
		d.block = nil
	}
	snappyDecoders.Put(d)
}

// snappyEncoder writes the xerial framing.
type snappyEncoder struct {
	out   *sink
	plain []byte // up to one block
	block []byte
}

var snappyEncoders = sync.Pool{New: func() any {
	return &snappyEncoder{plain: make([]byte, 0, xerialBlockSize), block: make([]byte, 4+s2.MaxEncodedLen(xerialBlockSize))}
}}

func newSnappyEncoder(out *sink) *snappyEncoder {
	e := snappyEncoders.Get().(*snappyEncoder)
	e.out, e.plain = out, e.plain[:0]
	return e
}

func (e *snappyEncoder) Write(p []byte) (int, error) {
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

func (e *snappyEncoder) flush() error {
	if len(e.out.b) == HeaderSize {
		header := append(xerialMagic[:], 0, 0, 0, 1, 0, 0, 0, 1)
		if _, err := e.out.Write(header); err != nil {
			return err
		}
	}
	if len(e.plain) == 0 {
		return nil
	}
	block := s2.EncodeSnappy(e.block[4:], e.plain)
	binary.BigEndian.PutUint32(e.block, uint32(len(block)))
	e.plain = e.plain[:0]
	_, err := e.out.Write(e.block[:4+len(block)])
	return err
}

func (e *snappyEncoder) Close() error { return e.flush() }

func (e *snappyEncoder) release() {
	e.out = nil
	snappyEncoders.Put(e)
}
