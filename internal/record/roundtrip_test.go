package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

// sample is a record to build with.
type sample struct {
	ts         int64
	key, value []byte
	headers    []Header
}

func samples(r *rand.Rand, n, most int) []sample {
	bytesOf := func() []byte {
		switch r.IntN(6) {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		b := make([]byte, r.IntN(most))
		for i := range b {
			b[i] = byte(r.IntN(1 + r.IntN(256)))
		}
		return b
	}
	out := make([]sample, n)
	for i := range out {
		s := sample{ts: 1_700_000_000_000 + r.Int64N(1000) - 500, key: bytesOf(), value: bytesOf()}
		for range r.IntN(4) {
			s.headers = append(s.headers, Header{Key: append([]byte{}, bytesOf()...), Value: bytesOf()})
		}
		out[i] = s
	}
	return out
}

func build(c Codec, recs []sample) Batch {
	b := NewBuilder(c, 0)
	for _, s := range recs {
		b.Append(s.ts, s.key, s.value, s.headers...)
	}
	return b.Build()
}

// equal compares bytes and tells null from empty.
func equal(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func checkRecords(t *testing.T, b Batch, want []sample) {
	t.Helper()
	r := Read(b, Limits{})
	defer r.Close()
	i := 0
	for ; r.Next(); i++ {
		rec, w := r.Record(), want[i]
		if rec.Offset != b.BaseOffset()+Offset(i) || rec.Timestamp != w.ts || !equal(rec.Key, w.key) || !equal(rec.Value, w.value) {
			t.Fatalf("record %d: offset %d, time %d, key %q, value %q; want time %d, key %q, value %q",
				i, rec.Offset, rec.Timestamp, rec.Key, rec.Value, w.ts, w.key, w.value)
		}
		k := 0
		for h := range rec.Headers() {
			if !bytes.Equal(h.Key, w.headers[k].Key) || !equal(h.Value, w.headers[k].Value) {
				t.Fatalf("record %d, header %d: %q", i, k, h)
			}
			k++
		}
		if k != len(w.headers) {
			t.Fatalf("record %d has %d headers, want %d", i, k, len(w.headers))
		}
	}
	if r.Err() != nil || i != len(want) {
		t.Fatalf("read %d of %d records: %v", i, len(want), r.Err())
	}
}

func testRules() *Rules {
	return &Rules{Codec: Producer, AllowZstd: true, BeforeMax: NoTimestampBound, AfterMax: time.Hour, Now: time.UnixMilli(1_700_000_000_000)}
}

func TestBuildReadValidate(t *testing.T) {
	for _, c := range codecs {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("%s/%d", c, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				size := []int{10, 300, 5000, 200_000}[seed%4]
				recs := samples(r, 1+r.IntN(min(200, 500_000/size)), size)
				b := build(c, recs)
				checkRecords(t, b, recs)
				for _, target := range append(codecs, Producer) {
					rules := testRules()
					rules.Codec = target
					in := append(Batch{}, b...)
					v, err := Validate(in, rules)
					if err != nil {
						t.Fatalf("to %s: %v", target, err)
					}
					out := v.Batch()
					if v.Recompressed != (target != Producer && target != c) || v.Recompressed == (&out[0] == &in[0]) {
						t.Errorf("to %s: recompressed is %v", target, v.Recompressed)
					}
					if err := out.CheckCRC(); err != nil || v.Records != len(recs) {
						t.Errorf("to %s: %v, %d records", target, err, v.Records)
					}
					if target != Producer && out.Codec() != target {
						t.Errorf("to %s: codec is %s", target, out.Codec())
					}
					checkRecords(t, out, recs)
				}
			})
		}
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
