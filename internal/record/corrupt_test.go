package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
)

// badCase is one produced record set and what Validate says of it. kind 0: it is accepted.
type badCase struct {
	name  string
	buf   []byte
	topic string // which rules: see rulesFor
	kind  Kind
}

// rulesFor are the rules of a topic by the name that cases use.
func rulesFor(topic string, now int64) *Rules {
	r := &Rules{
		Codec: Producer, AllowZstd: true, BeforeMax: NoTimestampBound, AfterMax: time.Hour,
		Now: time.UnixMilli(now),
	}
	switch topic {
	case "":
	case "compact":
		r.Compacted = true
	case "append":
		r.TimestampType = LogAppendTime
	case "before":
		r.BeforeMax = time.Hour
	case "small":
		r.MaxBatchBytes = 200
	case "old":
		r.AllowZstd = false
	case "gzip":
		r.Codec = Gzip
	case "none":
		r.Codec = None
	default:
		panic("BUG: no rules " + topic)
	}
	return r
}

const caseRecords = 3

// plainRecords are the records of the good batch that cases are made of.
func plainRecords() []byte {
	var p []byte
	for i := range caseRecords {
		p = appendRecord(p, goodBody(i))
	}
	return p
}

func appendRecord(p, body []byte) []byte { return append(appendVarint(p, int64(len(body))), body...) }

// goodBody is the body of record i: attributes, timestamp delta, offset delta, key, value, one header.
func goodBody(i int) []byte {
	return slices.Concat([]byte{0}, vi(i), vi(i), vi(3), []byte("key"), vi(5), []byte("value"), vi(1), vi(1), []byte("h"), vi(2), []byte("hv"))
}

func vi(v int) []byte { return appendVarint(nil, int64(v)) }

// raw makes a batch around a payload, whatever it is.
func raw(now int64, c Codec, payload []byte) Batch {
	b := append(make(Batch, HeaderSize), payload...)
	b[posMagic] = Magic
	b.put32(posLength, int32(len(b)-LengthOverhead))
	b.put32(posLeaderEpoch, -1)
	b.put16(posAttributes, int16(c))
	b.put32(posLastDelta, caseRecords-1)
	b.put64(posBaseTimestamp, now)
	b.put64(posMaxTimestamp, now+caseRecords-1)
	b.put64(posProducerID, -1)
	b.put16(posProducerEpoch, -1)
	b.put32(posBaseSequence, -1)
	b.put32(posCount, caseRecords)
	b.seal()
	return b
}

// packed is a payload in a codec.
func packed(c Codec, p []byte) []byte {
	out := newSink(make(Batch, HeaderSize), 0)
	defer out.release()
	enc := newEncoder(c, 0, out)
	defer enc.release()
	if _, err := enc.Write(p); err != nil {
		panic(err)
	}
	if err := enc.Close(); err != nil {
		panic(err)
	}
	return bytes.Clone(out.b[HeaderSize:])
}

func badCases(now int64) []badCase {
	return slices.Concat(framingCases(now), headerCases(now), producerCases(now), recordCases(now), timeAndKeyCases(now),
		codecMixCases(now), gzipCases(now), snappyCases(now), lz4Cases(now), zstdCases(now), bombCases(now))
}

func framingCases(now int64) []badCase {
	good := raw(now, None, plainRecords())
	var cs []badCase
	for _, n := range []int{0, 1, 8, 11, 12, 16, 17, 20, 60, 61, len(good) - 1} {
		cs = append(cs, badCase{fmt.Sprintf("framing/the first %d bytes", n), good[:n], "", InvalidRecord})
	}
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	return append(cs,
		badCase{"framing/good", good, "", 0},
		badCase{"framing/two batches", join(good, good), "", InvalidRecord},
		badCase{"framing/three batches", join(good, good, good), "", InvalidRecord},
		badCase{"framing/half a batch follows", join(good, good[:40]), "", 0},
		badCase{"framing/11 zeros follow", join(good, make([]byte, 11)), "", 0},
		badCase{"framing/12 zeros follow", join(good, make([]byte, 12)), "", Corrupt},
		badCase{"framing/100 zeros follow", join(good, make([]byte, 100)), "", Corrupt},
		badCase{"framing/only zeros", make([]byte, 100), "", Corrupt},
		badCase{"framing/larger than the topic allows", raw(now, None, append(plainRecords(), make([]byte, 200)...)), "small", TooLarge},
	)
}

// headerCases change one field of a good batch, with the CRC corrected unless the field lies outside of it.
func headerCases(now int64) []badCase {
	var cs []badCase
	add := func(name string, kind Kind, change func(b Batch)) {
		b := raw(now, None, plainRecords())
		change(b)
		b.seal()
		cs = append(cs, badCase{"header/" + name, b, "", kind})
	}
	for _, v := range []int64{1, -1, math.MaxInt64, math.MinInt64} {
		add(fmt.Sprintf("base offset %d", v), InvalidRecord, func(b Batch) { b.put64(posBaseOffset, v) })
	}
	n := int32(len(plainRecords()) + HeaderSize - LengthOverhead)
	for v, kind := range map[int32]Kind{
		-1: Corrupt, 0: Corrupt, math.MinInt32: Corrupt, 13: Corrupt, 14: Corrupt, 48: Corrupt, 49: Corrupt,
		n - 1: Corrupt, n + 1: InvalidRecord, math.MaxInt32: InvalidRecord,
	} {
		add(fmt.Sprintf("length %d", v), kind, func(b Batch) { b.put32(posLength, v) })
	}
	for _, v := range []int32{-2, 0, math.MaxInt32, math.MinInt32} {
		add(fmt.Sprintf("leader epoch %d", v), 0, func(b Batch) { b.put32(posLeaderEpoch, v) })
	}
	for v, kind := range map[int8]Kind{0: InvalidRecord, 1: InvalidRecord, 3: Corrupt, -1: Corrupt, 127: Corrupt} {
		add(fmt.Sprintf("magic %d", v), kind, func(b Batch) { b[posMagic] = byte(v) })
	}
	for _, v := range []int32{-1, 0, 1, 3, math.MaxInt32, math.MinInt32} {
		add(fmt.Sprintf("last offset delta %d", v), InvalidRecord, func(b Batch) { b.put32(posLastDelta, v) })
	}
	for _, v := range []int32{-1, 0, 1, 2, 4, math.MaxInt32, math.MinInt32} {
		add(fmt.Sprintf("count %d", v), InvalidRecord, func(b Batch) { b.put32(posCount, v) })
	}
	for _, v := range []int32{0, 1, 2, 4, 1000, math.MaxInt32, math.MinInt32} {
		add(fmt.Sprintf("count %d and last offset delta alike", v), InvalidRecord, func(b Batch) {
			b.put32(posCount, v)
			b.put32(posLastDelta, v-1)
		})
	}
	for _, v := range []int64{math.MinInt64, math.MaxInt64, 0, -1, now - 1, now + 100} {
		add(fmt.Sprintf("max timestamp off by %d", v-now), 0, func(b Batch) { b.put64(posMaxTimestamp, v) })
	}
	for bit, kind := range map[int]Kind{3: InvalidTimestamp, 4: InvalidRecord, 5: InvalidRecord, 6: InvalidRecord, 7: 0, 8: 0, 14: 0, 15: 0} {
		add(fmt.Sprintf("attribute bit %d", bit), kind, func(b Batch) { b.put16(posAttributes, int16(uint16(1)<<bit)) })
	}
	for v := Codec(5); v <= 7; v++ {
		add(fmt.Sprintf("codec %d", v), Undecodable, func(b Batch) { b.put16(posAttributes, int16(v)) })
	}
	for _, i := range []int{posCRC, posCRC + 3, posAttributes, posCount, HeaderSize, HeaderSize + 9} {
		b := raw(now, None, plainRecords())
		b[i] ^= 0x10
		cs = append(cs, badCase{fmt.Sprintf("header/flipped bit in byte %d", i), b, "", Corrupt})
	}
	zero := raw(now, None, plainRecords())
	zero.put32(posCRC, 0)
	ieee := raw(now, None, plainRecords())
	ieee.put32(posCRC, int32(crc32.ChecksumIEEE(ieee[posAttributes:])))
	empty := raw(now, None, nil)
	empty.put32(posCount, 0)
	empty.put32(posLastDelta, -1)
	empty.seal()
	emptySpan := raw(now, None, nil)
	emptySpan.put32(posCount, 0)
	emptySpan.seal()
	return append(cs,
		badCase{"header/CRC 0", zero, "", Corrupt},
		badCase{"header/CRC by the wrong polynomial", ieee, "", Corrupt},
		badCase{"header/no records", empty, "", InvalidRecord},
		badCase{"header/no records but a span of offsets", emptySpan, "", InvalidRecord},
	)
}

func producerCases(now int64) []badCase {
	var cs []badCase
	add := func(name string, kind Kind, id int64, epoch int16, seq int32, attributes int16) {
		b := raw(now, None, plainRecords())
		b.put64(posProducerID, id)
		b.put16(posProducerEpoch, epoch)
		b.put32(posBaseSequence, seq)
		b.put16(posAttributes, attributes)
		b.seal()
		cs = append(cs, badCase{"producer/" + name, b, "", kind})
	}
	add("id without sequence", InvalidRecord, 5, 0, -1, 0)
	add("id with sequence -2", InvalidRecord, 5, 0, -2, 0)
	add("id with the smallest sequence", InvalidRecord, 5, 0, math.MinInt32, 0)
	add("id with epoch -1", InvalidRecord, 5, -1, 0, 0)
	add("id with epoch -2", InvalidRecord, 5, -2, 0, 0)
	add("id 0", 0, 0, 0, 0, 0)
	add("largest id", 0, math.MaxInt64, math.MaxInt16, 0, 0)
	add("id -2", 0, -2, 0, 0, 0)
	add("no id with an epoch", 0, -1, 3, -1, 0)
	add("no id with a sequence", 0, -1, -1, 3, 0)
	add("sequence wraps", 0, 6, 0, math.MaxInt32-1, 0)
	add("transactional without id", InvalidRecord, -1, -1, -1, attrTransactional)
	add("transactional control", InvalidRecord, 5, 0, 0, attrTransactional|attrControl)
	marker := Marker{Type: Commit, ProducerID: 5, Timestamp: now}.Batch()
	return append(cs, badCase{"producer/commit marker", marker, "", InvalidRecord})
}

// recordBodies are first records with one fault each. What only Kafka accepts is in here too.
func recordBodies() []struct {
	name   string
	record []byte // with its length
	kind   Kind
} {
	type c = struct {
		name   string
		record []byte
		kind   Kind
	}
	body := func(parts ...[]byte) []byte { return appendRecord(nil, slices.Concat(parts...)) }
	head := slices.Concat([]byte{0}, vi(0), vi(0))
	kv := slices.Concat(head, vi(1), []byte("k"), vi(1), []byte("v"))
	good := goodBody(0)
	long := func(n int) []byte { return append(bytes.Repeat([]byte{0x80}, n-1), 0) }
	ones := func(n int, last byte) []byte { return append(bytes.Repeat([]byte{0xff}, n-1), last) }
	withLength := func(l []byte) []byte { return append(slices.Clone(l), good...) }
	return []c{
		{"length 0", withLength(vi(0)), InvalidRecord},
		{"length -1", withLength(vi(-1)), InvalidRecord},
		{"length 1", withLength(vi(1)), InvalidRecord},
		{"length 5", withLength(vi(5)), InvalidRecord},
		{"length one less", withLength(vi(len(good) - 1)), InvalidRecord},
		{"length one more", withLength(vi(len(good) + 1)), InvalidRecord},
		{"length 1000", withLength(vi(1000)), InvalidRecord},
		{"length 2^31-1", withLength(vi(math.MaxInt32)), InvalidRecord},
		{"length -2^31", withLength(vi(math.MinInt32)), InvalidRecord},
		{"length of 6 bytes", withLength(ones(6, 1)), InvalidRecord},
		{"length of 10 bytes", withLength(ones(10, 1)), InvalidRecord},
		{"length without end", bytes.Repeat([]byte{0xff}, 30), InvalidRecord},
		{"length in 2 bytes where 1 does", withLength([]byte{byte(2*len(good)) | 0x80, 0}), 0},
		{"attributes set", body([]byte{0x7f}, good[1:]), 0},
		{"timestamp delta of 10 bytes", body([]byte{0}, ones(10, 1), vi(0), vi(-1), vi(-1), vi(0)), InvalidTimestamp},
		{"timestamp delta of 11 bytes", body([]byte{0}, ones(11, 1), vi(0), vi(-1), vi(-1), vi(0)), InvalidRecord},
		{"timestamp delta 0 in 9 bytes", body([]byte{0}, long(9), vi(0), vi(-1), vi(-1), vi(0)), 0},
		{"offset delta 1", body([]byte{0}, vi(0), vi(1), vi(-1), vi(-1), vi(0)), InvalidRecord},
		{"offset delta -1", body([]byte{0}, vi(0), vi(-1), vi(-1), vi(-1), vi(0)), InvalidRecord},
		{"offset delta 2^31-1", body([]byte{0}, vi(0), vi(math.MaxInt32), vi(-1), vi(-1), vi(0)), InvalidRecord},
		{"offset delta of 6 bytes", body([]byte{0}, vi(0), ones(6, 1), vi(-1), vi(-1), vi(0)), InvalidRecord},
		{"null key and value", body(head, vi(-1), vi(-1), vi(0)), 0},
		{"empty key and value", body(head, vi(0), vi(0), vi(0)), 0},
		{"key length -2", body(head, vi(-2), vi(-1), vi(0)), InvalidRecord},
		{"key length beyond", body(head, vi(100), []byte("k"), vi(-1), vi(0)), InvalidRecord},
		{"key length 2^31-1", body(head, vi(math.MaxInt32), []byte("k"), vi(-1), vi(0)), InvalidRecord},
		{"key length -2^31", body(head, vi(math.MinInt32), vi(-1), vi(0)), InvalidRecord},
		{"key length of 6 bytes", body(head, ones(6, 1), vi(-1), vi(0)), InvalidRecord},
		{"value length -2", body(head, vi(-1), vi(-2), vi(0)), InvalidRecord},
		{"value length beyond", body(head, vi(-1), vi(100), []byte("v"), vi(0)), InvalidRecord},
		{"value length 2^31-1", body(head, vi(-1), vi(math.MaxInt32), []byte("v"), vi(0)), InvalidRecord},
		{"value length to the end", body(head, vi(-1), vi(2), []byte("vv")), InvalidRecord},
		{"no header count", body(kv), InvalidRecord},
		{"header count -1", body(kv, vi(-1)), InvalidRecord},
		{"header count 1 without header", body(kv, vi(1)), InvalidRecord},
		{"header count 2 with one header", body(kv, vi(2), vi(0), vi(-1)), InvalidRecord},
		{"header count 0 with a header", body(kv, vi(0), vi(0), vi(-1)), InvalidRecord},
		{"header count 2^31-1", body(kv, vi(math.MaxInt32), vi(0), vi(-1)), InvalidRecord},
		{"header count -2^31", body(kv, vi(math.MinInt32)), InvalidRecord},
		{"header key length -1", body(kv, vi(1), vi(-1), vi(-1)), InvalidRecord},
		{"header key length beyond", body(kv, vi(1), vi(50), vi(-1)), InvalidRecord},
		{"header value length -2", body(kv, vi(1), vi(0), vi(-2)), InvalidRecord},
		{"header value length beyond", body(kv, vi(1), vi(0), vi(50)), InvalidRecord},
		{"header value null", body(kv, vi(1), vi(0), vi(-1)), 0},
		{"header key no UTF-8", body(kv, vi(1), vi(2), []byte{0xff, 0xfe}, vi(-1)), 0},
		{"a byte after the headers", body(good, []byte{0}), InvalidRecord},
	}
}

// recordCases puts each bad record first, between good ones, in a batch of each codec.
func recordCases(now int64) []badCase {
	var cs []badCase
	rest := slices.Concat(appendRecord(nil, goodBody(1)), appendRecord(nil, goodBody(2)))
	for _, codec := range codecs {
		add := func(name string, payload []byte, kind Kind) {
			if codec != None {
				payload = packed(codec, payload)
			}
			cs = append(cs, badCase{fmt.Sprintf("record/%s/%s", codec, name), raw(now, codec, payload), "", kind})
		}
		for _, r := range recordBodies() {
			add(r.name, slices.Concat(r.record, rest), r.kind)
		}
		good := plainRecords()
		add("a record too few", good[:len(good)-len(good)/3], InvalidRecord)
		add("a record too many", slices.Concat(good, good[:len(good)/3]), InvalidRecord)
		add("a byte too few", good[:len(good)-1], InvalidRecord)
		add("a byte too many", append(slices.Clone(good), 0), InvalidRecord)
		add("no bytes", nil, InvalidRecord)
		add("offsets 0 0 1", slices.Concat(appendRecord(nil, goodBody(0)), appendRecord(nil, goodBody(0)), appendRecord(nil, goodBody(1))), InvalidRecord)
		add("offsets 0 2 1", slices.Concat(appendRecord(nil, goodBody(0)), appendRecord(nil, goodBody(2)), appendRecord(nil, goodBody(1))), InvalidRecord)
		add("offsets 0 1 9", slices.Concat(appendRecord(nil, goodBody(0)), appendRecord(nil, goodBody(1)), appendRecord(nil, goodBody(9))), InvalidRecord)
		big := func(size, valueSize int) []byte {
			b := slices.Concat([]byte{0}, vi(0), vi(0), vi(-1), vi(valueSize), make([]byte, size), vi(1), vi(1), []byte("h"), vi(-1))
			return slices.Concat(appendRecord(nil, b), rest)
		}
		add("a record larger than a window", big(200_000, 200_000), 0)
		add("a large record with a value length one less", big(200_000, 199_999), InvalidRecord)
		add("a large record with a value length one more", big(200_000, 200_001), InvalidRecord)
		add("a large record with a value length beyond", big(200_000, 300_000), InvalidRecord)
		add("a large record that isn't complete", big(200_000, 200_000)[:150_000], InvalidRecord)
	}
	return cs
}

func timeAndKeyCases(now int64) []badCase {
	hour := time.Hour.Milliseconds()
	at := func(base int64, deltas ...int) Batch {
		var p []byte
		for i, d := range deltas {
			p = appendRecord(p, slices.Concat([]byte{0}, vi(d), vi(i), vi(1), []byte("k"), vi(-1), vi(0)))
		}
		b := raw(base, None, p)
		b.put32(posCount, int32(len(deltas)))
		b.put32(posLastDelta, int32(len(deltas)-1))
		b.seal()
		return b
	}
	appendType := at(now, 0)
	appendType.SetAppendTime(now)
	noKey := func(c Codec) Batch {
		p := slices.Concat(appendRecord(nil, goodBody(0)), appendRecord(nil, slices.Concat([]byte{0}, vi(0), vi(1), vi(-1), vi(0), vi(0))), appendRecord(nil, goodBody(2)))
		if c != None {
			p = packed(c, p)
		}
		return raw(now, c, p)
	}
	cs := []badCase{
		{"time/none", at(-1, 0, 0, 0), "", 0},
		{"time/1970", at(0, 0, 1, 2), "", 0},
		{"time/negative", at(-5, 0, 1, 2), "", 0},
		{"time/smallest", at(math.MinInt64, 0), "", InvalidTimestamp},
		{"time/largest", at(math.MaxInt64, 0), "", InvalidTimestamp},
		{"time/sum wraps", at(math.MaxInt64, 0, 1), "", InvalidTimestamp},
		{"time/nearly an hour ahead", at(now+hour-60_000, 0), "", 0},
		{"time/over an hour ahead", at(now+hour+60_000, 0), "", InvalidTimestamp},
		{"time/the last record over an hour ahead", at(now, 0, int(hour)+60_000), "", InvalidTimestamp},
		{"time/nearly an hour ago", at(now-hour+60_000, 0), "before", 0},
		{"time/over an hour ago", at(now-hour-60_000, 0), "before", InvalidTimestamp},
		{"time/none where old ones are refused", at(-1, 0), "before", 0},
		{"time/1970 in append time", at(0, 0, 1), "append", 0},
		{"time/largest in append time", at(math.MaxInt64, 0), "append", 0},
		{"time/type append time", appendType, "", InvalidTimestamp},
		{"time/type append time in append time", appendType, "append", InvalidTimestamp},
	}
	for _, c := range codecs {
		cs = append(cs,
			badCase{fmt.Sprintf("key/none in a compacted topic/%s", c), noKey(c), "compact", InvalidRecord},
			badCase{fmt.Sprintf("key/none elsewhere/%s", c), noKey(c), "", 0},
		)
	}
	keyAndTime := at(now, 0, int(2*hour))
	return append(cs, badCase{"key/in a compacted topic, time wrong", keyAndTime, "compact", InvalidTimestamp})
}

// codecMixCases say one codec and send another.
func codecMixCases(now int64) []badCase {
	var cs []badCase
	for _, said := range codecs {
		for _, sent := range codecs {
			payload := plainRecords()
			if sent != None {
				payload = packed(sent, payload)
			}
			if said == sent {
				twice := raw(now, said, payload)
				if said != None {
					twice = raw(now, said, packed(said, payload))
					cs = append(cs, badCase{fmt.Sprintf("codec/%s in %s", said, said), twice, "", InvalidRecord})
				}
				continue
			}
			kind := Undecodable
			if said == None {
				kind = InvalidRecord
			}
			cs = append(cs, badCase{fmt.Sprintf("codec/%s that is %s", said, sent), raw(now, said, payload), "", kind})
		}
	}
	z := raw(now, Zstd, packed(Zstd, plainRecords()))
	return append(cs, badCase{"codec/zstd by an old producer", z, "old", UnsupportedCompression})
}

// corruptions are payloads with the usual damage; how many bytes the codec's header and trailer have doesn't matter.
func corruptions(c Codec, now int64) []badCase {
	var cs []badCase
	good := packed(c, plainRecords())
	add := func(name string, p []byte) {
		cs = append(cs, badCase{fmt.Sprintf("codec/%s/%s", c, name), raw(now, c, p), "", Undecodable})
	}
	if c != Zstd { // for zstd, no frame is no content
		add("empty", nil)
	}
	for _, n := range []int{1, 4, 8, len(good) / 2, len(good) - 4, len(good) - 1} {
		add(fmt.Sprintf("the first %d bytes", n), good[:n])
	}
	add("first byte changed", append([]byte{good[0] ^ 1}, good[1:]...))
	add("zeros", make([]byte, len(good)))
	add("ones", bytes.Repeat([]byte{0xff}, len(good)))
	return cs
}

func gzipCases(now int64) []badCase {
	cs := corruptions(Gzip, now)
	good := packed(Gzip, plainRecords())
	add := func(name string, kind Kind, change func(p []byte) []byte) {
		cs = append(cs, badCase{"codec/gzip/" + name, raw(now, Gzip, change(bytes.Clone(good))), "", kind})
	}
	add("wrong CRC", Undecodable, func(p []byte) []byte { p[len(p)-8] ^= 1; return p })
	add("wrong size", Undecodable, func(p []byte) []byte { p[len(p)-1] ^= 1; return p })
	add("unknown method", Undecodable, func(p []byte) []byte { p[2] = 7; return p })
	add("name flag without a name", Undecodable, func(p []byte) []byte { p[3] = 8; return p[:10] })
	add("garbage follows", Undecodable, func(p []byte) []byte { return append(p, "garbage"...) })
	add("two members", 0, func([]byte) []byte {
		p := plainRecords()
		return slices.Concat(packed(Gzip, p[:20]), packed(Gzip, p[20:]))
	})
	add("bad block type", Undecodable, func(p []byte) []byte { p[10] |= 6; return p })
	return cs
}

func snappyCases(now int64) []badCase {
	cs := corruptions(Snappy, now)
	block := s2.EncodeSnappy(nil, plainRecords())
	head := append(xerialMagic[:], 0, 0, 0, 1, 0, 0, 0, 1)
	sized := func(n int, b []byte) []byte {
		return append(binary.BigEndian.AppendUint32(bytes.Clone(head), uint32(n)), b...)
	}
	add := func(name string, kind Kind, p []byte) {
		cs = append(cs, badCase{"codec/snappy/" + name, raw(now, Snappy, p), "", kind})
	}
	literal := func(size uint64, b []byte) []byte { return append(binary.AppendUvarint(nil, size), b...) }
	_, n := binary.Uvarint(block)
	add("raw", 0, block)
	add("raw, cut", Undecodable, block[:len(block)-1])
	add("raw, length one more", Undecodable, literal(uint64(len(plainRecords())+1), block[n:]))
	add("raw, length one less", Undecodable, literal(uint64(len(plainRecords())-1), block[n:]))
	add("raw, length 2^32-1", Undecodable, literal(math.MaxUint32, block[n:]))
	add("raw, length 2^40", Undecodable, literal(1<<40, block[n:]))
	add("raw, length 8 MiB for a few bytes", Undecodable, literal(8<<20, block[n:]))
	add("raw, copy before the start", Undecodable, []byte{4, 0x01, 0x10})
	add("raw, an s2 repeat", Undecodable, slices.Concat([]byte{6, 0x04, 'a', 'b', 0x01, 0x00}))
	add("xerial, cut header", Undecodable, head[:12])
	add("xerial, only a header", InvalidRecord, head)
	add("xerial, version 0", 0, slices.Concat(head[:8], make([]byte, 8), sized(len(block), block)[16:]))
	add("xerial, version 2", 0, slices.Concat(head[:8], []byte{0, 0, 0, 2, 0, 0, 0, 2}, sized(len(block), block)[16:]))
	add("xerial, one block", 0, sized(len(block), block))
	add("xerial, block size -1", Undecodable, sized(-1, block))
	add("xerial, block size 0", Undecodable, sized(0, block))
	add("xerial, block size 2^31-1", Undecodable, sized(math.MaxInt32, block))
	add("xerial, block size one more", Undecodable, sized(len(block)+1, block))
	add("xerial, block size one less", Undecodable, sized(len(block)-1, block))
	add("xerial, two bytes of a size follow", Undecodable, append(sized(len(block), block), 0, 0))
	add("xerial, block cut", Undecodable, sized(len(block), block[:len(block)-3]))
	return cs
}

// lz4Frame makes a frame; flags and bd go into the header, whose checksum is right.
func lz4Frame(flags, bd byte, contentSize []byte, blocks ...[]byte) []byte {
	p := binary.LittleEndian.AppendUint32(nil, lz4Magic)
	p = append(p, flags, bd)
	p = append(p, contentSize...)
	p = append(p, byte(checksum32(p[4:])>>8))
	return append(p, slices.Concat(blocks...)...)
}

// lz4Block is a stored block.
func lz4Block(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))|lz4Stored), b...)
}

func lz4Cases(now int64) []badCase {
	cs := corruptions(LZ4, now)
	add := func(name string, kind Kind, p []byte) {
		cs = append(cs, badCase{"codec/lz4/" + name, raw(now, LZ4, p), "", kind})
	}
	p := plainRecords()
	const flags = lz4Version | lz4Independent
	const bd = 4 << 4
	le := func(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
	size := func(v int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }
	end := make([]byte, 4)
	block := lz4Block(p)
	frame := lz4Frame(flags, bd, nil, block, end)
	wrongSum := bytes.Clone(frame)
	wrongSum[6] ^= 1
	compressed := packed(LZ4, bytes.Repeat(p, 10))
	add("stored block", 0, frame)
	add("wrong header checksum", Undecodable, wrongSum)
	add("version 2", Undecodable, lz4Frame(0x80|lz4Independent, bd, nil, block, end))
	add("dependent blocks", Undecodable, lz4Frame(lz4Version, bd, nil, block, end))
	add("reserved flag", Undecodable, lz4Frame(flags|lz4Reserved, bd, nil, block, end))
	add("dictionary flag", Undecodable, lz4Frame(flags|lz4Dictionary, bd, le(7), block, end))
	add("block size class 3", Undecodable, lz4Frame(flags, 3<<4, nil, block, end))
	add("block size class 0", Undecodable, lz4Frame(flags, 0, nil, block, end))
	add("reserved block size bit", Undecodable, lz4Frame(flags, bd|0x80, nil, block, end))
	add("block size class 7", 0, lz4Frame(flags, 7<<4, nil, block, end))
	add("block checksum", 0, lz4Frame(flags|lz4BlockChecksum, bd, nil, block, le(checksum32(p)), end))
	add("wrong block checksum", Undecodable, lz4Frame(flags|lz4BlockChecksum, bd, nil, block, le(checksum32(p)+1), end))
	add("block checksum missing", Undecodable, lz4Frame(flags|lz4BlockChecksum, bd, nil, block))
	add("content checksum", 0, lz4Frame(flags|lz4ContentChecksum, bd, nil, block, end, le(checksum32(p))))
	add("wrong content checksum", Undecodable, lz4Frame(flags|lz4ContentChecksum, bd, nil, block, end, le(checksum32(p)+1)))
	add("content checksum missing", Undecodable, lz4Frame(flags|lz4ContentChecksum, bd, nil, block, end))
	add("content size", 0, lz4Frame(flags|lz4ContentSize, bd, size(len(p)), block, end))
	add("wrong content size", Undecodable, lz4Frame(flags|lz4ContentSize, bd, size(len(p)+1), block, end))
	add("content size 2^62", Undecodable, lz4Frame(flags|lz4ContentSize, bd, size(1<<62), block, end))
	add("content size missing", Undecodable, lz4Frame(flags|lz4ContentSize, bd, nil)[:7])
	add("no end mark", Undecodable, lz4Frame(flags, bd, nil, block))
	add("bytes follow", Undecodable, append(bytes.Clone(frame), 1, 2, 3))
	add("two frames", Undecodable, slices.Concat(lz4Frame(flags, bd, nil, lz4Block(p[:20]), end), lz4Frame(flags, bd, nil, lz4Block(p[20:]), end)))
	add("two blocks", 0, lz4Frame(flags, bd, nil, lz4Block(p[:20]), lz4Block(p[20:]), end))
	add("block larger than its class", Undecodable, lz4Frame(flags, bd, nil, lz4Block(make([]byte, 64<<10+1)), end))
	add("block size 2^31-1", Undecodable, lz4Frame(flags, bd, nil, le(math.MaxInt32), p, end))
	add("match before the start", Undecodable, lz4Frame(flags, bd, nil, le(6), []byte{0x10, 'a', 9, 0, 0, 0}, end))
	add("compressed block cut", Undecodable, compressed[:len(compressed)-9])
	add("legacy frame", Undecodable, slices.Concat(le(0x184c2102), le(uint32(len(p))), p))
	add("skippable frame first", Undecodable, slices.Concat(le(zstdSkippable), le(3), []byte("abc"), frame))
	return cs
}

// zstdFrame makes a frame of raw blocks; header is what follows the magic.
func zstdFrame(header []byte, blocks ...[]byte) []byte {
	p := append(binary.LittleEndian.AppendUint32(nil, zstdMagic), header...)
	return append(p, slices.Concat(blocks...)...)
}

// zstdBlock is a block of kind 0 (raw), 1 (repeated byte), 2 (compressed) or 3 (reserved).
func zstdBlock(last bool, kind, size int, b []byte) []byte {
	h := size<<3 | kind<<1
	if last {
		h |= 1
	}
	return append([]byte{byte(h), byte(h >> 8), byte(h >> 16)}, b...)
}

func zstdCases(now int64) []badCase {
	cs := corruptions(Zstd, now)
	add := func(name string, kind Kind, p []byte) {
		cs = append(cs, badCase{"codec/zstd/" + name, raw(now, Zstd, p), "", kind})
	}
	p := plainRecords()
	block := zstdBlock(true, 0, len(p), p)
	skippable := slices.Concat(binary.LittleEndian.AppendUint32(nil, zstdSkippable|5), []byte{3, 0, 0, 0}, []byte("abc"))
	const (
		single   = 1 << 5
		checksum = 1 << 2
		size8    = 3 << 6
	)
	frame := zstdFrame([]byte{0, 8 << 3}, block)
	le64 := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	good := packed(Zstd, p)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	add("raw block", 0, frame)
	add("single segment", 0, zstdFrame([]byte{single, byte(len(p))}, block))
	add("window of 3.75 TiB", Undecodable, zstdFrame([]byte{0, 0xff}, block))
	add("window of 144 MiB", Undecodable, zstdFrame([]byte{0, 17<<3 | 1}, block))
	add("window of 128 MiB", 0, zstdFrame([]byte{0, 17 << 3}, block))
	add("dictionary id", Undecodable, zstdFrame([]byte{1, 8 << 3, 77}, block))
	add("dictionary id 0", 0, zstdFrame([]byte{1, 8 << 3, 0}, block))
	add("reserved bit", Undecodable, zstdFrame([]byte{1 << 3, 8 << 3}, block))
	add("content size one more", Undecodable, zstdFrame([]byte{single, byte(len(p) + 1)}, block))
	add("content size one less", Undecodable, zstdFrame([]byte{single, byte(len(p) - 1)}, block))
	add("content size 2^63", Undecodable, zstdFrame(append([]byte{single | size8}, le64(1<<63)...), block))
	add("content size 2^64-1", Undecodable, zstdFrame(append([]byte{single | size8}, le64(math.MaxUint64)...), block))
	add("content size 1 GiB", Undecodable, zstdFrame(append([]byte{single | size8}, le64(1<<30)...), block))
	add("content size 2^64-1 with a window", 0, zstdFrame(append([]byte{size8, 8 << 3}, le64(math.MaxUint64)...), block))
	add("wrong checksum", Undecodable, zstdFrame([]byte{checksum, 8 << 3}, block, []byte{1, 2, 3, 4}))
	add("checksum missing", Undecodable, zstdFrame([]byte{checksum, 8 << 3}, block))
	add("last bit changed", Undecodable, flipped)
	add("reserved block", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 3, len(p), p)))
	add("no last block", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(false, 0, len(p), p)))
	add("no block", Undecodable, zstdFrame([]byte{0, 8 << 3}))
	add("block beyond the end", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 0, len(p)+1, p)))
	add("block of 2 MiB", Undecodable, zstdFrame([]byte{0, 17 << 3}, zstdBlock(true, 1, 1<<21-1, []byte{0})))
	add("block of garbage", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 2, len(p), p)))
	add("skippable frame first", 0, slices.Concat(skippable, frame))
	add("skippable frame last", 0, slices.Concat(frame, skippable))
	add("only a skippable frame", InvalidRecord, skippable)
	add("empty", InvalidRecord, nil)
	add("skippable frame of 2^32-1", Undecodable, slices.Concat(binary.LittleEndian.AppendUint32(nil, zstdSkippable), []byte{255, 255, 255, 255}, frame))
	add("two frames", 0, slices.Concat(zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 0, 20, p[:20])), zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 0, len(p)-20, p[20:]))))
	add("garbage follows", Undecodable, append(bytes.Clone(frame), "garbage"...))
	add("magic of version 0.7", Undecodable, append([]byte{0x27, 0xb5, 0x2f, 0xfd}, frame[4:]...))
	return cs
}

// bombCases decompress to more than the limits allow.
func bombCases(now int64) []badCase {
	var cs []badCase
	add := func(name string, kind Kind, c Codec, p []byte) {
		cs = append(cs, badCase{"bomb/" + name, raw(now, c, p), "", kind})
	}
	zeros := make([]byte, 1<<20)
	// One record of n MiB of zeros; as all records count, the codec decides what it shrinks to.
	bomb := func(c Codec, mib int) []byte {
		body := slices.Concat([]byte{0}, vi(0), vi(0), vi(-1), vi(mib<<20))
		out := newSink(make(Batch, HeaderSize), 0)
		enc := newEncoder(c, 0, out)
		_, err := enc.Write(append(vi(len(body)+mib<<20+1), body...))
		for range mib {
			if err == nil {
				_, err = enc.Write(zeros)
			}
		}
		if err == nil {
			_, err = enc.Write(vi(0))
		}
		if err == nil {
			err = enc.Close()
		}
		if err != nil {
			panic(err)
		}
		p := bytes.Clone(out.b[HeaderSize:])
		enc.release()
		return p
	}
	one := func(b Batch) []byte {
		b.put32(posCount, 1)
		b.put32(posLastDelta, 0)
		b.seal()
		return b
	}
	cs = append(cs, badCase{"bomb/gzip, 7 MiB are let through", one(raw(now, Gzip, bomb(Gzip, 7))), "", 0})
	cs = append(cs, badCase{"bomb/lz4, 7 MiB are let through", one(raw(now, LZ4, bomb(LZ4, 7))), "", 0})
	cs = append(cs, badCase{"bomb/zstd, 7 MiB are let through", one(raw(now, Zstd, bomb(Zstd, 7))), "", 0})
	for _, c := range []Codec{Gzip, LZ4, Zstd} {
		for _, mib := range []int{9, 100, 200} {
			add(fmt.Sprintf("%s, %d MiB", c, mib), TooLarge, c, bomb(c, mib))
		}
	}
	add("snappy, 16 MiB", InvalidRecord, Snappy, bomb(Snappy, 16)) // 1:21, below the ratio; the batch claims 3 records
	start := slices.Concat(vi(1<<30), []byte{0}, vi(0), vi(0), vi(-1), vi(1<<30-20))
	frame := zstdFrame([]byte{0, 8 << 3}, zstdBlock(false, 0, len(start), start), bytes.Repeat(zstdBlock(false, 1, 128<<10, []byte{0}), 8000), zstdBlock(true, 1, 128<<10, []byte{0}))
	add("zstd, 1 GB in 32 KB", TooLarge, Zstd, frame)
	add("zstd, 10 GB in frames", TooLarge, Zstd, bytes.Repeat(frame, 10))
	add("zstd, a bomb in a bomb", InvalidRecord, Zstd, packed(Zstd, frame))
	add("gzip, a bomb in a bomb", InvalidRecord, Gzip, packed(Gzip, bomb(Gzip, 100)))
	add("gzip, empty members", InvalidRecord, Gzip, bytes.Repeat(packed(Gzip, nil), 2000))
	add("zstd, empty frames", InvalidRecord, Zstd, bytes.Repeat(zstdFrame([]byte{0, 0}, zstdBlock(true, 0, 0, nil)), 2000))
	add("lz4, 4 MiB blocks of nothing", InvalidRecord, LZ4, lz4Frame(lz4Version|lz4Independent, 7<<4, nil,
		bytes.Repeat([]byte{1, 0, 0, 0, 0}, 2000), make([]byte, 4)))
	return cs
}

func TestValidateCorrupt(t *testing.T) {
	const now = 1_700_000_000_000
	cases := badCases(now)
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("two cases are called %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			for _, target := range []Codec{Producer, None, Zstd} {
				rules := rulesFor(c.topic, now)
				rules.Codec = target
				buf := bytes.Clone(c.buf)
				v, err := Validate(buf, rules)
				if got := kindOf(err); got != c.kind {
					t.Fatalf("codec %s: %v (%v), want %v", target, got, err, c.kind)
				}
				if err != nil {
					if !bytes.Equal(buf, c.buf) {
						t.Errorf("codec %s: refused bytes were changed", target)
					}
					continue
				}
				if err := v.Batch().CheckCRC(); err != nil {
					t.Errorf("codec %s: %v", target, err)
				}
				again := *rules
				if again.TimestampType == LogAppendTime {
					continue // a second time, it would be refused for that
				}
				if _, err := Validate(v.Bytes, &again); err != nil {
					t.Errorf("codec %s: what was accepted is refused: %v", target, err)
				}
			}
		})
	}
	if len(cases) < 150 {
		t.Errorf("only %d cases", len(cases))
	}
	t.Logf("%d cases", len(cases))
}
