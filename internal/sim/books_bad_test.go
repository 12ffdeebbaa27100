package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// posted is what a consumer reads: an entry with its place, or a receipt.
type posted struct {
	side, partition int
	entry           entry
	receipt         *receipt
}

// goodBooks are the records of committed transactions over all transfers, and the outcomes the clients were told of.
func goodBooks(transfers int64, partitions int, rnd *rand.Rand) (records []posted, outcomes map[tag]bool) {
	outcomes = map[tag]bool{}
	number := int32(0)
	for n := int64(0); n < transfers; {
		t := newTag(1, number)
		number++
		r := receipt{tag: t, counts: make([]int32, sides*partitions)}
		for end := min(transfers, n+1+rnd.Int64N(6)); n < end; n++ {
			for side, e := range []entry{transfer{n}.debit(t), transfer{n}.credit(t)} {
				p := int(e.account) % partitions
				records = append(records, posted{side: side, partition: p, entry: e})
				r.counts[side*partitions+p]++
			}
		}
		records = append(records, posted{receipt: &r})
		if rnd.IntN(4) > 0 { // a client that is killed doesn't know
			outcomes[t] = true
		}
	}
	outcomes[newTag(1, number)] = false // aborted, and not there
	return records, outcomes
}

func audit(transfers int64, partitions int, records []posted, outcomes map[tag]bool) []problem {
	b := newBooks(transfers, partitions)
	for t, committed := range outcomes {
		b.ended(t, committed)
	}
	for _, r := range records {
		if r.receipt != nil {
			b.sign(*r.receipt)
		} else {
			b.enter(r.side, r.partition, r.entry)
		}
	}
	return b.check()
}

// anEntry picks an entry; aReceipt picks a receipt.
func anEntry(records []posted, rnd *rand.Rand) int {
	return pick(records, rnd, func(p posted) bool { return p.receipt == nil })
}

func aReceipt(records []posted, rnd *rand.Rand) int {
	return pick(records, rnd, func(p posted) bool { return p.receipt != nil })
}

func pick(records []posted, rnd *rand.Rand, wanted func(posted) bool) int {
	for {
		if i := rnd.IntN(len(records)); wanted(records[i]) {
			return i
		}
	}
}

// of are the records of one transaction.
func of(t tag) func(posted) bool {
	return func(p posted) bool { return p.entry.tag == t || p.receipt != nil && p.receipt.tag == t }
}

func tagOf(p posted) tag {
	if p.receipt != nil {
		return p.receipt.tag
	}
	return p.entry.tag
}

var bookSpoilers = []struct {
	name  string
	kind  anomaly
	spoil func(records []posted, outcomes map[tag]bool, rnd *rand.Rand) []posted
}{
	{"an entry is there twice", duplicated, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		return append(r, r[anEntry(r, rnd)])
	}},
	{"a transaction is there twice", duplicated, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		for _, p := range r {
			if of(tagOf(r[0]))(p) {
				r = append(r, p)
			}
		}
		return r
	}},
	{"a transfer is in two transactions", duplicated, func(r []posted, out map[tag]bool, rnd *rand.Rand) []posted {
		t := newTag(2, 0)
		n := r[anEntry(r, rnd)].entry.number
		rc := receipt{tag: t, counts: make([]int32, 4)}
		for side, e := range []entry{transfer{n}.debit(t), transfer{n}.credit(t)} {
			p := int(e.account) % 2
			r = append(r, posted{side: side, partition: p, entry: e})
			rc.counts[side*2+p]++
		}
		return append(r, posted{receipt: &rc})
	}},
	{"an entry is gone", lost, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		i := anEntry(r, rnd)
		return slices.Delete(r, i, i+1)
	}},
	{"a transaction is gone", lost, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		return slices.DeleteFunc(r, of(tagOf(r[rnd.IntN(len(r))])))
	}},
	{"a committed transaction without transfers is gone", lost, func(r []posted, out map[tag]bool, _ *rand.Rand) []posted {
		out[newTag(3, 3)] = true
		return r
	}},
	{"an entry of a transaction is missing", torn, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		i := anEntry(r, rnd)
		return slices.Delete(r, i, i+1)
	}},
	{"a receipt is missing", torn, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		i := aReceipt(r, rnd)
		return slices.Delete(r, i, i+1)
	}},
	{"one partition of a transaction is missing", torn, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		p := r[anEntry(r, rnd)]
		return slices.DeleteFunc(r, func(q posted) bool {
			return q.receipt == nil && q.entry.tag == p.entry.tag && q.side == p.side && q.partition == p.partition
		})
	}},
	{"only the receipt is there", torn, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		t := tagOf(r[rnd.IntN(len(r))])
		return slices.DeleteFunc(r, func(p posted) bool { return p.receipt == nil && p.entry.tag == t })
	}},
	{"an entry is in another partition", torn, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		i := anEntry(r, rnd)
		r[i].partition = 1 - r[i].partition
		return r
	}},
	{"an aborted transaction is visible", aborted, func(r []posted, out map[tag]bool, rnd *rand.Rand) []posted {
		out[tagOf(r[rnd.IntN(len(r))])] = false
		return r
	}},
	{"an amount changed", changed, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		r[anEntry(r, rnd)].entry.amount++
		return r
	}},
	{"an amount changed: money was made", unpaid, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		r[anEntry(r, rnd)].entry.amount++
		return r
	}},
	{"an account changed", unpaid, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		i := anEntry(r, rnd)
		r[i].entry.account = (r[i].entry.account + 1) % accounts
		return r
	}},
	{"a transfer nobody asked for", phantom, func(r []posted, _ map[tag]bool, rnd *rand.Rand) []posted {
		i := anEntry(r, rnd)
		r[i].entry = transfer{1_000_000}.debit(r[i].entry.tag)
		return r
	}},
}

// TestTheBooksFind spoils good books in every way and expects each to be found, and nothing in those not spoilt.
func TestTheBooksFind(t *testing.T) {
	for _, s := range bookSpoilers {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(60) {
				rnd := rand.New(rand.NewPCG(seed, 6))
				n := 5 + int64(seed)
				records, outcomes := goodBooks(n, 2, rnd)
				rnd.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
				if p := audit(n, 2, records, outcomes); len(p) > 0 {
					t.Fatalf("seed %d: good books: %v", seed, p)
				}
				records = s.spoil(records, outcomes, rnd)
				p := audit(n, 2, records, outcomes)
				if !slices.ContainsFunc(p, func(p problem) bool { return p.kind == s.kind }) {
					t.Fatalf("seed %d: not found: %v", seed, p)
				}
			}
		})
	}
}
