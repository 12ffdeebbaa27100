package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// TestMirrorMaker lets MirrorMaker 2 mirror a topic and a group from Apache Kafka to the broker
// under test, and others the other way.
func TestMirrorMaker(t *testing.T) {
	t.Parallel()
	here := target(t).Addr
	peer, err := brokers.Start(context.Background(), brokers.Kafka, brokers.Options{
		Dir: t.TempDir(), Heap: "384m", Config: map[string]string{
			"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "5", "transaction.state.log.num.partitions": "5",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Kill)
	const partitions, each = 2, 50
	topic := topicName(t)
	incoming, outgoing := topic+"-in", topic+"-out"
	for name, addr := range map[string]string{incoming: peer.Addr, outgoing: here} {
		if err := wire.CreateTopic(t.Context(), addr, name, partitions, nil); err != nil {
			t.Fatal(err)
		}
		writeTo(t, addr, name, partitions, each)
		commitAll(t, addr, name+"-group", name, partitions*each)
	}
	startTool(t, "mirror-maker", "connect-mirror", writeProperties(t, mirror(here, peer.Addr, topic)))

	mirrored(t, here, "peer."+incoming, partitions, each)
	mirrored(t, peer.Addr, "here."+outgoing, partitions, each)
	groupMirrored(t, here, incoming+"-group", "peer."+incoming, partitions, each)
	groupMirrored(t, peer.Addr, outgoing+"-group", "here."+outgoing, partitions, each)
	writeTo(t, peer.Addr, incoming, partitions, each)
	commitAll(t, peer.Addr, incoming+"-group", incoming, partitions*each)
	mirrored(t, here, "peer."+incoming, partitions, 2*each)
	groupMirrored(t, here, incoming+"-group", "peer."+incoming, partitions, 2*each)
}

// mirror is MirrorMaker's configuration.
func mirror(here, peer, topic string) map[string]string {
	properties := map[string]string{
		"clusters": "here,peer", "here.bootstrap.servers": here, "peer.bootstrap.servers": peer,
		"peer->here.enabled": "true", "peer->here.topics": topic + "-in", "peer->here.groups": topic + "-in-group",
		"here->peer.enabled": "true", "here->peer.topics": topic + "-out", "here->peer.groups": topic + "-out-group",
		"replication.factor": "1", "tasks.max": "1", "plugin.discovery": "service_load",
		"offset.lag.max": "0", "offset.flush.interval.ms": "500",
		"sync.group.offsets.enabled": "true", "sync.group.offsets.interval.seconds": "1", "emit.checkpoints.interval.seconds": "1",
		"emit.heartbeats.interval.seconds": "1", "refresh.topics.interval.seconds": "1", "refresh.groups.interval.seconds": "1",
	}
	for _, topic := range []string{"checkpoints.topic", "heartbeats.topic", "offset-syncs.topic", "offset.storage", "status.storage", "config.storage"} {
		properties[topic+".replication.factor"] = "1"
	}
	for _, topic := range []string{"offset.storage", "status.storage"} {
		properties[topic+".partitions"] = "1"
	}
	return properties
}

// clientOf returns a client of a broker that ends with the test.
func clientOf(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// writeTo writes records to each partition of a topic.
func writeTo(t *testing.T, addr, topic string, partitions, each int) {
	t.Helper()
	var recs []*kgo.Record
	for i := range partitions * each {
		recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: fmt.Appendf(nil, "value-%d", i/partitions)})
	}
	if err := clientOf(t, addr).ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// commitAll lets a group's only member read n records of a topic and commit their offsets.
func commitAll(t *testing.T, addr, group, topic string, n int) {
	t.Helper()
	cl := clientOf(t, addr, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), groupDeadline)
	defer cancel()
	for got := 0; got < n; {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", got, n, err)
		}
		got += f.NumRecords()
	}
	if err := cl.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	cl.Close() // a group with members is not mirrored over
}

// mirrored waits until a topic holds each partition's records, in order.
func mirrored(t *testing.T, addr, topic string, partitions, each int) {
	t.Helper()
	within(t, connectDeadline, func() error { // the topic is created by the mirror
		ends, err := wire.EndOffsets(t.Context(), addr, topic, int32(partitions))
		if err != nil {
			return err
		}
		for p, end := range ends {
			if end != int64(each) {
				return fmt.Errorf("%s/%d has %d records, want %d", topic, p, end, each)
			}
		}
		return nil
	})
	cl := clientOf(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	next := make([]int, partitions)
	ctx, cancel := context.WithTimeout(t.Context(), groupDeadline)
	defer cancel()
	for n := 0; n < partitions*each; {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("%d of %d records of %s: %v", n, partitions*each, topic, err)
		}
		f.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprintf("value-%d", next[r.Partition]%50); string(r.Value) != want {
				t.Errorf("%s/%d at %d: %q, want %q", topic, r.Partition, r.Offset, r.Value, want)
			}
			next[r.Partition]++
			n++
		})
	}
}

// groupMirrored waits until a mirrored group has committed an offset in each partition.
func groupMirrored(t *testing.T, addr, group, topic string, partitions, offset int) {
	t.Helper()
	adm := kadm.NewClient(clientOf(t, addr))
	within(t, connectDeadline, func() error {
		got, err := adm.FetchOffsets(t.Context(), group)
		if err != nil {
			return err
		}
		for p := range int32(partitions) {
			if r, ok := got.Lookup(topic, p); !ok || r.At != int64(offset) {
				return fmt.Errorf("%s, %s/%d: committed %d (%v), want %d", group, topic, p, r.At, ok, offset)
			}
		}
		return nil
	})
}
