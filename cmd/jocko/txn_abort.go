package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

const txnAbortLong = `Abort a transaction that hangs in a partition, by writing the marker that its coordinator never will.

Only for what jocko txn find-hanging names: it goes around the coordinator (KIP-664). The transaction is known by the
offset at which it starts in the partition; brokers older than 3.0, which can't say who that is, need producer id, producer
epoch and coordinator epoch instead.`

// abortedTxn is what `txn abort --format json` prints.
type abortedTxn struct {
	Topic            string `json:"topic"`
	Partition        int32  `json:"partition"`
	ProducerID       int64  `json:"producer_id"`
	ProducerEpoch    int16  `json:"producer_epoch"`
	CoordinatorEpoch int32  `json:"coordinator_epoch"`
	Result           string `json:"result"` // aborted
}

type txnAbort struct {
	conn             connection
	format           outputFormat
	startOffset      int64
	producerID       int64
	producerEpoch    int16
	coordinatorEpoch int32
}

func newTxnAbort() *cobra.Command {
	var c txnAbort
	cmd := &cobra.Command{
		Use:   "abort TOPIC PARTITION",
		Short: "Abort a transaction that hangs in a partition",
		Long:  txnAbortLong,
		Example: `  jocko txn abort orders 3 --start-offset 1204
  jocko txn abort orders 3 --producer-id 17 --producer-epoch 2 --coordinator-epoch 5`,
		Args:              cobra.MatchAll(needs("TOPIC", "PARTITION"), cobra.MaximumNArgs(2)),
		ValidArgsFunction: completeTopics(&c.conn, 1),
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.Int64Var(&c.startOffset, "start-offset", 0, "the first `offset` of the transaction in the partition")
	f.Int64Var(&c.producerID, "producer-id", 0, "the producer's `id`")
	f.Int16Var(&c.producerEpoch, "producer-epoch", 0, "the producer's `epoch`")
	f.Int32Var(&c.coordinatorEpoch, "coordinator-epoch", 0, "the `epoch` of the coordinator's last marker (below 0: there was none)")
	cmd.MarkFlagsOneRequired("start-offset", "producer-id")
	cmd.MarkFlagsMutuallyExclusive("start-offset", "producer-id")
	cmd.MarkFlagsRequiredTogether("producer-id", "producer-epoch", "coordinator-epoch")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *txnAbort) run(cmd *cobra.Command, args []string) error {
	only, err := parsePartitions(args[1:])
	if err != nil {
		return &usageError{err}
	}
	// A producer that never ended a transaction here has no epoch: 0 is below any that a coordinator may have.
	t := abortedTxn{args[0], only[0], c.producerID, c.producerEpoch, max(c.coordinatorEpoch, 0), "aborted"}
	err = c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		if _, _, err := lookUpTopic(ctx, adm, t.Topic, only); err != nil {
			return err
		}
		if cmd.Flags().Changed("start-offset") {
			if err := t.find(ctx, adm, c.startOffset); err != nil {
				return err
			}
		}
		return t.abort(ctx, adm)
	})
	if err != nil {
		return err
	}
	if c.format.json() {
		return writeJSON(cmd.OutOrStdout(), t)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s/%d: the transaction of producer %d, epoch %d, is aborted\n", t.Topic, t.Partition, t.ProducerID, t.ProducerEpoch)
	return err
}

// find learns from the partition's leader whose transaction starts at an offset.
func (t *abortedTxn) find(ctx context.Context, adm adminClient, startOffset int64) error {
	answers, err := describeProducers(ctx, adm, map[string][]int32{t.Topic: {t.Partition}}, -1)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if err := a.failure(); err != nil {
			return err
		}
		for _, p := range a.producers {
			if p.CurrentTxnStartOffset == startOffset && startOffset >= 0 {
				t.ProducerID, t.ProducerEpoch, t.CoordinatorEpoch = p.ProducerID, int16(p.ProducerEpoch), max(p.CoordinatorEpoch, 0)
				return nil
			}
		}
	}
	return fmt.Errorf("%s/%d: no open transaction starts at offset %d", t.Topic, t.Partition, startOffset)
}

// abort sends the marker to the partition's leader.
func (t *abortedTxn) abort(ctx context.Context, adm adminClient) error {
	topics := kadm.TopicsSet{}
	topics.Add(t.Topic, t.Partition)
	written, err := adm.WriteTxnMarkers(ctx, kadm.TxnMarkers{
		ProducerID: t.ProducerID, ProducerEpoch: t.ProducerEpoch, CoordinatorEpoch: t.CoordinatorEpoch, Topics: topics,
	})
	name := t.Topic + "/" + strconv.Itoa(int(t.Partition))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p, ok := written[t.ProducerID].Topics[t.Topic].Partitions[t.Partition]
	if !ok {
		return fmt.Errorf("%s: %w", name, kerr.UnknownServerError)
	}
	if p.Err != nil {
		return fmt.Errorf("%s: %w", name, p.Err)
	}
	return nil
}
