package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// shared is the broker under test; the first test that needs it starts it.
var shared struct {
	once   sync.Once
	broker *brokers.Broker
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.broker != nil {
		if err := shared.broker.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		if code == 0 {
			os.RemoveAll(shared.broker.Dir)
		} else {
			fmt.Fprintln(os.Stderr, "the broker's folder is kept:", shared.broker.Dir)
		}
	}
	os.RemoveAll(compiled.dir)
	os.Exit(code)
}

// kind is which broker the tests run against.
func kind() brokers.Kind {
	if k := os.Getenv("INTEROP_TARGET"); k != "" {
		return brokers.Kind(k)
	}
	return brokers.Jocko
}

// target returns the broker under test.
func target(t *testing.T) *brokers.Broker {
	t.Helper()
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "jocko-interop-")
		if err != nil {
			shared.err = err
			return
		}
		shared.broker, shared.err = brokers.Start(context.Background(), kind(), brokers.Options{
			Dir: dir, Heap: "512m", Config: map[string]string{
				"log.cleaner.backoff.ms":          "200",
				"log.segment.delete.delay.ms":     "1000",
				"log.initial.task.delay.ms":       "500",
				"log.retention.check.interval.ms": "1000",

				// Groups that move at once, and few partitions of the internal topics to load.
				"group.initial.rebalance.delay.ms":                            "0",
				"group.min.session.timeout.ms":                                "1000",
				"group.consumer.min.heartbeat.interval.ms":                    "100",
				"group.consumer.heartbeat.interval.ms":                        "200",
				"group.consumer.min.session.timeout.ms":                       "1000",
				"group.consumer.session.timeout.ms":                           "6000",
				"group.consumer.assignment.interval.ms":                       "0",
				"offsets.topic.num.partitions":                                "5",
				"transaction.state.log.num.partitions":                        "5",
				"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
			},
		})
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.broker
}

var topics atomic.Int32

// newTopic creates a topic with a name of its own, deleted with the test.
func newTopic(t *testing.T, partitions int32, configs ...string) string {
	t.Helper()
	b := target(t)
	name := topicName(t)
	m := map[string]string{}
	for _, c := range configs {
		k, v, _ := strings.Cut(c, "=")
		m[k] = v
	}
	if err := wire.CreateTopic(t.Context(), b.Addr, name, partitions, m); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := wire.DeleteTopic(context.Background(), b.Addr, name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// topicName returns a name no other test uses.
func topicName(t *testing.T) string {
	base := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%s-%d", base, topics.Add(1))
}

// baseTime is the timestamp of every seeded topic's first record; the next ones follow by a second
// each.
var baseTime = time.Now().Add(-30 * time.Minute).Truncate(time.Second)

const valueText = " the quick brown fox jumps over the lazy dog and then does so again, and again, and once more; "

func key(i int) string   { return fmt.Sprintf("key-%d", i) }
func value(i int) string { return fmt.Sprintf("value-%d", i) + valueText + valueText }

// codecs are the compression types by the number that a batch carries.
var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// seed fills partition 0 of a topic with n records, the batches in all codecs in turn, and waits
// for nothing else: what is read from it must be key(i), value(i) at baseTime + i seconds.
func seed(t *testing.T, topic string, n int) {
	t.Helper()
	c := dial(t)
	const perBatch = 10
	for i := 0; i < n; i += perBatch {
		b := wire.Values(int8(i/perBatch%len(codecs)), baseTime.Add(time.Duration(i)*time.Second).UnixMilli())
		for j := i; j < min(i+perBatch, n); j++ {
			r := kmsg.NewRecord()
			r.Key, r.Value = []byte(key(j)), []byte(value(j))
			r.TimestampDelta64 = int64(j-i) * 1000
			r.Headers = []kmsg.Header{{Key: "h", Value: []byte("v")}}
			b.Records = append(b.Records, r)
		}
		resp, err := c.Do(wire.ProduceRequest(9, -1, topic, 0, b.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if err := kerr.ErrorForCode(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); err != nil {
			t.Fatal(err)
		}
	}
}

func dial(t *testing.T) *wire.Conn {
	t.Helper()
	c, err := wire.Dial(target(t).Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// stored reads a partition's batches from offset 0 with raw requests until n records were seen.
func stored(t *testing.T, topic string, partition int32, n int) []wire.Stored {
	t.Helper()
	c := dial(t)
	var all []wire.Stored
	deadline := time.Now().Add(30 * time.Second)
	for next, seen := int64(0), 0; seen < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%s/%d: %d records after 30 s, want %d", topic, partition, seen, n)
		}
		resp, err := c.Do(wire.FetchRequest(11, topic, map[int32]int64{partition: next}, 500, 1, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		p := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			t.Fatal(err)
		}
		for data := p.RecordBatches; ; {
			s, rest, err := wire.Next(data)
			if err != nil {
				t.Fatal(err)
			}
			if s == nil {
				break
			}
			data = rest
			s.Bytes = append([]byte(nil), s.Bytes...)
			all = append(all, *s)
			next, seen = s.LastOffset+1, seen+int(s.Records)
		}
	}
	return all
}

// readAll reads a partition's first n records with kgo.
func readAll(t *testing.T, topic string, partition int32, n int) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(target(t).Addr), kgo.ConsumePartitions(
		map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(0)}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Records()...)
	}
	return all
}

// cacheDir returns a folder in the user's cache for what a client needs installed.
func cacheDir(t *testing.T, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "jocko", name)
}
