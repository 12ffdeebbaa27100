package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var tp0 = partition{"t", 0}

// goodHistory is a ledger of three streams, all of whose records were acknowledged, and the view that a right broker
// serves. Stream 2 goes to another partition.
func goodHistory(n int, rnd *rand.Rand) (*ledger, view) {
	l := newLedger()
	streams := []*stream{l.open(tp0, false), l.open(tp0, false)}
	other := l.open(partition{"u", 0}, false)
	l.send(other, 10, 5)
	v := view{start: 0}
	for v.high < int64(n) {
		s := streams[rnd.IntN(2)]
		k := 1 + rnd.IntN(3)
		first := l.send(s, k, v.high)
		l.acknowledge(tp0, first, k, v.high, v.high)
		for i := range k {
			r := id{first.stream, first.number + int32(i)}
			v.records = append(v.records, seen{v.high + int64(i), r.key(), r.value(20 + rnd.IntN(50))})
		}
		v.high += int64(k)
	}
	return l, v
}

// spoilers turn a good view into one with an anomaly.
var spoilers = []struct {
	name  string
	kind  anomaly
	spoil func(l *ledger, v *view, rnd *rand.Rand)
}{
	{"the last record is gone", lost, func(_ *ledger, v *view, _ *rand.Rand) {
		v.records, v.high = v.records[:len(v.records)-1], v.high-1
	}},
	{"the first records are gone", lost, func(_ *ledger, v *view, rnd *rand.Rand) {
		n := 1 + rnd.IntN(len(v.records)-1)
		v.records, v.start = v.records[n:], v.records[n].offset
	}},
	{"everything is gone", lost, func(_ *ledger, v *view, _ *rand.Rand) { *v = view{} }},
	{"one is gone and the rest moved up", lost, func(_ *ledger, v *view, rnd *rand.Rand) {
		i := rnd.IntN(len(v.records) - 1)
		v.records = slices.Delete(v.records, i, i+1)
		for ; i < len(v.records); i++ {
			v.records[i].offset--
		}
		v.high--
	}},
	{"one is there twice", duplicated, func(_ *ledger, v *view, rnd *rand.Rand) {
		r := v.records[rnd.IntN(len(v.records))]
		r.offset = v.high
		v.records, v.high = append(v.records, r), v.high+1
	}},
	{"two changed places", reordered, func(_ *ledger, v *view, rnd *rand.Rand) {
		i := rnd.IntN(len(v.records) - 1)
		a, b := &v.records[i], &v.records[i+1]
		a.key, b.key, a.value, b.value = b.key, a.key, b.value, a.value
	}},
	{"a bit of a value flipped", changed, func(_ *ledger, v *view, rnd *rand.Rand) {
		b := v.records[rnd.IntN(len(v.records))].value
		b[idSize+rnd.IntN(len(b)-idSize)] ^= 1 << rnd.IntN(8)
	}},
	{"a value is cut short", changed, func(_ *ledger, v *view, rnd *rand.Rand) {
		r := &v.records[rnd.IntN(len(v.records))]
		r.value = r.value[:idSize-1]
	}},
	{"a key changed", changed, func(_ *ledger, v *view, rnd *rand.Rand) {
		v.records[rnd.IntN(len(v.records))].key = []byte("other")
	}},
	{"an offset is missing", hole, func(_ *ledger, v *view, rnd *rand.Rand) {
		i := rnd.IntN(len(v.records))
		v.records = slices.Delete(v.records, i, i+1)
	}},
	{"the high watermark is above the records", hole, func(_ *ledger, v *view, _ *rand.Rand) { v.high++ }},
	{"the high watermark is below the log start", hole, func(_ *ledger, v *view, _ *rand.Rand) { v.start = v.high + 1 }},
	{"never sent", phantom, func(_ *ledger, v *view, _ *rand.Rand) {
		r := id{0, 1_000_000}
		v.records, v.high = append(v.records, seen{v.high, r.key(), r.value(30)}), v.high+1
	}},
	{"sent to another partition", phantom, func(_ *ledger, v *view, _ *rand.Rand) {
		r := id{2, 3}
		v.records, v.high = append(v.records, seen{v.high, r.key(), r.value(30)}), v.high+1
	}},
	{"two were acknowledged at one offset", inconsistent, func(l *ledger, v *view, rnd *rand.Rand) {
		at := rnd.Int64N(v.high - 1)
		r, _ := v.records[at+1].read()
		l.acknowledge(tp0, r, 1, at, 0)
	}},
	{"the high watermark went back", wentBack, func(l *ledger, v *view, _ *rand.Rand) {
		l.adopt(tp0, view{high: v.high + 1, records: v.records})
	}},
	{"the log start went back", wentBack, func(l *ledger, v *view, rnd *rand.Rand) {
		l.startAt(tp0, 1+rnd.Int64N(v.high))
	}},
}

// TestTheCheckerFinds spoils good histories in every way and expects each to be found, and nothing in those not spoilt.
func TestTheCheckerFinds(t *testing.T) {
	for _, s := range spoilers {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(60) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				l, v := goodHistory(5+int(seed), rnd)
				if p := l.check(tp0, v, judgement{at: now}); len(p) > 0 {
					t.Fatalf("seed %d: a good history: %v", seed, p)
				}
				s.spoil(l, &v, rnd)
				p := l.check(tp0, v, judgement{at: now})
				if !slices.ContainsFunc(p, func(p problem) bool { return p.kind == s.kind }) {
					t.Fatalf("seed %d: not found: %v", seed, p)
				}
			}
		})
	}
}

// TestTheCheckerAllows gives histories that look odd and are good.
func TestTheCheckerAllows(t *testing.T) {
	good := func(t *testing.T, l *ledger, v view, j judgement) {
		t.Helper()
		if p := l.check(tp0, v, j); len(p) > 0 {
			t.Error(p)
		}
	}
	bad := func(t *testing.T, l *ledger, v view, j judgement, kind anomaly) {
		t.Helper()
		if p := l.check(tp0, v, j); len(p) == 0 || p[0].kind != kind {
			t.Errorf("not found to be %s: %v", kind, p)
		}
	}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		l, v := goodHistory(20, rnd)
		cut := 1 + rnd.IntN(len(v.records)-1)
		t.Run(fmt.Sprint("a power cut takes the end/", seed), func(t *testing.T) {
			short := view{high: int64(cut), records: v.records[:cut]}
			good(t, l, short, judgement{at: now, lossy: true})
			bad(t, l, short, judgement{at: now}, lost)
		})
		t.Run(fmt.Sprint("a crash in the past/", seed), func(t *testing.T) {
			at := l.accounts[tp0].acks[cut].at
			n := int(at)
			for n < len(v.records) && l.accounts[tp0].acks[n].at <= at {
				n++
			}
			good(t, l, view{high: int64(n), records: v.records[:n]}, judgement{at: at})
			bad(t, l, v, judgement{at: at - 1}, phantom)
		})
		t.Run(fmt.Sprint("records were deleted/", seed), func(t *testing.T) {
			l.askStart(tp0, int64(cut))
			v := v
			v.start = int64(cut)
			good(t, l, v, judgement{at: now})
		})
		t.Run(fmt.Sprint("sent and never acknowledged/", seed), func(t *testing.T) {
			r := l.send(l.streams[0], 1, 0)
			v := view{high: v.high + 1, records: append(slices.Clone(v.records), seen{v.high, r.key(), r.value(9)})}
			good(t, l, v, judgement{at: now})
			l.streams[0].mayRepeat = true
			v.records, v.high = append(v.records, seen{v.high, r.key(), r.value(9)}), v.high+1
			good(t, l, v, judgement{at: now})
		})
	}
}
