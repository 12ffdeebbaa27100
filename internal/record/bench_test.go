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
