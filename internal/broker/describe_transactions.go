package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeTransactions (key 65, KIP-664)
//
//   - Tells where transactional ids stand that this broker coordinates, and which
//     partitions their open transactions have.
func (b *Broker) describeTransactions(ctx context.Context, _ *Request, m *protocol.DescribeTransactionsRequest) *protocol.DescribeTransactionsResponse {
	resp := &protocol.DescribeTransactionsResponse{TransactionStates: []protocol.DescribeTransactionsResponseTransactionState{}}
	for _, id := range m.TransactionalIds {
		resp.TransactionStates = append(resp.TransactionStates, b.describeTransaction(ctx, id))
	}
	return resp
}

func (b *Broker) describeTransaction(ctx context.Context, id string) protocol.DescribeTransactionsResponseTransactionState {
	out := protocol.DescribeTransactionsResponseTransactionState{TransactionalId: id, Topics: []protocol.DescribeTransactionsResponseTopicData{}}
	if id == "" {
		out.ErrorCode = int16(protocol.ErrInvalidRequest)
		return out
	}
	d, err := b.Transactions.Describe(ctx, id)
	if err != nil {
		out.ErrorCode = b.code(err)
		return out
	}
	out.TransactionState, out.TransactionTimeoutMs, out.TransactionStartTimeMs = d.State.String(), d.TimeoutMs, d.StartMs
	out.ProducerId, out.ProducerEpoch = int64(d.Producer.ID), int16(d.Producer.Epoch)
	for _, p := range d.Partitions { // sorted
		if n := len(out.Topics); n == 0 || out.Topics[n-1].Topic != p.Topic {
			out.Topics = append(out.Topics, protocol.DescribeTransactionsResponseTopicData{Topic: p.Topic})
		}
		t := &out.Topics[len(out.Topics)-1]
		t.Partitions = append(t.Partitions, p.Index)
	}
	return out
}
