package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// txnDescription is one transaction of `txn describe --format json`.
type txnDescription struct {
	TransactionalID string            `json:"transactional_id"`
	Coordinator     int32             `json:"coordinator"`
	ProducerID      int64             `json:"producer_id"`
	ProducerEpoch   int16             `json:"producer_epoch"`
	State           string            `json:"state"`
	TimeoutMillis   int32             `json:"timeout_ms"`
	Started         int64             `json:"started"`    // ms since 1970, also of one that has ended; -1: there was none
	Partitions      []topicPartitions `json:"partitions"` // in it; while it ends, those without their marker
}

func newTxnDescribe() *cobra.Command {
	var conn connection
	var format outputFormat
	cmd := &cobra.Command{
		Use:               "describe TRANSACTIONAL-ID...",
		Short:             "Show the state of transactional ids and the partitions in their transactions",
		Args:              needs("TRANSACTIONAL-ID"),
		ValidArgsFunction: completeTransactions(&conn, 0),
		RunE: func(cmd *cobra.Command, ids []string) error {
			var found []txnDescription
			var failed error
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) (err error) {
				found, failed, err = describeTransactions(ctx, adm, ids)
				return err
			})
			if err != nil {
				return err
			}
			return errors.Join(printTransactions(cmd.OutOrStdout(), format, found, time.Now()), failed)
		},
	}
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

// describeTransactions returns what it learnt, in the order asked for; failed: the ids that couldn't be described, joined.
func describeTransactions(ctx context.Context, adm adminClient, ids []string) (found []txnDescription, failed, err error) {
	described, err := adm.DescribeTransactions(ctx, ids...)
	if err != nil {
		return nil, nil, err
	}
	found = []txnDescription{}
	var errs []error
	for _, id := range ids {
		t, ok := described[id]
		if !ok {
			t.Err = kerr.TransactionalIDNotFound
		}
		if t.Err != nil {
			errs = append(errs, fmt.Errorf("transactional id %s: %w", id, t.Err))
			continue
		}
		found = append(found, newTxnDescription(t))
	}
	return found, errors.Join(errs...), nil
}

func newTxnDescription(t kadm.DescribedTransaction) txnDescription {
	return txnDescription{
		t.TxnID, t.Coordinator, t.ProducerID, t.ProducerEpoch, t.State, t.TimeoutMillis, t.StartTimestamp, sortedPartitions(t.Topics),
	}
}

func printTransactions(out io.Writer, format outputFormat, found []txnDescription, now time.Time) error {
	if format.json() {
		return writeJSON(out, found)
	}
	for i, t := range found {
		if i > 0 {
			fmt.Fprintln(out)
		}
		_, err := fmt.Fprintf(out, "transactional id  %s\ncoordinator       %d\nproducer          %d, epoch %d\nstate             %s\n"+
			"timeout           %v\nstarted           %s\nage               %s\npartitions        %s\n",
			oneLine(t.TransactionalID), t.Coordinator, t.ProducerID, t.ProducerEpoch, t.State,
			time.Duration(t.TimeoutMillis)*time.Millisecond, timeText(t.Started), t.age(now), partitionsText(t.Partitions))
		if err != nil {
			return err
		}
	}
	return nil
}

// age tells how long the transaction has been open.
func (t *txnDescription) age(now time.Time) string {
	switch t.State {
	case "Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence":
		return ageText(t.Started, now)
	}
	return "-"
}
