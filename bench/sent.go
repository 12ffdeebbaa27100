package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// A sender is a client by its own program: it writes the lines of a file to a topic with one partition, in batches of up to
// 128 KiB, compressed.
type sender func(ctx context.Context, addr, topic, codec, lines string) *exec.Cmd

const sentBatchBytes = 128 << 10

// javaSender is kafka-producer-perf-test.
func javaSender(ctx context.Context, addr, topic, codec, lines string) *exec.Cmd {
	cmd, err := brokers.Tool(ctx, "perf-producer", "--topic", topic, "--num-records", "8000", "--throughput", "-1",
		"--payload-file", lines, "--producer-props", "bootstrap.servers="+addr, "compression.type="+codec, "acks=1",
		"enable.idempotence=false", "linger.ms=100", fmt.Sprintf("batch.size=%d", sentBatchBytes))
	if err != nil {
		return &exec.Cmd{Err: err}
	}
	return cmd
}

// rdkafkaScript needs confluent-kafka; JOCKO_BENCH_PYTHON names an interpreter that has it.
const rdkafkaScript = `
import sys
from confluent_kafka import Producer
p = Producer({"bootstrap.servers": sys.argv[1], "compression.type": sys.argv[3], "acks": 1, "linger.ms": 100, "batch.size": int(sys.argv[5])})
for line in open(sys.argv[4]).read().splitlines()[:8000]:
    p.produce(sys.argv[2], line, partition=0)
if p.flush(60):
    sys.exit("not all records were sent")
`

// rdkafkaSender is librdkafka, from Python.
func rdkafkaSender(ctx context.Context, addr, topic, codec, lines string) *exec.Cmd {
	python := os.Getenv("JOCKO_BENCH_PYTHON")
	if python == "" {
		python = "python3"
	}
	return exec.CommandContext(ctx, python, "-c", rdkafkaScript, addr, topic, codec, lines, itoa(sentBatchBytes))
}

// sentRun measures the broker with batches that another client made: that client sends some to a topic of the broker
// itself, and they are sent again and again, so that the client's own speed doesn't matter.
func sentRun(send sender, codec string) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr, probe := e.broker.Addr, e.topic+"-sent"
		for topic, parts := range map[string]int32{probe: 1, e.topic: partitions} {
			if err := wire.CreateTopic(ctx, addr, topic, parts, nil); err != nil {
				return nil, err
			}
			defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, topic) //nolint:errcheck // the next run has its own topics
		}
		batches, err := sentBatches(ctx, e, send, probe, codec)
		if err != nil {
			return nil, err
		}
		load, perRound := resend(e.topic, batches)
		rounds := max(1, int(e.size()/(perRound*partitions*sentValue)))
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		client := selfCPU()
		if err := load.send(ctx, addr, rounds*variants, 5); err != nil {
			return nil, err
		}
		records := int64(rounds) * perRound * partitions
		v, err := perSize(m, records*sentValue, records)
		if err != nil {
			return nil, err
		}
		v["client CPU s/GB"] = (selfCPU() - client).Seconds() / (float64(records) * sentValue / gb)
		if e.warming {
			return v, nil
		}
		return v, load.verifyCRCs(ctx, addr, e.topic, rounds*variants, int64(rounds)*perRound)
	}
}

// sentValue is the size of each value.
const sentValue = 1024

// sentBatches has the client send, and reads back what it sent: as many batches as there are variants, and no small ones.
func sentBatches(ctx context.Context, e *env, send sender, topic, codec string) ([][]byte, error) {
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return nil, err
	}
	lines := filepath.Join(e.dir, "lines")
	if err := os.WriteFile(lines, textLines(8000), 0o644); err != nil {
		return nil, err
	}
	if out, err := send(ctx, e.broker.Addr, topic, codec, lines).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	r, err := newReader(e.broker.Addr, topic, 1)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var batches [][]byte
	r.batch = func(_ int32, s *wire.Stored) error {
		if s.Records >= sentBatchBytes/sentValue/2 {
			b := bytes.Clone(s.Bytes)
			binary.BigEndian.PutUint64(b, 0)
			batches = append(batches, b)
		}
		return nil
	}
	if err := r.readTo(ctx, 8000); err != nil {
		return nil, err
	}
	if len(batches) < variants {
		return nil, errors.New("the client sent few large batches")
	}
	return batches[len(batches)-variants:], nil
}

// textLines is n lines of text, sentValue bytes each.
func textLines(n int) []byte {
	body := strings.ReplaceAll(string(textBody(n*sentValue, 5)), "\n", " ")
	var b bytes.Buffer
	for i := range n {
		b.WriteString(body[i*sentValue : (i+1)*sentValue])
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// resend makes a load of requests that hold one of the batches for each partition. perRound is how many records all
// variants of one partition have.
func resend(topic string, batches [][]byte) (load *prebuilt, perRound int64) {
	load = new(prebuilt)
	for _, b := range batches {
		var req *kmsg.ProduceRequest
		crcs := make([]uint32, partitions)
		for p := range int32(partitions) {
			one := wire.ProduceRequest(9, 1, topic, p, b)
			crcs[p] = binary.BigEndian.Uint32(b[17:])
			if req == nil {
				req = one
			} else {
				req.Topics[0].Partitions = append(req.Topics[0].Partitions, one.Topics[0].Partitions[0])
			}
		}
		load.frames = append(load.frames, wire.Frame(req, 0))
		load.crcs = append(load.crcs, crcs)
		perRound += int64(binary.BigEndian.Uint32(b[57:]))
	}
	return load, perRound
}

// verifyCRCs reads the topic back: each partition holds the batches of n requests in order, records in all.
func (b *prebuilt) verifyCRCs(ctx context.Context, addr, topic string, n int, records int64) error {
	r, err := newReader(addr, topic, partitions)
	if err != nil {
		return err
	}
	defer r.close()
	seen := make([]int, partitions)
	r.batch = func(p int32, s *wire.Stored) error {
		if got, want := binary.BigEndian.Uint32(s.Bytes[17:]), b.crcs[seen[p]%variants][p]; got != want {
			return fmt.Errorf("VOID: partition %d batch %d: checksum %08x, want %08x", p, seen[p], got, want)
		}
		seen[p]++
		return nil
	}
	if err := r.readTo(ctx, records); err != nil {
		return err
	}
	for p, got := range seen {
		if got != n {
			return fmt.Errorf("VOID: partition %d has %d batches, want %d", p, got, n)
		}
	}
	return nil
}
