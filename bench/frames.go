package main

import (
	"bytes"
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

// variants is how many different requests a prebuilt load goes through.
const variants = 8

// prebuilt is a load of produce requests made in advance, so that the client costs next to nothing:
// each holds one batch for every partition.
type prebuilt struct {
	frames  [][]byte
	crcs    [][]uint32 // by variant and partition: the batch's checksum
	records int64      // per batch
	plain   int64      // bytes of values per request
}

// prebuild makes the requests. Values are text when there is a codec.
func prebuild(topic string, parts int32, codec int8, valueSize, perBatch int, acks int16) *prebuilt {
	return prebuildFrom(topic, 0, parts, codec, valueSize, perBatch, acks)
}

// prebuildRange makes plain requests for the partitions from first on.
func prebuildRange(topic string, first, parts int32, valueSize, perBatch int) *prebuilt {
	return prebuildFrom(topic, first, parts, 0, valueSize, perBatch, 1)
}

func prebuildFrom(topic string, first, parts int32, codec int8, valueSize, perBatch int, acks int16) *prebuilt {
	b := &prebuilt{records: int64(perBatch), plain: int64(parts) * int64(perBatch) * int64(valueSize)}
	body := randomBody(variants*valueSize*4, 5)
	if codec != 0 {
		body = textBody(variants*perBatch*valueSize, 5)
	}
	now := time.Now().UnixMilli()
	for i := range variants {
		var req *kmsg.ProduceRequest
		crcs := make([]uint32, parts)
		for p := range parts {
			vals := make([][]byte, perBatch)
			for j := range vals {
				at := ((i*perBatch + j) * valueSize) % (len(body) - valueSize + 1)
				vals[j] = bytes.Clone(body[at : at+valueSize])
				binary.BigEndian.PutUint32(vals[j], uint32(p)<<16|uint32(j))
			}
			batch := wire.Values(codec, now, vals...).Encode()
			crcs[p] = binary.BigEndian.Uint32(batch[17:])
			one := wire.ProduceRequest(9, acks, topic, first+p, batch)
			if req == nil {
				req = one
			} else {
				req.Topics[0].Partitions = append(req.Topics[0].Partitions, one.Topics[0].Partitions[0])
			}
		}
		b.frames = append(b.frames, wire.Frame(req, 0))
		b.crcs = append(b.crcs, crcs)
	}
	return b
}

// send sends n requests on one connection with some in flight and checks every answer.
func (b *prebuilt) send(ctx context.Context, addr string, n, inFlight int) error {
	c, err := wire.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return pipeline(ctx, c, n, inFlight, func(i int) []byte { return b.frames[i%variants] })
}

// pipeline sends n produce requests with some in flight and checks every answer.
func pipeline(ctx context.Context, c *wire.Conn, n, inFlight int, frame func(i int) []byte) error {
	slots := make(chan struct{}, inFlight)
	answered := make(chan error, 1)
	go func() {
		req := kmsg.NewPtrProduceRequest()
		req.SetVersion(9)
		for range n {
			if err := producedOK(c, req); err != nil {
				answered <- err
				c.Close()
				return
			}
			<-slots
		}
		answered <- nil
	}()
	for i := range n {
		select {
		case slots <- struct{}{}:
		case err := <-answered:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := c.SendFrame(frame(i)); err != nil {
			return errors.Join(err, <-answered)
		}
	}
	return <-answered
}

func producedOK(c *wire.Conn, req *kmsg.ProduceRequest) error {
	resp, err := c.Receive(req)
	if err != nil {
		return err
	}
	for _, t := range resp.(*kmsg.ProduceResponse).Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("produce to %s/%d: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}

// verify reads the topic back and checks that each partition holds the batches of n requests in order.
func (b *prebuilt) verify(ctx context.Context, addr, topic string, parts int32, n int) error {
	r, err := newReader(addr, topic, parts)
	if err != nil {
		return err
	}
	defer r.close()
	seen := make([]int, parts)
	r.batch = func(p int32, s *wire.Stored) error {
		want := b.crcs[seen[p]%variants][p]
		if got := binary.BigEndian.Uint32(s.Bytes[17:]); got != want || int64(s.Records) != b.records {
			return fmt.Errorf("VOID: partition %d batch %d: checksum %08x, want %08x", p, seen[p], got, want)
		}
		seen[p]++
		return nil
	}
	return r.readTo(ctx, int64(n)*b.records)
}

// reader fetches a topic's partitions with raw requests, and checks checksums and that offsets are
// dense. It is the cheapest client that still looks at every byte.
type reader struct {
	c       *wire.Conn
	topic   string
	offsets []int64
	bytes   int64
	records atomic.Int64 // read
	waitMs  int32
	batch   func(partition int32, s *wire.Stored) error // may be nil
}

func newReader(addr, topic string, parts int32) (*reader, error) {
	c, err := wire.Dial(addr)
	if err != nil {
		return nil, err
	}
	return &reader{c: c, topic: topic, offsets: make([]int64, parts), waitMs: 500}, nil
}

func (r *reader) close() { r.c.Close() }

// readTo reads until every partition has reached the offset end.
func (r *reader) readTo(ctx context.Context, end int64) error {
	for ctx.Err() == nil {
		done := true
		for _, o := range r.offsets {
			done = done && o >= end
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

// fetch sends one request for all partitions and takes its answer.
func (r *reader) fetch() error {
	offsets := make(map[int32]int64, len(r.offsets))
	for p, o := range r.offsets {
		offsets[int32(p)] = o
	}
	req := wire.FetchRequest(12, r.topic, offsets, r.waitMs, 1, mib)
	resp, err := r.c.Do(req)
	if err != nil {
		return err
	}
	for _, t := range resp.(*kmsg.FetchResponse).Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("fetch %s/%d at %d: %w", r.topic, p.Partition, r.offsets[p.Partition], err)
			}
			if err := r.take(p.Partition, p.RecordBatches); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) take(p int32, data []byte) error {
	for {
		s, rest, err := wire.Next(data)
		if err != nil {
			return fmt.Errorf("VOID: partition %d at %d: %w", p, r.offsets[p], err)
		}
		if s == nil {
			return nil
		}
		data = rest
		if s.LastOffset < r.offsets[p] {
			continue // the fetch began within an earlier batch
		}
		if s.FirstOffset != r.offsets[p] {
			return fmt.Errorf("VOID: partition %d: offset %d, want %d", p, s.FirstOffset, r.offsets[p])
		}
		r.offsets[p] = s.LastOffset + 1
		r.bytes += int64(len(s.Bytes))
		r.records.Add(int64(s.Records))
		if r.batch != nil {
			if err := r.batch(p, s); err != nil {
				return err
			}
		}
	}
}
