package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// terminateBackoff is how long to wait before asking again for an id whose transaction is still being aborted.
const terminateBackoff = 50 * time.Millisecond

// terminatedTxn is what `txn force-terminate --format json` prints.
type terminatedTxn struct {
	TransactionalID string `json:"transactional_id"`
	ProducerID      int64  `json:"producer_id"`
	ProducerEpoch   int16  `json:"producer_epoch"` // the new one, which fences the producer
	Result          string `json:"result"`         // terminated
}

func newTxnForceTerminate() *cobra.Command {
	var conn connection
	var format outputFormat
	cmd := &cobra.Command{
		Use:   "force-terminate TRANSACTIONAL-ID",
		Short: "Abort the open transaction of a transactional id and fence its producer",
		Long: `Abort the open transaction of a transactional id through its coordinator, and fence its producer: the next thing that
it does fails. A new producer with the same id does this, too.`,
		Args:              cobra.MatchAll(needs("TRANSACTIONAL-ID"), cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeTransactions(&conn, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t := terminatedTxn{TransactionalID: args[0], Result: "terminated"}
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error { return t.terminate(ctx, adm) })
			if err != nil {
				return err
			}
			if format.json() {
				return writeJSON(cmd.OutOrStdout(), t)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s terminated\n", t.TransactionalID)
			return err
		},
	}
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

// terminate takes a new epoch for the id. An id that isn't known is refused, as asking would create it.
func (t *terminatedTxn) terminate(ctx context.Context, adm adminClient) error {
	known, failed, err := describeTransactions(ctx, adm, []string{t.TransactionalID})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &t.TransactionalID, known[0].TimeoutMillis
	for {
		resp, err := req.RequestWith(ctx, adm.wire)
		if err == nil {
			err = codeError(resp.ErrorCode, nil)
		}
		switch {
		case err == nil:
			t.ProducerID, t.ProducerEpoch = resp.ProducerID, resp.ProducerEpoch
			return nil
		case !errors.Is(err, kerr.ConcurrentTransactions):
			return fmt.Errorf("transactional id %s: %w", t.TransactionalID, err)
		}
		// The markers of the transaction are being written.
		select {
		case <-time.After(terminateBackoff):
		case <-ctx.Done():
			return fmt.Errorf("transactional id %s: %w", t.TransactionalID, err)
		}
	}
}
