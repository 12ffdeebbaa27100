package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/travisjeffery/jocko/interop/wire"
)

// single sends one-record produce requests on a connection of its own. The request is made once;
// for each record the sequence number and the checksums are patched in.
type single struct {
	c            *wire.Conn
	frame        []byte
	batch, value []byte // parts of frame
	producer     uint32
	seq          uint64
	codeAt       int // where a response has its error code
}

func newSingle(addr, topic string, partition int32, acks int16, valueSize int, producer uint32) (*single, error) {
	c, err := wire.Dial(addr)
	if err != nil {
		return nil, err
	}
	c.Timeout = time.Minute
	value := randomBody(valueSize, uint64(producer))
	stamp(value, producer, 0)
	batch := wire.Values(0, time.Now().UnixMilli(), value).Encode()
	frame := wire.Frame(wire.ProduceRequest(9, acks, topic, partition, batch), 0)
	at := bytes.Index(frame, batch)
	s := &single{c: c, frame: frame, batch: frame[at : at+len(batch)], producer: producer}
	at = bytes.Index(s.batch, value)
	s.value = s.batch[at : at+valueSize]
	// correlation id, header tags, topic count, topic name with its length, partition count, index
	s.codeAt = 4 + 1 + 1 + 1 + len(topic) + 1 + 4
	return s, nil
}

func (s *single) close() { s.c.Close() }

func (s *single) send() error {
	stamp(s.value, s.producer, s.seq)
	wire.SetCRC(s.batch)
	s.seq++
	return s.c.SendFrame(s.frame)
}

func (s *single) ack() error {
	resp, err := s.c.ReceiveFrame()
	if err != nil {
		return err
	}
	if len(resp) < s.codeAt+2 {
		return fmt.Errorf("a produce response of %d bytes", len(resp))
	}
	return kerr.ErrorForCode(int16(binary.BigEndian.Uint16(resp[s.codeAt:])))
}

// closedLoop sends until the context ends, each record after the acknowledgement of the one before.
func (s *single) closedLoop(ctx context.Context, h *histogram) error {
	for ctx.Err() == nil {
		began := time.Now()
		if err := s.send(); err != nil {
			return err
		}
		if err := s.ack(); err != nil {
			return err
		}
		h.add(int64(time.Since(began)))
	}
	return nil
}

// openLoop sends a record every interval from start until end, and takes the time from when each
// should have been sent. An acknowledgement that is late delays the following ones, and counts.
func (s *single) openLoop(ctx context.Context, start, end time.Time, every time.Duration, h *histogram) error {
	for due := start; due.Before(end) && ctx.Err() == nil; due = due.Add(every) {
		sleepUntil(ctx, due)
		if err := s.send(); err != nil {
			return err
		}
		if err := s.ack(); err != nil {
			return err
		}
		h.add(int64(time.Since(due)))
	}
	return nil
}

// fleet is many singles at once.
type fleet struct {
	singles []*single
	topic   string
	parts   int32
}

func newFleet(addr, topic string, parts int32, n int, acks int16, valueSize int) (*fleet, error) {
	f := &fleet{topic: topic, parts: parts}
	for i := range n {
		s, err := newSingle(addr, topic, int32(i)%parts, acks, valueSize, uint32(i))
		if err != nil {
			f.close()
			return nil, err
		}
		f.singles = append(f.singles, s)
	}
	return f, nil
}

func (f *fleet) close() {
	for _, s := range f.singles {
		s.close()
	}
}

// run calls do for each single at once and returns the merged latencies.
func (f *fleet) run(do func(i int, s *single, h *histogram) error) (*histogram, error) {
	hists := make([]histogram, len(f.singles))
	errs := make(chan error)
	for i, s := range f.singles {
		go func() { errs <- do(i, s, &hists[i]) }()
	}
	var err error
	for range f.singles {
		if e := <-errs; e != nil && err == nil {
			err = e
		}
	}
	all := new(histogram)
	for i := range hists {
		all.merge(&hists[i])
	}
	return all, err
}

// verify reads the topic back and checks that it holds each single's records in order and no others.
func (f *fleet) verify(ctx context.Context, addr string) error {
	c, err := readBack(ctx, addr, f.topic, f.parts, nil)
	if err != nil {
		return err
	}
	for i, s := range f.singles {
		if got := c.next[source{int32(i) % f.parts, s.producer}]; got != s.seq {
			return fmt.Errorf("VOID: producer %d's records: %d, want %d", i, got, s.seq)
		}
	}
	return nil
}

// unbatched measures n clients that each wait for the acknowledgement of one record before the next.
func unbatched(n int, parts int32, acks int16, topicConfig map[string]string) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, parts, topicConfig); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		f, err := newFleet(addr, e.topic, parts, n, acks, 1024)
		if err != nil {
			return nil, err
		}
		defer f.close()
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		timed, cancel := context.WithTimeout(ctx, e.length())
		defer cancel()
		h, err := f.run(func(_ int, s *single, h *histogram) error { return s.closedLoop(timed, h) })
		if err != nil {
			return nil, err
		}
		v, err := perSize(m, h.n*1024, h.n)
		if err != nil {
			return nil, err
		}
		delete(v, "MB/s")
		delete(v, "CPU s/GB")
		h.fill(v, "")
		if e.warming {
			return v, nil
		}
		return v, f.verify(ctx, addr)
	}
}

// smallProducers measures n producers with a fixed rate each, an open loop.
func smallProducers(n int, parts int32, perSecond int) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, parts, nil); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		f, err := newFleet(addr, e.topic, parts, n, 1, 1024)
		if err != nil {
			return nil, err
		}
		defer f.close()
		mem := sampleMemory(e.broker)
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		every := time.Second / time.Duration(perSecond)
		start := time.Now().Add(100 * time.Millisecond)
		end := start.Add(e.length())
		h, err := f.run(func(i int, s *single, h *histogram) error {
			phase := every * time.Duration(i) / time.Duration(n)
			return s.openLoop(ctx, start.Add(phase), end, every, h)
		})
		peak := mem.stop()
		if err != nil {
			return nil, err
		}
		v, err := perSize(m, h.n*1024, h.n)
		if err != nil {
			return nil, err
		}
		delete(v, "MB/s")
		delete(v, "CPU s/GB")
		v["PSS MiB"] = peak
		h.fill(v, "")
		if e.warming {
			return v, nil
		}
		return v, f.verify(ctx, addr)
	}
}
