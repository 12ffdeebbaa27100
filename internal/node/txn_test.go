package node_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/jockotest"
)

// A txnCluster is a broker and clients of its topic t.
type txnCluster struct {
	*testing.T
	broker *jockotest.Broker
	ctx    context.Context
}

func newTxnCluster(t *testing.T) *txnCluster {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	b := jockotest.Start(t, jockotest.Config("transaction.state.log.num.partitions", "2"))
	c := &txnCluster{t, b, ctx}
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 1, 1
	req.Topics = append(req.Topics, topic)
	if _, err := req.RequestWith(ctx, c.client()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *txnCluster) client(opts ...kgo.Opt) *kgo.Client {
	c.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.broker.Addr()), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond })}, opts...)...)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(cl.Close)
	return cl
}

func (c *txnCluster) producer(id string, opts ...kgo.Opt) *kgo.Client {
	return c.client(append([]kgo.Opt{kgo.TransactionalID(id), kgo.DefaultProduceTopic("t")}, opts...)...)
}

// consumer reads what is committed, and waits long for it.
func (c *txnCluster) consumer() *kgo.Client {
	return c.client(kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(20*time.Second),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtStart()}}))
}

func (c *txnCluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *txnCluster) produce(cl *kgo.Client, values ...string) {
	c.Helper()
	for _, v := range values {
		c.must(cl.ProduceSync(c.ctx, kgo.StringRecord(v)).FirstErr())
	}
}

// read takes n records.
func (c *txnCluster) read(cl *kgo.Client, n int) []string {
	c.Helper()
	var out []string
	for len(out) < n {
		fs := cl.PollFetches(c.ctx)
		c.must(fs.Err())
		fs.EachRecord(func(r *kgo.Record) { out = append(out, string(r.Value)) })
	}
	return out
}

func (c *txnCluster) expect(got []string, want ...string) {
	c.Helper()
	if !slices.Equal(got, want) {
		c.Errorf("read %v, want %v", got, want)
	}
}

func TestTxnCommitAndAbort(t *testing.T) {
	c := newTxnCluster(t)
	p, reader := c.producer("p"), c.consumer()
	c.must(p.BeginTransaction())
	c.produce(p, "a", "b")
	read := make(chan []string)
	go func() { read <- c.read(reader, 2) }() // waits on the last stable offset
	select {
	case got := <-read:
		t.Fatalf("read %v within the transaction", got)
	case <-time.After(200 * time.Millisecond):
	}
	c.must(p.EndTransaction(c.ctx, kgo.TryCommit))
	c.expect(<-read, "a", "b")

	c.must(p.BeginTransaction())
	c.produce(p, "x", "y")
	c.must(p.EndTransaction(c.ctx, kgo.TryAbort))
	for _, v := range []string{"c", "d", "e"} { // the next one at once
		c.must(p.BeginTransaction())
		c.produce(p, v)
		c.must(p.EndTransaction(c.ctx, kgo.TryCommit))
	}
	c.expect(c.read(reader, 3), "c", "d", "e")
	c.expect(c.read(c.consumer(), 5), "a", "b", "c", "d", "e")
}

func TestTxnNewIncarnationFencesTheOldOne(t *testing.T) {
	c := newTxnCluster(t)
	old := c.producer("p")
	c.must(old.BeginTransaction())
	c.produce(old, "old")
	fresh := c.producer("p")
	c.must(fresh.BeginTransaction())
	c.produce(fresh, "new")
	if err := old.EndTransaction(c.ctx, kgo.TryCommit); !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
		t.Errorf("the old incarnation commits: %v", err)
	}
	c.must(fresh.EndTransaction(c.ctx, kgo.TryCommit))
	c.expect(c.read(c.consumer(), 1), "new")
}

func TestTxnTimeoutAborts(t *testing.T) {
	c := newTxnCluster(t)
	slow := c.producer("slow", kgo.TransactionTimeout(500*time.Millisecond))
	c.must(slow.BeginTransaction())
	c.produce(slow, "late")
	other := c.producer("other")
	c.must(other.BeginTransaction())
	c.produce(other, "in time")
	c.must(other.EndTransaction(c.ctx, kgo.TryCommit))
	c.expect(c.read(c.consumer(), 1), "in time") // once the other's marker is there
	if err := slow.EndTransaction(c.ctx, kgo.TryCommit); err == nil {
		t.Error("a transaction past its time was committed")
	}
}

func TestTxnGoesOnAfterARestart(t *testing.T) {
	c := newTxnCluster(t)
	p := c.producer("p")
	c.must(p.BeginTransaction())
	c.produce(p, "before")
	c.broker.Restart()
	c.produce(p, "after")
	c.must(p.EndTransaction(c.ctx, kgo.TryCommit))
	c.expect(c.read(c.consumer(), 2), "before", "after")
}

// TestTxnEndsAfterARestart has the end of a transaction decided in the log, and
// no marker written: the coordinator that loads it writes them.
func TestTxnEndsAfterARestart(t *testing.T) {
	c := newTxnCluster(t)
	p := c.producer("p")
	c.must(p.BeginTransaction())
	c.produce(p, "decided")
	partition := coordinator.PartitionFor("p", 2)
	key, value := c.ongoing(partition)
	value.TransactionStatus = int8(txn.PrepareCommit)
	value.ProducerEpoch++ // transactions version 2
	admin := c.client(kgo.ClientID("__admin_client"), kgo.DisableIdempotentWrite(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	c.must(admin.ProduceSync(c.ctx, &kgo.Record{Topic: txn.Topic, Partition: partition, Key: encode(0, key), Value: encode(1, value)}).FirstErr())
	c.broker.Restart()
	c.expect(c.read(c.consumer(), 1), "decided")
}

func encode(version int16, r protocol.Record) []byte {
	e := protocol.NewEncoder()
	e.Int16(version)
	r.Encode(e, version)
	return e.Bytes()
}

// ongoing reads the records of transactional ids up to one of an ongoing
// transaction.
func (c *txnCluster) ongoing(partition int32) (*protocol.TransactionLogKey, *protocol.TransactionLogValue) {
	c.Helper()
	key, value := new(protocol.TransactionLogKey), protocol.NewTransactionLogValue()
	cl := c.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{txn.Topic: {partition: kgo.NewOffset().AtStart()}}))
	for value.TransactionStatus != int8(txn.Ongoing) {
		fs := cl.PollFetches(c.ctx)
		c.must(fs.Err())
		fs.EachRecord(func(r *kgo.Record) {
			var d protocol.Decoder
			d.Reset(r.Key[2:])
			c.must(key.Decode(&d, 0))
			d.Reset(r.Value[2:])
			c.must(value.Decode(&d, 1))
		})
	}
	return key, value
}
