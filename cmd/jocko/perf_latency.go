package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

const perfLatencyLong = `Produce at a fixed rate, consume the same records, and print the time between.

End-to-end latency runs from the time a record was due in the schedule, whether or not the client could take it then, to
the moment it was read back; "late" says how long after its time the client took it.`

// stampBytes are those of a value that carry the run's number and when the record was due.
const stampBytes = 16

// arrivalPatience is how long to wait for records that were acknowledged.
const arrivalPatience = 5 * time.Second

func newPerfLatency() *cobra.Command {
	load := perfLoad{rate: 1000}
	cmd := &cobra.Command{
		Use:   "latency TOPIC",
		Short: "Produce at a fixed rate and consume; print end-to-end latency",
		Long:  perfLatencyLong,
		Example: `  jocko perf latency bench --rate 1000 --duration 1m
  jocko perf latency bench --rate 10000 --acks 1 --size 100 --format json`,
		Args:              cobra.MatchAll(needs("TOPIC"), cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeTopics(&load.conn, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := load.check(stampBytes); err != nil {
				return &usageError{err}
			}
			if load.rate == 0 {
				return usagef("--rate: latency is measured at a rate, so it can't be 0")
			}
			opts, err := load.options(cmd, args[0])
			if err != nil {
				return &usageError{err}
			}
			return measureLatency(cmd, &load, args[0], opts)
		},
	}
	load.addFlags(cmd, 0)
	return cmd
}

func measureLatency(cmd *cobra.Command, load *perfLoad, topic string, opts []kgo.Opt) error {
	ctx := cmd.Context()
	client, err := load.conn.open(ctx, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	// A connection of its own, so that a fetch that waits doesn't stand in the way of a produce request.
	reader, err := load.conn.open(ctx)
	if err != nil {
		return err
	}
	defer reader.Close()
	source := consume{conn: load.conn, maxWait: 500 * time.Millisecond}
	creating, cancel := context.WithTimeout(ctx, load.conn.timeout)
	defer cancel()
	if _, err := awaitTopic(creating, client, topic); err != nil {
		return err
	}
	f, err := source.newFetcher(ctx, reader, topic, startPoint{at: atLatest})
	if err != nil {
		return err
	}
	a := &arrivals{run: rand.Uint64(), epoch: time.Now(), changed: make(chan struct{}, 1)}
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx)) // what was sent is still read back
	defer stopReading()
	failed := make(chan error, 1)
	go func() { failed <- a.read(reading, f) }()

	pool := newValues(load.size)
	run := &loadRun{load: load, client: client, value: func(i int64, due time.Time) []byte { return a.stamp(pool.at(i), due) }}
	stop := showProgress(cmd.ErrOrStderr(), a.progress)
	took := run.run(ctx)
	err = a.await(run.acked, failed)
	stop()
	stopReading()
	a.mu.Lock()
	defer a.mu.Unlock()
	result := newPerfResult("latency", topic, a.count, a.count*int64(load.size), took)
	result.Failed = run.failed
	result.Latency, result.Late = newLatencyResult(&a.latency), newLatencyResult(&run.late)
	if printErr := result.print(cmd.OutOrStdout(), load.format); printErr != nil {
		return printErr
	}
	if run.failure != nil {
		return fmt.Errorf("%s not acknowledged: %w", plural(run.failed, "record"), run.failure)
	}
	return err
}

// arrivals collects when the records of a run were read back.
type arrivals struct {
	run     uint64    // tells this run's records from others in the topic
	epoch   time.Time // stamps count from here
	changed chan struct{}

	mu      sync.Mutex
	latency histogram
	count   int64
}

// stamp returns a copy of value that says which run it is of and when it was due.
func (a *arrivals) stamp(value []byte, due time.Time) []byte {
	v := append([]byte(nil), value...)
	binary.BigEndian.PutUint64(v, a.run)
	binary.BigEndian.PutUint64(v[8:], uint64(due.Sub(a.epoch)))
	return v
}

// read takes records until ctx is done.
func (a *arrivals) read(ctx context.Context, f *fetcher) error {
	fetching := make(chan error, 1)
	go func() { fetching <- f.run(ctx) }()
	d := batchDecoder{topic: f.topic, decompressor: kgo.DefaultDecompressor()}
	var failure error
	for in := range f.out {
		now := time.Since(a.epoch)
		if failure != nil {
			continue
		}
		a.mu.Lock()
		failure = d.decode(in, -1, func(r *consumed) error {
			if len(r.value) >= stampBytes && binary.BigEndian.Uint64(r.value) == a.run {
				a.latency.record(now - time.Duration(binary.BigEndian.Uint64(r.value[8:])))
				a.count++
			}
			return nil
		})
		a.mu.Unlock()
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
	return errors.Join(failure, <-fetching)
}

// await waits until count records have arrived.
func (a *arrivals) await(count int64, failed <-chan error) error {
	patience := time.NewTimer(arrivalPatience)
	defer patience.Stop()
	for {
		a.mu.Lock()
		have := a.count
		a.mu.Unlock()
		if have >= count {
			return nil
		}
		select {
		case <-a.changed:
		case err := <-failed:
			return err
		case <-patience.C:
			return fmt.Errorf("%s acknowledged but not read back within %v", plural(count-have, "record"), arrivalPatience)
		}
	}
}

func (a *arrivals) progress() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("%s read, p50 %.2f ms, p99 %.2f ms", plural(a.count, "record"),
		float64(a.latency.quantile(0.5))/1e6, float64(a.latency.quantile(0.99))/1e6)
}
