package main

import (
	"context"
	"fmt"
	"time"

	"github.com/travisjeffery/jocko/interop/wire"
)

// loadingConfig keeps the cleaner off what the run has written, and puts everything in a number of
// partitions.
func loadingConfig(parts int32) map[string]string {
	return map[string]string{
		"offsets.topic.num.partitions":      itoa(int(parts)),
		"log.cleaner.min.compaction.lag.ms": "86400000",
	}
}

// loadOffsets measures the time from starting the process over an internal topic full of superseded
// commits until the groups' offsets can be fetched, and the most memory it took.
func loadOffsets(parts int32) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		b, err := startOwn(ctx, e)
		if err != nil {
			return nil, err
		}
		defer func() { b.Kill() }()
		l := newOffsetsLog(parts)
		for _, g := range l.groups {
			if err := findCoordinator(ctx, b.Addr, g); err != nil {
				return nil, err
			}
		}
		if _, err := wire.EndOffsets(ctx, b.Addr, offsetsTopic, parts); err != nil {
			return nil, err
		}
		began := time.Now()
		records, err := l.write(ctx, b.Addr, e.logBytes)
		if err != nil {
			return nil, fmt.Errorf("fill %s: %w", offsetsTopic, err)
		}
		v := values{"fill s": time.Since(began).Seconds(), "M records": float64(records) / 1e6}
		if err := b.Stop(); err != nil {
			return nil, err
		}
		if err := b.Restart(ctx); err != nil {
			return nil, err
		}
		for i, g := range l.groups {
			if err := l.verify(ctx, b.Addr, g); err != nil {
				return nil, err
			}
			if i == 0 {
				v["first group s"] = time.Since(b.Started).Seconds()
			}
		}
		v["all groups s"] = time.Since(b.Started).Seconds()
		u, err := b.Usage()
		if err != nil {
			return nil, err
		}
		v["peak RSS MiB"], v["RSS MiB"], v["CPU s"] = float64(u.Peak)/mib, float64(u.RSS)/mib, u.CPU.Seconds()
		return v, nil
	}
}

// verify waits until a group's offsets can be fetched and checks that they are the last ones.
func (l *offsetsLog) verify(ctx context.Context, addr, group string) error {
	c, err := wire.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return untilLoaded(ctx, func() error {
		n := 0
		err := committed(c, group, func(topic string, p int32, offset int64) error {
			if n++; offset != wantOffset(lastRound, p) {
				return fmt.Errorf("VOID: %s has offset %d of %s/%d, want %d", group, offset, topic, p, wantOffset(lastRound, p))
			}
			return nil
		})
		if err == nil && n != logTopics*logPartitions {
			err = fmt.Errorf("VOID: %s has offsets of %d partitions, want %d", group, n, logTopics*logPartitions)
		}
		return err
	})
}
