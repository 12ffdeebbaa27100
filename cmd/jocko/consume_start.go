package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const startHelp = "beginning, end, an offset N, -N (the last N), or @TIME (the first at or after it)"

// startPoint says where to begin in each partition.
type startPoint struct {
	at       int64 // when by time: a timestamp, or one of the special ones
	absolute bool  // at is an offset
	back     int64 // how many before the end; only with atLatest
}

// parseStart reads --offset.
func parseStart(s string, now time.Time) (startPoint, error) {
	switch s {
	case "beginning", "earliest", "start":
		return startPoint{at: atEarliest}, nil
	case "end", "latest":
		return startPoint{at: atLatest}, nil
	}
	if moment, ok := strings.CutPrefix(s, "@"); ok {
		at, err := parseTime(moment, now)
		return startPoint{at: at}, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return startPoint{}, fmt.Errorf("%q: want %s", s, startHelp)
	case strings.HasPrefix(s, "-"):
		return startPoint{at: atLatest, back: -n}, nil
	}
	return startPoint{at: n, absolute: true}, nil
}

// position is how far a partition was read.
type position struct {
	partition int32
	offset    int64 // of the next record to read
	end       int64 // where reading stops; -1: never
}

func (p *position) done() bool { return p.end >= 0 && p.offset >= p.end }

// startPositions asks the cluster what the starting point comes to in each partition, and where the partitions end now
// if reading is to stop there.
func startPositions(ctx context.Context, client *kgo.Client, topic string, partitions []int32, start startPoint, exit bool, isolation int8) ([]*position, error) {
	list := func(at int64) (map[int32]int64, error) {
		offsets, err := listOffsets(ctx, client, topic, partitions, at, isolation)
		if err != nil {
			return nil, err
		}
		return offsetsOf(offsets)
	}
	ends, err := list(atLatest)
	if err != nil {
		return nil, err
	}
	var starts, found map[int32]int64
	if start.back > 0 || start.absolute {
		if starts, err = list(atEarliest); err != nil {
			return nil, err
		}
	}
	if !start.absolute && start.at != atLatest {
		if found, err = list(start.at); err != nil {
			return nil, err
		}
	}
	positions := make([]*position, len(partitions))
	for i, id := range partitions {
		p := &position{partition: id, end: -1}
		switch {
		case start.absolute:
			if start.at < starts[id] || start.at > ends[id] {
				return nil, fmt.Errorf("partition %d holds offsets %d to %d, not %d: %w", id, starts[id], ends[id], start.at, kerr.OffsetOutOfRange)
			}
			p.offset = start.at
		case start.back > 0:
			p.offset = max(ends[id]-start.back, starts[id])
		case start.at == atLatest:
			p.offset = ends[id]
		case found[id] < 0: // no record is that late
			p.offset = ends[id]
		default:
			p.offset = found[id]
		}
		if exit {
			p.end = ends[id]
		}
		positions[i] = p
	}
	return positions, nil
}
