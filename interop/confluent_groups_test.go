//go:build cgo

package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func TestConfluentKafkaGoGroups(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]settings{
		"range": {}, "cooperative": {"assignor": "cooperative-sticky"}, "consumer": {"protocol": "consumer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			share(t, &librdGroups{target(t).Addr, map[string]*librdMember{}}, s)
		})
	}
}

func TestConfluentKafkaGoTransactions(t *testing.T) {
	t.Parallel()
	exactlyOnce(t, librd{target(t).Addr})
}

type librdGroups struct {
	addr    string
	members map[string]*librdMember
}

type librdMember struct {
	inbox
	cons *kafka.Consumer
	stop chan struct{}
	done chan struct{}
	once sync.Once
}

func (c *librdGroups) join(member, group, topic string, s settings) error {
	conf := kafka.ConfigMap{
		"bootstrap.servers": c.addr, "client.id": member, "group.id": group, "enable.auto.commit": false,
		"auto.offset.reset": "earliest", "fetch.wait.max.ms": 200,
	}
	if s["protocol"] == "consumer" {
		conf["group.protocol"] = "consumer" // the broker says how often to send a heartbeat
	} else {
		conf["heartbeat.interval.ms"], conf["session.timeout.ms"] = 200, 6000
	}
	if a := s["assignor"]; a != "" {
		conf["partition.assignment.strategy"] = a
	}
	cons, err := kafka.NewConsumer(&conf)
	if err != nil {
		return err
	}
	if err := cons.Subscribe(topic, nil); err != nil {
		return errors.Join(err, cons.Close())
	}
	m := &librdMember{cons: cons, stop: make(chan struct{}), done: make(chan struct{})}
	c.members[member] = m
	go m.run()
	return nil
}

func (m *librdMember) run() {
	defer close(m.done)
	for {
		select {
		case <-m.stop:
			return
		default:
		}
		switch e := m.cons.Poll(100).(type) {
		case *kafka.Message:
			m.add(placed{*e.TopicPartition.Topic, e.TopicPartition.Partition, int64(e.TopicPartition.Offset), string(e.Value)})
		case kafka.Error:
			m.fail(e)
		}
	}
}

func (c *librdGroups) read(member string) ([]placed, error) { return c.members[member].take() }

func (c *librdGroups) commit(member string) error {
	_, err := c.members[member].cons.Commit()
	return err
}

func (c *librdGroups) leave(member string) error {
	m := c.members[member]
	m.once.Do(func() { close(m.stop) })
	<-m.done
	return m.cons.Close()
}

func (c librd) transactional(ctx context.Context, id string) (*kafka.Producer, error) {
	p, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": c.addr, "transactional.id": id, "linger.ms": 5})
	if err != nil {
		return nil, err
	}
	go func() {
		for range p.Events() { // what was not delivered fails the commit
			continue
		}
	}()
	if err := p.InitTransactions(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, p.BeginTransaction()
}

func (c librd) send(p *kafka.Producer, topic string, partition int32, value []byte) error {
	return p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: partition}, Value: value}, nil)
}

func (c librd) end(ctx context.Context, p *kafka.Producer, end string) error {
	if p.Flush(clientTimeoutMs) > 0 { // an abort would drop what is still queued
		return errors.New("not all messages were delivered")
	}
	if end == "commit" {
		return p.CommitTransaction(ctx)
	}
	return p.AbortTransaction(ctx)
}

func (c librd) transact(id, topic, prefix string, n int, end string) error {
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	p, err := c.transactional(ctx, id)
	if err != nil {
		return err
	}
	defer p.Close()
	for i := range n {
		if err := c.send(p, topic, int32(i%2), fmt.Appendf(nil, "%s-%d", prefix, i)); err != nil {
			return err
		}
	}
	return c.end(ctx, p, end)
}

func (c librd) committedConsumer(group, topic string) (*kafka.Consumer, error) {
	cons, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": c.addr, "group.id": group, "enable.auto.commit": false, "auto.offset.reset": "earliest",
		"isolation.level": "read_committed", "fetch.wait.max.ms": 200, "heartbeat.interval.ms": 200, "session.timeout.ms": 6000,
	})
	if err != nil {
		return nil, err
	}
	return cons, cons.Subscribe(topic, nil)
}

func (c librd) move(id, group, from, to string, n int, end string) error {
	cons, err := c.committedConsumer(group, from)
	if err != nil {
		return err
	}
	defer cons.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	p, err := c.transactional(ctx, id)
	if err != nil {
		return err
	}
	defer p.Close()
	for range n {
		m, err := cons.ReadMessage(clientTimeout)
		if err != nil {
			return err
		}
		if err := c.send(p, to, m.TopicPartition.Partition, m.Value); err != nil {
			return err
		}
	}
	parts, err := cons.Assignment()
	if err != nil {
		return err
	}
	at, err := cons.Position(parts)
	if err != nil {
		return err
	}
	meta, err := cons.GetConsumerGroupMetadata()
	if err != nil {
		return err
	}
	if err := p.SendOffsetsToTransaction(ctx, at, meta); err != nil {
		return err
	}
	return c.end(ctx, p, end)
}

func (c librd) committed(topic string, n int) ([]string, error) {
	cons, err := c.committedConsumer(topic+"-readers", topic)
	if err != nil {
		return nil, err
	}
	defer cons.Close()
	var out []string
	for len(out) < n {
		m, err := cons.ReadMessage(clientTimeout)
		if err != nil {
			return out, err
		}
		out = append(out, string(m.Value))
	}
	return out, nil
}

func (c librd) fenced(id, topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	first, err := c.transactional(ctx, id)
	if err != nil {
		return err
	}
	defer first.Close()
	if err := c.send(first, topic, 0, []byte("lost")); err != nil {
		return err
	}
	if err := c.transact(id, topic, "kept", 2, "commit"); err != nil {
		return err
	}
	err = first.CommitTransaction(ctx)
	var told kafka.Error
	if !errors.As(err, &told) || !told.IsFatal() || told.Code() != kafka.ErrFenced {
		return fmt.Errorf("the first producer was told %v", err)
	}
	return nil
}
