package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/wire"
)

const partitions = 6

// chunk is how many records a producer's free list hands around at a time.
const chunk = 256

// bulk is a closed-loop kgo producer with acks=1: it always has records waiting.
type bulk struct {
	addr, topic string
	valueSize   int
	batchBytes  int32
	rate        float64 // bytes per second; 0 is as fast as it goes
}

// produce sends n bytes, or until the context ends, and returns the records acknowledged per
// partition. An error of any record is an error of the run.
func (b bulk) produce(ctx context.Context, n int64) ([]int64, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(b.addr), kgo.DefaultProduceTopic(b.topic), kgo.RequiredAcks(kgo.LeaderAck()),
		kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(b.batchBytes),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(1<<20),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RecordRetries(3),
	)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	perBatch := max(1, int(b.batchBytes)/(b.valueSize+16))
	p := &bulkRun{cl: cl, free: make(chan []*kgo.Record, 1<<14), sent: make([]int64, partitions)}
	p.fill(b.valueSize)
	return p.sent, p.run(ctx, b, n/int64(b.valueSize), perBatch)
}

// bulkRun is the state of one produce: records go round between the free list and the client.
type bulkRun struct {
	cl     *kgo.Client
	free   chan []*kgo.Record
	done   []*kgo.Record // acknowledged, fewer than a chunk; used by promises, which run one at a time
	sent   []int64       // per partition
	failed atomic.Pointer[error]
}

// fill makes the records: 48 MiB of them, at least 4 chunks.
func (r *bulkRun) fill(valueSize int) {
	body := randomBody(valueSize, 1)
	chunks := max(4, 48*mib/(valueSize+200)/chunk)
	if valueSize > 64<<10 {
		chunks = 1
	}
	for range chunks {
		list := make([]*kgo.Record, chunk)
		for i := range list {
			v := make([]byte, valueSize)
			copy(v, body)
			list[i] = &kgo.Record{Value: v}
		}
		r.free <- list
	}
}

func (r *bulkRun) acked(rec *kgo.Record, err error) {
	if err != nil {
		r.failed.CompareAndSwap(nil, &err)
	}
	if r.done = append(r.done, rec); len(r.done) == chunk {
		r.free <- r.done
		r.done = make([]*kgo.Record, 0, chunk)
	}
}

func (r *bulkRun) run(ctx context.Context, b bulk, records int64, perBatch int) error {
	began := time.Now()
	for i := int64(0); i < records && ctx.Err() == nil && r.failed.Load() == nil; {
		var list []*kgo.Record
		select {
		case list = <-r.free:
		case <-ctx.Done():
			continue
		}
		for _, rec := range list {
			p := i / int64(perBatch) % partitions
			*rec = kgo.Record{Partition: int32(p), Value: rec.Value}
			stamp(rec.Value, 0, uint64(r.sent[p]))
			r.sent[p]++
			r.cl.Produce(context.Background(), rec, r.acked)
			i++
		}
		if b.rate > 0 {
			due := began.Add(time.Duration(float64(i*int64(b.valueSize)) / b.rate * 1e9))
			sleepUntil(ctx, due)
		}
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := r.cl.Flush(flush); err != nil {
		return err
	}
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func sleepUntil(ctx context.Context, t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// readBack reads the whole topic with kgo and checks every record; sent is what each partition must
// hold, or nil to take the broker's word.
func readBack(ctx context.Context, addr, topic string, n int32, sent []int64) (*checker, error) {
	ends, err := wire.EndOffsets(ctx, addr, topic, n)
	if err != nil {
		return nil, err
	}
	from := map[int32]kgo.Offset{}
	left := n
	for p, end := range ends {
		if sent != nil && end != sent[p] {
			return nil, fmt.Errorf("partition %d ends at %d, want %d", p, end, sent[p])
		}
		if end == 0 {
			left--
			continue
		}
		from[int32(p)] = kgo.NewOffset().At(0)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchMaxBytes(16*mib), kgo.FetchMaxPartitionBytes(4*mib))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	c := newChecker()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	next := make([]int64, n)
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, fmt.Errorf("read back %s/%d: %w", errs[0].Topic, errs[0].Partition, errs[0].Err)
		}
		var bad error
		fetches.EachRecord(func(r *kgo.Record) {
			if bad != nil {
				return
			}
			if r.Offset != next[r.Partition] {
				bad = fmt.Errorf("partition %d: offset %d, want %d", r.Partition, r.Offset, next[r.Partition])
				return
			}
			bad = c.check(r.Partition, r.Offset, r.Value)
			if next[r.Partition]++; next[r.Partition] == ends[r.Partition] {
				left--
			}
		})
		if bad != nil {
			return nil, fmt.Errorf("VOID: %w", bad)
		}
	}
	return c, nil
}

// produceRun measures one bulk produce by size and reads it back.
func produceRun(valueSize int, batchBytes int32) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, partitions, map[string]string{"max.message.bytes": "4194304"}); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		mem := sampleMemory(e.broker)
		client := selfCPU()
		b := bulk{addr: addr, topic: e.topic, valueSize: valueSize, batchBytes: batchBytes}
		sent, err := b.produce(ctx, e.size())
		peak := mem.stop()
		if err != nil {
			return nil, err
		}
		var n int64
		for _, s := range sent {
			n += s
		}
		v, err := perSize(m, n*int64(valueSize), n)
		if err != nil {
			return nil, err
		}
		v["client CPU s/GB"] = (selfCPU() - client).Seconds() / (float64(n) * float64(valueSize) / gb)
		v["PSS MiB"] = peak
		if e.warming {
			return v, nil
		}
		_, err = readBack(ctx, addr, e.topic, partitions, sent)
		return v, errors.Join(err)
	}
}
