package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A record's value:
//
//	0        4              12        16
//	producer | sequence no. | CRC32C  | body ...
//
// The sequence counts a producer's records within one partition from 0. The checksum covers all
// bytes but its own.
const valueHeader = 16

// randomBody returns n bytes that don't compress.
func randomBody(n int, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 7))
	p := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], rnd.Uint64())
	}
	return p
}

// textBody returns n bytes of words: they compress about as well as log lines.
func textBody(n int, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 8))
	p := make([]byte, 0, n+16)
	for len(p) < n {
		word := rnd.IntN(2000)
		for range 3 + word%6 {
			p = append(p, byte('a'+word%26))
			word = word*31 + 7
		}
		p = append(p, ' ')
		if rnd.IntN(8) == 0 {
			p = fmt.Appendf(p, "%d ", rnd.IntN(1_000_000))
		}
	}
	return p[:n]
}

// stamp writes the header of a value whose body is already there.
func stamp(value []byte, producer uint32, seq uint64) {
	binary.BigEndian.PutUint32(value, producer)
	binary.BigEndian.PutUint64(value[4:], seq)
	binary.BigEndian.PutUint32(value[12:], valueCRC(value))
}

func valueCRC(value []byte) uint32 {
	return crc32.Update(crc32.Checksum(value[:12], castagnoli), castagnoli, value[valueHeader:])
}

// checker verifies values as they are read back. It is not safe for concurrent use.
type checker struct {
	next  map[source]uint64
	count int64
	bytes int64
}

type source struct {
	partition int32
	producer  uint32
}

func newChecker() *checker { return &checker{next: map[source]uint64{}} }

// check verifies one value: its checksum, and that it is its producer's next in this partition.
func (c *checker) check(partition int32, offset int64, value []byte) error {
	if len(value) < valueHeader {
		return fmt.Errorf("partition %d offset %d: a value of %d bytes", partition, offset, len(value))
	}
	if got, want := valueCRC(value), binary.BigEndian.Uint32(value[12:]); got != want {
		return fmt.Errorf("partition %d offset %d: checksum %08x, want %08x", partition, offset, got, want)
	}
	src := source{partition, binary.BigEndian.Uint32(value)}
	seq := binary.BigEndian.Uint64(value[4:])
	if seq != c.next[src] {
		return fmt.Errorf("partition %d offset %d: producer %d's record %d, want %d",
			partition, offset, src.producer, seq, c.next[src])
	}
	c.next[src] = seq + 1
	c.count++
	c.bytes += int64(len(value))
	return nil
}
