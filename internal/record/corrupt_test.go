package record

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"testing"
	"time"
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
