package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFranzGoGroups(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]settings{
		"cooperative": {}, "range": {"assignor": "range"}, "consumer": {"protocol": "consumer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			share(t, &franzGroups{addr: target(t).Addr, members: map[string]*franzMember{}}, s)
		})
	}
}

func TestFranzGoTransactions(t *testing.T) {
	t.Parallel()
	exactlyOnce(t, franzTransactions{target(t).Addr})
}

type franzGroups struct {
	addr    string
	members map[string]*franzMember
}

type franzMember struct {
	inbox
	cl   *kgo.Client
	done chan struct{}
}

func (c *franzGroups) join(member, group, topic string, s settings) error {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.addr), kgo.ClientID(member), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.HeartbeatInterval(200 * time.Millisecond), kgo.SessionTimeout(6 * time.Second),
	}
	if s["assignor"] == "range" {
		opts = append(opts, kgo.Balancers(kgo.RangeBalancer()))
	}
	if s["protocol"] == "consumer" {
		opts = append(opts, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	m := &franzMember{cl: cl, done: make(chan struct{})}
	c.members[member] = m
	go m.run()
	return nil
}

func (m *franzMember) run() {
	defer close(m.done)
	for {
		f := m.cl.PollFetches(context.Background())
		if f.IsClientClosed() {
			return
		}
		if err := f.Err(); err != nil {
			m.fail(err)
		}
		f.EachRecord(func(r *kgo.Record) { m.add(placed{r.Topic, r.Partition, r.Offset, string(r.Value)}) })
	}
}

func (c *franzGroups) read(member string) ([]placed, error) { return c.members[member].take() }

func (c *franzGroups) commit(member string) error {
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	return c.members[member].cl.CommitUncommittedOffsets(ctx)
}

func (c *franzGroups) leave(member string) error {
	m := c.members[member]
	m.cl.Close()
	<-m.done
	return nil
}

type franzTransactions struct{ addr string }

func (c franzTransactions) producer(id string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(c.addr), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

func ending(end string) kgo.TransactionEndTry { return kgo.TransactionEndTry(end == "commit") }

func (c franzTransactions) transact(id, topic, prefix string, n int, end string) error {
	cl, err := c.producer(id)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(i % 2), Value: fmt.Appendf(nil, "%s-%d", prefix, i)})
	}
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, ending(end))
}

func (c franzTransactions) move(id, group, from, to string, n int, end string) error {
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(c.addr), kgo.TransactionalID(id), kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	var recs []*kgo.Record
	for len(recs) < n {
		f := s.PollFetches(ctx)
		if err := f.Err(); err != nil {
			return fmt.Errorf("%d of %d records: %w", len(recs), n, err)
		}
		f.EachRecord(func(r *kgo.Record) {
			recs = append(recs, &kgo.Record{Topic: to, Partition: r.Partition, Value: r.Value})
		})
	}
	if err := s.Begin(); err != nil {
		return err
	}
	if err := s.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return err
	}
	committed, err := s.End(ctx, ending(end))
	if err == nil && committed != (end == "commit") {
		err = fmt.Errorf("the transaction was to %s, committed: %v", end, committed)
	}
	return err
}

func (c franzTransactions) committed(topic string, n int) ([]string, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addr), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	var out []string
	for len(out) < n {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			return out, err
		}
		f.EachRecord(func(r *kgo.Record) { out = append(out, string(r.Value)) })
	}
	return out, nil
}

func (c franzTransactions) fenced(id, topic string) error {
	first, err := c.producer(id)
	if err != nil {
		return err
	}
	defer first.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	if err := first.BeginTransaction(); err != nil {
		return err
	}
	if err := first.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("lost")}).FirstErr(); err != nil {
		return err
	}
	if err := c.transact(id, topic, "kept", 2, "commit"); err != nil {
		return err
	}
	err = first.EndTransaction(ctx, kgo.TryCommit)
	if !errors.Is(err, kerr.InvalidProducerEpoch) && !errors.Is(err, kerr.ProducerFenced) {
		return fmt.Errorf("the first producer was told %v", err)
	}
	return nil
}
