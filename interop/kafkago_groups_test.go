package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

func TestKafkaGoGroups(t *testing.T) {
	t.Parallel()
	share(t, &kafkaGoGroups{target(t).Addr, map[string]*kafkaGoMember{}})
}

type kafkaGoGroups struct {
	addr    string
	members map[string]*kafkaGoMember
}

type kafkaGoMember struct {
	inbox
	r    *kafka.Reader
	done chan struct{}
	last map[int]kafka.Message // by partition; guarded by the inbox
}

func (c *kafkaGoGroups) join(member, group, topic string, _ settings) error {
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{c.addr}, GroupID: group, Topic: topic, MaxWait: 200 * time.Millisecond,
		Dialer:            &kafka.Dialer{ClientID: member, Timeout: clientTimeout},
		HeartbeatInterval: 200 * time.Millisecond, SessionTimeout: 6 * time.Second, RebalanceTimeout: 6 * time.Second,
		JoinGroupBackoff: 200 * time.Millisecond, StartOffset: kafka.FirstOffset,
	})
	m := &kafkaGoMember{r: r, done: make(chan struct{}), last: map[int]kafka.Message{}}
	c.members[member] = m
	go m.run()
	return nil
}

func (m *kafkaGoMember) run() {
	defer close(m.done)
	for {
		msg, err := m.r.FetchMessage(context.Background())
		if err != nil {
			m.fail(err)
			return
		}
		m.mu.Lock()
		m.last[msg.Partition] = msg
		m.recs = append(m.recs, placed{msg.Topic, int32(msg.Partition), msg.Offset, string(msg.Value)})
		m.mu.Unlock()
	}
}

func (c *kafkaGoGroups) read(member string) ([]placed, error) { return c.members[member].take() }

func (c *kafkaGoGroups) commit(member string) error {
	m := c.members[member]
	m.mu.Lock()
	var msgs []kafka.Message
	for _, msg := range m.last {
		msgs = append(msgs, msg)
	}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	return m.r.CommitMessages(ctx, msgs...)
}

func (c *kafkaGoGroups) leave(member string) error {
	m := c.members[member]
	err := m.r.Close()
	<-m.done
	return err
}

// TestKafkaGoTransactions commits and aborts offsets with single requests. kafka-go has no
// transactional producer, and its reader, told to read committed records, still shows aborted ones
// and markers, of Apache Kafka too.
func TestKafkaGoTransactions(t *testing.T) {
	t.Parallel()
	topic := newTopic(t, 1)
	group, id := topicName(t)+"-group", topicName(t)+"-id"
	c := kafkaGo{target(t).Addr}.client()
	for _, tx := range []struct {
		offset int64
		commit bool
		want   int64
	}{{10, true, 10}, {20, false, 10}, {30, true, 30}} {
		within(t, groupDeadline, func() error {
			err := commitOffset(t.Context(), c, id, group, topic, tx.offset, tx.commit)
			var code kafka.Error
			if errors.As(err, &code) && (code.Temporary() || code == kafka.ConcurrentTransactions) {
				return err // the library leaves it to its caller to try again
			}
			if err != nil {
				t.Fatalf("offset %d, commit %v: %v", tx.offset, tx.commit, err)
			}
			return nil
		})
		within(t, groupDeadline, func() error { // EndTxn answers before the markers are written
			if got := groupOffsets(t, group, topic); got != tx.want {
				return fmt.Errorf("committed offset %d, want %d", got, tx.want)
			}
			return nil
		})
	}
}

// commitOffset commits or aborts one transaction that holds a group's offset of partition 0.
func commitOffset(ctx context.Context, c *kafka.Client, id, group, topic string, offset int64, commit bool) error {
	init, err := c.InitProducerID(ctx, &kafka.InitProducerIDRequest{
		TransactionalID: id, TransactionTimeoutMs: 30_000, ProducerID: -1, ProducerEpoch: -1, // none yet
	})
	if err == nil {
		err = init.Error
	}
	if err != nil {
		return fmt.Errorf("InitProducerId: %w", err)
	}
	pid, epoch := init.Producer.ProducerID, init.Producer.ProducerEpoch
	add, err := c.AddOffsetsToTxn(ctx, &kafka.AddOffsetsToTxnRequest{
		TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, GroupID: group,
	})
	if err == nil {
		err = add.Error
	}
	if err != nil {
		return fmt.Errorf("AddOffsetsToTxn: %w", err)
	}
	done, err := c.TxnOffsetCommit(ctx, &kafka.TxnOffsetCommitRequest{
		TransactionalID: id, GroupID: group, ProducerID: pid, ProducerEpoch: epoch, GenerationID: -1,
		Topics: map[string][]kafka.TxnOffsetCommit{topic: {{Partition: 0, Offset: offset}}},
	})
	if err == nil {
		err = done.Topics[topic][0].Error
	}
	if err != nil {
		return fmt.Errorf("TxnOffsetCommit: %w", err)
	}
	end, err := c.EndTxn(ctx, &kafka.EndTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, Committed: commit})
	if err == nil {
		err = end.Error
	}
	if err != nil {
		return fmt.Errorf("EndTxn: %w", err)
	}
	return nil
}
