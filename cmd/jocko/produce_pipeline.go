package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// producePipeline runs input, batching and sending beside each other.
type producePipeline struct {
	command *produce
	plan    *producePlan
	client  *kgo.Client
	target  *produceTarget
	started time.Time
	sent    atomic.Int64 // records acknowledged (written, with acks 0)
	bytes   atomic.Int64 // of their keys and values
}

func (p *producePipeline) run(ctx context.Context, inputs []io.Reader) error {
	// What was read before an interrupt is still sent.
	g, sending := errgroup.WithContext(context.WithoutCancel(ctx))
	outs := make([]chan<- *batch, len(p.target.leaders))
	var b *batcher
	for i, leader := range p.target.leaders {
		ch := make(chan *batch, p.command.inFlight)
		outs[i] = ch
		s := &batchSender{
			client: p.client, topic: p.target.topic, topicID: p.target.id, partition: int32(i), leader: leader, in: ch,
			acks: p.plan.acks, inFlight: p.command.inFlight, deadline: p.command.deadline, timeout: p.command.conn.timeout,
			acked: func(sent *batch) {
				p.sent.Add(int64(sent.count))
				p.bytes.Add(sent.bytes)
				b.done(sent)
			},
		}
		g.Go(func() error { return s.run(sending) })
	}
	b = newBatcher(p.target.topic, outs, p.target.maxBytes, p.plan.compressor, p.target.identity)
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	var inputErr error
	g.Go(func() error {
		defer func() {
			for _, out := range outs {
				close(out)
			}
		}()
		var err error
		inputErr, err = p.batch(reading, sending, b, inputs)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return inputErr
}

// batch reads the inputs to their end and returns what was wrong with them: what was fine is still sent. Its own error
// is one of sending.
func (p *producePipeline) batch(reading, sending context.Context, b *batcher, inputs []io.Reader) (inputErr, err error) {
	r := p.reader()
	go r.run(reading, inputs)
	linger := time.NewTimer(p.command.linger)
	defer linger.Stop()
	var m message
	for {
		select {
		case c, ok := <-r.chunks:
			if !ok {
				return r.err, b.flush(sending)
			}
			p.plan.parser.now = time.Now().UnixMilli()
			inputErr = r.split(c, func(record []byte) error {
				if err := p.plan.parser.parse(record, &m); err != nil {
					return fmt.Errorf("record %d: %w", b.records+1, err)
				}
				return b.add(sending, &m)
			})
			r.done(c)
			if sending.Err() != nil {
				return nil, context.Cause(sending)
			}
			if inputErr != nil {
				return inputErr, b.flush(sending)
			}
			linger.Reset(p.command.linger)
		case <-linger.C:
			if err := b.flush(sending); err != nil {
				return nil, err
			}
		case <-reading.Done():
			return reading.Err(), b.flush(sending)
		case <-sending.Done():
			return nil, context.Cause(sending)
		}
	}
}

func (p *producePipeline) reader() *chunkReader {
	switch {
	case p.command.raw:
		return newChunkReader(nil, p.command.rawBytes)
	case p.command.whole:
		return newWholeReader(p.target.maxBytes)
	case p.plan.parser.json:
		return newChunkReader([]byte("\n"), 4*p.target.maxBytes) // text may be longer than what it encodes
	}
	return newChunkReader(p.plan.delimiter, p.target.maxBytes)
}

func (p *producePipeline) progress() string {
	records, bytes := p.sent.Load(), p.bytes.Load()
	return fmt.Sprintf("sent %s, %s (%s)", plural(records, "record"), humanBytes(bytes), rate(records, bytes, time.Since(p.started)))
}

func (p *producePipeline) summary() string {
	records, bytes, took := p.sent.Load(), p.bytes.Load(), time.Since(p.started)
	return fmt.Sprintf("sent %s, %s, to %s in %v (%s)",
		plural(records, "record"), humanBytes(bytes), p.target.topic, took.Round(time.Millisecond), rate(records, bytes, took))
}
