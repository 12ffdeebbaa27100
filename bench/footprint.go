package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// startOwn starts a broker for this run alone.
func startOwn(ctx context.Context, e *env) (*brokers.Broker, error) { return e.start(ctx, e.dir) }

// createMany creates topics of perTopic partitions until there are n, and returns the topics.
func createMany(ctx context.Context, addr string, n, perTopic int) ([]string, error) {
	var topics []string
	for i := range n / perTopic {
		topics = append(topics, fmt.Sprintf("many-%d", i))
		if err := wire.CreateTopic(ctx, addr, topics[i], int32(perTopic), nil); err != nil {
			return nil, err
		}
	}
	return topics, nil
}

// idleMemory measures a broker with ten topics that does nothing.
func idleMemory(ctx context.Context, e *env) (values, error) {
	b, err := startOwn(ctx, e)
	if err != nil {
		return nil, err
	}
	defer b.Kill()
	for i := range 10 {
		topic := fmt.Sprintf("idle-%d", i)
		if err := wire.CreateTopic(ctx, b.Addr, topic, 1, nil); err != nil {
			return nil, err
		}
		if err := produceSome(ctx, b.Addr, topic, 100); err != nil {
			return nil, err
		}
	}
	return idle(ctx, b, 10*time.Second, 20*time.Second)
}

// idle lets the broker settle and measures what it uses while nothing happens.
func idle(ctx context.Context, b *brokers.Broker, settle, length time.Duration) (values, error) {
	sleepUntil(ctx, time.Now().Add(settle))
	before, err := b.CPU()
	if err != nil {
		return nil, err
	}
	sleepUntil(ctx, time.Now().Add(length))
	u, err := b.Usage()
	if err != nil {
		return nil, err
	}
	return values{
		"PSS MiB": float64(u.PSS) / mib, "RSS MiB": float64(u.RSS) / mib, "idle CPU %": (u.CPU - before).Seconds() / length.Seconds() * 100,
		"FDs": float64(u.FDs), "threads": float64(u.Threads), "maps": float64(u.Maps),
	}, nil
}

func produceSome(ctx context.Context, addr, topic string, n int) error {
	s, err := newSingle(addr, topic, 0, 1, 1024, 0)
	if err != nil {
		return err
	}
	defer s.close()
	for range n {
		if err := errors.Join(s.send(), s.ack(), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// firstAck measures the time from starting the process of an empty node to the first acknowledged
// record. Kafka's folder is formatted before.
func firstAck(ctx context.Context, e *env) (values, error) {
	b, err := startOwn(ctx, e)
	if err != nil {
		return nil, err
	}
	defer b.Kill()
	if err := wire.CreateTopic(ctx, b.Addr, e.topic, 1, nil); err != nil {
		return nil, err
	}
	if err := produceSome(ctx, b.Addr, e.topic, 1); err != nil {
		return nil, err
	}
	return values{"start ms": float64(time.Since(b.Started).Microseconds()) / 1e3}, nil
}

// shape is a set of partitions with as many bytes each.
type shape struct {
	topics, parts int
	bytes         int64 // per partition
}

// restart measures the time from starting the process over a log of the given shapes until every
// partition tells its end offset, after a clean stop or kill -9.
func restart(kill bool, shapes ...shape) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		b, err := startOwn(ctx, e)
		if err != nil {
			return nil, err
		}
		defer func() { b.Kill() }()
		want, err := loadShapes(ctx, e, b.Addr, shapes)
		if err != nil {
			return nil, err
		}
		if kill {
			b.Kill()
		} else if err := b.Stop(); err != nil {
			return nil, err
		}
		if err := b.Restart(ctx); err != nil {
			return nil, err
		}
		var bytes int64
		for _, l := range want {
			ends, err := wire.EndOffsets(ctx, b.Addr, l.topic, int32(l.parts))
			if err != nil {
				return nil, err
			}
			for p, end := range ends {
				if end != l.end {
					return nil, fmt.Errorf("VOID: %s/%d ends at %d after the restart, want %d", l.topic, p, end, l.end)
				}
			}
			bytes += l.bytes
		}
		took := time.Since(b.Started)
		if err := produceSome(ctx, b.Addr, want[0].topic, 1); err != nil {
			return nil, err
		}
		return values{
			"restart s": took.Seconds(), "first ack s": time.Since(b.Started).Seconds(),
			"s/GB": took.Seconds() / (float64(bytes) / gb),
		}, nil
	}
}

// loaded says what a topic was filled with.
type loaded struct {
	topic string
	parts int
	end   int64 // of each partition
	bytes int64
}

func loadShapes(ctx context.Context, e *env, addr string, shapes []shape) ([]loaded, error) {
	var all []loaded
	for i, s := range shapes {
		if e.short {
			s.bytes /= 10
		}
		for t := range s.topics {
			l := loaded{topic: fmt.Sprintf("shape-%d-%d", i, t), parts: s.parts}
			if err := wire.CreateTopic(ctx, addr, l.topic, int32(s.parts), nil); err != nil {
				return nil, err
			}
			for first := 0; first < s.parts; first += 10 {
				n := min(10, s.parts-first)
				load := prebuildRange(l.topic, int32(first), int32(n), 1024, batchFor(s.bytes))
				requests := int(max(1, s.bytes*int64(n)/load.plain))
				if err := load.send(ctx, addr, requests, 5); err != nil {
					return nil, err
				}
				l.end = int64(requests) * load.records
				l.bytes += int64(requests) * load.plain
			}
			all = append(all, l)
		}
	}
	return all, nil
}

// batchFor returns how many records of 1 KiB a batch should have to fill a partition with bytes.
func batchFor(bytes int64) int { return int(min(124, max(1, bytes/1024))) }

// manyPartitions measures creating n partitions, and what they cost while idle.
func manyPartitions(n int) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		b, err := startOwn(ctx, e)
		if err != nil {
			return nil, err
		}
		defer b.Kill()
		began := time.Now()
		if _, err := createMany(ctx, b.Addr, e.scaled(n), 100); err != nil {
			return nil, err
		}
		took := time.Since(began)
		length := 30 * time.Second
		if e.short {
			length /= 3
		}
		v, err := idle(ctx, b, length/2, length)
		if err != nil {
			return nil, err
		}
		v["create s"] = took.Seconds()
		return v, nil
	}
}

// idleConnections measures what n connections cost that have said who they are and then do nothing.
func idleConnections(n int) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		b, err := startOwn(ctx, e)
		if err != nil {
			return nil, err
		}
		defer b.Kill()
		if err := holdConnections(b.Addr, 100, func() error { return nil }); err != nil { // first use of everything
			return nil, err
		}
		before, err := idle(ctx, b, 3*time.Second, time.Second)
		if err != nil {
			return nil, err
		}
		var with values
		err = holdConnections(b.Addr, n, func() error {
			var err error
			with, err = idle(ctx, b, 3*time.Second, time.Second)
			return err
		})
		if err != nil {
			return nil, err
		}
		return values{
			"KiB/connection": max(0.01, (with["PSS MiB"]-before["PSS MiB"])*1024/float64(n)), // a heap may shrink meanwhile
			"PSS MiB":        with["PSS MiB"],
		}, nil
	}
}

// holdConnections opens n connections, asks each for the API versions, and calls f while they stand.
func holdConnections(addr string, n int, f func() error) error {
	req := kmsg.NewPtrApiVersionsRequest()
	req.SetVersion(0)
	frame := wire.Frame(req, 0)
	buf := make([]byte, 64<<10)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range n {
		c, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		if _, err := c.Write(frame); err != nil {
			return err
		}
		if _, err := c.Read(buf); err != nil {
			return err
		}
	}
	return f()
}

// binarySize measures Jocko's binary, stripped and static.
func binarySize(ctx context.Context, e *env) (values, error) {
	if e.kind != brokers.Jocko {
		return jarSize(ctx)
	}
	root, err := brokers.Root()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return nil, err
	}
	name := filepath.Join(e.dir, "jocko")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", name, "./cmd/jocko")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	return values{"MiB": float64(info.Size()) / mib}, nil
}

// jarSize is what Kafka's broker needs beside a JVM.
func jarSize(ctx context.Context) (values, error) {
	dir, err := brokers.ServerJars.Dir(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var n int64
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasSuffix(entry.Name(), ".jar") {
			n += info.Size()
		}
	}
	return values{"MiB": float64(n) / mib}, nil
}
