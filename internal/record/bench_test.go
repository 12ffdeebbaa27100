package record

import (
	"fmt"
	"testing"
	"time"
)

// plainBatch is an uncompressed batch of n records with a value of size bytes.
func plainBatch(n, size int, now int64) Batch {
	b := make(Batch, HeaderSize)
	b[posMagic] = Magic
	b.put32(posLastDelta, int32(n-1))
	b.put64(posBaseTimestamp, now)
	b.put64(posMaxTimestamp, now+int64(n-1))
	b.put64(posProducerID, -1)
	b.put16(posProducerEpoch, -1)
	b.put32(posBaseSequence, -1)
	b.put32(posCount, int32(n))
	for i := range n {
		var rec []byte
		rec = append(rec, 0)
		rec = appendVarint(rec, int64(i))
		rec = appendVarint(rec, int64(i))
		rec = appendVarint(rec, -1)
		rec = appendVarint(rec, int64(size))
		rec = append(rec, make([]byte, size)...)
		rec = appendVarint(rec, 0)
		b = appendVarint(b, int64(len(rec)))
		b = append(b, rec...)
	}
	b.put32(posLength, int32(len(b)-LengthOverhead))
	b.seal()
	return b
}

func BenchmarkValidatePlain(bm *testing.B) {
	now := time.UnixMilli(1_700_000_000_000)
	for _, size := range []int{100, 1024, 10240} {
		n := max(1, 128<<10/(size+10))
		b := plainBatch(n, size, now.UnixMilli())
		r := Rules{Codec: Producer, BeforeMax: NoTimestampBound, AfterMax: time.Hour, Now: now}
		for _, headerOnly := range []bool{false, true} {
			bm.Run(fmt.Sprintf("value=%d/headerOnly=%v", size, headerOnly), func(bm *testing.B) {
				r.HeaderOnly = headerOnly
				bm.SetBytes(int64(len(b)))
				bm.ReportAllocs()
				for bm.Loop() {
					if _, err := Validate(b, &r); err != nil {
						bm.Fatal(err)
					}
				}
				bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/float64(n), "ns/record")
			})
		}
	}
}

// textBatch is a batch of n records of about size bytes that look like lines of a log.
func textBatch(c Codec, n, size int) Batch {
	r := newRand(5)
	b := NewBuilder(c, 0)
	for i := range n {
		var v []byte
		for len(v) < size {
			v = fmt.Appendf(v, `{"time":%d,"level":"info","user":%d,"path":"/api/v1/orders/%d","status":200,"ms":%d}`,
				testNow+int64(i), r.IntN(10000), r.IntN(1e6), r.IntN(500))
		}
		b.Append(testNow+int64(i), fmt.Appendf(nil, "user-%d", r.IntN(10000)), v)
	}
	return b.Build()
}

// BenchmarkValidateCompressed counts decompressed bytes.
func BenchmarkValidateCompressed(bm *testing.B) {
	for _, c := range codecs[1:] {
		for _, size := range []int{100, 1024} {
			n := 128 << 10 / size
			plain := len(textBatch(None, n, size))
			b := textBatch(c, n, size)
			bm.Run(fmt.Sprintf("%s/value=%d", c, size), func(bm *testing.B) {
				rules := testRules()
				bm.SetBytes(int64(plain))
				bm.ReportAllocs()
				for bm.Loop() {
					if _, err := Validate(b, rules); err != nil {
						bm.Fatal(err)
					}
				}
				bm.ReportMetric(float64(plain)/float64(len(b)), "ratio")
			})
		}
	}
}

func BenchmarkRecompress(bm *testing.B) {
	plain := textBatch(None, 128, 1024)
	for _, c := range codecs[1:] {
		bm.Run("none to "+c.String(), func(bm *testing.B) {
			rules := testRules()
			rules.Codec = c
			bm.SetBytes(int64(len(plain)))
			bm.ReportAllocs()
			for bm.Loop() {
				if _, err := Validate(plain, rules); err != nil {
					bm.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBuild(bm *testing.B) {
	b := NewBuilder(None, 0)
	key, value := []byte("some key"), make([]byte, 100)
	bm.ReportAllocs()
	for bm.Loop() {
		b.Reset()
		for i := range 10 {
			b.Append(testNow+int64(i), key, value)
		}
		_ = b.Build()
	}
}

func BenchmarkRead(bm *testing.B) {
	for _, c := range []Codec{None, LZ4} {
		b := textBatch(c, 1280, 100)
		bm.Run(c.String(), func(bm *testing.B) {
			bm.ReportAllocs()
			for bm.Loop() {
				r := Read(b, NoLimits)
				for r.Next() {
				}
				r.Close()
			}
			bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/1280, "ns/record")
		})
	}
}

func BenchmarkXXH32(bm *testing.B) {
	p := make([]byte, 64<<10)
	bm.SetBytes(int64(len(p)))
	for bm.Loop() {
		checksum32(p)
	}
}
