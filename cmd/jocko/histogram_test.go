package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestHistogramError(t *testing.T) {
	for name, draw := range map[string]func(*rand.Rand) time.Duration{
		"uniform":     func(r *rand.Rand) time.Duration { return time.Duration(r.Int64N(int64(time.Second))) },
		"exponential": func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(time.Millisecond)) },
		"wide":        func(r *rand.Rand) time.Duration { return time.Duration(r.Uint64() >> (1 + r.IntN(62))) },
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			var h histogram
			all := make([]time.Duration, 100_000)
			for i := range all {
				all[i] = draw(rnd)
				h.record(all[i])
			}
			slices.Sort(all)
			for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1} {
				exact := all[max(int(q*float64(len(all))+0.5), 1)-1]
				got := h.quantile(q)
				if diff := float64(got-exact) / max(float64(exact), 1); diff < -0.01 || diff > 0.01 {
					t.Errorf("quantile %v is %v; want %v within 1 %%, not %.2f %%", q, got, exact, 100*diff)
				}
			}
			if h.max != all[len(all)-1] || h.quantile(1) > h.max {
				t.Errorf("max is %v, quantile 1 is %v; want %v", h.max, h.quantile(1), all[len(all)-1])
			}
		})
	}
}

func TestHistogramBuckets(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<20; v++ {
		b := bucketOf(v)
		if b != last && b != last+1 {
			t.Fatalf("bucket of %d is %d, of the value before %d", v, b, last)
		}
		last = b
		if got := bucketOf(bucketMiddle(b)); got != b {
			t.Fatalf("the middle of bucket %d, %d, is in bucket %d", b, bucketMiddle(b), got)
		}
	}
	var h histogram
	if got := bucketOf(1<<63 - 1); got >= len(h.counts) {
		t.Errorf("the largest duration is in bucket %d of %d", got, len(h.counts))
	}
}

func TestHistogramMergeAndEmpty(t *testing.T) {
	var a, b, both histogram
	if a.quantile(0.5) != 0 || a.mean() != 0 {
		t.Error("an empty histogram isn't zero")
	}
	for i := range 1000 {
		d := time.Duration(i) * time.Microsecond
		both.record(d)
		if i%2 == 0 {
			a.record(d)
		} else {
			b.record(d)
		}
	}
	a.record(-1)
	both.record(-1)
	a.merge(&b)
	if a != both {
		t.Error("the merged histogram isn't that of all values")
	}
}

func TestPace(t *testing.T) {
	p := pace{start: time.Unix(1000, 0), rate: 3}
	for i, want := range map[int64]time.Duration{0: 0, 1: 333333333, 2: 666666666, 3: time.Second, 3_000_000_000: 1_000_000_000 * time.Second} {
		if got := p.due(i).Sub(p.start); got != want {
			t.Errorf("record %d is due after %v; want %v", i, got, want)
		}
	}
}

// TestPaceKeepsSchedule stalls between records: those that follow are due at their old times, not later.
func TestPaceKeepsSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{start: time.Now(), rate: 100, nap: time.Sleep}
		var late histogram
		for i := range int64(200) {
			due, err := p.wait(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if want := p.start.Add(time.Duration(i) * 10 * time.Millisecond); !due.Equal(want) {
				t.Fatalf("record %d is due at %v; want %v", i, due, want)
			}
			late.record(time.Since(due))
			if i == 49 {
				time.Sleep(500 * time.Millisecond)
			}
		}
		if got := time.Since(p.start); got != 1990*time.Millisecond {
			t.Errorf("it took %v; want 1.99s: time lost is made up for", got)
		}
		if got := late.max; got != 490*time.Millisecond {
			t.Errorf("the latest record was %v late; want 490ms", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := p.wait(ctx, 1000); err == nil || time.Since(p.start) != 2990*time.Millisecond {
			t.Errorf("an interrupted wait says %v after %v", err, time.Since(p.start))
		}
	})
}

// TestPreciseNap would fail with Go's own timers, which are up to a millisecond late.
func TestPreciseNap(t *testing.T) {
	nap, done := preciseNaps()
	defer done()
	var over histogram
	for range 200 {
		began := time.Now()
		nap(100 * time.Microsecond)
		over.record(time.Since(began) - 100*time.Microsecond)
	}
	// The best tenth is what the clock can do; the rest tells how busy the machine is.
	if slept := over.quantile(0.1); runtime.GOOS == "linux" && slept > 500*time.Microsecond {
		t.Errorf("nine in ten naps last more than %v too long", slept)
	}
}
