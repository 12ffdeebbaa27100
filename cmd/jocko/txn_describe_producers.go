package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"
)

// producerState is one answer of `txn describe-producers --format json`.
type producerState struct {
	Topic            string `json:"topic"`
	Partition        int32  `json:"partition"`
	Broker           int32  `json:"broker"` // that says so
	ProducerID       int64  `json:"producer_id"`
	ProducerEpoch    int32  `json:"producer_epoch"`
	CoordinatorEpoch int32  `json:"coordinator_epoch"` // of the last marker; -1: none
	LastSequence     int32  `json:"last_sequence"`     // -1: none
	LastTimestamp    int64  `json:"last_timestamp"`    // ms since 1970
	TxnStartOffset   int64  `json:"txn_start_offset"`  // of the open transaction; -1: none is open
}

func newTxnDescribeProducers() *cobra.Command {
	var conn connection
	var format outputFormat
	broker := int32(-1)
	cmd := &cobra.Command{
		Use:   "describe-producers TOPIC [PARTITION...]",
		Short: "Show the producers that partitions know, and their open transactions",
		Example: `  jocko txn describe-producers orders
  jocko txn describe-producers orders 3 --broker 2`,
		Args:              needs("TOPIC"),
		ValidArgsFunction: completeTopics(&conn, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			only, err := parsePartitions(args[1:])
			if err != nil {
				return &usageError{err}
			}
			found := []producerState{}
			var failed error
			err = conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
				_, partitions, err := lookUpTopic(ctx, adm, args[0], only)
				if err != nil {
					return err
				}
				answers, err := describeProducers(ctx, adm, map[string][]int32{args[0]: partitions}, broker)
				for _, a := range answers {
					found = append(found, a.states()...)
					failed = errors.Join(failed, a.failure())
				}
				return err
			})
			if err != nil {
				return err
			}
			return errors.Join(printProducers(cmd.OutOrStdout(), format, found), failed)
		},
	}
	cmd.Flags().Int32Var(&broker, "broker", -1, "ask the replica on this broker `id` (default the leader)")
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

func (p *partitionProducers) states() []producerState {
	var list []producerState
	for _, a := range p.producers {
		list = append(list, producerState{
			p.topic, p.partition, p.broker, a.ProducerID, a.ProducerEpoch, a.CoordinatorEpoch, a.LastSequence, a.LastTimestamp, a.CurrentTxnStartOffset,
		})
	}
	return list
}

func (p *partitionProducers) failure() error {
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("%s/%d on broker %d: %w", p.topic, p.partition, p.broker, p.err)
}

func printProducers(out io.Writer, format outputFormat, found []producerState) error {
	if format.json() {
		return writeJSON(out, found)
	}
	var rows [][]string
	for _, p := range found {
		rows = append(rows, []string{
			strconv.Itoa(int(p.Partition)), strconv.FormatInt(p.ProducerID, 10), strconv.Itoa(int(p.ProducerEpoch)),
			orMinus(int64(p.CoordinatorEpoch)), orMinus(int64(p.LastSequence)), timeText(p.LastTimestamp), orMinus(p.TxnStartOffset),
		})
	}
	return writeTable(out, []string{"PARTITION", "PRODUCER-ID", "EPOCH", "COORDINATOR-EPOCH", "LAST-SEQUENCE", "LAST-TIMESTAMP", "TXN-START"}, rows)
}
