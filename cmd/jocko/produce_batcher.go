package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/record"
)

const (
	// batchFill is how full a batch gets before it is sent, when the topic allows it.
	batchFill = 1 << 20
	// openBytes bounds the batches being filled: with many partitions each gets a smaller one.
	openBytes = 64 << 20
	// spareBatches are those on their way beside the ones being filled, for all partitions together.
	spareBatches = 16
)

// batcher deals records out to partitions and hands full batches to their senders. One goroutine uses it.
type batcher struct {
	partitions []batchedPartition
	byKey      kgo.TopicPartitioner // Kafka's: murmur2 of the key
	keyed      kgo.Record           // what byKey looks at
	current    int                  // where records without a key go until its batch is full
	fill       int                  // bytes after which a batch is sent
	limit      int                  // bytes no batch may exceed: the topic's max.message.bytes
	compressor kgo.Compressor
	identity   producerIdentity
	free       chan *batch
	records    int64 // given to add
}

type batchedPartition struct {
	open     *batch // nil: nothing waits
	sequence int32  // of its next record
	out      chan<- *batch
}

func newBatcher(topic string, outs []chan<- *batch, limit int, compressor kgo.Compressor, identity producerIdentity) *batcher {
	b := &batcher{
		byKey: kgo.StickyKeyPartitioner(nil).ForTopic(topic),
		fill:  min(batchFill, limit, max(openBytes/len(outs), 16<<10)), limit: limit,
		compressor: compressor, identity: identity,
		free: make(chan *batch, len(outs)+spareBatches),
	}
	for range cap(b.free) {
		b.free <- &batch{}
	}
	for _, out := range outs {
		b.partitions = append(b.partitions, batchedPartition{out: out})
	}
	return b
}

// add puts a record into its partition's batch. It waits while too many batches are on their way.
func (b *batcher) add(ctx context.Context, m *message) error {
	at := b.choose(m)
	p := &b.partitions[at]
	if p.open == nil {
		if err := b.start(ctx, p, at); err != nil {
			return err
		}
	}
	body, total := p.open.size(m)
	if p.open.count > 0 && (len(p.open.buf)+total > b.fill || p.open.count >= maxBatchRecords) {
		if err := b.send(ctx, p); err != nil {
			return err
		}
		b.current = (b.current + 1) % len(b.partitions)
		return b.add(ctx, m)
	}
	if need := record.HeaderSize + total; need > b.limit {
		return fmt.Errorf("record %d takes %d bytes, more than the limit of %d: %w", b.records+1, need, b.limit, kerr.MessageTooLarge)
	}
	p.open.add(m, body)
	p.open.bytes += int64(len(m.key) + len(m.value))
	b.records++
	return nil
}

func (b *batcher) choose(m *message) int {
	switch {
	case m.partition >= 0:
		return int(m.partition)
	case m.key == nil:
		return b.current
	}
	b.keyed.Key = m.key
	return b.byKey.Partition(&b.keyed, len(b.partitions))
}

func (b *batcher) start(ctx context.Context, p *batchedPartition, at int) error {
	select {
	case p.open = <-b.free:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	*p.open = batch{partition: int32(at), buf: p.open.buf, sealed: make(chan struct{})}
	if p.open.buf == nil {
		p.open.buf = make([]byte, 0, b.fill)
	}
	p.open.buf = p.open.buf[:record.HeaderSize]
	return nil
}

// scratches holds what batches are compressed into.
var scratches = poison.NewPool(nil, func(b *bytes.Buffer) { b.Reset(); poison.Bytes(b.Bytes()) })

// send numbers the open batch and hands it on; sealing goes on beside.
func (b *batcher) send(ctx context.Context, p *batchedPartition) error {
	full := p.open
	p.open = nil
	full.sequence = -1
	if b.identity.id >= 0 {
		full.sequence = p.sequence
		p.sequence = record.AddSequence(p.sequence, full.count)
	}
	go func() {
		scratch := scratches.Get()
		full.seal(b.compressor, scratch, b.limit, b.identity)
		scratches.Put(scratch)
		close(full.sealed)
	}()
	select {
	case p.out <- full:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// flush sends every batch that holds a record.
func (b *batcher) flush(ctx context.Context) error {
	for i := range b.partitions {
		p := &b.partitions[i]
		if p.open == nil || p.open.count == 0 {
			continue
		}
		if err := b.send(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// done gives a batch's memory back.
func (b *batcher) done(sent *batch) {
	poison.Bytes(sent.buf)
	b.free <- sent
}
