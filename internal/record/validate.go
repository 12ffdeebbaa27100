package record

import (
	"math"
	"time"
)

// Rules are what a partition asks of the batches it takes.
type Rules struct {
	// Codec is the topic's compression: Producer keeps what came, anything else recompresses what has another codec.
	Codec Codec
	// Level is the compression level in the codec's own scale (compression.gzip.level and so on); 0 is the codec's default.
	Level int
	// TimestampType is message.timestamp.type. With LogAppendTime, Now replaces the producer's timestamps.
	TimestampType TimestampType
	// BeforeMax and AfterMax bound a producer's timestamps around Now (message.timestamp.before.max.ms and
	// message.timestamp.after.max.ms); NoTimestampBound turns one off. Not used with LogAppendTime.
	BeforeMax, AfterMax time.Duration
	// Now is the broker's clock.
	Now time.Time
	// MaxBatchBytes is the largest batch, header and compressed records together (max.message.bytes). 0 is no limit.
	MaxBatchBytes int
	// Compacted: every record needs a key.
	Compacted bool
	// AllowControl is for the broker's own coordinators: control batches are admitted, and the producer fields are taken as they are.
	AllowControl bool
	// AllowZstd is false for Produce requests before version 7 (KIP-110).
	AllowZstd bool
	// HeaderOnly trusts the records of a batch whose header and CRC are right. They are read all the same where they must
	// be recompressed or need keys.
	HeaderOnly bool
	// Limits bound decompression.
	Limits Limits
}

// NoTimestampBound is a BeforeMax or AfterMax that excludes nothing.
const NoTimestampBound time.Duration = math.MaxInt64

// Validated is a batch that may be appended, once it got its base offset and leader epoch.
type Validated struct {
	// Bytes is the batch: a part of what was passed in, or, where Recompressed, memory of its own.
	Bytes []byte
	// Recompressed: Bytes doesn't alias the input.
	Recompressed bool
	// Batches is 1.
	Batches int
	// Records is the number of records.
	Records int
	// MaxTimestamp is the largest timestamp of a record in ms, the append time, or -1 where no record has a timestamp.
	MaxTimestamp int64
	// OffsetOfMaxTimestamp is what a time index notes for MaxTimestamp, relative to the base offset: the batch's last offset
	// delta. -1 where MaxTimestamp is.
	OffsetOfMaxTimestamp int32
	// AppendTime is the time in ms that replaced the producer's timestamps, or -1.
	AppendTime int64
}

// Batch is the batch in Bytes.
func (v *Validated) Batch() Batch { return Batch(v.Bytes) }

// Validate judges the records that a producer sent for one partition. They must be exactly one batch; bytes after it that
// are no whole batch are cut off. In the batch, only max timestamp, timestamp type and CRC may be corrected, in place.
//
// The error is an *Error. A batch that needs no other codec and isn't compressed costs no allocation.
//
// What is refused, and how, follows Kafka, except that Kafka lets through what would break readers of the log: offset
// deltas that aren't dense, lengths below -1, lengths of records that don't agree with their fields (behind a compression),
// a delete horizon, the timestamp type LogAppendTime, a producer id without an epoch, bytes behind a compressed stream,
// and wrong checksums and sizes of LZ4 content. Those are refused here (InvalidRecord, InvalidTimestamp, Undecodable), and so is what
// decompresses to more than Limits allow (TooLarge: a producer splits its batch and tries again).
func Validate(buf []byte, r *Rules) (Validated, error) {
	b, err := onlyBatch(buf)
	if err != nil {
		return Validated{}, err
	}
	if err := r.checkHeader(b); err != nil {
		return Validated{}, err
	}
	target := r.Codec
	if target == Producer || b.IsControl() {
		target = b.Codec()
	}
	if target != b.Codec() {
		return r.recompress(b, target)
	}
	max := b.MaxTimestamp()
	if !r.HeaderOnly || r.Compacted {
		if max, err = r.checkRecords(b); err != nil {
			return Validated{}, err
		}
	}
	return r.stamp(b, max), nil
}

// onlyBatch cuts the batch out of a partition's share of a Produce request.
func onlyBatch(buf []byte) (Batch, error) {
	b, rest, err := Next(buf)
	if err != nil {
		return nil, asProduced(err)
	}
	switch _, _, err := Next(rest); {
	case err == nil:
		return nil, errManyBatches
	case err != errIncomplete:
		return nil, asProduced(err)
	}
	return b, nil
}

// asProduced is what an error of Next is to a producer.
func asProduced(err error) error {
	e := asError(err)
	switch e.Kind {
	case Incomplete:
		return errNoBatch
	case UnsupportedFormat:
		return &Error{Kind: InvalidRecord, Message: e.Message}
	}
	return e
}

// checkHeader is everything that can be said without the records.
func (r *Rules) checkHeader(b Batch) error {
	if b.Codec() == Zstd && !r.AllowZstd {
		return errZstdVersion
	}
	if b.BaseOffset() != 0 {
		return errorf(InvalidRecord, "the base offset of a produced batch is %d, not 0", b.BaseOffset())
	}
	if r.MaxBatchBytes > 0 && len(b) > r.MaxBatchBytes {
		return tooLarge(len(b), r.MaxBatchBytes)
	}
	if err := b.CheckCRC(); err != nil {
		return err
	}
	if !b.Codec().Valid() {
		return errorf(Undecodable, "unknown compression type %d", b.Codec())
	}
	if n, last := b.Count(), b.LastOffsetDelta(); n <= 0 || last < 0 || n-1 != last {
		return errorf(InvalidRecord, "%d records don't fit the offsets 0 to %d", n, last)
	}
	if b.TimestampType() != CreateTime {
		return errorf(InvalidTimestamp, "a producer can't set the timestamp type LogAppendTime")
	}
	if b.Attributes()&attrDeleteHorizon != 0 {
		return errorf(InvalidRecord, "a producer can't set a delete horizon")
	}
	if r.AllowControl {
		return nil
	}
	return checkProducer(b)
}

// checkProducer is what holds for clients, not for the broker's own batches.
func checkProducer(b Batch) error {
	if b.IsControl() {
		return errorf(InvalidRecord, "a producer can't write control records")
	}
	switch {
	case b.HasProducerID() && b.BaseSequence() < 0:
		return errorf(InvalidRecord, "producer id %d comes with the sequence number %d", b.ProducerID(), b.BaseSequence())
	case b.HasProducerID() && b.ProducerEpoch() < 0:
		return errorf(InvalidRecord, "producer id %d comes with the epoch %d", b.ProducerID(), b.ProducerEpoch())
	case b.IsTransactional() && !b.HasProducerID():
		return errorf(InvalidRecord, "a transactional batch has no producer id")
	}
	return nil
}

// checkRecords walks all records and returns their largest timestamp.
func (r *Rules) checkRecords(b Batch) (maxTimestamp int64, err error) {
	if b.Codec() != None {
		return r.checkCompressed(b, nil)
	}
	var w walk
	w.init(b, r)
	n, err := w.records(b.Payload())
	if err == nil {
		err = w.end(len(b) - HeaderSize - n)
	}
	return w.maxTimestamp, err
}

// stamp writes the timestamps that the log keeps into a valid batch.
func (r *Rules) stamp(b Batch, maxTimestamp int64) Validated {
	v := Validated{Bytes: b, Batches: 1, Records: int(b.Count()), MaxTimestamp: maxTimestamp, AppendTime: NoTimestamp}
	if r.TimestampType == LogAppendTime {
		v.AppendTime = r.Now.UnixMilli()
		v.MaxTimestamp = v.AppendTime
		b.SetAppendTime(v.AppendTime)
	} else if b.MaxTimestamp() != maxTimestamp {
		b.setMaxTimestamp(CreateTime, maxTimestamp)
	}
	v.OffsetOfMaxTimestamp = b.LastOffsetDelta()
	if v.MaxTimestamp == NoTimestamp {
		v.OffsetOfMaxTimestamp = -1
	}
	return v
}
