package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var packings = map[string]kgo.CompressionCodec{
	"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// packer is a producer whose batches shrink: the cap of what they decompress to is the only one that they can reach.
type packer struct {
	*testing.T
	cl *kgo.Client
}

func newPacker(t *testing.T, addr string, c kgo.CompressionCodec) packer {
	return packer{t, client(t, addr, kgo.RecordRetries(0), kgo.ProducerBatchCompression(c), kgo.ProducerBatchMaxBytes(90<<20), kgo.MaxBufferedBytes(200<<20))}
}

// send wants a value to be taken, or to be refused as too large.
func (p packer) send(topic string, value []byte, taken bool, when string) {
	p.Helper()
	err := p.cl.ProduceSync(within(p.T), &kgo.Record{Topic: topic, Key: []byte("k"), Value: value}).FirstErr()
	if taken && err != nil || !taken && !errors.Is(err, kerr.MessageTooLarge) {
		p.Errorf("%s, a value of %d bytes: %v, want it taken: %v", when, len(value), err, taken)
	}
}

// TestDecompressionIsCapped: max.decompressed.message.bytes holds for each codec, whatever the topic makes of batches, and
// from when it is set: by the topic, and by the cluster where the topic has none.
func TestDecompressionIsCapped(t *testing.T) {
	n := run(t, Env{}, nil)
	adm := kadm.NewClient(client(t, n.Addr()))
	small, large := text(1<<19), text(2<<20)
	for name, codec := range packings {
		for _, kept := range []string{"producer", "zstd", "uncompressed"} {
			topic := name + "-" + kept
			create(t, n.Addr(), topic)
			set := func(op kadm.IncrementalOp, key, value string) {
				t.Helper()
				check(t)(adm.AlterTopicConfigs(within(t), []kadm.AlterConfig{{Op: op, Name: key, Value: kadm.StringPtr(value)}}, topic))
			}
			set(kadm.SetConfig, "compression.type", kept)
			set(kadm.SetConfig, "max.message.bytes", "4194304")
			p := newPacker(t, n.Addr(), codec)
			p.send(topic, large, true, topic+" without a cap")
			set(kadm.SetConfig, "max.decompressed.message.bytes", "1048576")
			p.send(topic, large, false, topic+" over the topic's cap")
			p.send(topic, small, true, topic+" below the topic's cap")
			set(kadm.DeleteConfig, "max.decompressed.message.bytes", "")
			p.send(topic, large, true, topic+" after the cap")
		}
	}
	check(t)(adm.AlterBrokerConfigs(within(t), []kadm.AlterConfig{{
		Op: kadm.SetConfig, Name: "max.decompressed.message.bytes", Value: kadm.StringPtr("1048576"),
	}}))
	for name, codec := range packings {
		newPacker(t, n.Addr(), codec).send(name+"-producer", large, false, name+" over the cluster's cap")
	}
}

// TestDecompressionIsCappedByDefault: without a setting a batch may become 64 MiB, and 128 times what was sent.
// What a higher cap let in can be looked up and compacted.
func TestDecompressionIsCappedByDefault(t *testing.T) {
	n := run(t, Env{}, nil)
	adm := kadm.NewClient(client(t, n.Addr()))
	create(t, n.Addr(), "t")
	set := func(key, value string) {
		check(t)(adm.AlterTopicConfigs(within(t), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: kadm.StringPtr(value)}}, "t"))
	}
	set("max.message.bytes", "20000000")
	p := newPacker(t, n.Addr(), packings["zstd"])
	dense := numbers(70 << 20)
	p.send("t", dense, false, "over 64 MiB")
	p.send("t", make([]byte, 20<<20), false, "over 128 times")
	set("max.decompressed.message.bytes", "104857600")
	p.send("t", dense, true, "under a higher cap")
	offsets, err := adm.ListOffsetsAfterMilli(within(t), 1, "t")
	if o, _ := offsets.Lookup("t", 0); err != nil || o.Err != nil || o.Offset != 0 {
		t.Errorf("the first record by its time: %+v, %v", o, err)
	}
}

// text is n bytes that shrink in every codec, but not out of all proportion.
func text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d the quick brown fox jumps over the lazy dog; ", i)
	}
	return b.Bytes()[:n]
}

// numbers is n bytes of which one of 20 is random.
func numbers(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i+160 <= n; i += 160 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return b
}
