package main

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHistogramQuantilesAreWithinTwoPercent(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var h histogram
	var all []int64
	for range 100_000 {
		ns := int64(rnd.ExpFloat64() * 1e6)
		all = append(all, ns)
		h.add(ns)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.99, 0.999} {
		want := float64(all[int(q*float64(len(all)))-1])
		got := float64(h.quantile(q))
		if got < want*0.98 || got > want*1.02 {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if h.quantile(1) != all[len(all)-1] {
		t.Errorf("max: got %d, want %d", h.quantile(1), all[len(all)-1])
	}
}

func TestBucketsMeet(t *testing.T) {
	last := -1
	for ns := int64(0); ns < 1<<20; ns++ {
		i := bucket(ns)
		if i != last && i != last+1 {
			t.Fatalf("%d ns is in bucket %d after %d", ns, i, last)
		}
		if ns > bucketEnd(i) {
			t.Fatalf("%d ns is past the end %d of its bucket", ns, bucketEnd(i))
		}
		last = i
	}
}

func TestIntervalHoldsTheMedian(t *testing.T) {
	xs := []float64{1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 9}
	lo, hi := interval(xs)
	if m := median(xs); m != 1.3 || lo > m || hi < m || lo == hi {
		t.Errorf("median %v in [%v, %v]", m, lo, hi)
	}
}
