package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/internal/record"
)

// batch is a record batch (RecordBatch v2) being filled, and then on its way to one partition. Records are encoded
// where they will be sent from, so a record costs one copy and no allocation; client libraries, which carry each record
// as an object with a promise, are several times slower on short lines.
type batch struct {
	partition int32
	buf       []byte // record.HeaderSize bytes for the header, then records
	count     int32
	baseTime  int64
	maxTime   int64
	sequence  int32
	codec     int16         // of buf; set by seal
	sealed    chan struct{} // closed when buf is as it will be sent
	bytes     int64         // of input, for the totals
}

// maxBatchRecords keeps offset deltas far inside their 32 bits.
const maxBatchRecords = 1 << 24

// size returns how many bytes m would add to the batch, as its length prefix says and with it.
func (b *batch) size(m *message) (body, total int) {
	body = 1 + varintSize(b.timeDelta(m)) + varintSize(int64(b.count)) + bytesSize(m.key, m.key == nil) + bytesSize(m.value, m.value == nil) +
		varintSize(int64(len(m.headers)))
	for _, h := range m.headers {
		body += bytesSize([]byte(h.key), false) + bytesSize(h.value, h.value == nil)
	}
	return body, body + varintSize(int64(body))
}

func (b *batch) timeDelta(m *message) int64 {
	if b.count == 0 {
		return 0
	}
	return m.timestamp - b.baseTime
}

// add appends a record whose body size was given by size.
func (b *batch) add(m *message, body int) {
	delta := b.timeDelta(m)
	if b.count == 0 {
		b.baseTime, b.maxTime = m.timestamp, m.timestamp
	}
	b.maxTime = max(b.maxTime, m.timestamp)
	buf := appendVarint(b.buf, int64(body))
	buf = append(buf, 0) // attributes
	buf = appendVarint(buf, delta)
	buf = appendVarint(buf, int64(b.count))
	buf = appendBytes(buf, m.key, m.key == nil)
	buf = appendBytes(buf, m.value, m.value == nil)
	buf = appendVarint(buf, int64(len(m.headers)))
	for _, h := range m.headers {
		buf = appendBytes(buf, []byte(h.key), false)
		buf = appendBytes(buf, h.value, h.value == nil)
	}
	b.buf = buf
	b.count++
}

// The batch header's fields that a producer fills in, by position. record.Batch reads them back.
const (
	posLength        = 8
	posMagic         = 16
	posCRC           = 17
	posAttributes    = 21
	posLastDelta     = 23
	posBaseTimestamp = 27
	posMaxTimestamp  = 35
	posProducerID    = 43
	posProducerEpoch = 51
	posSequence      = 53
	posCount         = 57
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// producerIdentity is what the cluster gave an idempotent producer; id -1: none.
type producerIdentity struct {
	id    int64
	epoch int16
}

// seal compresses the records, unless that makes the batch longer than limit, and writes the header.
func (b *batch) seal(compressor kgo.Compressor, scratch *bytes.Buffer, limit int, who producerIdentity) {
	b.codec = 0
	if compressor != nil {
		scratch.Reset()
		if packed, codec := compressor.Compress(scratch, b.buf[record.HeaderSize:]); codec > 0 && record.HeaderSize+len(packed) <= limit {
			b.codec = int16(codec)
			b.buf = append(b.buf[:record.HeaderSize], packed...)
		}
	}
	h := b.buf
	clear(h[:record.HeaderSize])
	binary.BigEndian.PutUint32(h[posLength:], uint32(len(h)-posLength-4))
	binary.BigEndian.PutUint32(h[12:], 1<<32-1) // partition leader epoch: the broker's to fill in
	h[posMagic] = 2
	binary.BigEndian.PutUint16(h[posAttributes:], uint16(b.codec))
	binary.BigEndian.PutUint32(h[posLastDelta:], uint32(b.count-1))
	binary.BigEndian.PutUint64(h[posBaseTimestamp:], uint64(b.baseTime))
	binary.BigEndian.PutUint64(h[posMaxTimestamp:], uint64(b.maxTime))
	binary.BigEndian.PutUint64(h[posProducerID:], uint64(who.id))
	binary.BigEndian.PutUint16(h[posProducerEpoch:], uint16(who.epoch))
	binary.BigEndian.PutUint32(h[posSequence:], uint32(b.sequence))
	binary.BigEndian.PutUint32(h[posCount:], uint32(b.count))
	binary.BigEndian.PutUint32(h[posCRC:], crc32.Checksum(h[posAttributes:], castagnoli))
}

func bytesSize(b []byte, null bool) int {
	if null {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func appendBytes(dst, b []byte, null bool) []byte {
	if null {
		return append(dst, 1) // the varint of -1
	}
	return append(appendVarint(dst, int64(len(b))), b...)
}

func varintSize(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}

func appendVarint(dst []byte, v int64) []byte {
	u := uint64(v<<1) ^ uint64(v>>63)
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

// newCompressor returns nil for no compression. level 0: the codec's default.
func newCompressor(name string, level int) (kgo.Compressor, error) {
	codecs := map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	if name == "none" {
		return nil, nil
	}
	codec, ok := codecs[name]
	if !ok {
		return nil, fmt.Errorf("unknown codec %q: want none, gzip, snappy, lz4 or zstd", name)
	}
	if level != 0 {
		codec = codec.WithLevel(level)
	}
	return kgo.DefaultCompressor(codec)
}
