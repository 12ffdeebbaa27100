package group

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/coordtest"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// benchOptions are those of a coordinator of one partition over a log in memory.
func benchOptions(log coordinator.Log) Options {
	img, _, err := metadata.Empty().Apply([]metadata.Record{
		&protocol.TopicRecord{Name: Topic, TopicId: protocol.UUID{1}},
		&protocol.PartitionRecord{TopicId: protocol.UUID{1}, PartitionId: 0, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1},
	})
	if err != nil {
		panic(err)
	}
	cfg := config.NewBroker(config.Map{})
	return Options{
		Self: 1, Image: func() *metadata.Image { return img }, Log: func(int32) (coordinator.Log, error) { return log, nil },
		Config: func() *config.Broker { return cfg }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Metrics: new(metrics.Groups), Offsets: new(metrics.Offsets),
	}
}

// BenchmarkLoad replays offset commits, most of them superseded by later ones.
func BenchmarkLoad(b *testing.B) {
	log := &coordtest.Log{}
	const batches, perBatch, keys = 5000, 100, 50_000
	bytes, n := 0, 0
	for range batches {
		builder := record.NewBuilder(record.None, 0)
		for range perBatch {
			n++
			key, value := benchOffset(n % keys)
			builder.Append(int64(n), key, value)
		}
		batch := builder.Build()
		bytes += len(batch)
		if _, err := log.AppendInternal(batch, 0, replica.InternalAppend{}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		c := New(benchOptions(log))
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		for {
			if c.Loads().Loading == 0 && len(c.Shards()) == 1 {
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
		cancel()
		<-done
	}
}

func benchOffset(n int) (key, value []byte) {
	e := protocol.NewEncoder()
	e.Int16(1)
	(&protocol.OffsetCommitKey{Group: fmt.Sprintf("group-%d", n%500), Topic: fmt.Sprintf("topic-%d", n/500%10), Partition: int32(n / 5000)}).Encode(e, 0)
	key = append(key, e.Bytes()...)
	e.Reset()
	e.Int16(4)
	(&protocol.OffsetCommitValue{Offset: int64(n), LeaderEpoch: 3, CommitTimestamp: int64(n), TopicId: protocol.UUID{7}}).Encode(e, 4)
	return key, append(value, e.Bytes()...)
}
