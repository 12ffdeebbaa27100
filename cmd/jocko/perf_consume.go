package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

const perfConsumeLong = `Read a topic, check and decode every record, and print the throughput.

Without --records or --duration it reads what is there when it starts.`

type perfConsume struct {
	conn       connection
	format     outputFormat
	records    int64
	duration   time.Duration
	offset     string
	partitions []int32
}

func newPerfConsume() *cobra.Command {
	var c perfConsume
	cmd := &cobra.Command{
		Use:   "consume TOPIC",
		Short: "Read records; print throughput",
		Long:  perfConsumeLong,
		Example: `  jocko perf consume bench
  jocko perf consume bench --offset end --duration 1m`,
		Args:              cobra.MatchAll(needs("TOPIC"), cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeTopics(&c.conn, 1),
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.Int64VarP(&c.records, "records", "n", 0, "stop after this many records, waiting for them if need be")
	f.DurationVarP(&c.duration, "duration", "d", 0, "stop after this long, waiting for more records until then")
	f.StringVarP(&c.offset, "offset", "o", "beginning", "where to begin: "+startHelp)
	f.Int32SliceVarP(&c.partitions, "partition", "p", nil, "partitions to read (default all)")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *perfConsume) run(cmd *cobra.Command, args []string) error {
	start, err := parseStart(c.offset, time.Now())
	if err != nil {
		return usagef("--offset: %w", err)
	}
	if c.records < 0 || c.duration < 0 {
		return usagef("--records and --duration can't be negative")
	}
	client, err := c.conn.open(cmd.Context(), kgo.BrokerMaxReadBytes(1<<30))
	if err != nil {
		return err
	}
	defer client.Close()
	source := consume{conn: c.conn, partitions: c.partitions, exit: c.records == 0 && c.duration == 0, maxWait: 500 * time.Millisecond}
	f, err := source.newFetcher(cmd.Context(), client, args[0], start)
	if err != nil {
		return err
	}
	var records, bytes atomic.Int64
	began := time.Now()
	stop := showProgress(cmd.ErrOrStderr(), func() string {
		return fmt.Sprintf("%s, %s (%s)", plural(records.Load(), "record"), humanBytes(bytes.Load()), rate(records.Load(), bytes.Load(), time.Since(began)))
	})
	err = c.count(cmd.Context(), f, &records, &bytes)
	took := time.Since(began)
	stop()
	if err != nil && cmd.Context().Err() == nil {
		return err
	}
	return newPerfResult("consume", args[0], records.Load(), bytes.Load(), took).print(cmd.OutOrStdout(), c.format)
}

// count reads until there is nothing more to read, enough was read or the time is up.
func (c *perfConsume) count(ctx context.Context, f *fetcher, records, bytes *atomic.Int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.duration > 0 {
		defer time.AfterFunc(c.duration, func() { cancel(errStop) }).Stop()
	}
	ends := make(map[int32]int64, len(f.positions))
	for _, p := range f.positions {
		ends[p.partition] = p.end
	}
	failed := make(chan error, 1)
	go func() { failed <- f.run(ctx) }()
	d := batchDecoder{topic: f.topic, decompressor: kgo.DefaultDecompressor()}
	for in := range f.out {
		var n, size int64
		err := d.decode(in, ends[in.partition], func(r *consumed) error {
			n, size = n+1, size+int64(len(r.key)+len(r.value))
			if c.records > 0 && records.Load()+n >= c.records {
				return errStop
			}
			return nil
		})
		records.Add(n)
		bytes.Add(size)
		if err != nil {
			cancel(err)
			<-failed
			return ignoreStop(err)
		}
	}
	return ignoreStop(<-failed)
}

func ignoreStop(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
