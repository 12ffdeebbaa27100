package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

const txnFindHangingLong = `Find transactions that are open in a partition although no coordinator knows of them, so that nobody will ever end them
and read_committed consumers wait forever. jocko txn abort TOPIC PARTITION --start-offset OFFSET ends one.

Only transactions older than --max-timeout are looked at: it should be no less than the brokers'
transaction.max.timeout.ms. The age of a transaction is that of the producer's last record in the partition.`

// hangingTxn is one transaction of `txn find-hanging --format json`.
type hangingTxn struct {
	Topic            string `json:"topic"`
	Partition        int32  `json:"partition"`
	ProducerID       int64  `json:"producer_id"`
	ProducerEpoch    int32  `json:"producer_epoch"`
	CoordinatorEpoch int32  `json:"coordinator_epoch"` // -1: none
	StartOffset      int64  `json:"start_offset"`
	LastTimestamp    int64  `json:"last_timestamp"` // ms since 1970
}

type txnFindHanging struct {
	conn       connection
	format     outputFormat
	topic      string
	partition  int32
	broker     int32
	maxTimeout time.Duration
}

func newTxnFindHanging() *cobra.Command {
	var c txnFindHanging
	cmd := &cobra.Command{
		Use:   "find-hanging",
		Short: "Find transactions that no coordinator will ever end",
		Long:  txnFindHangingLong,
		Example: `  jocko txn find-hanging --broker 1
  jocko txn find-hanging --topic orders --partition 3 --max-timeout 1h`,
		Args: cobra.NoArgs,
		RunE: c.run,
	}
	f := cmd.Flags()
	f.StringVar(&c.topic, "topic", "", "look at this `topic`")
	f.Int32Var(&c.partition, "partition", -1, "look at this `partition` of the topic (default all)")
	f.Int32Var(&c.broker, "broker", -1, "look at the partitions that have a replica on this broker `id`")
	f.DurationVar(&c.maxTimeout, "max-timeout", 15*time.Minute, "the longest timeout that a transaction may have")
	cmd.MarkFlagsOneRequired("topic", "broker")
	completeTopicFlag(cmd, &c.conn, "topic")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *txnFindHanging) run(cmd *cobra.Command, _ []string) error {
	if cmd.Flags().Changed("partition") && (c.topic == "" || c.partition < 0) {
		return usagef("--partition needs --topic, and a number from 0")
	}
	now := time.Now()
	var hanging []hangingTxn
	err := c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		partitions, err := c.scope(ctx, adm)
		if err != nil {
			return err
		}
		answers, err := describeProducers(ctx, adm, partitions, c.broker)
		if err != nil {
			return err
		}
		open, err := openTransactions(answers, now.Add(-c.maxTimeout).UnixMilli())
		if err != nil {
			return err
		}
		hanging, err = withoutCoordinator(ctx, adm, open)
		return err
	})
	if err != nil {
		return err
	}
	return printHanging(cmd.OutOrStdout(), c.format, hanging, now)
}

// scope returns the partitions to look at, by topic.
func (c *txnFindHanging) scope(ctx context.Context, adm adminClient) (map[string][]int32, error) {
	var only []int32
	if c.partition >= 0 {
		only = []int32{c.partition}
	}
	if c.topic != "" {
		_, partitions, err := lookUpTopic(ctx, adm, c.topic, only)
		if err != nil || c.broker < 0 {
			return map[string][]int32{c.topic: partitions}, err
		}
		only = partitions
	}
	topics, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string][]int32{}
	for _, t := range topics {
		if c.topic != "" && t.Topic != c.topic {
			continue
		}
		for _, p := range t.Partitions.Sorted() {
			if slices.Contains(p.Replicas, c.broker) && (only == nil || slices.Contains(only, p.Partition)) {
				found[t.Topic] = append(found[t.Topic], p.Partition)
			}
		}
	}
	return found, nil
}

// openTransactions returns those whose last record is older than before, in ms since 1970.
func openTransactions(answers []partitionProducers, before int64) ([]hangingTxn, error) {
	var open []hangingTxn
	var errs []error
	for _, a := range answers {
		errs = append(errs, a.failure())
		for _, p := range a.producers {
			if p.CurrentTxnStartOffset >= 0 && p.LastTimestamp < before {
				open = append(open, hangingTxn{
					a.topic, a.partition, p.ProducerID, p.ProducerEpoch, p.CoordinatorEpoch, p.CurrentTxnStartOffset, p.LastTimestamp,
				})
			}
		}
	}
	return open, errors.Join(errs...)
}

// withoutCoordinator keeps the transactions that hang: those of producers that no coordinator knows, and those in a
// partition that isn't, or isn't any more, part of the transaction that the coordinator knows.
func withoutCoordinator(ctx context.Context, adm adminClient, open []hangingTxn) ([]hangingTxn, error) {
	if len(open) == 0 {
		return []hangingTxn{}, nil
	}
	producers := map[int64]string{}
	for _, t := range open {
		producers[t.ProducerID] = ""
	}
	listed, err := listTransactions(ctx, adm, txnFilter{longerThan: -1, producerIDs: slices.Sorted(maps.Keys(producers))})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range listed {
		producers[t.ProducerID] = t.TransactionalID
		ids = append(ids, t.TransactionalID)
	}
	described := kadm.DescribedTransactions{}
	if len(ids) > 0 { // none would be all of them
		if described, err = adm.DescribeTransactions(ctx, ids...); err != nil {
			return nil, err
		}
	}
	for id, t := range described {
		if t.Err != nil && !errors.Is(t.Err, kerr.TransactionalIDNotFound) {
			return nil, fmt.Errorf("transactional id %s: %w", id, t.Err)
		}
	}
	hanging := []hangingTxn{}
	for _, t := range open {
		if known := described[producers[t.ProducerID]]; !known.Topics.Lookup(t.Topic, t.Partition) {
			hanging = append(hanging, t)
		}
	}
	return hanging, nil
}

func printHanging(out io.Writer, format outputFormat, hanging []hangingTxn, now time.Time) error {
	if format.json() {
		return writeJSON(out, hanging)
	}
	var rows [][]string
	for _, t := range hanging {
		rows = append(rows, []string{
			t.Topic, strconv.Itoa(int(t.Partition)), strconv.FormatInt(t.ProducerID, 10), strconv.Itoa(int(t.ProducerEpoch)),
			orMinus(int64(t.CoordinatorEpoch)), strconv.FormatInt(t.StartOffset, 10), timeText(t.LastTimestamp), ageText(t.LastTimestamp, now),
		})
	}
	return writeTable(out, []string{"TOPIC", "PARTITION", "PRODUCER-ID", "EPOCH", "COORDINATOR-EPOCH", "START-OFFSET", "LAST-TIMESTAMP", "AGE"}, rows)
}
