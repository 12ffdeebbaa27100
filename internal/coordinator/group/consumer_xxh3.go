package group

import (
	"encoding/binary"
	"math/bits"
)

// xxh3 is the 64-bit XXH3 hash of b, without a seed: what Kafka hashes the
// metadata of topics with.
func xxh3(b []byte) uint64 {
	switch n := len(b); {
	case n <= 16:
		return xxh3Short(b)
	case n <= 128:
		return xxh3Medium(b)
	case n <= 240:
		return xxh3Large(b)
	}
	return xxh3Long(b)
}

const (
	prime32x1 = 0x9E3779B1
	prime32x2 = 0x85EBCA77
	prime32x3 = 0xC2B2AE3D
	prime64x1 = 0x9E3779B185EBCA87
	prime64x2 = 0xC2B2AE3D27D4EB4F
	prime64x3 = 0x165667B19E3779F9
	prime64x4 = 0x85EBCA77C2B2AE63
	prime64x5 = 0x27D4EB2F165667C5
	primeMix1 = 0x165667919E3779F9
	primeMix2 = 0x9FB21C651E98DF25
)

// xxh3Secret is the algorithm's default secret.
const xxh3Secret = "" +
	"\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe\x7c\x01\x81\x2c\xf7\x21\xad\x1c\xde\xd4\x6d\xe9\x83\x90\x97\xdb\x72\x40\xa4\xa4\xb7\xb3\x67\x1f" +
	"\xcb\x79\xe6\x4e\xcc\xc0\xe5\x78\x82\x5a\xd0\x7d\xcc\xff\x72\x21\xb8\x08\x46\x74\xf7\x43\x24\x8e\xe0\x35\x90\xe6\x81\x3a\x26\x4c" +
	"\x3c\x28\x52\xbb\x91\xc3\x00\xcb\x88\xd0\x65\x8b\x1b\x53\x2e\xa3\x71\x64\x48\x97\xa2\x0d\xf9\x4e\x38\x19\xef\x46\xa9\xde\xac\xd8\xa8" +
	"\xfa\x76\x3f\xe3\x9c\x34\x3f\xf9\xdc\xbb\xc7\xc7\x0b\x4f\x1d\x8a\x51\xe0\x4b\xcd\xb4\x59\x31\xc8\x9f\x7e\xc9\xd9\x78\x73\x64\xea" +
	"\xc5\xac\x83\x34\xd3\xeb\xc3\xc5\x81\xa0\xff\xfa\x13\x63\xeb\x17\x0d\xdd\x51\xb7\xf0\xda\x49\xd3\x16\x55\x26\x29\xd4\x68\x9e\x2b" +
	"\x16\xbe\x58\x7d\x47\xa1\xfc\x8f\xf8\xb8\xd1\x7a\xd0\x31\xce\x45\xcb\x3a\x8f\x95\x16\x04\x28\xaf\xd7\xfb\xca\xbb\x4b\x40\x7e"

var secret = []byte(xxh3Secret)

func u32(b []byte, at int) uint64 { return uint64(binary.LittleEndian.Uint32(b[at:])) }
func u64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

// fold multiplies to 128 bits and combines the halves.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func avalanche(h uint64) uint64 {
	h ^= h >> 37
	h *= primeMix1
	return h ^ h>>32
}

// avalanche64 is that of XXH64, for the shortest inputs.
func avalanche64(h uint64) uint64 {
	h ^= h >> 33
	h *= prime64x2
	h ^= h >> 29
	h *= prime64x3
	return h ^ h>>32
}

func xxh3Short(b []byte) uint64 {
	n := len(b)
	switch {
	case n > 8:
		lo := u64(b, 0) ^ u64(secret, 24) ^ u64(secret, 32)
		hi := u64(b, n-8) ^ u64(secret, 40) ^ u64(secret, 48)
		return avalanche(uint64(n) + bits.ReverseBytes64(lo) + hi + fold(lo, hi))
	case n >= 4:
		h := u32(b, n-4) + u32(b, 0)<<32
		h ^= u64(secret, 8) ^ u64(secret, 16)
		h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
		h *= primeMix2
		h ^= h>>35 + uint64(n)
		h *= primeMix2
		return h ^ h>>28
	case n > 0:
		h := uint64(b[0])<<16 | uint64(b[n>>1])<<24 | uint64(b[n-1]) | uint64(n)<<8
		return avalanche64(h ^ u32(secret, 0) ^ u32(secret, 4))
	}
	return avalanche64(u64(secret, 56) ^ u64(secret, 64))
}

// mix16 hashes 16 bytes of b with 16 of the secret.
func mix16(b []byte, at, key int) uint64 {
	return fold(u64(b, at)^u64(secret, key), u64(b, at+8)^u64(secret, key+8))
}

func xxh3Medium(b []byte) uint64 {
	n := len(b)
	h := uint64(n) * prime64x1
	for i := (n - 1) / 32; i >= 0; i-- {
		h += mix16(b, 16*i, 32*i) + mix16(b, n-16*(i+1), 32*i+16)
	}
	return avalanche(h)
}

func xxh3Large(b []byte) uint64 {
	n := len(b)
	h := uint64(n) * prime64x1
	for i := range 8 {
		h += mix16(b, 16*i, 16*i)
	}
	h = avalanche(h)
	for i := 8; i < n/16; i++ {
		h += mix16(b, 16*i, 16*(i-8)+3)
	}
	return avalanche(h + mix16(b, n-16, 136-17))
}

const (
	xxh3Stripe    = 64
	xxh3PerBlock  = (len(xxh3Secret) - xxh3Stripe) / 8 // stripes between two scrambles
	xxh3LastKey   = len(xxh3Secret) - xxh3Stripe - 7
	xxh3MergeKey  = 11
	xxh3BlockSize = xxh3Stripe * xxh3PerBlock
)

func xxh3Long(b []byte) uint64 {
	acc := [8]uint64{prime32x3, prime64x1, prime64x2, prime64x3, prime64x4, prime32x2, prime64x5, prime32x1}
	n := len(b)
	for ; len(b) > xxh3BlockSize; b = b[xxh3BlockSize:] {
		for s := range xxh3PerBlock {
			xxh3Accumulate(&acc, b[s*xxh3Stripe:], s*8)
		}
		xxh3Scramble(&acc)
		if len(b)-xxh3BlockSize < xxh3Stripe { // the last stripe begins before the rest
			return xxh3Merge(&acc, b[len(b)-xxh3Stripe:], n)
		}
	}
	for s := range (len(b) - 1) / xxh3Stripe {
		xxh3Accumulate(&acc, b[s*xxh3Stripe:], s*8)
	}
	return xxh3Merge(&acc, b[len(b)-xxh3Stripe:], n)
}

func xxh3Accumulate(acc *[8]uint64, b []byte, key int) {
	for i := range acc {
		v := u64(b, 8*i)
		k := v ^ u64(secret, key+8*i)
		acc[i^1] += v
		acc[i] += (k & 0xffffffff) * (k >> 32)
	}
}

func xxh3Scramble(acc *[8]uint64) {
	for i, a := range acc {
		a ^= a >> 47
		a ^= u64(secret, len(secret)-xxh3Stripe+8*i)
		acc[i] = a * prime32x1
	}
}

// xxh3Merge takes the last stripe in and makes one number of the eight.
func xxh3Merge(acc *[8]uint64, last []byte, n int) uint64 {
	xxh3Accumulate(acc, last, xxh3LastKey)
	h := uint64(n) * prime64x1
	for i := 0; i < 8; i += 2 {
		h += fold(acc[i]^u64(secret, xxh3MergeKey+8*i), acc[i+1]^u64(secret, xxh3MergeKey+8*i+8))
	}
	return avalanche(h)
}
