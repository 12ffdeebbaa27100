package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Buckets double from 16.4 us (2^14 ns) to 68.7 s (2^36 ns): the bucket of a duration is the length of its
// nanoseconds in bits, no search. What is longer lands in the last, unbounded one.
const (
	firstBucketBits = 14
	lastBucketBits  = 36
	buckets         = lastBucketBits - firstBucketBits + 2
)

// Histogram counts durations in buckets that double. The zero value is ready; Observe is two atomic additions.
type Histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

// Observe counts one duration; a negative one (a wall clock that was set) counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(d)].Add(1)
	h.sum.Add(int64(d))
}

// Count returns how many durations were observed.
func (h *Histogram) Count() uint64 {
	var n uint64
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// bucket returns the smallest bucket whose upper bound is not below d.
func bucket(d time.Duration) int {
	n := bits.Len64(uint64(max(d, 1) - 1)) // d <= 2^n
	return min(max(n-firstBucketBits, 0), buckets-1)
}

// upperBound is a bucket's bound in seconds.
func upperBound(bucket int) float64 { return float64(int64(1)<<(firstBucketBits+bucket)) / 1e9 }

// metric is the histogram as it stands now.
func (h *Histogram) metric(d *prometheus.Desc, labels ...string) prometheus.Metric {
	cumulative := make(map[float64]uint64, buckets-1)
	var n uint64
	for i := range h.counts {
		n += h.counts[i].Load()
		if i < buckets-1 {
			cumulative[upperBound(i)] = n
		}
	}
	return prometheus.MustNewConstHistogram(d, n, float64(h.sum.Load())/1e9, cumulative, labels...)
}

// collector exposes the histogram alone, without labels.
func (h *Histogram) collector(name, help string) prometheus.Collector {
	return &histogramCollector{h: h, desc: desc(name, help)}
}

type histogramCollector struct {
	h    *Histogram
	desc *prometheus.Desc
}

func (c *histogramCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }
func (c *histogramCollector) Collect(ch chan<- prometheus.Metric) { ch <- c.h.metric(c.desc) }
