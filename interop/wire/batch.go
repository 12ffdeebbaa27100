package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch describes a record batch to build.
type Batch struct {
	Codec     int8 // 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd
	Timestamp int64
	Records   []kmsg.Record // offset deltas and lengths are filled in

	ProducerID    int64
	ProducerEpoch int16
	FirstSequence int32
	Attributes    int16 // beside the codec
}

// headerLen is the length of a record batch before its records.
const headerLen = 61

// Values makes a batch without a producer id of values without keys.
func Values(codec int8, timestamp int64, values ...[]byte) *Batch {
	b := &Batch{Codec: codec, Timestamp: timestamp, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1}
	for _, v := range values {
		r := kmsg.NewRecord()
		r.Value = v
		b.Records = append(b.Records, r)
	}
	return b
}

// Encode returns the batch's bytes.
func (b *Batch) Encode() []byte {
	var plain []byte
	for i := range b.Records {
		r := b.Records[i]
		r.OffsetDelta = int32(i)
		r.Length = 0
		empty := len(r.AppendTo(nil)) // the length's own varint takes one byte while it is 0
		r.Length = int32(empty - 1)
		plain = r.AppendTo(plain)
	}
	rb := kmsg.NewRecordBatch()
	rb.PartitionLeaderEpoch = -1
	rb.Magic = 2
	rb.Attributes = int16(b.Codec) | b.Attributes
	rb.LastOffsetDelta = int32(len(b.Records) - 1)
	rb.FirstTimestamp, rb.MaxTimestamp = b.Timestamp, b.Timestamp
	rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = b.ProducerID, b.ProducerEpoch, b.FirstSequence
	rb.NumRecords = int32(len(b.Records))
	rb.Records = compress(b.Codec, plain)
	rb.Length = int32(headerLen - 12 + len(rb.Records))
	out := rb.AppendTo(nil)
	SetCRC(out)
	return out
}

func compress(codec int8, plain []byte) []byte {
	var pick kgo.CompressionCodec
	switch codec {
	case 0:
		return plain
	case 1:
		pick = kgo.GzipCompression()
	case 2:
		pick = kgo.SnappyCompression()
	case 3:
		pick = kgo.Lz4Compression()
	case 4:
		pick = kgo.ZstdCompression()
	default:
		return plain // a codec that does not exist, for tests
	}
	c, err := kgo.DefaultCompressor(pick)
	if err != nil {
		panic(err) // the codecs above all exist
	}
	out, _ := c.Compress(new(bytes.Buffer), plain)
	return bytes.Clone(out)
}

// SetCRC computes an encoded batch's checksum again, after its bytes were changed.
func SetCRC(batch []byte) {
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], castagnoli))
}

// Stored is what a batch that a broker returned says about itself.
type Stored struct {
	FirstOffset, LastOffset int64
	Codec                   int8
	Records                 int32
	ProducerID              int64
	MaxTimestamp            int64
	Bytes                   []byte // the whole batch
}

// Next reads the batch at the start of p and returns the bytes after it. A batch that is cut off is
// returned as nil without an error: a fetch may end within one.
func Next(p []byte) (*Stored, []byte, error) {
	if len(p) < headerLen {
		return nil, nil, nil
	}
	n := int(int32(binary.BigEndian.Uint32(p[8:]))) + 12
	if n < headerLen {
		return nil, nil, fmt.Errorf("a batch of %d bytes", n)
	}
	if len(p) < n {
		return nil, nil, nil
	}
	b := p[:n:n]
	if b[16] != 2 {
		return nil, nil, fmt.Errorf("a batch of magic %d", b[16])
	}
	if got, want := crc32.Checksum(b[21:], castagnoli), binary.BigEndian.Uint32(b[17:]); got != want {
		return nil, nil, fmt.Errorf("a batch with CRC %08x, want %08x", got, want)
	}
	first := int64(binary.BigEndian.Uint64(b))
	return &Stored{
		FirstOffset: first, LastOffset: first + int64(int32(binary.BigEndian.Uint32(b[23:]))),
		Codec: int8(b[22] & 7), Records: int32(binary.BigEndian.Uint32(b[57:])),
		ProducerID:   int64(binary.BigEndian.Uint64(b[43:])),
		MaxTimestamp: int64(binary.BigEndian.Uint64(b[35:])), Bytes: b,
	}, p[n:], nil
}

// ProduceRequest makes a request for one batch, at a version that names topics (3 to 12).
func ProduceRequest(version int16, acks int16, topic string, partition int32, batch []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(version)
	req.Acks = acks
	req.TimeoutMillis = 30_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, batch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// FetchRequest makes a request for one topic, at a version that names topics (4 to 12), outside any
// fetch session. partitionMaxBytes bounds each partition, 50 MiB the response, as in Kafka's clients.
func FetchRequest(version int16, topic string, offsets map[int32]int64, maxWaitMs, minBytes, partitionMaxBytes int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(version)
	req.ReplicaID = -1
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = maxWaitMs, minBytes, 50<<20
	req.SessionID, req.SessionEpoch = 0, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	for id, offset := range offsets {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = id, offset, partitionMaxBytes
		p.CurrentLeaderEpoch = -1
		p.LogStartOffset = -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req
}
