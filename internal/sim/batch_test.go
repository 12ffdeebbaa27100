package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Places in a batch's header, which is the same for every broker.
const (
	atLength    = 8
	atMagic     = 16
	atCRC       = 17
	atAttribute = 21
	atLastDelta = 23
	atProducer  = 43
	atSequence  = 53
	atCount     = 57
	headerSize  = 61
)

// sealed computes a batch's checksum anew.
func sealed(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttribute:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func goodBatch(c record.Codec) []byte {
	b := record.NewBuilder(c, 0)
	for i := range 3 {
		b.Append(time.Now().UnixMilli(), []byte("key"), fmt.Appendf(nil, "value %d", i))
	}
	return clone(b.Build())
}

// corruptBatches are refused with the code that Kafka gives. spoil changes a good batch.
var corruptBatches = []struct {
	name  string
	code  protocol.Error
	codec record.Codec
	spoil func(b []byte) []byte
}{
	{"wrong checksum", protocol.ErrCorruptMessage, 0, func(b []byte) []byte { b[atCRC]++; return b }},
	{"a flipped bit in a value", protocol.ErrCorruptMessage, 0, func(b []byte) []byte { b[len(b)-2] ^= 1; return b }},
	{"magic 3", protocol.ErrCorruptMessage, 0, func(b []byte) []byte { b[atMagic] = 3; return b }},
	{"magic 1", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { b[atMagic] = 1; return b }},
	{"magic 0", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { b[atMagic] = 0; return b }},
	{"length -1", protocol.ErrCorruptMessage, 0, func(b []byte) []byte { binary.BigEndian.PutUint32(b[atLength:], 1<<32-1); return b }},
	{"length 0", protocol.ErrCorruptMessage, 0, func(b []byte) []byte { binary.BigEndian.PutUint32(b[atLength:], 0); return b }},
	{"length below the header's", protocol.ErrCorruptMessage, 0, func(b []byte) []byte { binary.BigEndian.PutUint32(b[atLength:], 13); return b }},
	{"length beyond the bytes", protocol.ErrInvalidRecord, 0, func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[atLength:], uint32(len(b))+100)
		return b
	}},
	{"cut short", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { return b[:len(b)-1] }},
	{"nothing but a header", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { return b[:headerSize] }},
	{"no records", protocol.ErrInvalidRecord, 0, func([]byte) []byte { return []byte{} }},
	{"two batches", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { return append(b, b...) }},
	{"count too high", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { b[atCount+3]++; return sealed(b) }},
	{"count too low", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { b[atCount+3]--; return sealed(b) }},
	{"count 2^31-1", protocol.ErrInvalidRecord, 0, func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[atCount:], 1<<31-1)
		binary.BigEndian.PutUint32(b[atLastDelta:], 1<<31-2)
		return sealed(b)
	}},
	{"last offset delta too high", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { b[atLastDelta+3]++; return sealed(b) }},
	{"control batch", protocol.ErrInvalidRecord, 0, func(b []byte) []byte { b[atAttribute+1] |= 1 << 5; return sealed(b) }},
	{"transactional without a transactional id", protocol.ErrTransactionalIdAuthorizationFailed, 0, func(b []byte) []byte { b[atAttribute+1] |= 1 << 4; return sealed(b) }},
	{"base sequence without an end", protocol.ErrInvalidRecord, 0, func(b []byte) []byte {
		binary.BigEndian.PutUint64(b[atProducer:], 5)
		binary.BigEndian.PutUint32(b[atSequence:], 1<<32-1)
		return sealed(b)
	}},
	{"gzip that isn't", protocol.ErrUnknownServerError, record.Gzip, func(b []byte) []byte { copy(b[headerSize:], "nonsense"); return sealed(b) }},
	{"zstd that isn't", protocol.ErrUnknownServerError, record.Zstd, func(b []byte) []byte { copy(b[headerSize:], "nonsense"); return sealed(b) }},
	{"lz4 that isn't", protocol.ErrUnknownServerError, record.LZ4, func(b []byte) []byte { copy(b[headerSize:], "nonsense"); return sealed(b) }},
	{"snappy that isn't", protocol.ErrUnknownServerError, record.Snappy, func(b []byte) []byte { copy(b[headerSize:], "\xff\xff\xff\xffsense"); return sealed(b) }},
	{"compressed count lies", protocol.ErrInvalidRecord, record.Zstd, func(b []byte) []byte {
		b[atCount+3]++
		b[atLastDelta+3]++
		return sealed(b)
	}},
}

// TestCorruptBatches: a bad batch is refused with the right code, nothing is appended, and the connection goes on (R29). The
// whole matrix is in package record.
func TestCorruptBatches(t *testing.T) {
	b := mustBoot(t, vfs.NewVolatile(), nil)
	c := b.client(t)
	ok(t, c.createTopic("t", 1, nil))
	for _, bad := range corruptBatches {
		for _, acks := range []int16{1, -1} {
			before, err := c.offset(tp0, -1)
			ok(t, err)
			_, err = c.produce(tp0, bad.spoil(goodBatch(bad.codec)), acks)
			if answered := protocol.Error(0); !errors.As(err, &answered) || answered != bad.code {
				t.Errorf("%s: %v, want %v", bad.name, err, bad.code.Name())
			}
			after, err := c.offset(tp0, -1)
			if err != nil || after != before {
				t.Fatalf("%s: offset %d after %d, %v", bad.name, after, before, err)
			}
		}
	}
	if _, err := c.produce(tp0, goodBatch(record.None), 1); err != nil {
		t.Errorf("a good batch after all those: %v", err)
	}
	for range 3 { // acks=0 has no answer: the connection is closed
		c0 := b.client(t)
		rq := protocol.ProduceRequest{Acks: 0, TimeoutMs: 1000, TopicData: []protocol.ProduceRequestTopicProduceData{{
			Name: "t", PartitionData: []protocol.ProduceRequestPartitionProduceData{{Records: corruptBatches[0].spoil(goodBatch(0))}},
		}}}
		ok(t, c0.send(frame(&rq, produceVersion, 1)))
		if _, err := c0.receive(); err == nil {
			t.Error("acks=0 with a bad batch was answered")
		}
		c0.close()
	}
	c.close()
	ok(t, b.end())
}

// TestBombs: batches that decompress to far more than they are take bounded memory, all at once too, and get a code (R28).
func TestBombs(t *testing.T) {
	p := newProcess(t, t.TempDir(), map[string]string{"message.max.bytes": "10485760"})
	p.start()
	h := startHealthy(t, p)
	c, err := connect(tcp(p.addr))
	ok(t, err)
	ok(t, c.createTopic("t", 1, nil))
	var bombs [][]byte
	for _, codec := range []record.Codec{record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
		b := record.NewBuilder(codec, 0)
		b.Append(time.Now().UnixMilli(), nil, make([]byte, 200<<20))
		bombs = append(bombs, clone(b.Build()))
	}
	before := p.memory()
	parallel := 60
	if testing.Short() {
		parallel = 16
	}
	var wg sync.WaitGroup
	var refusals atomic.Int64
	for i := range parallel {
		wg.Go(func() {
			c, err := connect(tcp(p.addr))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.close()
			bomb := bombs[i%len(bombs)]
			_, err = c.produce(partition{"t", 0}, bomb, -1)
			var answered protocol.Error
			if !errors.As(err, &answered) {
				t.Errorf("codec %d, %d bytes: %v", i%len(bombs), len(bomb), err)
				return
			}
			refusals.Add(1)
			if _, err := c.offset(partition{"t", 0}, -1); err != nil {
				t.Errorf("the connection after a bomb: %v", err)
			}
		})
	}
	wg.Wait()
	grown := p.memory() - before
	if high, err := c.offset(partition{"t", 0}, -1); err != nil || high != 0 {
		t.Errorf("after the bombs the log ends at %d, %v", high, err)
	}
	c.close()
	latencies := h.stop()
	if grown > 400<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	t.Logf("%d bombs refused; healthy client p99 %v; memory grew by %d MiB", refusals.Load(), percentile(latencies, 99), grown>>20)
}

// TestPanic: a panic while a request is served ends that connection and nothing else (R32, at the seam of the disk).
func TestPanic(t *testing.T) {
	var armed atomic.Bool
	fs := vfs.NewFault(vfs.NewVolatile(), func(op vfs.Op) error {
		if op.Kind == vfs.OpWriteAt && strings.Contains(op.Path, "/t-0/") && armed.CompareAndSwap(true, false) {
			panic("injected")
		}
		return nil
	})
	b := mustBoot(t, fs, nil)
	c, other := b.client(t), b.client(t)
	ok(t, c.createTopic("t", 2, nil))
	l := newLedger()
	s := l.open(tp0, false)
	write := func(c *client) error {
		r := l.send(s, 1, 0)
		builder := record.NewBuilder(record.None, 0)
		builder.Append(time.Now().UnixMilli(), r.key(), r.value(50))
		offset, err := c.produce(tp0, builder.Build(), -1)
		if err == nil {
			l.acknowledge(tp0, r, 1, offset, 0)
		}
		return err
	}
	ok(t, write(c))
	armed.Store(true)
	answered := protocol.Error(0)
	if err := write(c); err == nil || errors.As(err, &answered) {
		t.Errorf("the request that panicked was answered: %v", err)
	}
	c.close()
	_, err := other.produce(partition{"t", 1}, goodBatch(0), -1)
	ok(t, err)
	if err := write(other); err != nil && !errors.As(err, &answered) {
		t.Errorf("the partition after the panic: %v", err)
	}
	v, err := other.view(tp0)
	if err == nil {
		for _, p := range l.check(tp0, v, judgement{at: now}) {
			t.Error(p)
		}
	} else if !errors.As(err, &answered) {
		t.Error(err)
	}
	other.close()
	ok(t, b.end())
}
