package record

import (
	"encoding/binary"
	"math/bits"
)

// xxh32 is the 32 bit xxHash with seed 0, the checksum of LZ4 frames.
type xxh32 struct {
	lanes [4]uint32
	buf   [16]byte
	n     int // bytes in buf
	total uint64
}

const (
	xxPrime1 uint32 = 2654435761
	xxPrime2 uint32 = 2246822519
	xxPrime3 uint32 = 3266489917
	xxPrime4 uint32 = 668265263
	xxPrime5 uint32 = 374761393
)

func (h *xxh32) reset() {
	p1, p2 := xxPrime1, xxPrime2
	*h = xxh32{lanes: [4]uint32{p1 + p2, p2, 0, -p1}}
}

func (h *xxh32) write(p []byte) {
	h.total += uint64(len(p))
	if h.n > 0 {
		k := copy(h.buf[h.n:], p)
		h.n += k
		p = p[k:]
		if h.n < len(h.buf) {
			return
		}
		h.stripes(h.buf[:])
		h.n = 0
	}
	whole := len(p) &^ 15
	h.stripes(p[:whole])
	h.n = copy(h.buf[:], p[whole:])
}

// stripes takes a multiple of 16 bytes. The lanes are in local variables, which makes it twice as fast.
func (h *xxh32) stripes(p []byte) {
	a, b, c, d := h.lanes[0], h.lanes[1], h.lanes[2], h.lanes[3]
	for len(p) >= 16 {
		a = xxRound(a, binary.LittleEndian.Uint32(p))
		b = xxRound(b, binary.LittleEndian.Uint32(p[4:]))
		c = xxRound(c, binary.LittleEndian.Uint32(p[8:]))
		d = xxRound(d, binary.LittleEndian.Uint32(p[12:]))
		p = p[16:]
	}
	h.lanes = [4]uint32{a, b, c, d}
}

func xxRound(lane, v uint32) uint32 { return bits.RotateLeft32(lane+v*xxPrime2, 13) * xxPrime1 }

func (h *xxh32) sum() uint32 {
	var s uint32
	if h.total >= 16 {
		l := &h.lanes
		s = bits.RotateLeft32(l[0], 1) + bits.RotateLeft32(l[1], 7) + bits.RotateLeft32(l[2], 12) + bits.RotateLeft32(l[3], 18)
	} else {
		s = xxPrime5
	}
	s += uint32(h.total)
	p := h.buf[:h.n]
	for ; len(p) >= 4; p = p[4:] {
		s += binary.LittleEndian.Uint32(p) * xxPrime3
		s = bits.RotateLeft32(s, 17) * xxPrime4
	}
	for _, c := range p {
		s += uint32(c) * xxPrime5
		s = bits.RotateLeft32(s, 11) * xxPrime1
	}
	s ^= s >> 15
	s *= xxPrime2
	s ^= s >> 13
	s *= xxPrime3
	s ^= s >> 16
	return s
}

// checksum32 is the hash of p.
func checksum32(p []byte) uint32 {
	var h xxh32
	h.reset()
	h.write(p)
	return h.sum()
}
