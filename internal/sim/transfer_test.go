package sim

import (
	"encoding/binary"
	"fmt"
)

// A transfer is one record of the input: money that goes from one account to another. The consume-transform-produce
// clients write, for each, a debit and a credit to two topics, and a receipt of the whole transaction to a third.
// Everything in a transfer follows from its number.
type transfer struct {
	number int64
}

// accounts is how many accounts there are; it is prime, so that debits and credits don't go together.
const accounts = 997

func (t transfer) from() uint32  { return uint32(t.number % accounts) }
func (t transfer) to() uint32    { return uint32((t.number*7 + 3) % accounts) }
func (t transfer) amount() int64 { return 1 + t.number*31%1000 }

func (t transfer) input() []byte { return binary.BigEndian.AppendUint64(nil, uint64(t.number)) }

func readTransfer(b []byte) (transfer, error) {
	if len(b) != 8 {
		return transfer{}, fmt.Errorf("an input of %d bytes", len(b))
	}
	return transfer{int64(binary.BigEndian.Uint64(b))}, nil
}

// tag names a transaction: the run of a client process above, its number in that run below.
type tag int64

func newTag(run int32, number int32) tag { return tag(int64(run)<<32 | int64(number)) }

func (t tag) String() string { return fmt.Sprintf("%d/%d", int64(t)>>32, int32(t)) }

// entry is a debit (negative) or a credit of one transfer, written by one transaction.
type entry struct {
	transfer
	tag     tag
	account uint32
	amount  int64
}

func (t transfer) debit(by tag) entry  { return entry{t, by, t.from(), -t.amount()} }
func (t transfer) credit(by tag) entry { return entry{t, by, t.to(), t.amount()} }

func (e entry) value() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(e.number))
	b = binary.BigEndian.AppendUint64(b, uint64(e.tag))
	b = binary.BigEndian.AppendUint32(b, e.account)
	return binary.BigEndian.AppendUint64(b, uint64(e.amount))
}

func readEntry(b []byte) (entry, error) {
	if len(b) != 28 {
		return entry{}, fmt.Errorf("an entry of %d bytes", len(b))
	}
	return entry{
		transfer{int64(binary.BigEndian.Uint64(b))},
		tag(binary.BigEndian.Uint64(b[8:])),
		binary.BigEndian.Uint32(b[16:]), int64(binary.BigEndian.Uint64(b[20:])),
	}, nil
}

// receipt says how many entries a transaction wrote to each partition of the two topics of entries.
type receipt struct {
	tag    tag
	counts []int32 // debits of partition 0, 1, ..., then credits
}

func (r receipt) value() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(r.tag))
	for _, n := range r.counts {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func readReceipt(b []byte) (receipt, error) {
	if len(b) < 8 || len(b)%4 != 0 {
		return receipt{}, fmt.Errorf("a receipt of %d bytes", len(b))
	}
	r := receipt{tag: tag(binary.BigEndian.Uint64(b))}
	for b = b[8:]; len(b) > 0; b = b[4:] {
		r.counts = append(r.counts, int32(binary.BigEndian.Uint32(b)))
	}
	return r, nil
}
