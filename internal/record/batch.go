// Package record knows the bytes of a record batch, the unit that a producer sends, the log stores and a consumer
// fetches (format v2, the only one: "magic" 2).
//
// Batch is a view over one batch's bytes: its header is read and patched in place and its records are never copied.
// Validate judges what a producer sent, Reader walks the records of a batch, compressed or not, and Builder makes
// batches. Filter makes what compaction leaves of one.
//
// Invariant: nothing here allocates or loops in proportion to a number that was read from the input. Work is bounded by
// the bytes present, or, behind a compression, by the caps of Limits.
package record

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// The header of a batch, all integers big-endian:
//
//	 0 +------------------------+
//	   | base offset       (8)  |  written by the leader; not under the CRC
//	 8 +------------------------+
//	   | length            (4)  |  bytes that follow this field
//	12 +------------------------+
//	   | leader epoch      (4)  |  written by the leader; not under the CRC
//	16 +------------------------+
//	   | magic             (1)  |  2
//	17 +------------------------+
//	   | CRC-32C           (4)  |  of everything from attributes to the end
//	21 +------------------------+
//	   | attributes        (2)  |  bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
//	23 +------------------------+
//	   | last offset delta (4)  |
//	27 +------------------------+
//	   | base timestamp    (8)  |  ms; the delete horizon where bit 6 is set
//	35 +------------------------+
//	   | max timestamp     (8)  |  ms; the append time where bit 3 is set
//	43 +------------------------+
//	   | producer id       (8)  |  -1: none
//	51 +------------------------+
//	   | producer epoch    (2)  |
//	53 +------------------------+
//	   | base sequence     (4)  |
//	57 +------------------------+
//	   | record count      (4)  |
//	61 +------------------------+
//	   | records, or one compressed stream of them
const (
	posBaseOffset    = 0
	posLength        = 8
	posLeaderEpoch   = 12
	posMagic         = 16
	posCRC           = 17
	posAttributes    = 21
	posLastDelta     = 23
	posBaseTimestamp = 27
	posMaxTimestamp  = 35
	posProducerID    = 43
	posProducerEpoch = 51
	posBaseSequence  = 53
	posCount         = 57

	// HeaderSize is the size of a batch's header, and of an empty batch.
	HeaderSize = 61
	// LengthOverhead is the part of a batch that its length field doesn't count: base offset and length.
	LengthOverhead = 12
	// Magic is the format that every batch here has.
	Magic = 2

	// minLegacyLength is the smallest length field that formats 0 and 1 can have: what is shorter is no message at all, zeroed
	// file space for one.
	minLegacyLength = 14
)

const (
	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
	attrDeleteHorizon = 0x40
	attrUnused        = ^0x7f
)

// Offset is the place of a record in its partition.
type Offset int64

// LeaderEpoch counts the leaders of a partition; -1 is none.
type LeaderEpoch int32

// ProducerID identifies an idempotent or transactional producer; -1 is none.
type ProducerID int64

// ProducerEpoch fences older incarnations of a producer; -1 is none.
type ProducerEpoch int16

// What a header holds where a batch has no such thing.
const (
	NoProducerID    ProducerID    = -1
	NoProducerEpoch ProducerEpoch = -1
	NoSequence      int32         = -1
	NoLeaderEpoch   LeaderEpoch   = -1
	NoTimestamp     int64         = -1
)

// TimestampType says who set a batch's timestamps.
type TimestampType int8

const (
	// CreateTime: each record has the time its producer gave it.
	CreateTime TimestampType = 0
	// LogAppendTime: all records have the time of the append, the batch's max timestamp.
	LogAppendTime TimestampType = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is a view of one batch: exactly its bytes, header included. Next makes one and checks that the header is there
// and agrees with the length; the accessors rely on it.
type Batch []byte

// Next cuts the first batch off b. It checks size and magic and nothing else: neither the CRC nor the records were looked
// at. An error of kind Incomplete says that b ends before the batch does (b may be empty), one of kind UnsupportedFormat that the
// batch has magic 0 or 1, one of kind Corrupt that these bytes are no batch.
func Next(b []byte) (batch Batch, rest []byte, err error) {
	if len(b) < LengthOverhead {
		return nil, b, errIncomplete
	}
	n := int64(int32(binary.BigEndian.Uint32(b[posLength:])))
	if n < minLegacyLength {
		return nil, b, errBatchLength
	}
	if len(b) <= posMagic {
		return nil, b, errIncomplete
	}
	if m := b[posMagic]; m != Magic {
		return nil, b, magicError(m)
	}
	if n < HeaderSize-LengthOverhead {
		return nil, b, errBatchLength
	}
	if n > int64(len(b)-LengthOverhead) {
		return nil, b, errIncomplete
	}
	n += LengthOverhead
	return Batch(b[:n:n]), b[n:], nil
}

// PeekSize tells how many bytes a batch has, from at least its first 12 bytes: for readers of files, which must know how
// much to read. It checks nothing but that a batch can have this size.
func PeekSize(b []byte) (int64, error) {
	if len(b) < LengthOverhead {
		return 0, errIncomplete
	}
	n := int64(int32(binary.BigEndian.Uint32(b[posLength:])))
	if n < HeaderSize-LengthOverhead {
		return 0, errBatchLength
	}
	return n + LengthOverhead, nil
}

func (b Batch) int64(pos int) int64 { return int64(binary.BigEndian.Uint64(b[pos:])) }
func (b Batch) int32(pos int) int32 { return int32(binary.BigEndian.Uint32(b[pos:])) }
func (b Batch) int16(pos int) int16 { return int16(binary.BigEndian.Uint16(b[pos:])) }

func (b Batch) put64(pos int, v int64) { binary.BigEndian.PutUint64(b[pos:], uint64(v)) }
func (b Batch) put32(pos int, v int32) { binary.BigEndian.PutUint32(b[pos:], uint32(v)) }
func (b Batch) put16(pos int, v int16) { binary.BigEndian.PutUint16(b[pos:], uint16(v)) }

// BaseOffset is the offset of the first record that was built into the batch. Compaction may have removed that record.
func (b Batch) BaseOffset() Offset { return Offset(b.int64(posBaseOffset)) }

// LastOffset is the offset of the last record that was built into the batch. Compaction may have removed that record.
func (b Batch) LastOffset() Offset { return b.BaseOffset() + Offset(b.LastOffsetDelta()) }

// NextOffset is the first offset after the batch.
func (b Batch) NextOffset() Offset { return b.LastOffset() + 1 }

// LastOffsetDelta is the last offset less the base offset.
func (b Batch) LastOffsetDelta() int32 { return b.int32(posLastDelta) }

// Length is the length field: the batch's size without its first 12 bytes.
func (b Batch) Length() int32 { return b.int32(posLength) }

// Size is the number of bytes of the whole batch.
func (b Batch) Size() int { return len(b) }

// LeaderEpoch is the epoch of the leader that appended the batch.
func (b Batch) LeaderEpoch() LeaderEpoch { return LeaderEpoch(b.int32(posLeaderEpoch)) }

// CRC is the checksum that the header holds.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[posCRC:]) }

// Checksum computes the checksum that the header should hold.
func (b Batch) Checksum() uint32 { return crc32.Checksum(b[posAttributes:], castagnoli) }

// CheckCRC returns an error of kind Corrupt where the checksum is wrong.
func (b Batch) CheckCRC() error {
	if b.CRC() != b.Checksum() {
		return errChecksum
	}
	return nil
}

// Attributes is the raw attribute field.
func (b Batch) Attributes() int16 { return b.int16(posAttributes) }

// Codec is the compression of the records. Values 5 to 7 exist on the wire and name no codec.
func (b Batch) Codec() Codec { return Codec(b.Attributes() & attrCodec) }

// TimestampType says whether records have their own timestamps.
func (b Batch) TimestampType() TimestampType {
	if b.Attributes()&attrLogAppendTime != 0 {
		return LogAppendTime
	}
	return CreateTime
}

// IsTransactional tells whether the batch, data or marker, belongs to a transaction.
func (b Batch) IsTransactional() bool { return b.Attributes()&attrTransactional != 0 }

// IsControl tells whether the batch holds a control record, such as a transaction marker, which consumers never see.
func (b Batch) IsControl() bool { return b.Attributes()&attrControl != 0 }

// DeleteHorizon is the time in ms from which compaction may drop the batch's tombstones or marker (KIP-534), and whether
// the batch has one.
func (b Batch) DeleteHorizon() (ms int64, ok bool) {
	if b.Attributes()&attrDeleteHorizon == 0 {
		return NoTimestamp, false
	}
	return b.int64(posBaseTimestamp), true
}

// BaseTimestamp is what the records' timestamp deltas are added to, in ms. In a batch with a delete horizon, it is that.
func (b Batch) BaseTimestamp() int64 { return b.int64(posBaseTimestamp) }

// MaxTimestamp is the largest timestamp of the batch's records in ms, or the append time; -1 where no record has one.
func (b Batch) MaxTimestamp() int64 { return b.int64(posMaxTimestamp) }

// ProducerID is the producer that wrote the batch, or NoProducerID.
func (b Batch) ProducerID() ProducerID { return ProducerID(b.int64(posProducerID)) }

// HasProducerID tells whether the batch comes from an idempotent or transactional producer.
func (b Batch) HasProducerID() bool { return b.ProducerID() > NoProducerID }

// ProducerEpoch is the producer's epoch.
func (b Batch) ProducerEpoch() ProducerEpoch { return ProducerEpoch(b.int16(posProducerEpoch)) }

// BaseSequence is the producer's sequence number of the first record that was built into the batch.
func (b Batch) BaseSequence() int32 { return b.int32(posBaseSequence) }

// LastSequence is the producer's sequence number of the last record that was built into the batch.
func (b Batch) LastSequence() int32 {
	if s := b.BaseSequence(); s != NoSequence {
		return AddSequence(s, b.LastOffsetDelta())
	}
	return NoSequence
}

// AddSequence adds to a sequence number. After the largest int32 comes 0.
func AddSequence(seq, n int32) int32 {
	if seq > math.MaxInt32-n {
		return n - (math.MaxInt32 - seq) - 1
	}
	return seq + n
}

// Count is the number of records the header claims. In a batch that was compacted it is smaller than the span of offsets.
func (b Batch) Count() int32 { return b.int32(posCount) }

// Payload is what follows the header: the records, or the compressed stream of them.
func (b Batch) Payload() []byte { return b[HeaderSize:] }

// SetBaseOffset moves the batch. The CRC doesn't cover it.
func (b Batch) SetBaseOffset(o Offset) { b.put64(posBaseOffset, int64(o)) }

// SetLeaderEpoch stamps the batch with the epoch of its leader. The CRC doesn't cover it.
func (b Batch) SetLeaderEpoch(e LeaderEpoch) { b.put32(posLeaderEpoch, int32(e)) }

// SetAppendTime gives all records the time ms, in place of their own, and corrects the CRC.
func (b Batch) SetAppendTime(ms int64) {
	b.setMaxTimestamp(LogAppendTime, ms)
}

func (b Batch) setMaxTimestamp(t TimestampType, ms int64) {
	a := b.Attributes() &^ attrLogAppendTime
	if t == LogAppendTime {
		a |= attrLogAppendTime
	}
	b.put16(posAttributes, a)
	b.put64(posMaxTimestamp, ms)
	b.seal()
}

// seal writes the checksum.
func (b Batch) seal() { binary.BigEndian.PutUint32(b[posCRC:], b.Checksum()) }
