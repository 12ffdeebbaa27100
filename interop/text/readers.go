package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// reader is a client that is assigned partition 0 and writes the values of the records 0 to end-1,
// with a line feed after each.
type reader struct {
	name string
	read func(ctx context.Context, c *campaign, topic string, end int64, w io.Writer) error
}

var readers = []*reader{
	{"jocko consume", program(func(ctx context.Context, c *campaign, topic string, _ int64) (*exec.Cmd, error) {
		binary, err := brokers.BuildJocko(ctx)
		if err != nil {
			return nil, err
		}
		return exec.CommandContext(ctx, binary, "consume", topic, "--bootstrap", c.broker.Addr, "--partition", "0", "--exit"), nil
	})},
	{"kcat", program(func(ctx context.Context, c *campaign, topic string, _ int64) (*exec.Cmd, error) {
		return exec.CommandContext(ctx, "kcat", "-b", c.broker.Addr, "-C", "-t", topic, "-p", "0", "-o", "0", "-e", "-q",
			"-X", "fetch.message.max.bytes=8388608"), nil
	})},
	{"Java consumer", program(func(ctx context.Context, c *campaign, topic string, end int64) (*exec.Cmd, error) {
		return c.java(ctx, "consume", c.broker.Addr, topic, strconv.FormatInt(end, 10)), nil
	})},
	{"franz-go", readFranz},
	{"sarama", readSarama},
	{"kafka-go", readKafkaGo},
}

// others returns which n readers read what a writer wrote: none of its own code base, and over the
// turns each of them as often as the next.
func others(w *writer, pool []*reader, n, turn int) []*reader {
	var out []*reader
	for _, r := range pool {
		if !slices.Contains(w.relatives, r.name) {
			out = append(out, r)
		}
	}
	var chosen []*reader
	for i := range min(n, len(out)) {
		chosen = append(chosen, out[(turn+i)%len(out)])
	}
	return chosen
}

func program(command func(ctx context.Context, c *campaign, topic string, end int64) (*exec.Cmd, error)) func(context.Context, *campaign, string, int64, io.Writer) error {
	return func(ctx context.Context, c *campaign, topic string, end int64, w io.Writer) error {
		cmd, err := command(ctx, c, topic, end)
		if err != nil {
			return err
		}
		said := new(lastWords)
		cmd.Stdout, cmd.Stderr = w, said
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said)
		}
		return nil
	}
}

// lines writes values as lines and checks that their offsets are dense.
type lines struct {
	w    *bufio.Writer
	next int64
}

func newLines(w io.Writer) *lines { return &lines{w: bufio.NewWriterSize(w, 256<<10)} }

func (l *lines) add(offset int64, value []byte) error {
	if offset != l.next {
		return fmt.Errorf("offset %d, want %d", offset, l.next)
	}
	l.next++
	if _, err := l.w.Write(value); err != nil {
		return err
	}
	return l.w.WriteByte('\n')
}

func readFranz(ctx context.Context, c *campaign, topic string, end int64, w io.Writer) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.broker.Addr), kgo.ConsumePartitions(
		map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(0)}}), kgo.FetchMaxPartitionBytes(8<<20))
	if err != nil {
		return err
	}
	defer cl.Close()
	l := newLines(w)
	for l.next < end {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			if err := l.add(r.Offset, r.Value); err != nil {
				return err
			}
		}
	}
	return l.w.Flush()
}

func readSarama(ctx context.Context, c *campaign, topic string, end int64, w io.Writer) (err error) {
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	conf.Consumer.Fetch.Default = 8 << 20
	conf.ChannelBufferSize = 4096
	consumer, err := sarama.NewConsumer([]string{c.broker.Addr}, conf)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, consumer.Close()) }()
	pc, err := consumer.ConsumePartition(topic, 0, 0)
	if err != nil {
		return err
	}
	defer pc.AsyncClose()
	l := newLines(w)
	for l.next < end {
		select {
		case m := <-pc.Messages():
			if err := l.add(m.Offset, m.Value); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return l.w.Flush()
}

func readKafkaGo(ctx context.Context, c *campaign, topic string, end int64, w io.Writer) error {
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{c.broker.Addr}, Topic: topic, Partition: 0, MinBytes: 1, MaxBytes: 8 << 20, QueueCapacity: 4096,
		MaxWait: 500 * time.Millisecond, // Close waits for it
	})
	defer r.Close()
	if err := r.SetOffset(0); err != nil {
		return err
	}
	l := newLines(w)
	for l.next < end {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return err
		}
		if err := l.add(m.Offset, m.Value); err != nil {
			return err
		}
	}
	return l.w.Flush()
}
