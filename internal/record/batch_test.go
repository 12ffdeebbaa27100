package record

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// emptyHeader is a batch without records, with distinct values in all fields.
func emptyHeader() Batch {
	b := make(Batch, HeaderSize)
	b.put64(posBaseOffset, 1000)
	b.put32(posLength, HeaderSize-LengthOverhead)
	b.put32(posLeaderEpoch, 7)
	b[posMagic] = Magic
	b.put16(posAttributes, int16(Zstd)|attrTransactional)
	b.put32(posLastDelta, 9)
	b.put64(posBaseTimestamp, 111)
	b.put64(posMaxTimestamp, 222)
	b.put64(posProducerID, 333)
	b.put16(posProducerEpoch, 4)
	b.put32(posBaseSequence, math.MaxInt32-4)
	b.put32(posCount, 10)
	b.seal()
	return b
}

func TestBatchHeader(t *testing.T) {
	b := emptyHeader()
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"BaseOffset", b.BaseOffset(), Offset(1000)},
		{"LastOffset", b.LastOffset(), Offset(1009)},
		{"NextOffset", b.NextOffset(), Offset(1010)},
		{"Length", b.Length(), int32(49)},
		{"Size", b.Size(), 61},
		{"LeaderEpoch", b.LeaderEpoch(), LeaderEpoch(7)},
		{"Codec", b.Codec(), Zstd},
		{"TimestampType", b.TimestampType(), CreateTime},
		{"IsTransactional", b.IsTransactional(), true},
		{"IsControl", b.IsControl(), false},
		{"BaseTimestamp", b.BaseTimestamp(), int64(111)},
		{"MaxTimestamp", b.MaxTimestamp(), int64(222)},
		{"ProducerID", b.ProducerID(), ProducerID(333)},
		{"ProducerEpoch", b.ProducerEpoch(), ProducerEpoch(4)},
		{"BaseSequence", b.BaseSequence(), int32(math.MaxInt32 - 4)},
		{"LastSequence", b.LastSequence(), int32(4)},
		{"Count", b.Count(), int32(10)},
		{"CheckCRC", b.CheckCRC(), error(nil)},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestSettersAndCRC(t *testing.T) {
	b := emptyHeader()
	b.SetBaseOffset(5)
	b.SetLeaderEpoch(6)
	if err := b.CheckCRC(); err != nil {
		t.Errorf("base offset and leader epoch are under the CRC: %v", err)
	}
	b.SetAppendTime(987)
	if err := b.CheckCRC(); err != nil {
		t.Errorf("after SetAppendTime: %v", err)
	}
	if b.TimestampType() != LogAppendTime || b.MaxTimestamp() != 987 || b.BaseTimestamp() != 111 {
		t.Errorf("after SetAppendTime: type %v, max %d, base %d", b.TimestampType(), b.MaxTimestamp(), b.BaseTimestamp())
	}
	for i := posAttributes; i < HeaderSize; i++ {
		b[i] ^= 1
		if b.CheckCRC() == nil {
			t.Errorf("a flipped bit in byte %d goes unnoticed", i)
		}
		b[i] ^= 1
	}
}

func TestNext(t *testing.T) {
	two := append(emptyHeader(), emptyHeader()...)
	b, rest, err := Next(two)
	if err != nil || len(b) != HeaderSize || len(rest) != HeaderSize {
		t.Fatalf("Next of two batches: %d and %d bytes, %v", len(b), len(rest), err)
	}
	if cap(b) != HeaderSize {
		t.Errorf("appending to the batch would overwrite the next one")
	}
	for n := range HeaderSize {
		if _, _, err := Next(two[:n]); kindOf(err) != Incomplete {
			t.Errorf("Next of %d bytes: %v", n, err)
		}
	}
	for _, c := range []struct {
		name   string
		length uint32
		magic  byte
		want   Kind
	}{
		{"zeros", 0, 0, Corrupt},
		{"length -1", math.MaxUint32, 2, Corrupt},
		{"length of half a header", 48, 2, Corrupt},
		{"length of 2 GiB", math.MaxInt32, 2, Incomplete},
		{"magic 0", 49, 0, UnsupportedFormat},
		{"magic 1", 49, 1, UnsupportedFormat},
		{"magic 3", 49, 3, Corrupt},
		{"magic -1", 49, 255, Corrupt},
	} {
		b := emptyHeader()
		binary.BigEndian.PutUint32(b[posLength:], c.length)
		b[posMagic] = c.magic
		if _, _, err := Next(b); kindOf(err) != c.want {
			t.Errorf("%s: got %v (%v), want %v", c.name, kindOf(err), err, c.want)
		}
	}
}

func TestPeekSize(t *testing.T) {
	if n, err := PeekSize(emptyHeader()[:LengthOverhead]); n != HeaderSize || err != nil {
		t.Errorf("PeekSize: %d, %v", n, err)
	}
	if _, err := PeekSize(make([]byte, 11)); kindOf(err) != Incomplete {
		t.Errorf("PeekSize of 11 bytes: %v", err)
	}
	if _, err := PeekSize(make([]byte, 12)); kindOf(err) != Corrupt {
		t.Errorf("PeekSize of zeros: %v", err)
	}
}

func TestAddSequence(t *testing.T) {
	for _, c := range []struct{ seq, n, want int32 }{
		{0, 0, 0}, {5, 7, 12}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 1, math.MaxInt32}, {math.MaxInt32, math.MaxInt32, math.MaxInt32 - 1},
	} {
		if got := AddSequence(c.seq, c.n); got != c.want {
			t.Errorf("AddSequence(%d, %d) = %d, want %d", c.seq, c.n, got, c.want)
		}
	}
}

func TestParseCodec(t *testing.T) {
	for _, c := range []Codec{Producer, None, Gzip, Snappy, LZ4, Zstd} {
		if got, err := ParseCodec(c.String()); got != c || err != nil {
			t.Errorf("ParseCodec(%q) = %v, %v", c, got, err)
		}
	}
	if c, err := ParseCodec("uncompressed"); c != None || err != nil {
		t.Errorf("uncompressed: %v, %v", c, err)
	}
	if _, err := ParseCodec("brotli"); kindOf(err) != UnsupportedCompression {
		t.Errorf("brotli: %v", err)
	}
}

// kindOf is the kind of an error, or 0.
func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}
