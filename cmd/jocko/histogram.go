package main

import (
	"math/bits"
	"time"
)

// subBits sets the histogram's precision: a power of two is cut into 1<<subBits buckets, so a value read back is off by
// less than one part in 256.
const subBits = 7

// histogram counts durations in buckets whose width grows with the value: exact below 128 ns, then within 0.4 %. It
// takes 58 KiB whatever it counts, and never forgets the largest value.
type histogram struct {
	counts [(64 - subBits) << subBits]int64
	total  int64
	sum    float64
	max    time.Duration
}

// bucketOf returns the bucket of v, which isn't negative.
func bucketOf(v uint64) int {
	exp := bits.Len64(v) - 1 - subBits
	if exp <= 0 {
		return int(v)
	}
	return exp<<subBits + int(v>>exp)
}

// bucketMiddle returns the value in the middle of a bucket.
func bucketMiddle(i int) uint64 {
	exp := i>>subBits - 1
	if exp <= 0 {
		return uint64(i)
	}
	return uint64(i-exp<<subBits)<<exp + 1<<(exp-1)
}

// record counts d; a negative one counts as zero.
func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.total++
	h.sum += float64(d)
	h.max = max(h.max, d)
}

// merge adds what another histogram counted.
func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// quantile returns the value that the fraction q of all values doesn't exceed; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	want := max(int64(q*float64(h.total)+0.5), 1)
	var seen int64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= want {
			return min(time.Duration(bucketMiddle(i)), h.max)
		}
	}
	return h.max
}

func (h *histogram) mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.total))
}
