package sim

import (
	"fmt"
	"slices"
)

// Kinds of wrong histories of transactions.
const (
	torn     anomaly = "torn"     // a part of a transaction is there, and another is not
	aborted  anomaly = "aborted"  // a record is visible whose transaction was aborted
	unpaid   anomaly = "unpaid"   // the sum of all accounts, or of one, is wrong
	unstable anomaly = "unstable" // read_committed served something else the second time
	hanging  anomaly = "hanging"  // a transaction is open for longer than its time-out and the sweep
)

// The topics of entries, as indexes.
const (
	debits = iota
	credits
	sides
)

// books is the checker of exactly once: it is told which transactions a client says it committed or aborted, and then
// every record that read_committed serves, and judges.
type books struct {
	transfers  int64
	partitions int // of each topic of entries

	outcomes map[tag]bool // true: committed; a transaction that isn't here may have ended either way

	entered  [sides][]uint8 // times each transfer was seen
	balances []int64
	seen     map[tag]*parts
	found    []problem
}

// parts is what was seen of a transaction.
type parts struct {
	counts  []int32
	receipt *receipt
}

func newBooks(transfers int64, partitions int) *books {
	b := &books{transfers: transfers, partitions: partitions, outcomes: map[tag]bool{}, seen: map[tag]*parts{}, balances: make([]int64, accounts)}
	for s := range b.entered {
		b.entered[s] = make([]uint8, transfers)
	}
	return b
}

func (b *books) report(kind anomaly, format string, args ...any) {
	if len(b.found) < maxProblems {
		b.found = append(b.found, problem{kind, fmt.Sprintf(format, args...)})
	}
}

// ended is what a client was told of its transaction's end.
func (b *books) ended(t tag, committed bool) { b.outcomes[t] = committed }

func (b *books) parts(t tag) *parts {
	p := b.seen[t]
	if p == nil {
		p = &parts{counts: make([]int32, sides*b.partitions)}
		b.seen[t] = p
	}
	return p
}

// enter takes an entry read from a partition of one side.
func (b *books) enter(side, partition int, e entry) {
	want := e.debit(e.tag)
	if side == credits {
		want = e.credit(e.tag)
	}
	switch {
	case e.number < 0 || e.number >= b.transfers:
		b.report(phantom, "transfer %d in transaction %v", e.number, e.tag)
		return
	case e != want:
		b.report(changed, "transfer %d in transaction %v is %+v", e.number, e.tag, e)
	}
	if b.entered[side][e.number]++; b.entered[side][e.number] > 1 {
		b.report(duplicated, "transfer %d on side %d: %d times, last in transaction %v", e.number, side, b.entered[side][e.number], e.tag)
	}
	b.balances[e.account%accounts] += e.amount
	b.parts(e.tag).counts[side*b.partitions+partition]++
}

// sign takes a receipt.
func (b *books) sign(r receipt) {
	p := b.parts(r.tag)
	if p.receipt != nil {
		b.report(duplicated, "the receipt of transaction %v", r.tag)
	}
	p.receipt = &r
}

// check judges when all records are entered and the whole input is consumed.
func (b *books) check() []problem {
	b.checkTransactions()
	b.checkTransfers()
	b.checkBalances()
	return b.found
}

func (b *books) checkTransactions() {
	for t, p := range b.seen {
		committed, known := b.outcomes[t]
		switch {
		case p.receipt == nil:
			b.report(torn, "transaction %v: %d entries and no receipt", t, p.counts)
		case !slices.Equal(p.counts, p.receipt.counts):
			b.report(torn, "transaction %v: %d entries, the receipt says %d", t, p.counts, p.receipt.counts)
		}
		if known && !committed {
			b.report(aborted, "transaction %v was aborted: %d entries", t, p.counts)
		}
	}
	for t, committed := range b.outcomes {
		if committed && b.seen[t] == nil {
			b.report(lost, "transaction %v was committed", t)
		}
	}
}

func (b *books) checkTransfers() {
	for side := range b.entered {
		for n, times := range b.entered[side] {
			if times == 0 {
				b.report(lost, "transfer %d on side %d", n, side)
			}
		}
	}
}

// checkBalances compares each account with what the input says: money is neither made nor lost.
func (b *books) checkBalances() {
	want := make([]int64, accounts)
	for n := range b.transfers {
		t := transfer{n}
		want[t.from()] -= t.amount()
		want[t.to()] += t.amount()
	}
	var sum int64
	for i, balance := range b.balances {
		sum += balance
		if balance != want[i] {
			b.report(unpaid, "account %d has %d, not %d", i, balance, want[i])
		}
	}
	if sum != 0 {
		b.report(unpaid, "all accounts together have %d", sum)
	}
}

// committed counts the transactions seen.
func (b *books) committed() int { return len(b.seen) }
