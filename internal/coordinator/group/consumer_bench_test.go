package group

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/coordtest"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// benchConsumers is a coordinator over a log in memory, and topics t0, t1, ... of
// 100 partitions each.
func benchConsumers(b *testing.B, topics int, interval string) *Coordinator {
	records := []metadata.Record{
		&protocol.TopicRecord{Name: Topic, TopicId: protocol.UUID{1}},
		&protocol.PartitionRecord{TopicId: protocol.UUID{1}, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, LeaderEpoch: 1},
	}
	for i := range topics {
		id := topicID(fmt.Sprintf("t%d", i))
		records = append(records, &protocol.TopicRecord{Name: topicName(id), TopicId: id})
		for p := range int32(100) {
			records = append(records, &protocol.PartitionRecord{TopicId: id, PartitionId: p, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1})
		}
	}
	img, _, err := metadata.Empty().Apply(records)
	if err != nil {
		b.Fatal(err)
	}
	log := &coordtest.Log{MaxBytes: 1 << 20}
	cfg := config.NewBroker(config.Map{"group.consumer.assignment.interval.ms": interval})
	c := New(Options{
		Self: 1, Image: func() *metadata.Image { return img }, Log: func(int32) (coordinator.Log, error) { return log, nil },
		Config: func() *config.Broker { return cfg }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		NewID: func() protocol.UUID { return protocol.UUID{1} }, Metrics: new(metrics.Groups), Offsets: new(metrics.Offsets),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done })
	for {
		if _, err := c.List(ctx, nil, nil); err == nil && len(c.Shards()) > 0 {
			return c
		}
	}
}

// benchConsumer heartbeats as a consumer does.
type benchConsumer struct {
	id     string
	topics []string
	epoch  int32
	owned  []protocol.ConsumerGroupHeartbeatRequestTopicPartitions
}

// beat sends a heartbeat.
func (m *benchConsumer) beat(b *testing.B, c *Coordinator, group string) {
	rq := &protocol.ConsumerGroupHeartbeatRequest{GroupId: group, MemberId: m.id, MemberEpoch: m.epoch, RebalanceTimeoutMs: -1}
	if m.epoch == 0 {
		rq.RebalanceTimeoutMs, rq.SubscribedTopicNames = 60_000, m.topics
	}
	rq.TopicPartitions = m.owned
	if rq.TopicPartitions == nil {
		rq.TopicPartitions = []protocol.ConsumerGroupHeartbeatRequestTopicPartitions{}
	}
	resp := c.ConsumerGroupHeartbeat(context.Background(), Client{ID: "c", Host: "/h", Version: 1}, rq)
	if resp.ErrorCode != 0 {
		b.Fatal(codeName(resp.ErrorCode), orEmpty(resp.ErrorMessage))
	}
	m.epoch = resp.MemberEpoch
	if resp.Assignment != nil {
		m.owned = m.owned[:0]
		for _, tp := range resp.Assignment.TopicPartitions {
			m.owned = append(m.owned, protocol.ConsumerGroupHeartbeatRequestTopicPartitions(tp))
		}
	}
}

func consumersOf(n, topics int) []*benchConsumer {
	var names []string
	for i := range topics {
		names = append(names, fmt.Sprintf("t%d", i))
	}
	members := make([]*benchConsumer, n)
	for i := range members {
		members[i] = &benchConsumer{id: fmt.Sprintf("member-%04d", i), topics: names}
	}
	return members
}

// BenchmarkConsumerHeartbeat is a heartbeat that changes nothing, in a group of
// 200 members and 2,000 partitions.
func BenchmarkConsumerHeartbeat(b *testing.B) {
	c := benchConsumers(b, 20, "0")
	members := consumersOf(200, 20)
	settleBench(b, c, "g", members)
	rq := &protocol.ConsumerGroupHeartbeatRequest{GroupId: "g", MemberId: members[7].id, MemberEpoch: members[7].epoch, RebalanceTimeoutMs: -1}
	cl := Client{ID: "c", Host: "/h", Version: 1}
	b.ReportAllocs()
	for b.Loop() {
		if resp := c.ConsumerGroupHeartbeat(context.Background(), cl, rq); resp.ErrorCode != 0 {
			b.Fatal(codeName(resp.ErrorCode))
		}
	}
}

// settleBench lets all members heartbeat, at once, until the group is stable.
func settleBench(b *testing.B, c *Coordinator, group string, members []*benchConsumer) (rounds int) {
	for {
		var wg sync.WaitGroup
		for _, m := range members {
			wg.Go(func() { m.beat(b, c, group) })
		}
		wg.Wait()
		rounds++
		d := c.ConsumerGroupDescribe(context.Background(), group)
		if d.GroupState == consumerStable && len(d.Members) == len(members) {
			return rounds
		}
	}
}

// BenchmarkConsumerGroupSettles is the time in which 200 members that join at
// once share 2,000 partitions, without the pauses between heartbeats.
func BenchmarkConsumerGroupSettles(b *testing.B) {
	c := benchConsumers(b, 20, "10")
	for i := 0; b.Loop(); i++ {
		rounds := settleBench(b, c, fmt.Sprintf("g%d", i), consumersOf(200, 20))
		b.ReportMetric(float64(rounds), "rounds")
	}
}

// BenchmarkConsumerAssignment is one heartbeat that computes the assignment of
// 1,000 members and 10,000 partitions: from the last one, with one member more.
func BenchmarkConsumerAssignment(b *testing.B) {
	c := benchConsumers(b, 100, "3600000")
	members := consumersOf(1000, 100)
	for _, m := range members {
		m.beat(b, c, "g")
	}
	sh := c.Shards()[0]
	for i := 0; b.Loop(); i++ {
		_, err := coordinator.Read(context.Background(), sh, func() bool {
			sh.Machine().(*Machine).groups["g"].(*consumerGroup).assignedAt = 0
			return true
		})
		if err != nil {
			b.Fatal(err)
		}
		extra := &benchConsumer{id: fmt.Sprintf("extra-%d", i), topics: members[0].topics}
		extra.beat(b, c, "g")
	}
}
