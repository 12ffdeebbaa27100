package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// entry of a log, as a client knows it: what it sent, and where it was told that it is.
type logEntry struct {
	offset, ts  int64
	key, value  []byte
	headers     []kmsg.Header
	codec       int8
	producer    int64 // -1: none
	epoch       int16
	seq         int32
	leaderEpoch int32
	appendTime  bool // ts is the broker's
	txn         bool
	control     int // 0: a record; else commitMarker or abortMarker
}

const (
	commitMarker = 1
	abortMarker  = 2
)

// String is what is compared.
func (e *logEntry) String() string {
	if e.control != 0 {
		return fmt.Sprintf("marker %s of %d", []string{"", "commit", "abort"}[e.control], e.producer)
	}
	var h strings.Builder
	for _, x := range e.headers {
		fmt.Fprintf(&h, " %s=%s", x.Key, brief(x.Value))
	}
	return fmt.Sprintf("ts %d (append time %t) key %s value %s headers [%s ] codec %d producer %d/%d seq %d txn %t leader epoch %d",
		e.ts, e.appendTime, brief(e.key), brief(e.value), h.String(), e.codec, e.producer, e.epoch, e.seq, e.txn, e.leaderEpoch)
}

// brief writes bytes so that other bytes read otherwise.
func brief(b []byte) string {
	if b == nil {
		return "null"
	}
	if len(b) <= 24 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q...(%d bytes, crc %08x)", b[:8], len(b), crc32.ChecksumIEEE(b))
}

var (
	compressors = map[int8]kgo.Compressor{}
	expander    = kgo.DefaultDecompressor()
)

func init() {
	for codec, c := range map[int8]kgo.CompressionCodec{1: kgo.GzipCompression(), 2: kgo.SnappyCompression(), 3: kgo.Lz4Compression(), 4: kgo.ZstdCompression()} {
		compressors[codec], _ = kgo.DefaultCompressor(c) // known codecs
	}
}

// encodeEntries makes one batch of entries that share codec, producer and sequence.
func encodeEntries(es []logEntry) []byte {
	first := es[0]
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(len(es) - 1), FirstTimestamp: first.ts, MaxTimestamp: first.ts,
		ProducerID: first.producer, ProducerEpoch: first.epoch, FirstSequence: first.seq, NumRecords: int32(len(es)), Attributes: int16(first.codec),
	}
	if first.txn {
		b.Attributes |= 0x10
	}
	for i, e := range es {
		b.MaxTimestamp = max(b.MaxTimestamp, e.ts)
		r := kmsg.Record{TimestampDelta64: e.ts - first.ts, OffsetDelta: int32(i), Key: e.key, Value: e.value, Headers: e.headers}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		b.Records = r.AppendTo(b.Records)
	}
	if c := compressors[first.codec]; c != nil {
		packed, _ := c.Compress(new(bytes.Buffer), b.Records)
		b.Records = append([]byte(nil), packed...)
	}
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-12))
	binary.BigEndian.PutUint32(out[17:], crc32.Checksum(out[21:], castagnoliTable))
	return out
}

// decodeEntries reads the whole batches at the head of b. next is the offset after them.
func decodeEntries(b []byte) (out []logEntry, next int64, err error) {
	for len(b) >= 12 {
		size := 12 + int(binary.BigEndian.Uint32(b[8:]))
		if size > len(b) {
			break // a part of the next one
		}
		es, after, err := decodeBatch(b[:size])
		if err != nil {
			return out, next, err
		}
		out, next, b = append(out, es...), after, b[size:]
	}
	return out, next, nil
}

func decodeBatch(raw []byte) (out []logEntry, next int64, err error) {
	if len(raw) < 61 {
		return nil, 0, fmt.Errorf("a batch of %d bytes", len(raw))
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		return nil, 0, err
	}
	if sum := crc32.Checksum(raw[21:], castagnoliTable); sum != uint32(b.CRC) {
		return nil, 0, fmt.Errorf("the batch at offset %d has checksum %08x, its bytes %08x", b.FirstOffset, uint32(b.CRC), sum)
	}
	records, err := expander.Decompress(b.Records, kgo.CompressionCodecType(b.Attributes&7))
	if err != nil {
		return nil, 0, fmt.Errorf("the batch at offset %d: %w", b.FirstOffset, err)
	}
	for range b.NumRecords {
		length, n := binary.Varint(records)
		if n <= 0 || length < 0 || int(length)+n > len(records) {
			return nil, 0, fmt.Errorf("the batch at offset %d: a record of %d bytes", b.FirstOffset, length)
		}
		e, err := decodeEntry(&b, records[:n+int(length)])
		if err != nil {
			return nil, 0, fmt.Errorf("the batch at offset %d: %w", b.FirstOffset, err)
		}
		out, records = append(out, e), records[n+int(length):]
	}
	return out, b.FirstOffset + int64(b.LastOffsetDelta) + 1, nil
}

func decodeEntry(b *kmsg.RecordBatch, raw []byte) (logEntry, error) {
	var r kmsg.Record
	if err := r.ReadFrom(raw); err != nil {
		return logEntry{}, err
	}
	e := logEntry{
		offset: b.FirstOffset + int64(r.OffsetDelta), ts: b.FirstTimestamp + r.TimestampDelta64, key: r.Key, value: r.Value, headers: r.Headers,
		codec: int8(b.Attributes & 7), producer: b.ProducerID, epoch: b.ProducerEpoch, seq: -1, leaderEpoch: b.PartitionLeaderEpoch,
		appendTime: b.Attributes&8 != 0, txn: b.Attributes&0x10 != 0,
	}
	if b.ProducerID >= 0 {
		e.seq = b.FirstSequence + r.OffsetDelta
	}
	if e.appendTime {
		e.ts = b.MaxTimestamp
	}
	if b.Attributes&0x20 != 0 {
		if len(e.key) < 4 {
			return e, errors.New("a marker without a type")
		}
		e.control = []int{abortMarker, commitMarker}[e.key[3]&1]
	}
	return e, nil
}
