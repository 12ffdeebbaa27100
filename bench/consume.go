package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/travisjeffery/jocko/interop/wire"
)

// prebuiltRun measures a produce load that was made in advance: the broker is the bottleneck, not
// the client.
func prebuiltRun(codec int8, acks int16) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, partitions, nil); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		load := prebuild(e.topic, partitions, codec, 1024, 124, acks)
		n := int(e.size() / load.plain)
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		client := selfCPU()
		if err := load.send(ctx, addr, n, 5); err != nil {
			return nil, err
		}
		v, err := perSize(m, int64(n)*load.plain, int64(n)*partitions*load.records)
		if err != nil {
			return nil, err
		}
		v["client CPU s/GB"] = (selfCPU() - client).Seconds() / (float64(n) * float64(load.plain) / gb)
		if e.warming {
			return v, nil
		}
		return v, load.verify(ctx, addr, e.topic, partitions, n)
	}
}

// tail measures a consumer that follows a producer of a fixed rate, by difference: first the
// producer alone, then with the consumer.
func tail(mbPerSecond float64) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		alone, _, err := tailPhase(ctx, e, e.topic+"-alone", mbPerSecond*mb, 0)
		if err != nil {
			return nil, err
		}
		both, read, err := tailPhase(ctx, e, e.topic, mbPerSecond*mb, 1)
		if err != nil {
			return nil, err
		}
		return values{
			"consume CPU s/GB": max(0.001, both["CPU s/GB"]-alone["CPU s/GB"]),
			"produce CPU s/GB": alone["CPU s/GB"], "total CPU s/GB": both["CPU s/GB"],
			"produced MB/s": both["MB/s"], "consumed MB/s": read,
			"lag %": 100 * (1 - read/both["MB/s"]),
		}, nil
	}
}

// fanOut measures many readers that follow one producer, each reading everything.
func fanOut(readers int, mbPerSecond float64) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		both, read, err := tailPhase(ctx, e, e.topic, mbPerSecond*mb, readers)
		if err != nil {
			return nil, err
		}
		cpu := both["CPU s/GB"] * both["MB/s"] // ms of CPU a second
		return values{
			"CPU s/GB out": cpu / (read * float64(readers)), "MB/s out": read * float64(readers),
			"produced MB/s": both["MB/s"], "broker CPU %": both["broker CPU %"], "lag %": 100 * (1 - read/both["MB/s"]),
		}, nil
	}
}

// tailPhase runs one producer at a rate and some readers for the length of the run. It returns the
// broker's figures per produced byte, and what each reader got in MB/s until the producer ended.
func tailPhase(ctx context.Context, e *env, topic string, bytesPerSecond float64, readers int) (values, float64, error) {
	addr := e.broker.Addr
	if err := wire.CreateTopic(ctx, addr, topic, partitions, nil); err != nil {
		return nil, 0, err
	}
	defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, topic) //nolint:errcheck // the next run has its own topic
	m, err := e.meter()
	if err != nil {
		return nil, 0, err
	}
	var t tails
	if err := t.start(ctx, addr, topic, readers); err != nil {
		return nil, 0, err
	}
	b := bulk{addr: addr, topic: topic, valueSize: 1024, batchBytes: 128 << 10, rate: bytesPerSecond}
	sent, err := b.produce(ctx, int64(bytesPerSecond*e.length().Seconds()))
	if err != nil {
		return nil, 0, errors.Join(err, t.abandon())
	}
	var n int64
	for _, s := range sent {
		n += s
	}
	v, err := perSize(m, n*1024, n)
	if err != nil {
		return nil, 0, errors.Join(err, t.abandon())
	}
	got, err := t.finish(sent)
	wall := float64(n*1024) / (v["MB/s"] * mb)
	return v, got * 1024 / wall / mb, err
}

// tails are readers that follow a topic's end.
type tails struct {
	readers []*reader
	mu      sync.Mutex
	ends    []int64 // set at the end; readers stop there
	errs    chan error
}

func (t *tails) start(ctx context.Context, addr, topic string, n int) error {
	t.errs = make(chan error, n)
	for range n {
		r, err := newReader(addr, topic, partitions)
		if err != nil {
			return errors.Join(err, t.abandon())
		}
		t.readers = append(t.readers, r)
		go func() { t.errs <- t.follow(ctx, r) }()
	}
	return nil
}

func (t *tails) follow(ctx context.Context, r *reader) error {
	defer r.close()
	for ctx.Err() == nil {
		t.mu.Lock()
		ends := t.ends
		t.mu.Unlock()
		if ends != nil {
			return r.readToEnds(ctx, ends)
		}
		if err := r.fetch(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// finish lets the readers read to the end; it returns the mean number of records they had when it
// was called.
func (t *tails) finish(ends []int64) (float64, error) {
	var had int64
	for _, r := range t.readers {
		had += r.records.Load()
	}
	t.mu.Lock()
	t.ends = ends
	t.mu.Unlock()
	var errs []error
	for range t.readers {
		errs = append(errs, <-t.errs)
	}
	return float64(had) / float64(max(1, len(t.readers))), errors.Join(errs...)
}

func (t *tails) abandon() error {
	for _, r := range t.readers {
		r.close()
	}
	var errs []error
	for range t.readers {
		errs = append(errs, <-t.errs)
	}
	return errors.Join(errs...)
}

func (r *reader) readToEnds(ctx context.Context, ends []int64) error {
	for ctx.Err() == nil {
		done := true
		for p, end := range ends {
			if r.offsets[p] > end {
				return fmt.Errorf("VOID: partition %d: read to %d past the end %d", p, r.offsets[p], end)
			}
			done = done && r.offsets[p] == end
		}
		if done {
			return nil
		}
		if err := r.fetch(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// catchUp measures n consumers that each read a topic that is in the page cache, from its start.
func catchUp(n int) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, partitions, nil); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		load := prebuild(e.topic, partitions, 0, 1024, 124, 1)
		requests := int(e.size() / load.plain / 2)
		if err := load.send(ctx, addr, requests, 5); err != nil {
			return nil, err
		}
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		client := selfCPU()
		errs := make(chan error)
		for range n {
			go func() { errs <- load.verify(ctx, addr, e.topic, partitions, requests) }()
		}
		for range n {
			err = errors.Join(err, <-errs)
		}
		if err != nil {
			return nil, err
		}
		read := int64(n) * int64(requests) * load.plain
		v, err := perSize(m, read, read/1024)
		v["client CPU s/GB"] = (selfCPU() - client).Seconds() / (float64(read) / gb)
		return v, err
	}
}
