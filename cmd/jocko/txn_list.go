package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// txnSummary is one transaction of `txn list --format json`.
type txnSummary struct {
	TransactionalID string `json:"transactional_id"`
	Coordinator     int32  `json:"coordinator"`
	ProducerID      int64  `json:"producer_id"`
	State           string `json:"state"`
}

type txnList struct {
	conn   connection
	format outputFormat
	filter txnFilter
	long   bool
}

func newTxnList() *cobra.Command {
	c := txnList{filter: txnFilter{longerThan: -1}}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List transactional ids, one a line",
		Example: `  jocko txn list --long
  jocko txn list --state ongoing --longer-than 15m
  jocko txn list --pattern 'payments-.*'`,
		Args: cobra.NoArgs,
		RunE: c.run,
	}
	f := cmd.Flags()
	f.StringSliceVar(&c.filter.states, "state", nil, "only transactions in these `states`: "+strings.Join(txnStates, ", "))
	f.Int64SliceVar(&c.filter.producerIDs, "producer-id", nil, "only transactions of these producer `ids`")
	f.DurationVar(&c.filter.longerThan, "longer-than", -time.Millisecond, "only transactions that have been open for longer than this `duration` (negative: any)")
	f.StringVar(&c.filter.pattern, "pattern", "", "only transactional ids that match a regular `expression` (RE2) as a whole")
	f.BoolVarP(&c.long, "long", "l", false, "print a table with coordinator, producer id and state")
	completeWords(cmd, "state", txnStates...)
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *txnList) run(cmd *cobra.Command, _ []string) error {
	states, err := wordsOf(c.filter.states, txnStates)
	if err != nil {
		return usagef("--state: %w", err)
	}
	c.filter.states = states
	var found []txnSummary
	err = c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) (err error) {
		found, err = listTransactions(ctx, adm, c.filter)
		return err
	})
	if err != nil {
		return err
	}
	return c.print(cmd, found)
}

func (c *txnList) print(cmd *cobra.Command, found []txnSummary) error {
	out := cmd.OutOrStdout()
	if c.format.json() {
		return writeJSON(out, found)
	}
	var rows [][]string
	for _, t := range found {
		if !c.long {
			if _, err := fmt.Fprintln(out, t.TransactionalID); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{oneLine(t.TransactionalID), strconv.Itoa(int(t.Coordinator)), strconv.FormatInt(t.ProducerID, 10), t.State})
	}
	if !c.long {
		return nil
	}
	return writeTable(out, []string{"TRANSACTIONAL-ID", "COORDINATOR", "PRODUCER-ID", "STATE"}, rows)
}
