package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// codecs are the compression types by the number that a batch carries.
var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// stored is what partition 0 of a topic holds, by raw requests: no client in between that would hide
// which codec the batches have.
type stored struct {
	records, bytes int64
	batches        [8]int64 // by codec
	largestPlain   int      // batch, in bytes
}

func inspect(addr, topic string, end int64) (*stored, error) {
	c, err := wire.Dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.Timeout = 2 * time.Minute
	s := new(stored)
	for next := int64(0); next < end; {
		resp, err := c.Do(wire.FetchRequest(11, topic, map[int32]int64{0: next}, 500, 1, 8<<20))
		if err != nil {
			return nil, err
		}
		p := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return nil, err
		}
		before := next
		if next, err = s.add(p.RecordBatches, next); err != nil {
			return nil, err
		}
		if next == before {
			return nil, fmt.Errorf("no whole batch at offset %d of %d", next, end)
		}
	}
	if s.records != end {
		return nil, fmt.Errorf("%d records, but the end offset is %d", s.records, end)
	}
	return s, nil
}

// add counts the batches of a fetch and returns the offset after them.
func (s *stored) add(data []byte, next int64) (int64, error) {
	for {
		b, rest, err := wire.Next(data)
		if b == nil || err != nil {
			return next, err
		}
		if b.FirstOffset != next || b.LastOffset != next+int64(b.Records)-1 {
			return next, fmt.Errorf("a batch of %d records with offsets %d to %d, want %d", b.Records, b.FirstOffset, b.LastOffset, next)
		}
		s.records += int64(b.Records)
		s.bytes += int64(len(b.Bytes))
		s.batches[b.Codec]++
		if b.Codec == 0 {
			s.largestPlain = max(s.largestPlain, len(b.Bytes))
		}
		next, data = b.LastOffset+1, rest
	}
}

// plainAllowed bounds in bytes what a client that leaves a batch plain, where compression would make it
// larger, may leave plain of a text: a few short lines.
const plainAllowed = 1 << 10

// check says whether the batches have the codec that the writer was told.
func (s *stored) check(w *writer, codec string) error {
	want := slices.Index(codecs, codec)
	for i, n := range s.batches {
		small := i == 0 && w.mayStorePlain && s.largestPlain <= plainAllowed
		if n > 0 && i != want && !small {
			return fmt.Errorf("%s was asked for, stored: %s; the largest plain batch has %d bytes", codec, s.codecs(), s.largestPlain)
		}
	}
	if s.batches[want] == 0 {
		return fmt.Errorf("%s was asked for, stored: %s", codec, s.codecs())
	}
	return nil
}

// codecs lists the batches by codec.
func (s *stored) codecs() string {
	var parts []string
	for i, n := range s.batches {
		if n > 0 && i < len(codecs) {
			parts = append(parts, fmt.Sprintf("%d %s", n, codecs[i]))
		} else if n > 0 {
			parts = append(parts, fmt.Sprintf("%d of codec %d", n, i))
		}
	}
	return strings.Join(parts, ", ")
}
