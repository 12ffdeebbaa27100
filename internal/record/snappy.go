package record

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/s2"

	"github.com/travisjeffery/jocko/internal/poison"
)

// Snappy comes in two framings. franz-go and librdkafka send one raw block. Java and Python send the framing of
// snappy-java, called xerial after its maker, big-endian:
//
//	0x82 "SNAPPY" 0x00, version (4), lowest compatible version (4): nobody looks at the versions
//	then for each block: size (4), raw block
var xerialMagic = [8]byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const (
	xerialHeaderSize = 16
	xerialBlockSize  = 32 << 10 // what Java writes
)

var errSnappyBlock = errors.New("bad block")

// snappyDecoder decodes block by block, because a block is the window of its own matches.
type snappyDecoder struct {
	src    []byte // what is left
	xerial bool
	most   int64
}

var snappyDecoders = poison.NewPool(nil, func(d *snappyDecoder) { *d = snappyDecoder{} })

func (d *snappyDecoder) reset(src []byte, most int64) error {
	d.src, d.most = src, most
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

func (d *snappyDecoder) decode(s *stream) (n int, err error) {
	for n == 0 && err == nil {
		n, err = d.next(s)
	}
	return n, err
}

// next decodes the next block, which may be empty.
func (d *snappyDecoder) next(s *stream) (int, error) {
	if len(d.src) == 0 {
		return 0, io.EOF
	}
	block, err := d.block()
	if err != nil {
		return 0, err
	}
	n, err := s2.DecodedLen(block)
	if err != nil || n != snappySize(block) {
		return 0, errSnappyBlock
	}
	if int64(n) > d.most {
		return 0, errOverLimit
	}
	if _, err := s2.Decode(s.room(n)[:n], block); err != nil {
		return 0, errSnappyBlock
	}
	return n, nil
}

// block cuts off the next block.
func (d *snappyDecoder) block() ([]byte, error) {
	block := d.src
	d.src = nil
	if !d.xerial {
		return block, nil
	}
	if len(block) < 4 {
		return nil, errTruncated
	}
	size := binary.BigEndian.Uint32(block)
	block = block[4:]
	if uint64(size) > uint64(len(block)) {
		return nil, errTruncated
	}
	d.src = block[size:]
	return block[:size], nil
}

// snappySize is how many bytes the elements of a block make, if it is right: what the block itself declares may be more
// than it has. It is -1 for elements of s2, a descendant of snappy whose decoder we use and which other readers of the log
// can't decode: copies with the offset 0.
func snappySize(b []byte) (size int) {
	_, i := binary.Uvarint(b)
	for i >= 0 && i < len(b) {
		tag := b[i]
		n := int(tag>>2) + 1
		switch tag & 3 {
		case 0: // literal
			if n > 60 {
				more := n - 60 // bytes that hold the length
				if len(b)-i <= more {
					return -1
				}
				n = 1
				for k := more; k > 0; k-- {
					n += int(b[i+k]) << (8 * (k - 1))
				}
				i += more
			}
			if i += n + 1; i < 0 || i > len(b) {
				return -1
			}
		case 1:
			if tag>>5 == 0 && i+1 < len(b) && b[i+1] == 0 {
				return -1
			}
			n = 4 + int(tag>>2&7)
			i += 2
		case 2:
			i += 3
		case 3:
			i += 5
		}
		size += n
	}
	return size
}

func (d *snappyDecoder) release() {
	d.src = nil
	snappyDecoders.Put(d)
}

// snappyEncoder writes the xerial framing.
type snappyEncoder struct {
	out   *sink
	plain []byte // up to one block
	block []byte
}

var snappyEncoders = poison.NewPool(func() *snappyEncoder {
	return &snappyEncoder{plain: make([]byte, 0, xerialBlockSize), block: make([]byte, 4+s2.MaxEncodedLen(xerialBlockSize))}
}, (*snappyEncoder).spoil)

func newSnappyEncoder(out *sink) *snappyEncoder {
	e := snappyEncoders.Get()
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

func (e *snappyEncoder) spoil() {
	poison.Bytes(e.plain)
	poison.Bytes(e.block)
}
