package interop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// client is what every client library is put through. Records are those of key and value, each with
// the header h=v; a client whose offers say so leaves something out.
type client interface {
	// produce sends records 0 to n-1 to a partition.
	produce(topic string, partition int32, codec, acks string, idempotent bool, n int) error
	// consume reads n records of an assigned partition from an offset on.
	consume(topic string, partition int32, offset int64, n int) ([]rec, error)
	// consumeAt asks for the offset of a timestamp in milliseconds and reads n records from there.
	consumeAt(topic string, partition int32, timestamp int64, n int) ([]rec, error)

	createTopic(topic string, partitions int32, configs map[string]string) error
	partitions(topic string) (int, error)
	setConfig(topic, key, value string) error
	config(topic, key string) (string, error)
	addPartitions(topic string, total int32) error
	deleteRecords(topic string, partition int32, before int64) error
	deleteTopic(topic string) error
}

// rec is a record as a client read it.
type rec struct {
	offset, timestamp int64
	key, value        string
}

// offers says what a client can do.
type offers struct {
	codecs      []string
	idempotence bool
	consumes    bool
	admin       []string // verbs
}

var (
	allVerbs = []string{"create", "describe", "set", "config", "grow", "deleteRecords", "delete"}
	anyAcks  = []string{"0", "1", "all"}
)

const perJob = 60

// exercise puts a client through everything it offers.
func exercise(t *testing.T, c client, o offers) {
	t.Helper()
	for _, codec := range o.codecs {
		for _, acks := range anyAcks {
			if acks != "all" && codec != "none" && codec != "lz4" {
				continue // one process a job makes each combination costly
			}
			t.Run("produce/"+codec+"/acks="+acks, func(t *testing.T) { produceJob(t, c, codec, acks, false) })
		}
		if o.idempotence {
			t.Run("produce/"+codec+"/idempotent", func(t *testing.T) { produceJob(t, c, codec, "all", true) })
		}
	}
	if o.consumes {
		t.Run("consume", func(t *testing.T) { consumeJobs(t, c) })
	}
	if len(o.admin) > 0 {
		t.Run("admin", func(t *testing.T) { adminJobs(t, c, o.admin) })
	}
}

// produceJob lets the client produce and looks at what the broker has stored: the codec, the
// producer id and each record.
func produceJob(t *testing.T, c client, codec, acks string, idempotent bool) {
	topic := newTopic(t, 2)
	if err := c.produce(topic, 1, codec, acks, idempotent, perJob); err != nil {
		t.Fatal(err)
	}
	for _, b := range stored(t, topic, 1, perJob) {
		if got := codecs[b.Codec]; got != codec {
			t.Errorf("batch at %d: stored with codec %s, want %s", b.FirstOffset, got, codec)
		}
		if hasID := b.ProducerID >= 0; hasID != idempotent {
			t.Errorf("batch at %d: producer id %d, idempotent %v", b.FirstOffset, b.ProducerID, idempotent)
		}
	}
	for i, r := range readAll(t, topic, 1, perJob) {
		if r.Offset != int64(i) || string(r.Key) != key(i) || string(r.Value) != value(i) {
			t.Fatalf("record %d: offset %d key %q value %.40q", i, r.Offset, r.Key, r.Value)
		}
		if len(r.Headers) != 1 || r.Headers[0].Key != "h" || string(r.Headers[0].Value) != "v" {
			t.Fatalf("record %d: headers %v", i, r.Headers)
		}
	}
	ends, err := wire.EndOffsets(t.Context(), target(t).Addr, topic, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ends, []int64{0, perJob}) {
		t.Errorf("end offsets %v, want [0 %d]", ends, perJob)
	}
}

// consumeJobs lets the client read a topic that holds batches in every codec.
func consumeJobs(t *testing.T, c client) {
	topic := newTopic(t, 1)
	const n = 500
	seed(t, topic, n)
	for _, from := range []int{0, 1, 137, n - 5} {
		t.Run(fmt.Sprintf("offset=%d", from), func(t *testing.T) {
			want := min(200, n-from)
			got, err := c.consume(topic, 0, int64(from), want)
			if err != nil {
				t.Fatal(err)
			}
			checkSeeded(t, got, from, want)
		})
	}
	for _, from := range []int{0, 42, 333} {
		t.Run(fmt.Sprintf("timestamp=%d", from), func(t *testing.T) {
			// Half a second before the record: the first at or after it is the record itself.
			ts := baseTime.Add(time.Duration(from)*time.Second - 500*time.Millisecond).UnixMilli()
			got, err := c.consumeAt(topic, 0, ts, 20)
			if err != nil {
				t.Fatal(err)
			}
			checkSeeded(t, got, from, 20)
		})
	}
}

func checkSeeded(t *testing.T, got []rec, from, n int) {
	t.Helper()
	if len(got) < n {
		t.Fatalf("%d records, want %d", len(got), n)
	}
	for i, r := range got[:n] {
		j := from + i
		want := rec{int64(j), baseTime.Add(time.Duration(j) * time.Second).UnixMilli(), key(j), value(j)}
		if r != want {
			t.Fatalf("record %d: %+v, want %+v", j, r, want)
		}
	}
}

// adminJobs lets the client administer one topic through its life.
func adminJobs(t *testing.T, c client, verbs []string) {
	can := func(v string) bool { return slices.Contains(verbs, v) }
	topic := topicName(t)
	addr := target(t).Addr
	if can("create") {
		if err := c.createTopic(topic, 3, map[string]string{"retention.ms": "123456789", "cleanup.policy": "delete"}); err != nil {
			t.Fatal(err)
		}
	} else if err := wire.CreateTopic(t.Context(), addr, topic, 3, map[string]string{"retention.ms": "123456789"}); err != nil {
		t.Fatal(err)
	}
	if can("config") {
		checkConfig(t, c, topic, "retention.ms", "123456789")
		checkConfig(t, c, topic, "max.message.bytes", "1048588")
	}
	if can("set") {
		if err := c.setConfig(topic, "retention.ms", "987654321"); err != nil {
			t.Fatal(err)
		}
		if can("config") {
			checkConfig(t, c, topic, "retention.ms", "987654321")
		}
		if err := c.setConfig(topic, "retention.ms", "not a number"); err == nil {
			t.Error("a bad value was taken")
		}
	}
	if can("grow") {
		if err := c.addPartitions(topic, 5); err != nil {
			t.Fatal(err)
		}
	}
	if can("describe") {
		want := map[bool]int{true: 5, false: 3}[can("grow")]
		eventually(t, func() error {
			if n, err := c.partitions(topic); err != nil || n != want {
				return fmt.Errorf("%d partitions, %w; want %d", n, err, want)
			}
			return nil
		})
	}
	if can("deleteRecords") {
		seed(t, topic, 50)
		if err := c.deleteRecords(topic, 0, 30); err != nil {
			t.Fatal(err)
		}
		starts, err := wire.Offsets(t.Context(), addr, topic, 1, -2)
		if err != nil || starts[0] != 30 {
			t.Errorf("log start offsets %v, %v; want 30", starts, err)
		}
	}
	if can("delete") {
		if err := c.deleteTopic(topic); err != nil {
			t.Fatal(err)
		}
		// Asked of the broker itself: some clients create a topic by asking for it.
		eventually(t, func() error { return gone(t, topic) })
	}
}

// gone returns an error while the topic exists.
func gone(t *testing.T, topic string) error {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(9)
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = &topic
	req.Topics = append(req.Topics, rt)
	resp, err := dial(t).Do(req)
	if err != nil {
		return err
	}
	if got := resp.(*kmsg.MetadataResponse).Topics[0]; got.ErrorCode != kerr.UnknownTopicOrPartition.Code {
		return fmt.Errorf("the deleted topic has %d partitions and error code %d", len(got.Partitions), got.ErrorCode)
	}
	return nil
}

func checkConfig(t *testing.T, c client, topic, key, want string) {
	t.Helper()
	eventually(t, func() error {
		if got, err := c.config(topic, key); err != nil || got != want {
			return fmt.Errorf("%s is %q, %w; want %q", key, got, err, want)
		}
		return nil
	})
}

// eventually tries f again for up to five seconds: a Kafka broker learns what its controller has
// decided a moment later.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Error(err)
			return
		}
		<-tick.C
	}
}

// pairs renders configs as k=v in order.
func pairs(configs map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(configs)) {
		out = append(out, k+"="+configs[k])
	}
	return strings.Join(out, ",")
}
