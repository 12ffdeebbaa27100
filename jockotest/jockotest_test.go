package jockotest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/jockotest"
)

func client(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func produceConsume(t *testing.T, b *jockotest.Broker, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cl := client(t, b.Addr())
	for i := range n {
		cl.Produce(ctx, &kgo.Record{Topic: "t", Value: fmt.Append(nil, "v", i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	consume(t, b, n)
}

func consume(t *testing.T, b *jockotest.Broker, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cl := client(t, b.Addr(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtStart()}}))
	for got := 0; got < n; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprint("v", got); string(r.Value) != want || r.Offset != int64(got) {
				t.Fatalf("record %d is %q at offset %d", got, r.Value, r.Offset)
			}
			got++
		})
	}
}

func TestProduceAndConsume(t *testing.T) {
	produceConsume(t, jockotest.Start(t), 1000)
}

func TestARestartKeepsEverything(t *testing.T) {
	b := jockotest.Start(t, jockotest.Dir(t.TempDir()))
	produceConsume(t, b, 100)
	b.Restart()
	consume(t, b, 100)
}
