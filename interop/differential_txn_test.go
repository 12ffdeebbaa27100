//go:build differential

package interop

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactionScenes are those of transactional producers and their coordinator.
var transactionScenes = []scene{
	{"txn-life", txnLife},
	{"txn-orders", txnOrders},
	{"txn-retries", txnRetries},
	{"txn-fenced", txnFenced},
	{"txn-init", txnInit},
	{"txn-recovers", txnRecovers},
	{"txn-timeout", txnTimeout},
	{"txn-offsets", txnOffsets},
	{"txn-members", txnMembers},
	{"txn-pending", txnPending},
	{"txn-odd-partitions", txnOddPartitions},
	{"txn-batched", txnBatched},
	{"txn-odd-produce", txnOddProduce},
	{"txn-sequences", txnSequences},
	{"txn-markers", txnMarkers},
	{"txn-list", txnList},
	{"txn-switch", txnSwitch},
}

// txnLife commits and aborts transactions one after the other.
func txnLife(p *player) {
	x := p.newProducer("t")
	x.init()
	for i := range 3 {
		x.begin()
		x.produce(1 + i)
		x.produce(1)
		if i == 0 {
			p.tell(p.describingTxns(x.txn))
			p.readLedger()
		}
		x.end(p.rnd.IntN(2) == 0)
		x.settled()
	}
	p.readLedger()
	p.tell(p.listingTxns(nil, nil))
}

// txnOrders does the steps of transactions in any order.
func txnOrders(p *player) {
	x := p.newProducer("t")
	if p.rnd.IntN(4) > 0 {
		x.init()
	}
	for range 14 {
		switch p.rnd.IntN(9) {
		case 0:
			x.init()
		case 1, 2:
			x.begin()
		case 3, 4:
			x.produce(2)
		case 5:
			p.tell(x.addingOffsets(p.own("g")))
		case 6:
			p.tell(x.committingOffset(p.own("g"), "alpha", 0, 3))
		default:
			x.end(p.rnd.IntN(2) == 0)
			x.settled()
		}
	}
	x.ended()
	p.tell(p.offsets(p.own("g"), false, "alpha"))
}

// txnRetries sends EndTxn again, with the epoch before and after, to the same end and to the other.
func txnRetries(p *player) {
	x := p.newProducer("t")
	x.init()
	for range 2 {
		x.begin()
		x.produce(1)
		before := *x
		commit := p.rnd.IntN(2) == 0
		x.end(commit)
		x.settled()
		p.tell(before.ending(commit))
		p.tell(before.ending(!commit))
		p.tell(x.ending(commit))
		x.settled()
		p.tell(before.producing(before.batch(1)))
		x.settled()
	}
	x.init()
	p.tell(x.ending(true))
	p.tell(x.ending(false))
	x.ended()
}

// txnFenced goes on with the epoch of before another producer was started.
func txnFenced(p *player) {
	x := p.newProducer("t")
	x.init()
	old := *x
	if p.rnd.IntN(2) == 0 {
		x.begin()
		x.produce(1)
		old = *x
	}
	x.init() // this aborts what is open
	for range 6 {
		wrong := old
		wrong.epoch += oneOf[int16](p, 0, 0, 5, -10)
		if p.rnd.IntN(5) == 0 {
			wrong.id++
		}
		switch p.rnd.IntN(6) {
		case 0:
			p.tell(wrong.adding(p.ledger, p.partition))
		case 1:
			p.tell(wrong.producing(wrong.batch(1)))
		case 2:
			p.tell(wrong.addingOffsets(p.own("g")))
		case 3:
			p.tell(wrong.committingOffset(p.own("g"), "alpha", 0, 3))
		case 4:
			p.tell(wrong.ending(true))
		default:
			req := wrong.initing()
			req.ProducerID, req.ProducerEpoch = wrong.id, wrong.epoch
			p.tell(at(p, req, 3, 5))
		}
	}
	x.begin()
	x.produce(1)
	x.end(true)
	x.ended()
}

// txnInit asks for producer ids in odd ways.
func txnInit(p *player) {
	for _, timeout := range []int32{0, -1, 1, 900_000, 900_001, 1<<31 - 1} {
		x := p.newProducer("t")
		x.timeout = timeout
		p.tell(x.initing())
	}
	x := p.newProducer("u")
	for _, name := range []*string{nil, kmsg.StringPtr("")} {
		req := x.initing()
		req.TransactionalID = name
		p.tell(req)
	}
	for range 5 {
		req := x.initing()
		req.ProducerID, req.ProducerEpoch = oneOf[int64](p, -1, 5, 1<<40, -2), oneOf[int16](p, -1, 0, 7, -2)
		req.TransactionalID = oneOf(p, nil, &x.txn)
		p.tell(at(p, req, 3, 5))
	}
	p.tell(p.describingTxns(p.own("t"), x.txn))
}

// txnRecovers bumps its epoch by InitProducerId with the id and epoch it has (KIP-360).
func txnRecovers(p *player) {
	x := p.newProducer("t")
	x.init()
	bump := func(id int64, epoch int16) {
		req := x.initing()
		req.ProducerID, req.ProducerEpoch = id, epoch
		resp := ask[*kmsg.InitProducerIDResponse](p, at(p, req, 3, 5))
		if resp.ErrorCode == 0 {
			x.id, x.epoch, x.sequence = resp.ProducerID, resp.ProducerEpoch, 0
		}
	}
	old := *x
	bump(x.id, x.epoch)
	bump(old.id, old.epoch) // a retry
	bump(old.id, old.epoch-1)
	bump(x.id+1, x.epoch)
	bump(x.id, x.epoch+3)
	x.begin()
	x.produce(1)
	bump(x.id, x.epoch)
	x.settled()
	x.begin()
	x.produce(1)
	x.end(true)
	x.ended()
}

// txnTimeout lets the coordinator abort a transaction that takes too long.
func txnTimeout(p *player) {
	x := p.newProducer("t")
	x.timeout = 300
	x.init()
	x.begin()
	x.produce(2)
	until(p, p.describingTxns(x.txn), func(r *kmsg.DescribeTransactionsResponse) bool {
		return r.TransactionStates[0].State == "CompleteAbort"
	})
	x.produce(1)
	p.tell(x.ending(true))
	p.tell(x.addingOffsets(p.own("g")))
	x.timeout = 60_000
	x.init()
	x.begin()
	x.produce(1)
	x.end(true)
	x.ended()
}

// txnOffsets commits offsets in transactions that are committed and aborted.
func txnOffsets(p *player) {
	x, group := p.newProducer("t"), p.own("g")
	x.init()
	for i := range 2 {
		x.commitOffset(group, "alpha", 0, int64(10+i))
		x.commitOffset(group, "beta", 0, int64(20+i))
		p.tell(p.offsets(group, false, "alpha"))
		if i == 0 {
			p.tell(p.describingTxns(x.txn))
		}
		x.end(p.rnd.IntN(2) == 0)
		x.settled()
		p.tell(p.offsets(group, true))
	}
	for range 3 {
		p.tell(x.committingOffset(oneOf(p, group, "", p.own("other")), oneOf(p, "alpha", "missing", ""), oneOf[int32](p, 0, 9, -1), oneOf[int64](p, 1, -1, -5)))
	}
	long := x.committingOffset(group, "alpha", 1, 5)
	long.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(string(make([]byte, 5000)))
	p.tell(long)
	unknown := *x
	unknown.txn = oneOf(p, p.own("none"), "")
	p.tell(unknown.addingOffsets(group))
	p.tell(unknown.committingOffset(group, "alpha", 0, 1))
	x.end(true)
	x.settled()
	p.tell(p.offsets(group, true))
	p.tell(p.deleting(group))
}

// txnMembers commits offsets in a transaction with the right and wrong members of groups of both types.
func txnMembers(p *player) {
	x := p.newProducer("t")
	x.init()
	m := p.newMember(p.own("classic"))
	m.stable()
	c := p.newConsumer(p.own("consumer"))
	c.join("alpha")
	c.owns()
	for i, as := range []struct {
		group, id  string
		generation int32
		instance   *string
	}{
		{m.group, m.id, m.generation, nil},
		{m.group, m.id, m.generation + 1, nil},
		{m.group, "nobody", m.generation, nil},
		{m.group, "", -1, nil},
		{m.group, m.id, -1, nil},
		{m.group, m.id, m.generation, kmsg.StringPtr("one")},
		{c.group, c.id, c.epoch, nil},
		{c.group, c.id, c.epoch + 1, nil},
		{c.group, c.id, c.epoch - 1, nil},
		{c.group, "nobody", c.epoch, nil},
		{c.group, "", -1, nil},
		{p.own("none"), "nobody", 3, nil},
	} {
		if !x.second {
			p.tell(x.addingOffsets(as.group))
		}
		req := x.committingOffset(as.group, "alpha", 0, int64(i))
		req.MemberID, req.Generation, req.InstanceID = as.id, as.generation, as.instance
		p.tell(req)
	}
	x.end(true)
	x.settled()
	p.readBack(m.group)
	p.readConsumers(c.group)
}

// txnPending looks at offsets of a transaction that is still open.
func txnPending(p *player) {
	x, group := p.newProducer("t"), p.own("g")
	x.init()
	p.tell(p.commitOf(group, "alpha", 0, 1))
	x.commitOffset(group, "alpha", 0, 2)
	x.commitOffset(group, "alpha", 1, 3)
	p.tell(at(p, p.offsets(group, true, "alpha", "beta"), 7, 10))
	p.tell(at(p, p.offsets(group, true), 7, 10))
	p.tell(p.offsets(group, false, "alpha"))
	p.tell(p.offsetDeleting(group, "alpha", 0))
	p.tell(p.commitOf(group, "alpha", 1, 9))
	p.tell(p.deleting(group))
	y := p.newProducer("y")
	y.init()
	y.commitOffset(group, "alpha", 1, 30)
	x.end(p.rnd.IntN(2) == 0)
	x.settled()
	p.tell(at(p, p.offsets(group, true, "alpha"), 7, 10))
	y.end(true)
	y.settled()
	p.tell(at(p, p.offsets(group, true, "alpha"), 7, 10))
	p.readBack(group)
}

// txnSwitch changes between the versions of transactions from one transaction to the next.
func txnSwitch(p *player) {
	x := p.newProducer("t")
	x.init()
	for range 4 {
		x.begin()
		x.produce(1)
		x.commitOffset(p.own("g"), "alpha", 0, int64(x.epoch))
		if p.rnd.IntN(4) == 0 {
			x.second = !x.second // in the middle of one
		}
		x.end(p.rnd.IntN(2) == 0)
		x.settled()
		x.second = !x.second
	}
	x.ended()
	p.tell(p.offsets(p.own("g"), true))
}
