package record

import "math"

// Builder makes a batch of records. Its zero value isn't usable; NewBuilder makes one, which can be used again after Reset.
type Builder struct {
	codec     Codec
	level     int
	b         []byte // header and uncompressed records
	rec       []byte // scratch for one record's prefix
	count     int32
	last      int32 // offset delta of the last record
	max       int64
	base      int64 // timestamp
	baseFixed bool  // by a delete horizon
}

// NewBuilder returns a builder of batches with the given compression; level is as in Rules.
func NewBuilder(c Codec, level int) *Builder {
	if !c.Valid() {
		panic("BUG: a batch can't be built with codec " + c.String())
	}
	b := &Builder{codec: c, level: level}
	b.Reset()
	return b
}

// Reset begins a new batch: base offset 0, no leader epoch, no producer, CreateTime.
func (b *Builder) Reset() {
	if cap(b.b) < HeaderSize {
		b.b = make([]byte, HeaderSize, 1<<10)
	}
	b.b = b.b[:HeaderSize]
	clear(b.b)
	h := b.header()
	h[posMagic] = Magic
	h.SetLeaderEpoch(NoLeaderEpoch)
	b.SetProducer(NoProducerID, NoProducerEpoch, NoSequence, false)
	b.count, b.last, b.max, b.base, b.baseFixed = 0, -1, NoTimestamp, 0, false
}

func (b *Builder) header() Batch { return Batch(b.b) }

// SetBaseOffset sets the offset that AppendAt's offsets are relative to. It comes before the first record.
func (b *Builder) SetBaseOffset(o Offset) { b.header().SetBaseOffset(o) }

// SetLeaderEpoch sets the leader epoch.
func (b *Builder) SetLeaderEpoch(e LeaderEpoch) { b.header().SetLeaderEpoch(e) }

// SetProducer makes it the batch of a producer; transactional puts it into the producer's open transaction.
func (b *Builder) SetProducer(id ProducerID, epoch ProducerEpoch, sequence int32, transactional bool) {
	h := b.header()
	h.put64(posProducerID, int64(id))
	h.put16(posProducerEpoch, int16(epoch))
	h.put32(posBaseSequence, sequence)
	b.attribute(attrTransactional, transactional)
}

// setControl makes it a control batch.
func (b *Builder) setControl() { b.attribute(attrControl, true) }

func (b *Builder) attribute(bit int16, on bool) {
	h := b.header()
	a := h.Attributes() &^ bit
	if on {
		a |= bit
	}
	h.put16(posAttributes, a)
}

// Count is the number of records so far.
func (b *Builder) Count() int { return int(b.count) }

// Size is the size of the batch so far, before compression.
func (b *Builder) Size() int { return len(b.b) }

// SizeWith is the size that the batch, before compression, would have with one more record: an upper bound.
func (b *Builder) SizeWith(key, value []byte, headers ...Header) int {
	n := len(b.b) + maxVarint32Size + 1 + 10 + maxVarint32Size // length, attributes, timestamp, offset
	n += maxVarint32Size + len(key) + maxVarint32Size + len(value) + maxVarint32Size
	for _, h := range headers {
		n += 2*maxVarint32Size + len(h.Key) + len(h.Value)
	}
	return n
}

// Append adds a record at the next offset. timestamp is in ms, -1 is none; a nil key or value is null. The arguments are copied.
func (b *Builder) Append(timestamp int64, key, value []byte, headers ...Header) {
	b.AppendAt(b.header().BaseOffset()+Offset(b.last)+1, timestamp, key, value, headers...)
}

// AppendAt adds a record at an offset of choice, larger than that of the one before.
func (b *Builder) AppendAt(o Offset, timestamp int64, key, value []byte, headers ...Header) {
	tail := appendField(b.rec[:0], key)
	tail = appendField(tail, value)
	tail = appendVarint(tail, int64(len(headers)))
	for _, h := range headers {
		tail = appendVarint(tail, int64(len(h.Key)))
		tail = append(tail, h.Key...)
		tail = appendField(tail, h.Value)
	}
	b.rec = tail
	b.append(o, timestamp, 0, tail)
}

// append adds a record whose part from the key's length on is encoded already.
func (b *Builder) append(o Offset, timestamp int64, attributes int8, tail []byte) {
	delta := int64(o - b.header().BaseOffset())
	if delta <= int64(b.last) || delta > math.MaxInt32 {
		panic("BUG: the offsets of a batch must rise and fit 31 bits")
	}
	if b.count == 0 && !b.baseFixed {
		b.base = timestamp
	}
	ts := timestamp - b.base
	size := 1 + varintSize(ts) + varintSize(delta) + len(tail)
	b.b = appendVarint(b.b, int64(size))
	b.b = append(b.b, byte(attributes))
	b.b = appendVarint(b.b, ts)
	b.b = appendVarint(b.b, delta)
	b.b = append(b.b, tail...)
	b.count++
	b.last = int32(delta)
	b.max = max(b.max, timestamp)
}

func appendField(b, f []byte) []byte {
	if f == nil {
		return appendVarint(b, -1)
	}
	b = appendVarint(b, int64(len(f)))
	return append(b, f...)
}

// Build finishes the batch and returns it in memory of its own. A batch needs at least one record. The builder needs a Reset before
// it is used again.
func (b *Builder) Build() Batch {
	if b.count == 0 {
		panic("BUG: a batch without records")
	}
	h := b.header()
	h.put64(posBaseTimestamp, b.base)
	h.put64(posMaxTimestamp, b.max)
	h.put32(posLastDelta, b.last)
	h.put32(posCount, b.count)
	return compress(h, b.codec, b.level)
}

// compress copies a plain batch with its records in a codec, and completes its length, attributes and CRC.
func compress(h Batch, c Codec, level int) Batch {
	if c == None {
		b := append(make(Batch, 0, len(h)), h...)
		b.put32(posLength, int32(len(b)-LengthOverhead))
		b.seal()
		return b
	}
	out := newSink(h, 0)
	defer out.release()
	enc := newEncoder(c, level, out)
	defer enc.release()
	_, err := enc.Write(h.Payload())
	if err == nil {
		err = enc.Close()
	}
	if err != nil {
		panic("BUG: " + err.Error()) // only a sink with a limit fails
	}
	return out.batch(c)
}
