package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// ListTransactions (key 66, KIP-664)
//
//   - Lists the transactional ids that this broker coordinates and that pass all
//     of the filters. Names of states that don't exist come back.
//
// v1 filter by the age of the transaction (KIP-994). v2 by a regular expression,
// RE2, of the whole id (KIP-1152).
func (b *Broker) listTransactions(ctx context.Context, rq *Request, m *protocol.ListTransactionsRequest) *protocol.ListTransactionsResponse {
	f := txn.Filter{ProducerIDs: m.ProducerIdFilters, States: m.StateFilters, DurationMs: m.DurationFilter}
	if rq.Version() < 1 {
		f.DurationMs = -1
	}
	if m.TransactionalIdPattern != nil {
		f.Pattern = *m.TransactionalIdPattern
	}
	ids, unknown, err := b.Transactions.List(ctx, f)
	resp := &protocol.ListTransactionsResponse{
		ErrorCode: b.code(err), UnknownStateFilters: append([]string{}, unknown...),
		TransactionStates: []protocol.ListTransactionsResponseTransactionState{},
	}
	for _, l := range ids {
		resp.TransactionStates = append(resp.TransactionStates, protocol.ListTransactionsResponseTransactionState{
			TransactionalId: l.TransactionalID, ProducerId: int64(l.Producer), TransactionState: l.State.String(),
		})
	}
	return resp
}
