//go:build differential

package interop

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// txnOddPartitions adds what does not exist, and on behalf of who is not there.
func txnOddPartitions(p *player) {
	x := p.newProducer("t")
	p.tell(x.adding(p.ledger, p.partition))
	x.init()
	p.tell(x.adding("missing", 0))
	p.tell(x.adding(p.ledger, p.partition, 30_000, -1))
	p.tell(x.adding("", 0))
	p.tell(x.adding(p.ledger))
	req := x.adding(p.ledger, p.partition)
	req.Topics = nil
	p.tell(req)
	p.tell(x.adding(p.ledger, p.partition, p.partition))
	p.tell(x.adding("__consumer_offsets", 0))
	p.tell(x.adding("__transaction_state", 0))
	other := *x
	other.txn = oneOf(p, p.own("none"), "")
	p.tell(other.adding(p.ledger, p.partition))
	other = *x
	other.id += oneOf[int64](p, 1, -1<<40)
	p.tell(other.adding(p.ledger, p.partition))
	p.tell(p.describingTxns(x.txn, p.own("none"), ""))
	p.tell(p.describingTxns())
	x.end(p.rnd.IntN(2) == 0)
	x.ended()
}

// batched makes an AddPartitionsToTxn as brokers send it, from version 4 on.
func (p *player) batched(verify bool, of ...*producer) *kmsg.AddPartitionsToTxnRequest {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	for _, x := range of {
		t := kmsg.NewAddPartitionsToTxnRequestTransaction()
		t.TransactionalID, t.ProducerID, t.ProducerEpoch, t.VerifyOnly = x.txn, x.id, x.epoch, verify
		topic := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
		topic.Topic, topic.Partitions = p.ledger, []int32{p.partition}
		t.Topics = append(t.Topics, topic)
		req.Transactions = append(req.Transactions, t)
	}
	return at(p, req, 4, 5)
}

// txnBatched adds and verifies partitions of several transactions in one request.
func txnBatched(p *player) {
	x, y, none := p.newProducer("t"), p.newProducer("y"), p.newProducer("none")
	x.init()
	y.init()
	p.tell(p.batched(true, x, y, none))
	p.tell(p.batched(false, x))
	p.tell(p.batched(true, x, y))
	stale := *y
	stale.epoch--
	p.tell(p.batched(oneOf(p, true, false), &stale, none))
	odd := p.batched(false, x)
	odd.Transactions[0].Topics[0].Topic = oneOf(p, "missing", "")
	p.tell(odd)
	p.tell(p.batched(p.rnd.IntN(2) == 0))
	p.tell(p.describingTxns(x.txn, y.txn))
	x.end(true)
	x.settled()
	p.tell(p.batched(true, x))
	x.ended()
}

// txnOddProduce produces what does not belong to the transaction it names.
func txnOddProduce(p *player) {
	x, y := p.newProducer("t"), p.newProducer("y")
	x.init()
	y.init()
	p.tell(x.producing(x.batch(1))) // not begun, for the first version
	x.begin()
	for range 5 {
		b := x.batch(1)
		b.FirstSequence = 0
		req := x.producing(b)
		switch p.rnd.IntN(7) {
		case 0:
			b.Attributes = 0
			req.Topics[0].Partitions[0].Records = b.Encode()
		case 1:
			req.TransactionID = nil
		case 2:
			req.TransactionID = oneOf(p, &y.txn, kmsg.StringPtr(p.own("none")), kmsg.StringPtr(""))
		case 3:
			b.ProducerID = oneOf(p, y.id, -1, 1<<41)
			req.Topics[0].Partitions[0].Records = b.Encode()
		case 4:
			b.ProducerEpoch += oneOf[int16](p, 1, -1, 100)
			req.Topics[0].Partitions[0].Records = b.Encode()
		case 5:
			b.FirstSequence = oneOf[int32](p, 1, 7, -1)
			req.Topics[0].Partitions[0].Records = b.Encode()
		default:
			req.Acks = 1
		}
		p.tell(req)
	}
	p.tell(p.describingTxns(x.txn, y.txn))
	x.end(p.rnd.IntN(2) == 0)
	x.ended()
}

// txnSequences repeats and skips batches, within a transaction and after it.
func txnSequences(p *player) {
	x := p.newProducer("t")
	x.init()
	x.begin()
	x.produce(2)
	first := *x
	first.sequence = 0
	p.tell(x.producing(first.batch(2))) // a duplicate
	x.produce(1)
	gap := *x
	gap.sequence += 5
	p.tell(x.producing(gap.batch(1)))
	x.end(true)
	x.settled()
	p.tell(first.producing(first.batch(2)))
	x.begin()
	skip := *x
	skip.sequence += 3
	p.tell(x.producing(skip.batch(1)))
	x.produce(1)
	plain := wire.Values(0, batchTime, []byte("beside"))
	p.tell(at(p, wire.ProduceRequest(9, -1, p.ledger, p.partition, plain.Encode()), 3, 12))
	p.readLedger()
	x.end(false)
	x.ended()
}

// marker makes a WriteTxnMarkers for the producer at the scene's partition.
func (x *producer) marker(commit bool) *kmsg.WriteTxnMarkersRequest {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.Committed = x.id, x.epoch, commit
	t := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	t.Topic, t.Partitions = x.p.ledger, []int32{x.p.partition}
	m.Topics = append(m.Topics, t)
	if x.second {
		m.TransactionVersion = 2
	}
	req.Markers = append(req.Markers, m)
	return anyVersion(x.p, req)
}

// txnMarkers writes markers without the coordinator, as "kafka-transactions abort" does.
func txnMarkers(p *player) {
	x := p.newProducer("t")
	x.init()
	x.begin()
	x.produce(1)
	spoil := []func(m *kmsg.WriteTxnMarkersRequestMarker){
		func(m *kmsg.WriteTxnMarkersRequestMarker) { m.Topics[0].Topic = oneOf(p, "missing", "") },
		func(m *kmsg.WriteTxnMarkersRequestMarker) { m.Topics[0].Partitions = []int32{30_000, -1} },
		func(m *kmsg.WriteTxnMarkersRequestMarker) { m.ProducerEpoch-- },
		func(m *kmsg.WriteTxnMarkersRequestMarker) { m.ProducerID = 1 << 41 },
		func(m *kmsg.WriteTxnMarkersRequestMarker) { m.CoordinatorEpoch = -5 },
		func(m *kmsg.WriteTxnMarkersRequestMarker) { m.Topics = nil },
		func(m *kmsg.WriteTxnMarkersRequestMarker) { m.TransactionVersion = oneOf[int8](p, 1, 5, -1) },
	}
	for range 4 {
		req := x.marker(false)
		spoil[p.rnd.IntN(len(spoil))](&req.Markers[0])
		p.tell(req)
		p.tell(p.describingProducers(p.ledger, p.partition))
	}
	p.tell(x.marker(false))
	p.readLedger()
	p.tell(x.marker(true))
	x.produce(1)
	p.tell(p.describingTxns(x.txn))
	x.end(true)
	x.ended()
	p.tell(p.describingProducers("missing", 0))
	p.tell(p.describingProducers(p.ledger, 30_000, -1))
	none := x.marker(true)
	none.Markers = nil
	p.tell(none)
}

// txnList lists transactions in several states by every filter.
func txnList(p *player) {
	x, y, z := p.newProducer("open"), p.newProducer("done"), p.newProducer("empty")
	for _, one := range []*producer{x, y, z} {
		one.init()
	}
	id := y.id
	x.begin()
	x.produce(1)
	p.tell(y.adding(p.ledger, p.partition))
	y.end(true)
	y.settled()
	for _, states := range [][]string{nil, {"Ongoing"}, {"Empty", "CompleteCommit"}, {"ongoing"}, {"nonsense"}, {""}, {"Dead", "PrepareAbort"}} {
		p.tell(p.listingTxns(states, nil))
	}
	for _, ids := range [][]int64{{x.id}, {id, z.id}, {1 << 41}, {-1}} {
		p.tell(p.listingTxns(nil, ids))
	}
	pause(5 * time.Millisecond) // the last one is older than 1 ms on the faster broker too
	for _, duration := range []int64{0, 1, 1_000_000, -2} {
		req := p.listingTxns(nil, nil)
		req.DurationFilterMillis = duration
		p.tell(at(p, req, 1, 2))
	}
	for _, pattern := range []string{p.own("open"), ".*open", p.own("") + ".*", "", "(", strings.Repeat("(a+)+", 3)} {
		req := p.listingTxns(nil, nil)
		req.TransactionalIDPattern = &pattern
		p.tell(at(p, req, 2, 2))
	}
	p.tell(p.describingTxns(x.txn, y.txn, z.txn))
}
