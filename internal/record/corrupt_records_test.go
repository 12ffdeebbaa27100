package record

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"
)

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
