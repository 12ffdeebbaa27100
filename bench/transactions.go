package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/wire"
)

// The shape of a transaction: as many records to each of as many partitions.
const (
	txnPartitions = 4
	txnRecords    = 100 // per partition
	txnValue      = 1024
)

// transactor is one transactional producer. It makes one transaction after the other.
type transactor struct {
	cl      *kgo.Client
	records []*kgo.Record
	number  uint32
	seq     uint64 // of the next record, the same in each partition
	done    int64  // committed
	commits histogram
	whole   histogram // from begin to committed
}

// newTransactor makes a producer whose batches hold all of a transaction's records of a partition:
// nothing is sent before Flush asks for it.
func newTransactor(addr, topic string, number int) (*transactor, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.TransactionalID(fmt.Sprintf("%s-txn-%d", topic, number)),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(512<<10), kgo.ProducerLinger(time.Minute),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		return nil, err
	}
	t := &transactor{cl: cl, number: uint32(number)}
	body := randomBody(txnValue, uint64(number))
	for range txnPartitions * txnRecords {
		v := make([]byte, txnValue)
		copy(v, body)
		t.records = append(t.records, &kgo.Record{Value: v})
	}
	return t, nil
}

// once makes one transaction and waits until it is committed.
func (t *transactor) once(ctx context.Context) error {
	began := time.Now()
	if err := t.cl.BeginTransaction(); err != nil {
		return err
	}
	var failed error // promises of a client run one at a time
	for i, r := range t.records {
		*r = kgo.Record{Partition: int32(i % txnPartitions), Value: r.Value}
		stamp(r.Value, t.number, t.seq+uint64(i/txnPartitions))
		t.cl.Produce(ctx, r, func(_ *kgo.Record, err error) { failed = errors.Join(failed, err) })
	}
	if err := t.cl.Flush(ctx); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	flushed := time.Now()
	if err := t.cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	t.commits.add(int64(time.Since(flushed)))
	t.whole.add(int64(time.Since(began)))
	t.seq += txnRecords
	t.done++
	return nil
}

func (t *transactor) closedLoop(ctx context.Context, until time.Time) error {
	for time.Now().Before(until) && ctx.Err() == nil {
		if err := t.once(ctx); err != nil {
			return fmt.Errorf("transaction %d of producer %d: %w", t.done, t.number, err)
		}
	}
	return ctx.Err()
}

// transactions measures producers that each make one transaction after the other.
func transactions(producers int) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, txnPartitions, nil); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		ts, err := newTransactors(ctx, addr, e.topic, producers)
		defer func() {
			for _, t := range ts {
				t.cl.Close()
			}
		}()
		if err != nil {
			return nil, err
		}
		v, err := measureTransactions(ctx, e, ts)
		if err != nil || e.warming {
			return v, err
		}
		return v, verifyTransactions(ctx, addr, e.topic, ts)
	}
}

// newTransactors makes the producers and lets each make a transaction: the first ones find the
// coordinator and get their producer ids.
func newTransactors(ctx context.Context, addr, topic string, n int) ([]*transactor, error) {
	var ts []*transactor
	for i := range n {
		t, err := newTransactor(addr, topic, i)
		if err != nil {
			return ts, err
		}
		ts = append(ts, t)
		if err := t.once(ctx); err != nil {
			return ts, err
		}
		t.commits, t.whole = histogram{}, histogram{}
	}
	return ts, nil
}

func measureTransactions(ctx context.Context, e *env, ts []*transactor) (values, error) {
	m, err := e.meter()
	if err != nil {
		return nil, err
	}
	mem := sampleMemory(e.broker)
	client := selfCPU()
	until := time.Now().Add(e.length())
	errs := make(chan error)
	for _, t := range ts {
		go func() { errs <- t.closedLoop(ctx, until) }()
	}
	for range ts {
		err = errors.Join(err, <-errs)
	}
	peak := mem.stop()
	if err != nil {
		return nil, err
	}
	cpu, wall, err := m.stop()
	if err != nil {
		return nil, err
	}
	var commits, whole histogram
	for _, t := range ts {
		commits.merge(&t.commits)
		whole.merge(&t.whole)
	}
	n := float64(commits.n)
	v := values{
		"txn/s": n / wall, "CPU us/txn": cpu * 1e6 / n, "broker CPU %": cpu / wall * 100, "PSS MiB": peak,
		"client CPU us/txn": (selfCPU() - client).Seconds() * 1e6 / n,
	}
	commits.fill(v, "commit ")
	whole.fill(v, "txn ")
	return v, nil
}

// verifyTransactions reads the topic back as a consumer that reads what is committed, and checks
// that it holds all records of all transactions in order and nothing else.
func verifyTransactions(ctx context.Context, addr, topic string, ts []*transactor) error {
	var done int64
	for _, t := range ts {
		done += t.done
	}
	if err := readCommitted(ctx, addr, topic, done*txnPartitions*txnRecords); err != nil {
		return err
	}
	return onlyCommitted(ctx, addr, topic, done)
}

// readCommitted reads n records and checks them. All of them can be read when all markers are there:
// the broker may write those after it has answered EndTxn.
func readCommitted(ctx context.Context, addr, topic string, n int64) error {
	from := map[int32]kgo.Offset{}
	for p := range int32(txnPartitions) {
		from[p] = kgo.NewOffset().At(0)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(16*mib), kgo.FetchMaxPartitionBytes(4*mib))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c := newChecker()
	for c.count < n {
		fetches := cl.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("read back %s/%d with %d records to come: %w", errs[0].Topic, errs[0].Partition, n-c.count, errs[0].Err)
		}
		var bad error
		fetches.EachRecord(func(r *kgo.Record) {
			if bad == nil {
				bad = c.check(r.Partition, r.Offset, r.Value)
			}
		})
		if bad != nil {
			return fmt.Errorf("VOID: %w", bad)
		}
	}
	return nil
}

// onlyCommitted checks that every partition has the records and the one marker of each transaction,
// and nothing beside them.
func onlyCommitted(ctx context.Context, addr, topic string, done int64) error {
	ends, err := wire.EndOffsets(ctx, addr, topic, txnPartitions)
	if err != nil {
		return err
	}
	for p, end := range ends {
		if want := done * (txnRecords + 1); end != want {
			return fmt.Errorf("VOID: partition %d ends at %d after %d transactions, want %d", p, end, done, want)
		}
	}
	return nil
}
