package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// largestMessage bounds a batch, and so a line, in bytes: some generated source files have lines of
// more than the 1 MiB that a topic takes by default.
const largestMessage = 2 << 20

// campaign is what all runs share.
type campaign struct {
	dir      string
	broker   *brokers.Broker
	text     *text
	pool     []*reader
	log      io.Writer
	together bool          // a run's readers read at the same time
	timeout  time.Duration // of one write or read
	jars     string        // class path of Kafka's clients
	classes  string        // where Text.class is
	topics   atomic.Int32  // created so far
}

// run is one text through one writer and its readers.
type run struct {
	writer *writer
	codec  string
	size   int64
	turn   int // picks the readers
}

// result is what a run came to.
type result struct {
	run
	sent   *tally
	took   time.Duration
	stored *stored
	reads  []read
	err    error // of the writer, the stored batches or the topic
}

// read is one reader's part of a result.
type read struct {
	reader *reader
	got    *tally
	took   time.Duration
	err    error // also when what came out isn't what went in
}

// failed returns everything that was wrong.
func (r *result) failed() error {
	err := r.err
	for _, rd := range r.reads {
		if rd.err != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", rd.reader.name, rd.err))
		}
	}
	if err != nil {
		return fmt.Errorf("%s, %s: %w", r.writer.name, r.codec, err)
	}
	return nil
}

const readersPerRun = 3

// all does the runs, some at once, and returns the results of those that weren't interrupted.
func (c *campaign) all(ctx context.Context, runs []run, atOnce int) []*result {
	results := make([]*result, len(runs))
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, r := range runs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			res := c.do(ctx, r)
			if ctx.Err() != nil {
				return
			}
			if err := res.failed(); err != nil {
				c.say(r, "%v", err)
			}
			results[i] = res
		})
	}
	wg.Wait()
	return slices.DeleteFunc(results, func(r *result) bool { return r == nil })
}

// do runs one: into a topic of its own, which is deleted at the end.
func (c *campaign) do(ctx context.Context, r run) *result {
	res := &result{run: r}
	topic := fmt.Sprintf("text-%d", c.topics.Add(1))
	res.err = wire.CreateTopic(ctx, c.broker.Addr, topic, 1, map[string]string{"max.message.bytes": fmt.Sprint(largestMessage)})
	if res.err != nil {
		return res
	}
	defer func() {
		res.err = errors.Join(res.err, wire.DeleteTopic(context.WithoutCancel(ctx), c.broker.Addr, topic))
	}()
	c.say(r, "%d MB", r.size/1_000_000)
	if res.err = c.fill(ctx, topic, res); res.sent == nil {
		return res
	}
	chosen := others(r.writer, c.pool, readersPerRun, r.turn)
	res.reads = make([]read, len(chosen))
	var wg sync.WaitGroup
	for i, reader := range chosen {
		wg.Go(func() {
			rd := c.read(ctx, reader, topic, res.sent)
			c.say(r, "%s: %s, %s", reader.name, speed(rd.got.bytes, rd.took), outcome(rd.err))
			res.reads[i] = rd
		})
		if !c.together {
			wg.Wait()
		}
	}
	wg.Wait()
	return res
}

// fill writes the text and looks at what the broker stored.
func (c *campaign) fill(ctx context.Context, topic string, res *result) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	began := time.Now()
	if res.sent, err = c.write(ctx, res.writer, topic, res.codec, res.size); err != nil {
		return err
	}
	res.took = time.Since(began)
	ends, err := wire.EndOffsets(ctx, c.broker.Addr, topic, 1)
	if err != nil {
		return err
	}
	if ends[0] != res.sent.lines {
		err = fmt.Errorf("the end offset is %d after %d lines", ends[0], res.sent.lines)
	}
	stored, inspectErr := inspect(c.broker.Addr, topic, ends[0])
	if inspectErr != nil {
		return errors.Join(err, inspectErr)
	}
	res.stored = stored
	c.say(res.run, "written: %s; %d bytes in batches: %s", speed(res.sent.bytes, res.took), stored.bytes, stored.codecs())
	return errors.Join(err, stored.check(res.writer, res.codec))
}

func (c *campaign) read(ctx context.Context, r *reader, topic string, want *tally) read {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	rd := read{reader: r, got: newTally()}
	began := time.Now()
	rd.err = r.read(ctx, c, topic, want.lines, rd.got)
	rd.took = time.Since(began)
	if rd.err == nil && !rd.got.same(want) {
		rd.err = fmt.Errorf("differs: %s; want %s", rd.got, want)
	}
	return rd
}

// say tells how a run gets on.
func (c *campaign) say(r run, format string, args ...any) {
	fmt.Fprintf(c.log, "%s %s, %s: %s\n", time.Now().Format(time.TimeOnly), r.writer.name, r.codec, fmt.Sprintf(format, args...))
}

func speed(bytes int64, took time.Duration) string {
	return fmt.Sprintf("%.1f MB/s", float64(bytes)/1e6/took.Seconds())
}

func outcome(err error) string {
	if err != nil {
		return "FAILED: " + err.Error()
	}
	return "same"
}
