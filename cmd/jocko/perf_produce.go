package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const perfProduceLong = `Produce random records and print throughput and the latency of acknowledgements.

Latency is counted from the time a record was due. With --rate that is its place in a fixed schedule, whether or not the
client could take it then; "late" says how long after that time it did. Without --rate records are due when the client
takes them, and their latency is mostly the queue that such a run builds up.`

func newPerfProduce() *cobra.Command {
	var load perfLoad
	cmd := &cobra.Command{
		Use:   "produce TOPIC",
		Short: "Produce random records; print throughput and latency of acknowledgements",
		Long:  perfProduceLong,
		Example: `  jocko perf produce bench --records 1000000 --size 1024
  jocko perf produce bench --rate 10000 --duration 1m --linger 0`,
		Args:              cobra.MatchAll(needs("TOPIC"), cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeTopics(&load.conn, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := load.check(1); err != nil {
				return &usageError{err}
			}
			opts, err := load.options(cmd, args[0])
			if err != nil {
				return &usageError{err}
			}
			client, err := load.conn.open(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			defer client.Close()
			pool := newValues(load.size)
			run := &loadRun{load: &load, client: client, value: func(i int64, _ time.Time) []byte { return pool.at(i) }}
			stop := showProgress(cmd.ErrOrStderr(), run.progress(time.Now()))
			took := run.run(cmd.Context())
			stop()
			result := newPerfResult("produce", args[0], run.acked, run.acked*int64(load.size), took)
			result.Failed = run.failed
			result.Latency = newLatencyResult(&run.latency)
			if load.rate > 0 {
				result.Late = newLatencyResult(&run.late)
			}
			if err := result.print(cmd.OutOrStdout(), load.format); err != nil {
				return err
			}
			if run.failure != nil {
				return fmt.Errorf("%s not acknowledged: %w", plural(run.failed, "record"), run.failure)
			}
			return nil
		},
	}
	load.addFlags(cmd, 5*time.Millisecond)
	return cmd
}
