package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/travisjeffery/jocko/internal/record"
)

const (
	fetchMaxBytes     = 16 << 20
	fetchPartition    = 4 << 20
	fetchPatience     = 30 * time.Second // how long fetching may fail without a success in between
	fetchBackoff      = 100 * time.Millisecond
	fetchQueueBatches = 4 // responses' parts that wait to be printed
)

// fetched is what one response held of one partition: whole batches, in order. The first may begin before from, and the
// last may go on past the end that the reader wants.
type fetched struct {
	partition int32
	from      int64
	next      int64 // the offset after records
	records   []byte
	aborted   []kmsg.FetchResponseTopicPartitionAbortedTransaction
}

// fetcher reads partitions of one topic from their leaders. Positions move when their bytes are handed to out, so
// fetching goes on where it was after a leader changed or a connection broke.
type fetcher struct {
	client    *kgo.Client
	topic     string
	topicID   [16]byte
	isolation int8
	maxWait   time.Duration
	timeout   time.Duration
	positions []*position
	out       chan fetched
}

// run fetches until every position has reached its end, and closes out.
func (f *fetcher) run(ctx context.Context) error {
	defer close(f.out)
	lastProgress := time.Now()
	for {
		todo := pending(f.positions)
		if len(todo) == 0 {
			return nil
		}
		before := total(f.positions)
		began := time.Now()
		err := f.round(ctx, todo)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !retriable(err):
			return err
		}
		// A round that lasted is one that worked, even if nothing new had come.
		if total(f.positions) > before || time.Since(began) > fetchPatience {
			lastProgress = time.Now()
		}
		if time.Since(lastProgress) > fetchPatience {
			return fmt.Errorf("gave up after %v: %w", fetchPatience, err)
		}
		select {
		case <-time.After(fetchBackoff):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func pending(positions []*position) []*position {
	var list []*position
	for _, p := range positions {
		if !p.done() {
			list = append(list, p)
		}
	}
	return list
}

func total(positions []*position) (sum int64) {
	for _, p := range positions {
		sum += p.offset
	}
	return sum
}

// round finds the leaders and fetches from them until all is read or something fails.
func (f *fetcher) round(ctx context.Context, todo []*position) error {
	asking, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	t, err := requestTopic(asking, f.client, f.topic, false)
	if err != nil {
		return err
	}
	leaders := make(map[int32]int32, len(t.Partitions))
	for _, p := range t.Partitions {
		leaders[p.Partition] = p.Leader
	}
	byLeader := map[int32][]*position{}
	for _, p := range todo {
		leader, ok := leaders[p.partition]
		if !ok || leader < 0 {
			return fmt.Errorf("partition %d: %w", p.partition, kerr.LeaderNotAvailable)
		}
		byLeader[leader] = append(byLeader[leader], p)
	}
	g, ctx := errgroup.WithContext(ctx)
	for leader, positions := range byLeader {
		g.Go(func() error { return f.follow(ctx, f.client.Broker(int(leader)), positions) })
	}
	return g.Wait()
}

// follow fetches from one broker until its partitions are read to their ends.
func (f *fetcher) follow(ctx context.Context, broker *kgo.Broker, positions []*position) error {
	for {
		positions = pending(positions)
		if len(positions) == 0 {
			return nil
		}
		resp, err := f.request(positions).RequestWith(ctx, broker)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return err
		}
		byID := make(map[int32]*position, len(positions))
		for _, p := range positions {
			byID[p.partition] = p
		}
		for i := range resp.Topics {
			for j := range resp.Topics[i].Partitions {
				part := &resp.Topics[i].Partitions[j]
				if p := byID[part.Partition]; p != nil {
					if err := f.take(ctx, p, part); err != nil {
						return err
					}
				}
			}
		}
		// Each gets its turn at being first: a response's limit favours the first partition.
		positions = append(positions[1:], positions[0])
	}
}

func (f *fetcher) request(positions []*position) *kmsg.FetchRequest {
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = f.topic, f.topicID
	for _, p := range positions {
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = p.partition, p.offset, fetchPartition
		t.Partitions = append(t.Partitions, rp)
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(f.maxWait.Milliseconds()), 1, fetchMaxBytes
	req.IsolationLevel = f.isolation
	req.Topics = append(req.Topics, t)
	return req
}

// take hands a partition's batches on and moves its position behind them.
func (f *fetcher) take(ctx context.Context, p *position, part *kmsg.FetchResponseTopicPartition) error {
	if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
		if errors.Is(err, kerr.OffsetOutOfRange) {
			return fmt.Errorf("partition %d has no offset %d (its log starts at %d, its high watermark is %d): %w",
				p.partition, p.offset, part.LogStartOffset, part.HighWatermark, err)
		}
		return fmt.Errorf("partition %d: %w", p.partition, err)
	}
	whole, next, err := wholeBatches(part.RecordBatches, p.offset)
	if err != nil {
		return fmt.Errorf("partition %d at offset %d: %w", p.partition, p.offset, err)
	}
	if len(whole) == 0 {
		return nil
	}
	select {
	case f.out <- fetched{p.partition, p.offset, next, whole, part.AbortedTransactions}:
		p.offset = next
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wholeBatches returns the batches that b holds entirely, and the offset after them. A broker may cut the last one.
func wholeBatches(b []byte, offset int64) (whole []byte, next int64, err error) {
	rest := b
	for len(rest) > 0 {
		batch, after, err := record.Next(rest)
		if isIncomplete(err) && len(rest) < len(b) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		offset = max(offset, int64(batch.NextOffset()))
		rest = after
	}
	return b[:len(b)-len(rest)], offset, nil
}

func isIncomplete(err error) bool {
	var e *record.Error
	return errors.As(err, &e) && e.Kind == record.Incomplete
}
