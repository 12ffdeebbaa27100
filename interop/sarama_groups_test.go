package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

func TestSaramaGroups(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]settings{"range": {}, "sticky": {"assignor": "sticky"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			share(t, &saramaGroups{saramaClient{target(t).Addr}, map[string]*saramaMember{}}, s)
		})
	}
}

func TestSaramaTransactions(t *testing.T) {
	t.Parallel()
	exactlyOnce(t, saramaTransactions{saramaClient{target(t).Addr}})
}

type saramaGroups struct {
	saramaClient
	members map[string]*saramaMember
}

// saramaMember is the handler of a member's sessions.
type saramaMember struct {
	inbox
	group   sarama.ConsumerGroup
	stop    context.CancelFunc
	done    chan struct{}
	mu      sync.Mutex
	session sarama.ConsumerGroupSession // the last one that began
}

func (c saramaClient) groupSettings() *sarama.Config {
	conf := c.settings()
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	conf.Consumer.Offsets.AutoCommit.Enable = false
	conf.Consumer.Return.Errors = true
	conf.Consumer.MaxWaitTime = 200 * time.Millisecond
	conf.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	conf.Consumer.Group.Session.Timeout = 6 * time.Second
	return conf
}

func (c *saramaGroups) join(member, group, topic string, s settings) error {
	conf := c.groupSettings()
	conf.ClientID = member
	if s["assignor"] == "sticky" {
		conf.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	}
	g, err := sarama.NewConsumerGroup([]string{c.addr}, group, conf)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &saramaMember{group: g, stop: stop, done: make(chan struct{})}
	c.members[member] = m
	go m.run(ctx, topic)
	go func() {
		for err := range g.Errors() {
			m.fail(err)
		}
	}()
	return nil
}

func (m *saramaMember) run(ctx context.Context, topic string) {
	defer close(m.done)
	for ctx.Err() == nil { // each call is one session, which a rebalance ends
		if err := m.group.Consume(ctx, []string{topic}, m); err != nil && ctx.Err() == nil {
			m.fail(err)
			return
		}
	}
}

func (m *saramaMember) Setup(s sarama.ConsumerGroupSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session = s
	return nil
}

func (m *saramaMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *saramaMember) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for msg := range claim.Messages() {
		s.MarkMessage(msg, "")
		m.add(placed{msg.Topic, msg.Partition, msg.Offset, string(msg.Value)})
	}
	return nil
}

func (c *saramaGroups) read(member string) ([]placed, error) { return c.members[member].take() }

// commit commits what was marked; what goes wrong comes on the group's channel of errors.
func (c *saramaGroups) commit(member string) error {
	m := c.members[member]
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session.Commit()
	return nil
}

func (c *saramaGroups) leave(member string) error {
	m := c.members[member]
	m.stop()
	<-m.done
	_, failed := m.take()
	return errors.Join(m.group.Close(), failed)
}

type saramaTransactions struct{ saramaClient }

func (c saramaTransactions) producer(id string) (sarama.SyncProducer, error) {
	conf := c.settings()
	conf.Producer.Return.Successes = true
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Idempotent = true
	conf.Producer.Transaction.ID = id
	conf.Producer.Transaction.Timeout = 30 * time.Second
	return sarama.NewSyncProducer([]string{c.addr}, conf)
}

func finish(p sarama.SyncProducer, end string) error {
	if end == "commit" {
		return p.CommitTxn()
	}
	return p.AbortTxn()
}

func (c saramaTransactions) transact(id, topic, prefix string, n int, end string) error {
	p, err := c.producer(id)
	if err != nil {
		return err
	}
	if err := p.BeginTxn(); err != nil {
		return errors.Join(err, p.Close())
	}
	var msgs []*sarama.ProducerMessage
	for i := range n {
		msgs = append(msgs, &sarama.ProducerMessage{
			Topic: topic, Partition: int32(i % 2), Value: sarama.StringEncoder(fmt.Sprintf("%s-%d", prefix, i)),
		})
	}
	if err := p.SendMessages(msgs); err != nil {
		return errors.Join(err, p.Close())
	}
	return errors.Join(finish(p, end), p.Close())
}

// mover reads n messages of a group in one session and moves them in one transaction.
type mover struct {
	c        saramaTransactions
	id, to   string
	group    string
	n        int
	end      string
	messages chan *sarama.ConsumerMessage
}

func (m *mover) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *mover) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *mover) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for msg := range claim.Messages() {
		select {
		case m.messages <- msg:
		case <-s.Context().Done():
			return nil
		}
	}
	return nil
}

func (c saramaTransactions) move(id, group, from, to string, n int, end string) error {
	conf := c.groupSettings()
	conf.Consumer.IsolationLevel = sarama.ReadCommitted
	g, err := sarama.NewConsumerGroup([]string{c.addr}, group, conf)
	if err != nil {
		return err
	}
	go func() {
		for range g.Errors() { // a lost session shows in what was not moved
			continue
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	m := &mover{c: c, id: id, to: to, group: group, n: n, end: end, messages: make(chan *sarama.ConsumerMessage)}
	moved := make(chan error, 1)
	go func() {
		moved <- m.move(ctx)
		cancel()
	}()
	err = g.Consume(ctx, []string{from}, m)
	return errors.Join(<-moved, err, g.Close())
}

func (m *mover) move(ctx context.Context) error {
	p, err := m.c.producer(m.id)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.BeginTxn(); err != nil {
		return err
	}
	for i := range m.n {
		select {
		case msg := <-m.messages:
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: m.to, Partition: msg.Partition, Value: sarama.ByteEncoder(msg.Value)})
			if err := errors.Join(err, p.AddMessageToTxn(msg, m.group, nil)); err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records: %w", i, m.n, ctx.Err())
		}
	}
	return finish(p, m.end)
}

func (c saramaTransactions) committed(topic string, n int) ([]string, error) {
	conf := c.settings()
	conf.Consumer.IsolationLevel = sarama.ReadCommitted
	consumer, err := sarama.NewConsumer([]string{c.addr}, conf)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	var both [2]sarama.PartitionConsumer
	for p := range both {
		if both[p], err = consumer.ConsumePartition(topic, int32(p), sarama.OffsetOldest); err != nil {
			return nil, err
		}
		defer both[p].Close()
	}
	timeout := time.After(clientTimeout)
	var out []string
	for len(out) < n {
		select {
		case m := <-both[0].Messages():
			out = append(out, string(m.Value))
		case m := <-both[1].Messages():
			out = append(out, string(m.Value))
		case <-timeout:
			return out, fmt.Errorf("%d of %d records after %s", len(out), n, clientTimeout)
		}
	}
	return out, nil
}

func (c saramaTransactions) fenced(id, topic string) error {
	first, err := c.producer(id)
	if err != nil {
		return err
	}
	defer first.Close()
	if err := first.BeginTxn(); err != nil {
		return err
	}
	if _, _, err := first.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("lost")}); err != nil {
		return err
	}
	if err := c.transact(id, topic, "kept", 2, "commit"); err != nil {
		return err
	}
	err = first.CommitTxn()
	if !errors.Is(err, sarama.ErrInvalidProducerEpoch) && !errors.Is(err, sarama.ErrProducerFenced) {
		return fmt.Errorf("the first producer was told %v", err)
	}
	return nil
}
