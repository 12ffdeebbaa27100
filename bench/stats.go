package main

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
)

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// interval returns the bootstrap 95 % interval of the median: the middle 95 % of the medians of
// resamples. The random source is fixed, so the same runs give the same interval.
func interval(xs []float64) (lo, hi float64) {
	const resamples = 10_000
	if len(xs) == 0 {
		return math.NaN(), math.NaN()
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	medians := make([]float64, resamples)
	sample := make([]float64, len(xs))
	for i := range medians {
		for j := range sample {
			sample[j] = xs[rnd.IntN(len(xs))]
		}
		medians[i] = median(sample)
	}
	slices.Sort(medians)
	return medians[resamples*25/1000], medians[resamples*975/1000-1]
}

// number prints x with three or four digits that mean something.
func number(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "-"
	case a >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	default:
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
}

// histogram counts durations in buckets of 1/64 of a power of two nanoseconds: an error of 1.6 %.
type histogram struct {
	counts [64 * 64]uint32
	n      int64
	max    int64
}

func (h *histogram) add(ns int64) {
	ns = max(ns, 0)
	h.counts[bucket(ns)]++
	h.n++
	h.max = max(h.max, ns)
}

func (h *histogram) merge(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// quantile returns the q-quantile in nanoseconds.
func (h *histogram) quantile(q float64) int64 {
	want := int64(math.Ceil(q * float64(h.n)))
	var seen int64
	for i, c := range h.counts {
		if seen += int64(c); seen >= want && c > 0 {
			return min(bucketEnd(i), h.max)
		}
	}
	return h.max
}

func bucket(ns int64) int {
	if ns < 64 {
		return int(ns)
	}
	shift := 57 - leadingZeros(ns) // ns>>shift lies in [64, 128)
	return (shift+1)*64 + int(ns>>shift) - 64
}

func bucketEnd(i int) int64 {
	if i < 64 {
		return int64(i)
	}
	shift := i/64 - 1
	return int64(i%64+65)<<shift - 1
}

// fill adds the histogram's percentiles in milliseconds to v.
func (h *histogram) fill(v values, prefix string) {
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50 ms", 0.5}, {"p99 ms", 0.99}, {"p99.9 ms", 0.999}} {
		v[prefix+q.name] = float64(h.quantile(q.q)) / 1e6
	}
	v[prefix+"max ms"] = float64(h.max) / 1e6
}

func leadingZeros(ns int64) int { return bits.LeadingZeros64(uint64(ns)) }
