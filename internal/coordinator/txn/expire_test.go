package txn

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
)

// Ids that expire all at once go in pieces, each in a turn of its own.
func TestExpiryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.stop()
		const ids = 2*maxExpired + 10
		for i := range ids {
			if _, err := r.c.InitProducerID(context.Background(), fmt.Sprint(i), 60_000, NoProducer); err != nil {
				t.Fatal(err)
			}
		}
		cfg := config.NewBroker(config.Map{})
		before := len(r.log.Batches())
		time.Sleep(config.TransactionalIdExpirationMs.In(cfg) + config.TransactionRemoveExpiredTransactionCleanupIntervalMs.In(cfg))
		time.Sleep(time.Second)
		synctest.Wait()
		batches := r.log.Batches()[before:]
		if len(r.machineState()) > 0 || len(batches) != 3 {
			t.Errorf("%d ids are left after %d batches", len(r.machineState()), len(batches))
		}
		for _, b := range batches {
			if b.Count() > maxExpired {
				t.Errorf("one batch of %d records", b.Count())
			}
		}
	})
}
