package record

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

const testNow = 1_700_000_000_000

func TestPlainPathDoesNotAllocate(t *testing.T) {
	b := plainBatch(1000, 100, testNow)
	for _, typ := range []TimestampType{CreateTime, LogAppendTime} {
		rules := testRules()
		rules.TimestampType = typ
		allocs := testing.AllocsPerRun(100, func() {
			b.setMaxTimestamp(CreateTime, b.BaseTimestamp()) // to be corrected
			v, err := Validate(b, rules)
			if err != nil || v.Records != 1000 {
				t.Fatal(v.Records, err)
			}
		})
		if allocs != 0 {
			t.Errorf("type %d: %v allocations", typ, allocs)
		}
	}
}

func TestReaderAllocations(t *testing.T) {
	for _, c := range codecs {
		b := build(c, samples(newRand(1), 500, 500))
		allocs := testing.AllocsPerRun(50, func() {
			r := Read(b, Limits{})
			for r.Next() {
				_ = r.Record().Value
			}
			if r.Err() != nil {
				t.Fatal(r.Err())
			}
			r.Close()
		})
		if allocs > 12 { // flate and zstd make a few tables for each stream
			t.Errorf("%s: %v allocations for 500 records", c, allocs)
		}
	}
}

func TestStampCreateTime(t *testing.T) {
	b := plainBatch(3, 10, testNow)
	b.setMaxTimestamp(CreateTime, 5)
	v, err := Validate(b, testRules())
	if err != nil {
		t.Fatal(err)
	}
	if v.MaxTimestamp != testNow+2 || v.OffsetOfMaxTimestamp != 2 || v.AppendTime != NoTimestamp || v.Records != 3 || v.Batches != 1 {
		t.Errorf("%+v", v)
	}
	if got := v.Batch(); got.MaxTimestamp() != testNow+2 || got.CheckCRC() != nil {
		t.Errorf("max timestamp %d, %v", got.MaxTimestamp(), got.CheckCRC())
	}
	none := raw(-1, None, appendRecord(nil, slices.Concat([]byte{0}, vi(0), vi(0), vi(-1), vi(-1), vi(0))))
	none.put32(posCount, 1)
	none.put32(posLastDelta, 0)
	none.put64(posMaxTimestamp, -1)
	none.seal()
	v, err = Validate(none, testRules())
	if err != nil || v.MaxTimestamp != NoTimestamp || v.OffsetOfMaxTimestamp != -1 {
		t.Errorf("without timestamps: %+v, %v", v, err)
	}
}

func TestStampLogAppendTime(t *testing.T) {
	for _, c := range codecs {
		rules := testRules()
		rules.TimestampType = LogAppendTime
		rules.Now = time.UnixMilli(testNow + 12345)
		v, err := Validate(build(c, samples(newRand(1), 5, 50)), rules)
		if err != nil {
			t.Fatal(err)
		}
		b := v.Batch()
		if v.AppendTime != testNow+12345 || v.MaxTimestamp != v.AppendTime || b.MaxTimestamp() != v.AppendTime ||
			b.TimestampType() != LogAppendTime || b.CheckCRC() != nil {
			t.Errorf("%s: %+v", c, v)
		}
		if _, _, times := keysOf(t, b); times[0] != v.AppendTime || times[4] != v.AppendTime {
			t.Errorf("%s: the records' times are %v", c, times)
		}
	}
}

func TestRecordErrors(t *testing.T) {
	for _, c := range codecs {
		b := NewBuilder(c, 0)
		for i := range 3000 {
			var key []byte
			if i%2 == 0 {
				key = []byte("k")
			}
			b.Append(testNow, key, nil)
		}
		rules := testRules()
		rules.Compacted = true
		_, err := Validate(b.Build(), rules)
		e := asError(err)
		if e.Kind != InvalidRecord || len(e.Records) != maxRecordErrors || e.Records[0].Index != 1 || e.Records[1].Index != 3 || e.Records[0].Message == "" {
			t.Errorf("%s: %v, %d records: %v", c, e.Kind, len(e.Records), e.Records[:2])
		}
	}
	// One record's time decides the code for the batch.
	b := NewBuilder(None, 0)
	b.Append(testNow, nil, nil)
	b.Append(testNow+time.Hour.Milliseconds()*2, []byte("k"), nil)
	rules := testRules()
	rules.Compacted = true
	_, err := Validate(b.Build(), rules)
	e := asError(err)
	if e.Kind != InvalidTimestamp || len(e.Records) != 2 || e.Records[1].Index != 1 {
		t.Errorf("%v, %v", e.Kind, e.Records)
	}
}

func TestHeaderOnly(t *testing.T) {
	bad := raw(testNow, None, []byte("no records at all"))
	rules := testRules()
	rules.HeaderOnly = true
	v, err := Validate(bytes.Clone(bad), rules)
	if err != nil || v.MaxTimestamp != testNow+2 || v.Records != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	bad[posCRC] ^= 1
	if _, err := Validate(bytes.Clone(bad), rules); kindOf(err) != Corrupt {
		t.Errorf("the CRC isn't checked: %v", err)
	}
	bad[posCRC] ^= 1
	rules.Compacted = true
	if _, err := Validate(bytes.Clone(bad), rules); kindOf(err) != InvalidRecord {
		t.Errorf("keys aren't checked: %v", err)
	}
	rules.Compacted, rules.Codec = false, Gzip
	if _, err := Validate(bytes.Clone(bad), rules); kindOf(err) != InvalidRecord {
		t.Errorf("records aren't checked before they are recompressed: %v", err)
	}
}

func TestRecompressTooLarge(t *testing.T) {
	b := build(Zstd, []sample{{ts: testNow, value: make([]byte, 100_000)}})
	for _, c := range []Codec{None, Snappy, LZ4} {
		rules := testRules()
		rules.Codec, rules.MaxBatchBytes = c, 300
		if _, err := Validate(bytes.Clone(b), rules); kindOf(err) != TooLarge {
			t.Errorf("%s: %v", c, err)
		}
	}
	rules := testRules()
	rules.Codec, rules.MaxBatchBytes = Gzip, 300
	if _, err := Validate(bytes.Clone(b), rules); err != nil {
		t.Errorf("gzip: %v", err)
	}
}

func TestLevels(t *testing.T) {
	var recs []sample
	for i := range 100 {
		recs = append(recs, sample{ts: testNow + int64(i), key: fmt.Appendf(nil, "key %d", i%7), value: bytes.Repeat([]byte("some text "), i)})
	}
	b := build(None, recs)
	for _, c := range []struct {
		codec  Codec
		levels []int
	}{
		{Gzip, []int{-1, 0, 1, 6, 9, 42}}, {LZ4, []int{0, 1, 3, 9, 12, 17}}, {Zstd, []int{-131072, 0, 1, 3, 9, 22}}, {Snappy, []int{0, 5}},
	} {
		for _, l := range c.levels {
			rules := testRules()
			rules.Codec, rules.Level = c.codec, l
			v, err := Validate(bytes.Clone(b), rules)
			if err != nil {
				t.Fatalf("%s level %d: %v", c.codec, l, err)
			}
			if len(v.Bytes) >= len(b) {
				t.Errorf("%s level %d doesn't compress", c.codec, l)
			}
			checkRecords(t, v.Batch(), recs)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		l    Limits
		n    int
		want int64
	}{
		{Limits{}, 0, FreeBytes},
		{Limits{}, 100, FreeBytes},
		{Limits{}, FreeBytes / DefaultMaxRatio * 2, FreeBytes * 2},
		{Limits{}, 100 << 20, DefaultMaxBytes},
		{Limits{MaxBytes: 1000}, 100, 1000},
		{Limits{MaxBytes: 1 << 40, MaxRatio: 10}, 1 << 30, 10 << 30},
		{NoLimits, 100, 100 * NoLimits.MaxRatio},
	} {
		if got := c.l.bytes(c.n); got != c.want {
			t.Errorf("%+v of %d bytes: %d, want %d", c.l, c.n, got, c.want)
		}
	}
}

// TestBombsInParallel: the memory that is in use doesn't grow with the number of bombs.
func TestBombsInParallel(t *testing.T) {
	if testing.Short() {
		t.Skip()
	}
	var bombs []badCase
	for _, c := range bombCases(testNow) {
		if c.kind == TooLarge {
			bombs = append(bombs, c)
		}
	}
	stop := make(chan struct{})
	peak := make(chan uint64)
	go func() {
		var most uint64
		var m runtime.MemStats
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
		}
	}()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for i := range 1000 {
		c := bombs[i%len(bombs)]
		wg.Go(func() {
			rules := testRules()
			rules.Limits = Limits{MaxBytes: 1 << 20}
			if _, err := Validate(c.buf, rules); kindOf(err) != TooLarge {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
	wg.Wait()
	close(stop)
	// Each of the slots may hold a window, a decoder and its own window of at most twice the limit; the garbage collector lags by
	// a factor of 2.
	limit := uint64(cap(slots)) * (8 << 20) * 2
	if got := <-peak; got > before.HeapInuse+limit {
		t.Errorf("the heap grew by %d MiB", (got-before.HeapInuse)>>20)
	}
}
