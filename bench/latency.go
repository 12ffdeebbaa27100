package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// endToEnd measures the time from when a record should be sent to when a consumer has it: one
// pipelining producer connection at a fixed rate, one consumer, acks=1.
func endToEnd(perSecond int) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, 1, nil); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		n := int(e.length().Seconds() * float64(perSecond))
		p, err := newPulse(addr, e.topic, n)
		if err != nil {
			return nil, err
		}
		defer p.close()
		if err := p.run(ctx, time.Second/time.Duration(perSecond)); err != nil {
			return nil, err
		}
		cpu, wall, err := m.stop()
		v := values{"broker CPU %": cpu / wall * 100, "records/s": float64(n) / wall}
		p.acked.fill(v, "ack ")
		p.read.fill(v, "")
		return v, err
	}
}

// pulse is one producer connection that sends a record at each tick, and one consumer connection.
// A record carries its sequence number; due tells when it should have been sent.
type pulse struct {
	producer *single
	consumer *reader
	n        int
	start    time.Time
	every    time.Duration
	acked    histogram
	read     histogram
	failed   atomic.Bool
}

func newPulse(addr, topic string, n int) (*pulse, error) {
	s, err := newSingle(addr, topic, 0, 1, 1024, 0)
	if err != nil {
		return nil, err
	}
	r, err := newReader(addr, topic, 1)
	if err != nil {
		s.close()
		return nil, err
	}
	return &pulse{producer: s, consumer: r, n: n}, nil
}

func (p *pulse) close() {
	p.producer.close()
	p.consumer.close()
}

func (p *pulse) due(seq int) time.Time { return p.start.Add(time.Duration(seq) * p.every) }

func (p *pulse) run(ctx context.Context, every time.Duration) error {
	p.every, p.start = every, time.Now().Add(200*time.Millisecond)
	errs := make(chan error, 3)
	for _, part := range []func(context.Context) error{p.sendAll, p.ackAll, p.readAll} {
		go func() {
			err := part(ctx)
			if err != nil {
				p.failed.Store(true)
				p.close()
			}
			errs <- err
		}()
	}
	return errors.Join(<-errs, <-errs, <-errs)
}

// sendAll runs on a thread of its own: Go's timers are too coarse for a tick of 100 us.
func (p *pulse) sendAll(ctx context.Context) error {
	defer preciseSleep()()
	for i := range p.n {
		if d := time.Until(p.due(i)); d > 0 {
			sleepPrecisely(d)
		}
		if ctx.Err() != nil || p.failed.Load() {
			return ctx.Err()
		}
		if err := p.producer.send(); err != nil {
			return err
		}
	}
	return nil
}

func (p *pulse) ackAll(context.Context) error {
	for i := range p.n {
		if err := p.producer.ack(); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		p.acked.add(int64(time.Since(p.due(i))))
	}
	return nil
}

func (p *pulse) readAll(ctx context.Context) error {
	seq := 0
	p.consumer.batch = func(_ int32, s *wire.Stored) error {
		now := time.Now()
		value, err := onlyValue(s)
		if err != nil {
			return err
		}
		if got := binary.BigEndian.Uint64(value[4:]); got != uint64(seq) || valueCRC(value) != binary.BigEndian.Uint32(value[12:]) {
			return fmt.Errorf("VOID: record %d, want %d", got, seq)
		}
		p.read.add(int64(now.Sub(p.due(seq))))
		seq++
		return nil
	}
	for seq < p.n && ctx.Err() == nil {
		if err := p.consumer.fetch(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// onlyValue returns the value of a batch of one plain record.
func onlyValue(s *wire.Stored) ([]byte, error) {
	if s.Records != 1 || s.Codec != 0 {
		return nil, fmt.Errorf("VOID: a batch of %d records with codec %d", s.Records, s.Codec)
	}
	rec := kmsg.NewRecord()
	if err := rec.ReadFrom(s.Bytes[61:]); err != nil {
		return nil, fmt.Errorf("VOID: %w", err)
	}
	if len(rec.Value) < valueHeader {
		return nil, fmt.Errorf("VOID: a value of %d bytes", len(rec.Value))
	}
	return rec.Value, nil
}

// wakeUp measures single messages after the broker was idle, beside many idle partitions.
func wakeUp(parts int, idle time.Duration, times int) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		b, err := startOwn(ctx, e)
		if err != nil {
			return nil, err
		}
		defer b.Kill()
		if _, err := createMany(ctx, b.Addr, e.scaled(parts), 100); err != nil {
			return nil, err
		}
		if err := wire.CreateTopic(ctx, b.Addr, e.topic, 1, nil); err != nil {
			return nil, err
		}
		idle, times := idle, times
		if e.short {
			idle, times = idle/4, times/2
		}
		p, err := newPulse(b.Addr, e.topic, times+20)
		if err != nil {
			return nil, err
		}
		defer p.close()
		var h histogram
		for i := range times + 20 {
			pause := 20 * time.Millisecond // the first ones open files and connections
			if i >= 20 {
				pause = idle
			}
			took, err := p.one(ctx, pause, i)
			if err != nil {
				return nil, err
			}
			if i >= 20 {
				h.add(int64(took))
			}
		}
		v := values{}
		h.fill(v, "")
		delete(v, "p99.9 ms")
		delete(v, "p99 ms")
		return v, nil
	}
}

// one lets the consumer wait, sends one record after the pause and returns when it was read.
func (p *pulse) one(ctx context.Context, pause time.Duration, seq int) (time.Duration, error) {
	got := make(chan error, 1)
	var at time.Time
	p.consumer.batch = func(int32, *wire.Stored) error { at = time.Now(); return nil }
	go func() {
		for p.consumer.offsets[0] == int64(seq) {
			if err := p.consumer.fetch(); err != nil {
				got <- err
				return
			}
		}
		got <- nil
	}()
	sleepUntil(ctx, time.Now().Add(pause))
	began := time.Now()
	if err := p.producer.send(); err != nil {
		return 0, err
	}
	if err := p.producer.ack(); err != nil {
		return 0, err
	}
	err := <-got
	return at.Sub(began), err
}

// stalls measures the longest time a record waits for its acknowledgement while the broker rolls
// segments, deletes old ones, compacts, and creates and deletes a topic of 1,000 partitions.
func stalls(length time.Duration) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		length := length
		if e.short || e.warming {
			length /= 10
		}
		addr := e.broker.Addr
		topics := map[string]map[string]string{
			e.topic + "-quiet":   {"segment.bytes": "1048576", "retention.bytes": "8388608"},
			e.topic + "-bulk":    {"segment.bytes": "16777216", "retention.bytes": "67108864"},
			e.topic + "-compact": {"segment.bytes": "4194304", "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"},
		}
		for name, config := range topics {
			if err := wire.CreateTopic(ctx, addr, name, partitions, config); err != nil {
				return nil, err
			}
			defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, name) //nolint:errcheck // the next run has its own topics
		}
		f, err := newFleet(addr, e.topic+"-quiet", partitions, partitions, 1, 1024)
		if err != nil {
			return nil, err
		}
		defer f.close()
		around, stop := context.WithTimeout(ctx, length+10*time.Second)
		defer stop()
		errs := make(chan error, 3)
		go func() { errs <- bulkLoad(around, addr, e.topic+"-bulk", 20*mb) }()
		go func() { errs <- keyedLoad(around, addr, e.topic+"-compact", 2000) }()
		go func() { errs <- churn(around, addr, e.topic+"-churn", 1000) }()
		start := time.Now().Add(5 * time.Second)
		h, err := f.run(func(i int, s *single, h *histogram) error {
			return s.openLoop(ctx, start.Add(time.Duration(i)*time.Millisecond), start.Add(length), 5*time.Millisecond, h)
		})
		stop()
		err = errors.Join(err, <-errs, <-errs, <-errs)
		v := values{}
		h.fill(v, "")
		return v, err
	}
}

func bulkLoad(ctx context.Context, addr, topic string, bytesPerSecond float64) error {
	b := bulk{addr: addr, topic: topic, valueSize: 1024, batchBytes: 128 << 10, rate: bytesPerSecond}
	_, err := b.produce(ctx, 1<<40)
	return err
}

// keyedLoad produces records of 1,000 keys to a compacted topic.
func keyedLoad(ctx context.Context, addr, topic string, perSecond int) error {
	c, err := wire.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	body := randomBody(1024, 9)
	for i := 0; ctx.Err() == nil; i++ {
		b := wire.Values(0, time.Now().UnixMilli())
		for j := range 100 {
			r := kmsg.NewRecord()
			r.Key, r.Value = fmt.Appendf(nil, "key-%d", (i*100+j)%1000), body
			b.Records = append(b.Records, r)
		}
		resp, err := c.Do(wire.ProduceRequest(9, 1, topic, int32(i%partitions), b.Encode()))
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); err != nil {
			return err
		}
		sleepUntil(ctx, time.Now().Add(100*time.Second/time.Duration(perSecond)))
	}
	return nil
}

// churn creates and deletes a topic of many partitions again and again.
func churn(ctx context.Context, addr, name string, parts int32) error {
	for i := 0; ctx.Err() == nil; i++ {
		topic := fmt.Sprintf("%s-%d", name, i)
		if err := wire.CreateTopic(context.WithoutCancel(ctx), addr, topic, parts, nil); err != nil {
			return err
		}
		sleepUntil(ctx, time.Now().Add(5*time.Second))
		if err := wire.DeleteTopic(context.WithoutCancel(ctx), addr, topic); err != nil {
			return err
		}
		sleepUntil(ctx, time.Now().Add(5*time.Second))
	}
	return nil
}
