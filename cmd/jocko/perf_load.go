package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// perfLoad holds the flags of the tests that produce.
type perfLoad struct {
	conn       connection
	format     outputFormat
	records    int64
	duration   time.Duration
	rate       int64
	size       int
	partition  int32
	codec      string
	acks       string
	idempotent bool
	batchBytes int32
	linger     time.Duration
	inFlight   int
	buffered   int
}

func (l *perfLoad) addFlags(cmd *cobra.Command, linger time.Duration) {
	f := cmd.Flags()
	f.Int64VarP(&l.records, "records", "n", 0, "stop after this many records (0: after --duration)")
	f.DurationVarP(&l.duration, "duration", "d", 10*time.Second, "stop after this long, unless --records is given")
	f.Int64VarP(&l.rate, "rate", "r", l.rate, "records a second, on a fixed schedule (0: as fast as possible)")
	f.IntVarP(&l.size, "size", "s", 1024, "bytes of each record's value")
	f.Int32VarP(&l.partition, "partition", "p", -1, "the only partition to use (-1: all)")
	f.StringVarP(&l.codec, "codec", "z", "none", "compression: `none`, gzip, snappy, lz4 or zstd")
	f.StringVarP(&l.acks, "acks", "a", "all", "`all`, 1 or 0")
	f.BoolVar(&l.idempotent, "idempotent", true, "idempotent producer; needs --acks all")
	f.Int32Var(&l.batchBytes, "batch-bytes", 1<<20, "largest batch")
	f.DurationVar(&l.linger, "linger", linger, "how long to wait for a batch to fill")
	f.IntVar(&l.inFlight, "in-flight", 5, "requests under way at a time, per broker")
	f.IntVar(&l.buffered, "buffered", 100_000, "records that wait in the client before the next one has to")
	completeWords(cmd, "codec", "none", "gzip", "snappy", "lz4", "zstd")
	completeWords(cmd, "acks", "all", "1", "0")
	l.conn.addFlags(cmd)
	l.format.addFlag(cmd)
}

// check refuses values that make no sense.
func (l *perfLoad) check(least int) error {
	switch {
	case l.size < least:
		return fmt.Errorf("--size: want at least %d", least)
	case l.records < 0 || l.rate < 0:
		return errors.New("--records and --rate can't be negative")
	case l.records == 0 && l.duration <= 0:
		return errors.New("say how long: --records or --duration")
	}
	return nil
}

// options are those of the client that produces.
func (l *perfLoad) options(cmd *cobra.Command, topic string) ([]kgo.Opt, error) {
	acks, err := parseAcks(l.acks)
	if err != nil {
		return nil, fmt.Errorf("--acks: %w", err)
	}
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	codec, ok := codecs[l.codec]
	if !ok {
		return nil, fmt.Errorf("--codec %s: want none, gzip, snappy, lz4 or zstd", l.codec)
	}
	opts := []kgo.Opt{
		kgo.DefaultProduceTopic(topic), kgo.AllowAutoTopicCreation(), kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(l.batchBytes), kgo.ProducerLinger(l.linger), kgo.MaxBufferedRecords(l.buffered),
		kgo.RecordDeliveryTimeout(30 * time.Second), kgo.RecordRetries(1 << 20),
	}
	if l.partition >= 0 {
		opts = append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	switch {
	case acks != -1 && cmd.Flags().Changed("idempotent") && l.idempotent:
		return nil, errors.New("--idempotent needs --acks all")
	case acks == 0:
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()))
	case acks == 1:
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()))
	}
	if acks != -1 || !l.idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(l.inFlight))
	}
	return opts, nil
}

// values makes record values of random bytes, which don't compress, without making new bytes for each.
type values struct {
	pool []byte
	size int
}

// valueVariety is how many different values there are.
const valueVariety = 4096

func newValues(size int) *values {
	pool := make([]byte, size+8*valueVariety)
	random := rand.NewPCG(1, 2)
	for i := 0; i+8 <= len(pool); i += 8 {
		binary.LittleEndian.PutUint64(pool[i:], random.Uint64())
	}
	return &values{pool, size}
}

func (v *values) at(i int64) []byte {
	from := int(i%valueVariety) * 8
	return v.pool[from : from+v.size : from+v.size]
}

// loadRun hands records to a client on schedule and collects what became of them.
type loadRun struct {
	load   *perfLoad
	client *kgo.Client
	value  func(i int64, due time.Time) []byte

	mu      sync.Mutex
	latency histogram // from the time a record was due to its acknowledgement
	late    histogram
	acked   int64
	failed  int64
	failure error // the first one
	last    time.Time
}

// run sends all records, waits for their acknowledgements and returns how long that took. An interrupt ends it early.
func (r *loadRun) run(ctx context.Context) time.Duration {
	nap, done := preciseNaps()
	defer done()
	p := pace{start: time.Now(), rate: r.load.rate, nap: nap}
	for i := int64(0); r.load.records == 0 || i < r.load.records; i++ {
		due, err := p.wait(ctx, i)
		if err != nil || r.load.records == 0 && due.Sub(p.start) >= r.load.duration {
			break
		}
		r.mu.Lock()
		r.late.record(time.Since(due))
		failed := r.failure != nil
		r.mu.Unlock()
		if failed {
			break
		}
		rec := &kgo.Record{Value: r.value(i, due), Partition: r.load.partition}
		r.client.Produce(context.WithoutCancel(ctx), rec, func(_ *kgo.Record, err error) { r.done(due, err) })
	}
	_ = r.client.Flush(context.WithoutCancel(ctx))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.IsZero() {
		return time.Since(p.start)
	}
	return r.last.Sub(p.start)
}

func (r *loadRun) done(due time.Time, err error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed++
		if r.failure == nil {
			r.failure = err
		}
		return
	}
	r.acked++
	r.last = now
	r.latency.record(now.Sub(due))
}

func (r *loadRun) progress(started time.Time) func() string {
	return func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		bytes := r.acked * int64(r.load.size)
		return fmt.Sprintf("%s, %s (%s), p99 %.2f ms", plural(r.acked, "record"), humanBytes(bytes),
			rate(r.acked, bytes, time.Since(started)), float64(r.latency.quantile(0.99))/1e6)
	}
}
