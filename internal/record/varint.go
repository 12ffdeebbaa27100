package record

import "math/bits"

// Record fields are zigzag varints of at most 5 (32 bit) or 10 (64 bit) bytes.
//
// The readers take a position and return the next one, -1 where there is no valid number. A position of -1 yields -1 again, so
// a row of reads needs one check at its end.

// varint32 reads a 32 bit zigzag varint at b[i].
func varint32(b []byte, i int) (int32, int) {
	if uint(i) >= uint(len(b)) {
		return 0, -1
	}
	c := b[i]
	if c < 0x80 {
		return unzigzag32(uint32(c)), i + 1
	}
	if i+1 < len(b) && b[i+1] < 0x80 {
		return unzigzag32(uint32(c&0x7f) | uint32(b[i+1])<<7), i + 2
	}
	return varint32Slow(b, i)
}

func unzigzag32(u uint32) int32 { return int32(u>>1) ^ -int32(u&1) }

//go:noinline
func varint32Slow(b []byte, i int) (int32, int) {
	var u uint32
	for shift := 0; shift < 35; shift += 7 {
		if uint(i) >= uint(len(b)) {
			return 0, -1
		}
		c := b[i]
		i++
		if c < 0x80 {
			if shift == 28 && c > 0x0f {
				return 0, -1 // bits above the 32nd
			}
			u |= uint32(c) << shift
			return unzigzag32(u), i
		}
		u |= uint32(c&0x7f) << shift
	}
	return 0, -1
}

// varint64 reads a 64 bit zigzag varint at b[i].
func varint64(b []byte, i int) (int64, int) {
	if uint(i) >= uint(len(b)) {
		return 0, -1
	}
	c := b[i]
	if c < 0x80 {
		return int64(unzigzag32(uint32(c))), i + 1
	}
	if i+1 < len(b) && b[i+1] < 0x80 {
		return int64(unzigzag32(uint32(c&0x7f) | uint32(b[i+1])<<7)), i + 2
	}
	return varint64Slow(b, i)
}

//go:noinline
func varint64Slow(b []byte, i int) (int64, int) {
	var u uint64
	for shift := 0; shift < 70; shift += 7 {
		if uint(i) >= uint(len(b)) {
			return 0, -1
		}
		c := b[i]
		i++
		if c < 0x80 {
			if shift == 63 && c > 0x01 {
				return 0, -1 // bits above the 64th
			}
			u |= uint64(c) << shift
			return int64(u>>1) ^ -int64(u&1), i
		}
		u |= uint64(c&0x7f) << shift
	}
	return 0, -1
}

func appendVarint(b []byte, v int64) []byte {
	u := uint64(v<<1) ^ uint64(v>>63)
	for u >= 0x80 {
		b = append(b, byte(u)|0x80)
		u >>= 7
	}
	return append(b, byte(u))
}

// varintSize is the number of bytes that appendVarint writes.
func varintSize(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}

// maxVarint32Size is the longest length prefix of a record.
const maxVarint32Size = 5
