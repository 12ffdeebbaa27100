package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// exactlyOnce is a campaign: client processes that consume, transform and produce in transactions, behind a proxy that
// mistreats their requests, killed and paused at random, over a broker that is killed and started again (R5).
type exactlyOnce struct {
	t       *testing.T
	rnd     *rand.Rand
	target  *target
	topics  topics
	orders  clerkOrders
	books   *books
	proxy   *proxy
	office  *office
	live    *committedReader
	watch   *transactionWatch
	shape   exactlyOnceShape
	inputs  int32 // partitions of the input
	started time.Time
}

// exactlyOnceShape is what differs between campaigns.
type exactlyOnceShape struct {
	name      string
	seed      uint64
	transfers int64
	old       bool // transactions version 1
	consumer  bool // the consumer group protocol
	holes     bool // late EndTxn and TxnOffsetCommit, which version 1 doesn't survive
	clients   int
	poll      int
	every     time.Duration // mean time between two kills or pauses of clients
	bounce    time.Duration // mean time between two kills of the broker
	session   time.Duration // time-out of members
	timeout   time.Duration // of transactions
	limit     time.Duration // until all input is consumed, above what is lost with the broker down
}

// TestExactlyOnce is short: a look at every part of the campaign.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	transfers := int64(20_000)
	if testing.Short() {
		transfers = 4_000
	}
	for i, s := range exactlyOnceShapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.seed, s.transfers, s.clients, s.poll = uint64(i+1), transfers/int64(len(exactlyOnceShapes)), 2, 10
			s.every, s.bounce, s.session, s.timeout, s.limit = 1500*time.Millisecond, 3*time.Second, 1200*time.Millisecond, 3*time.Second, 2*time.Minute
			runExactlyOnce(t, s)
		})
	}
}

var exactlyOnceShapes = []exactlyOnceShape{
	{name: "transactions version 2", holes: true},
	{name: "transactions version 2 in a consumer group", holes: true, consumer: true},
	{name: "transactions version 1", old: true},
}

// TestExactlyOnceCampaign is TestExactlyOnce for long: most of it with transactions version 2.
func TestExactlyOnceCampaign(t *testing.T) {
	if *transfersFlag == 0 {
		t.Skip("campaign: -faults.transfers=5000000")
	}
	for i, s := range exactlyOnceShapes {
		t.Run(s.name, func(t *testing.T) {
			s.seed, s.transfers, s.clients, s.poll = *seedFlag+uint64(i), *transfersFlag*[]int64{7, 2, 1}[i]/10, 4, 25
			s.every, s.bounce, s.session, s.timeout, s.limit = 4*time.Second, 15*time.Second, 3*time.Second, 6*time.Second, 90*time.Minute
			runExactlyOnce(t, s)
		})
	}
}

func runExactlyOnce(t *testing.T, s exactlyOnceShape) {
	t.Logf("seed %d", s.seed)
	if *peerFlag != "" {
		s.bounce *= 10 // it takes its time to start
	}
	e := &exactlyOnce{t: t, rnd: rand.New(rand.NewPCG(s.seed, 8)), target: newTarget(t), shape: s, inputs: 8}
	e.books = newBooks(s.transfers, 4)
	e.setUp()
	e.disturb()
	e.settle()
	e.judge()
	if t.Failed() {
		t.Logf("the broker's log:\n%s", e.target.log())
	}
}

// setUp makes the topics and the input, and starts everything.
func (e *exactlyOnce) setUp() {
	t := e.t
	run := fmt.Sprintf("%d-%x", e.shape.seed, time.Now().UnixNano()&0xffffff) // a control keeps its topics
	e.topics = topics{Input: "input-" + run, Receipts: "receipts-" + run, Entries: [sides]string{"debits-" + run, "credits-" + run}, Partitions: e.books.partitions}
	c, err := connect(tcp(e.target.addr))
	ok(t, err)
	defer c.close()
	arrival := map[string]string{"message.timestamp.type": "LogAppendTime"} // transactionWatch goes by it
	ok(t, c.createTopic(e.topics.Input, e.inputs, nil))
	ok(t, c.createTopic(e.topics.Receipts, 1, arrival))
	for _, name := range e.topics.Entries {
		ok(t, c.createTopic(name, int32(e.topics.Partitions), arrival))
	}
	e.target.await(append(e.outputs(), e.topics.Input)...)
	e.fill()
	e.proxy = newProxy(t, tcp(e.target.addr), newMischief(e.shape.seed, e.shape.holes || *holesFlag), nil)
	e.orders = clerkOrders{
		Addr: e.proxy.addr(), Group: "clerks-" + run, Topics: e.topics, Old: e.shape.old, Consumer: e.shape.consumer,
		Timeout: e.shape.timeout, Session: e.shape.session, Poll: e.shape.poll,
	}
	e.started = time.Now()
	e.live = newCommittedReader(t, e.target.addr, nil, e.outputs()...)
	e.watch = watchTransactions(e.target, e.shape.timeout, e.partitions())
	t.Cleanup(func() { e.watch.stop() })
	e.office = newOffice(t, e.orders, e.books, e.shape.clients)
}

// fill writes the input.
func (e *exactlyOnce) fill() {
	cl, err := kgo.NewClient(kgo.SeedBrokers(e.target.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
	ok(e.t, err)
	defer cl.Close()
	for n := range e.shape.transfers {
		r := &kgo.Record{Topic: e.topics.Input, Partition: int32(n % int64(e.inputs)), Value: transfer{n}.input()}
		cl.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				e.t.Errorf("the input: %v", err)
			}
		})
	}
	ok(e.t, cl.Flush(context.Background()))
}

func (e *exactlyOnce) outputs() []string {
	return append([]string{e.topics.Receipts}, e.topics.Entries[:]...)
}

func (e *exactlyOnce) partitions() []partition {
	out := []partition{{e.topics.Receipts, 0}}
	for _, name := range e.topics.Entries {
		for i := range int32(e.topics.Partitions) {
			out = append(out, partition{name, i})
		}
	}
	return out
}

// disturb does what is to be borne until all input is consumed.
func (e *exactlyOnce) disturb() {
	around := func(mean time.Duration) <-chan time.Time {
		return time.After(mean/2 + time.Duration(e.rnd.Int64N(int64(mean))))
	}
	clients, broker, look, limit := around(e.shape.every), around(e.shape.bounce), time.NewTicker(250*time.Millisecond), time.After(e.shape.limit)
	defer look.Stop()
	report := time.NewTicker(time.Minute)
	defer report.Stop()
	for {
		select {
		case <-clients:
			e.disturbClient()
			clients = around(e.shape.every)
		case <-broker:
			e.target.bounce()
			broker = around(e.shape.bounce)
		case <-look.C:
			if left, err := e.left(); err == nil && left == 0 {
				return
			}
		case <-report.C:
			e.t.Logf("%d of %d transfers left; %s", e.leftForSure(), e.shape.transfers, e.office.summary())
		case <-limit:
			e.t.Fatalf("%d transfers left after %v; errors of clients: %s\nthe broker's log:\n%s", e.leftForSure(), e.shape.limit, strings.Join(e.office.failures, "\n"), e.target.log())
		}
	}
}

// disturbClient kills, pauses or cuts off.
func (e *exactlyOnce) disturbClient() {
	desk := e.rnd.IntN(e.shape.clients)
	switch n := e.rnd.IntN(10); {
	case n < 4:
		e.office.kill(desk)
	case n < 6: // shorter than the session
		e.office.freeze(desk, time.Duration(1+e.rnd.Int64N(int64(e.shape.session))), false)
	case n < 8: // longer than the session and, mostly, the transaction may last
		e.office.freeze(desk, e.shape.session+time.Duration(e.rnd.Int64N(int64(2*e.shape.timeout))), false)
	case n < 9:
		e.office.freeze(desk, time.Duration(1+e.rnd.Int64N(int64(e.shape.timeout))), true)
	default:
		e.proxy.cut()
	}
}

// left is how many transfers the group hasn't committed.
func (e *exactlyOnce) left() (int64, error) {
	c, err := connect(tcp(e.target.addr))
	if err != nil {
		return 0, err
	}
	defer c.close()
	committed, err := c.committed(e.orders.Group, e.topics.Input, e.inputs)
	if err != nil {
		return 0, err
	}
	left := e.shape.transfers
	for _, n := range committed {
		left -= max(0, n)
	}
	return left, nil
}

// leftForSure is left when the coordinator has loaded.
func (e *exactlyOnce) leftForSure() int64 {
	limit := time.After(callTimeout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := e.left()
		if err == nil {
			return left
		}
		select {
		case <-tick.C:
		case <-limit:
			e.t.Fatalf("the committed offsets: %v", err)
		}
	}
}

// committed asks for the offsets of a group, -1 where there is none. Those of transactions that are open don't count.
func (c *client) committed(group, topic string, partitions int32) ([]int64, error) {
	t := protocol.OffsetFetchRequestTopics{Name: topic}
	for i := range partitions {
		t.PartitionIndexes = append(t.PartitionIndexes, i)
	}
	rq := protocol.OffsetFetchRequest{Groups: []protocol.OffsetFetchRequestGroup{{
		GroupId: group, MemberEpoch: -1, Topics: []protocol.OffsetFetchRequestTopics{t},
	}}}
	var rs protocol.OffsetFetchResponse
	if err := c.call(&rq, 8, &rs); err != nil {
		return nil, err
	}
	if len(rs.Groups) != 1 || rs.Groups[0].ErrorCode != 0 {
		return nil, fmt.Errorf("OffsetFetch of %s: %+v", group, rs)
	}
	out := make([]int64, partitions)
	for _, t := range rs.Groups[0].Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return nil, code(p.ErrorCode)
			}
			out[p.PartitionIndex] = p.CommittedOffset
		}
	}
	return out, nil
}

// settle ends the clients and waits until no transaction is open: as long as one may time out, and no longer.
func (e *exactlyOnce) settle() {
	t := e.t
	e.office.shut()
	e.proxy.close() // with it go the late requests
	limit := time.After(e.shape.timeout + overdue + 5*time.Second)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		state, err := e.unsettled()
		if err == nil && state == "" {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Errorf("%v: %s, %v after the last client: %v", hanging, state, e.shape.timeout+overdue, err)
			return
		}
	}
}

// unsettled names what is still open: transactions, or partitions whose last stable offset is not their end.
func (e *exactlyOnce) unsettled() (string, error) {
	c, err := connect(tcp(e.target.addr))
	if err != nil {
		return "", err
	}
	defer c.close()
	open, err := c.openTransactions()
	if err != nil {
		return "", err
	}
	var names []string
	for _, o := range open {
		if strings.HasPrefix(o.name, e.orders.Group) {
			names = append(names, o.name)
		}
	}
	for _, tp := range e.partitions() {
		stable, err := c.end(tp, true)
		if err != nil {
			return "", err
		}
		if high, err := c.end(tp, false); err != nil || high != stable {
			names = append(names, fmt.Sprintf("%v is stable to %d of %d", tp, stable, high))
		}
	}
	return strings.Join(names, ", "), nil
}

// judge reads everything once more, from the start and after one more kill of the broker, and closes the books.
func (e *exactlyOnce) judge() {
	t := e.t
	for _, p := range e.watch.stop() {
		t.Error(p)
	}
	if t.Failed() {
		return // what is open can't be read
	}
	e.target.bounce()
	e.target.await(e.outputs()...)
	c, err := connect(tcp(e.target.addr))
	ok(t, err)
	defer c.close()
	ends := map[partition]int64{}
	for _, tp := range e.partitions() {
		ends[tp], err = c.end(tp, true)
		ok(t, err)
	}
	again := newCommittedReader(t, e.target.addr, e.post, e.outputs()...)
	limit := time.Minute + time.Duration(e.shape.transfers)*50*time.Microsecond
	for _, r := range []*committedReader{e.live, again} {
		if err := r.until(ends, limit); err != nil {
			t.Errorf("%v: read_committed: %v", lost, err)
		}
	}
	again.close()
	for _, p := range append(e.books.check(), e.live.differences(again)...) {
		t.Error(p)
	}
	if left := e.leftForSure(); left != 0 {
		t.Errorf("%v: offsets: %d transfers are no longer committed", lost, left)
	}
	e.report(ends)
}

// post enters a record that a reader was served.
func (e *exactlyOnce) post(r *kgo.Record) {
	if r.Topic == e.topics.Receipts {
		rc, err := readReceipt(r.Value)
		if err != nil {
			e.books.report(changed, "offset %d of the receipts: %v", r.Offset, err)
			return
		}
		e.books.sign(rc)
		return
	}
	en, err := readEntry(r.Value)
	if err != nil {
		e.books.report(changed, "%s-%d, offset %d: %v", r.Topic, r.Partition, r.Offset, err)
		return
	}
	side := debits
	if r.Topic == e.topics.Entries[credits] {
		side = credits
	}
	e.books.enter(side, int(r.Partition), en)
}

func (e *exactlyOnce) report(ends map[partition]int64) {
	var all int64
	for _, n := range ends {
		all += n
	}
	w := e.watch
	e.t.Logf("%d transfers in %v, %d transactions; %d offsets of output, of which %d are visible; %s; %d kills of the broker; %d looks at open transactions saw %d, the longest open for %v",
		e.shape.transfers, time.Since(e.started).Round(time.Second), e.books.committed(), all, 2*e.shape.transfers+int64(e.books.committed()),
		e.office.summary(), len(e.target.downs), w.looks, w.open, w.longest.Round(time.Millisecond))
	e.t.Logf("requests: %s", e.proxy.mischief.done())
	if n := len(e.office.failures); n > 0 {
		e.t.Logf("some of the errors that ended clients: %s", strings.Join(e.office.failures[max(0, n-5):], "; "))
	}
}
