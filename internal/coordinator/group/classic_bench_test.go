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

// benchCoordinator is a coordinator over a log in memory.
func benchCoordinator(b *testing.B) *Coordinator {
	img, _, err := metadata.Empty().Apply([]metadata.Record{
		&protocol.TopicRecord{Name: Topic, TopicId: protocol.UUID{1}},
		&protocol.PartitionRecord{TopicId: protocol.UUID{1}, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, LeaderEpoch: 1},
	})
	if err != nil {
		b.Fatal(err)
	}
	cfg := config.NewBroker(config.Map{"group.initial.rebalance.delay.ms": "10"})
	log := &coordtest.Log{MaxBytes: 16 << 20}
	ids := byte(0)
	c := New(Options{
		Self: 1, Image: func() *metadata.Image { return img }, Log: func(int32) (coordinator.Log, error) { return log, nil },
		Config: func() *config.Broker { return cfg }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		NewID:   func() protocol.UUID { ids++; return protocol.UUID{ids} },
		Metrics: new(metrics.Groups), Offsets: new(metrics.Offsets),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done })
	for {
		if sh := c.Shards(); len(sh) > 0 {
			if _, err := c.List(ctx, nil, nil); err == nil {
				return c
			}
		}
	}
}

// generation lets the members join and sync once, and returns them with their
// ids.
func generation(b *testing.B, c *Coordinator, group string, ids []string, n int32) {
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			rq := &protocol.JoinGroupRequest{
				GroupId: group, MemberId: ids[i], SessionTimeoutMs: 30000, RebalanceTimeoutMs: 60000, ProtocolType: consumerType,
				Protocols: []protocol.JoinGroupRequestProtocol{{Name: "range", Metadata: fmt.Appendf(nil, "%0200d", n)}},
			}
			j := c.JoinGroup(context.Background(), Client{ID: "client", Host: "/127.0.0.1", Version: 3}, rq)
			ids[i] = j.MemberId
			s := &protocol.SyncGroupRequest{GroupId: group, MemberId: j.MemberId, GenerationId: j.GenerationId}
			for _, m := range j.Members {
				s.Assignments = append(s.Assignments, protocol.SyncGroupRequestAssignment{MemberId: m.MemberId, Assignment: make([]byte, 100)})
			}
			if r := c.SyncGroup(context.Background(), s); r.ErrorCode != 0 || j.ErrorCode != 0 {
				b.Errorf("join %d, sync %d", j.ErrorCode, r.ErrorCode)
			}
		})
	}
	wg.Wait()
}

// BenchmarkRebalance has the 200 members of a group join and sync again.
func BenchmarkRebalance(b *testing.B) {
	c := benchCoordinator(b)
	ids := make([]string, 200)
	generation(b, c, "g", ids, 0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		generation(b, c, "g", ids, int32(i+1))
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	c := benchCoordinator(b)
	ids := make([]string, 3)
	generation(b, c, "g", ids, 0)
	rq := &protocol.HeartbeatRequest{GroupId: "g", MemberId: ids[0], GenerationId: 1}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := c.Heartbeat(context.Background(), rq); err != nil {
			b.Fatal(err)
		}
	}
}
