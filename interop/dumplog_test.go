package interop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// TestDumpLog lets Kafka's own dump tool read what the broker wrote: segments, both indexes and
// producer snapshots, before and after compaction.
func TestDumpLog(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	b, err := brokers.Start(ctx, kind(), brokers.Options{Dir: t.TempDir(), Heap: "512m", Config: map[string]string{
		"log.cleaner.backoff.ms": "200", "log.initial.task.delay.ms": "200",
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Kill() }()
	create(t, b, "plain", map[string]string{"segment.bytes": "1048576", "index.interval.bytes": "512"})
	create(t, b, "compacted", map[string]string{
		"segment.bytes": "1048576", "index.interval.bytes": "512", "cleanup.policy": "compact", "min.compaction.lag.ms": "3600000",
	})
	const n = 12_000
	fill(ctx, t, b, "plain", n, n)
	fill(ctx, t, b, "compacted", n, 500)
	if err := b.Stop(); err != nil { // an index in use is longer than what it holds
		t.Fatal(err)
	}
	before := dump(t, b, "compacted")
	if before.records != n || before.segments < 3 || before.snapshots < 1 {
		t.Errorf("compacted, before: %+v, want %d records in at least 3 segments", before, n)
	}
	if err := b.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	setTopic(ctx, t, b, "compacted", map[string]string{"min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.01"})
	waitCompacted(ctx, t, b, "compacted", n/2)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	after := dump(t, b, "compacted")
	if after.records >= before.records/2 || after.records < 500 {
		t.Errorf("compacted, after: %d records of %d", after.records, before.records)
	}
	if plain := dump(t, b, "plain"); plain.records != n || plain.snapshots < 1 {
		t.Errorf("plain: %+v, want %d records", plain, n)
	}
}

func create(t *testing.T, b *brokers.Broker, topic string, configs map[string]string) {
	t.Helper()
	if err := wire.CreateTopic(t.Context(), b.Addr, topic, 1, configs); err != nil {
		t.Fatal(err)
	}
}

// fill produces n records over some keys with an idempotent producer for each codec.
func fill(ctx context.Context, t *testing.T, b *brokers.Broker, topic string, n, keys int) {
	t.Helper()
	for _, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codec),
			kgo.ProducerBatchMaxBytes(16<<10), kgo.MaxBufferedRecords(1<<20))
		if err != nil {
			t.Fatal(err)
		}
		var recs []*kgo.Record
		for i := range n / len(codecs) {
			k := fmt.Sprintf("key-%d", i%keys)
			// Incompressible values, so that segments fill up in every codec.
			v := fmt.Sprintf("%d:%s", i, randomText(i, 500))
			recs = append(recs, &kgo.Record{Key: []byte(k), Value: []byte(v), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}})
		}
		err = cl.ProduceSync(ctx, recs...).FirstErr()
		cl.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// randomText returns n characters that hardly compress, the same for the same seed.
func randomText(seed, n int) string {
	x := uint64(seed)*2654435761 + 88172645463325252
	p := make([]byte, n)
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte('!' + x%90)
	}
	return string(p)
}

func setTopic(ctx context.Context, t *testing.T, b *brokers.Broker, topic string, configs map[string]string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var alter []kadm.AlterConfig
	for k, v := range configs {
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: &v})
	}
	res, err := kadm.NewClient(cl).AlterTopicConfigs(ctx, alter, topic)
	if err := errors.Join(err, res[0].Err); err != nil {
		t.Fatal(err)
	}
}

// waitCompacted waits until the topic's segments hold fewer bytes than half of what they did.
func waitCompacted(ctx context.Context, t *testing.T, b *brokers.Broker, topic string, most int) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		n := int64(0)
		for _, f := range files(t, b, topic, ".log") {
			info, err := os.Stat(f)
			if err == nil {
				n += info.Size()
			}
		}
		if n < int64(most)*500 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s was not compacted: %d bytes", topic, n)
		case <-tick.C:
		}
	}
}

func files(t *testing.T, b *brokers.Broker, topic, ext string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(b.DataDir, topic+"-0"), func(name string, _ fs.DirEntry, err error) error {
		if filepath.Ext(name) == ext {
			out = append(out, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

// dumped is what the dump tool found.
type dumped struct{ segments, records, snapshots int }

var (
	countPattern = regexp.MustCompile(`(?m)^baseOffset: .* count: (\d+) .*$`)
	complaint    = regexp.MustCompile(`(?im)^.*(mismatch|isvalid: false|not found in the log|corrupt|invalid|exception|Found timestamp).*$`)
)

// dump runs the tool over all files of a topic's partition and fails the test if it complains.
func dump(t *testing.T, b *brokers.Broker, topic string) dumped {
	t.Helper()
	var d dumped
	logs := files(t, b, topic, ".log")
	d.segments = len(logs)
	out := tool(t, "", "dump-log", "--deep-iteration", "--print-data-log", "--files", strings.Join(logs, ","))
	// Data lines hold values, which may hold any word: batches and messages of the tool alone.
	var own strings.Builder
	for line := range strings.SplitSeq(out, "\n") {
		if !strings.HasPrefix(line, "|") {
			own.WriteString(line + "\n")
		}
	}
	complain(t, own.String())
	for _, m := range countPattern.FindAllStringSubmatch(out, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		d.records += n
	}
	indexes := append(files(t, b, topic, ".index"), files(t, b, topic, ".timeindex")...)
	complain(t, tool(t, "", "dump-log", "--index-sanity-check", "--files", strings.Join(indexes, ",")))
	complain(t, tool(t, "", "dump-log", "--verify-index-only", "--files", strings.Join(indexes, ",")))
	snapshots := files(t, b, topic, ".snapshot")
	d.snapshots = len(snapshots)
	if len(snapshots) > 0 {
		out := tool(t, "", "dump-log", "--files", strings.Join(snapshots, ","))
		complain(t, out)
		contains(t, out, "producerId: ", "producerEpoch: 0", "lastSequence: ")
	}
	return d
}

func complain(t *testing.T, out string) {
	t.Helper()
	if found := complaint.FindAllString(out, 5); len(found) > 0 {
		t.Errorf("Kafka's dump tool complains:\n%s", strings.Join(found, "\n"))
	}
}
