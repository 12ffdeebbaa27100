package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/record"
)

// consumed is one record as a formatter sees it. Its slices are good until the next one.
type consumed struct {
	topic       string
	partition   int32
	offset      int64
	timestamp   int64 // ms since 1970
	appendTime  bool  // the timestamp is the broker's
	key, value  []byte
	headerCount int
	rawHeaders  []byte // encoded; see eachHeader
}

var errMalformed = errors.New("a record doesn't fit its batch")

// errStop ends decoding early, successfully.
var errStop = errors.New("enough")

// batchDecoder makes records of fetched batches, checksum first.
type batchDecoder struct {
	topic        string
	committed    bool // hide aborted transactions
	decompressor kgo.Decompressor
	record       consumed
}

// decode calls f with each record of a partition from offset from up to, but not including, end (-1: all of them).
func (d *batchDecoder) decode(in fetched, end int64, f func(*consumed) error) error {
	transactions := abortedTransactions{list: in.aborted, open: map[int64]bool{}}
	for rest := in.records; len(rest) > 0; {
		b, after, err := record.Next(rest)
		if err == nil {
			err = b.CheckCRC()
		}
		if err == nil {
			if rest = after; b.IsControl() {
				transactions.control(b)
				continue
			}
			if d.committed && transactions.aborted(b) {
				continue
			}
			err = d.batch(b, in, end, f)
		}
		if err != nil {
			return fmt.Errorf("partition %d: %w", in.partition, err)
		}
	}
	return nil
}

func (d *batchDecoder) batch(b record.Batch, in fetched, end int64, f func(*consumed) error) error {
	payload := b.Payload()
	if codec := b.Codec(); codec != record.None {
		var err error
		if payload, err = d.decompressor.Decompress(payload, kgo.CompressionCodecType(codec)); err != nil {
			return fmt.Errorf("batch at offset %d: %w", b.BaseOffset(), err)
		}
	}
	r := &d.record
	*r = consumed{topic: d.topic, partition: in.partition, appendTime: b.TimestampType() == record.LogAppendTime}
	base, timestamp := int64(b.BaseOffset()), b.BaseTimestamp()
	if r.appendTime {
		timestamp = b.MaxTimestamp()
	}
	for range b.Count() {
		rest, err := d.next(payload, base, timestamp)
		if err != nil {
			return fmt.Errorf("batch at offset %d: %w", base, err)
		}
		payload = rest
		if r.offset < in.from {
			continue
		}
		if end >= 0 && r.offset >= end {
			break
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// next decodes the record that b begins with into d.record, and returns what follows it.
func (d *batchDecoder) next(b []byte, base, timestamp int64) ([]byte, error) {
	size, b, ok := cutVarint(b)
	if !ok || size < 1 || size > int64(len(b)) {
		return nil, errMalformed
	}
	body, rest := b[1:size], b[size:] // without the attributes
	r := &d.record
	timeDelta, body, ok1 := cutVarint(body)
	offsetDelta, body, ok2 := cutVarint(body)
	key, body, ok3 := cutBytes(body)
	value, body, ok4 := cutBytes(body)
	headers, body, ok5 := cutVarint(body)
	if !(ok1 && ok2 && ok3 && ok4 && ok5) || headers < 0 || headers > int64(len(body)) {
		return nil, errMalformed
	}
	r.offset, r.timestamp = base+offsetDelta, timestamp
	if !r.appendTime {
		r.timestamp += timeDelta
	}
	r.key, r.value, r.headerCount, r.rawHeaders = key, value, int(headers), body
	return rest, nil
}

// eachHeader calls f with the record's headers, in order. A nil value is null.
func (r *consumed) eachHeader(f func(key, value []byte)) error {
	b := r.rawHeaders
	for range r.headerCount {
		key, after, ok := cutBytes(b)
		value, after, ok2 := cutBytes(after)
		if !ok || !ok2 {
			return fmt.Errorf("partition %d, offset %d: %w", r.partition, r.offset, errMalformed)
		}
		f(key, value)
		b = after
	}
	return nil
}

func cutVarint(b []byte) (v int64, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 { // most are one byte long
		return int64(b[0]>>1) ^ -int64(b[0]&1), b[1:], true
	}
	v, n := binary.Varint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

// cutBytes returns nil for null, and an empty slice for none.
func cutBytes(b []byte) (v, rest []byte, ok bool) {
	n, b, ok := cutVarint(b)
	switch {
	case !ok || n < -1 || n > int64(len(b)):
		return nil, nil, false
	case n == -1:
		return nil, b, true
	}
	return b[:n:n], b[n:], true
}

// abortedTransactions knows which batches of a read_committed fetch belong to transactions that were aborted. The
// response lists them by producer and first offset; the control batch that ended one is in the log behind its records.
type abortedTransactions struct {
	list []kmsg.FetchResponseTopicPartitionAbortedTransaction
	open map[int64]bool // by producer id
}

func (t *abortedTransactions) aborted(b record.Batch) bool {
	if !b.IsTransactional() {
		return false
	}
	id := int64(b.ProducerID())
	for i, a := range t.list {
		if a.ProducerID == id && a.FirstOffset <= int64(b.LastOffset()) {
			t.open[id] = true
			t.list = append(t.list[:i:i], t.list[i+1:]...)
			break
		}
	}
	return t.open[id]
}

// control ends the producer's transaction.
func (t *abortedTransactions) control(b record.Batch) { delete(t.open, int64(b.ProducerID())) }
