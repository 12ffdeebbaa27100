package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// overdue is how long a transaction may be open beyond its time-out: Kafka looks for those that have timed out every
// 10 seconds.
const overdue = 10 * time.Second

// transactionWatch looks for transactions that are open for too long, at the coordinator and at the partitions.
type transactionWatch struct {
	target  *target
	timeout time.Duration
	tps     []partition
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex
	found   []problem
	looks   int
	open    int // transactions seen open, one look after the other
	longest time.Duration
}

func watchTransactions(b *target, timeout time.Duration, tps []partition) *transactionWatch {
	w := &transactionWatch{target: b, timeout: timeout, tps: tps}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	w.wg.Go(func() { w.run(ctx) })
	return w
}

func (w *transactionWatch) stop() []problem {
	w.cancel()
	w.wg.Wait()
	return w.found
}

func (w *transactionWatch) run(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c, err := connect(tcp(w.target.addr))
		if err != nil {
			continue // it is down
		}
		open, err := c.openTransactions()
		if err == nil {
			w.judge(open)
			open, err = c.openAt(w.tps)
		}
		if err == nil {
			w.judge(open)
		}
		c.close()
	}
}

// openTransaction is one as the coordinator, or one partition, has it.
type openTransaction struct {
	name  string
	since time.Time
}

func (w *transactionWatch) judge(open []openTransaction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	now := time.Now()
	for _, o := range open {
		w.open++
		age := now.Sub(o.since) - w.target.downSince(o.since)
		w.longest = max(w.longest, age)
		if age > w.timeout+overdue && len(w.found) < maxProblems {
			w.found = append(w.found, problem{hanging, fmt.Sprintf("%s has been open for %v at %s", o.name, age, now.Format(time.TimeOnly))})
		}
	}
}

// openTransactions asks the coordinator for what isn't complete.
func (c *client) openTransactions() ([]openTransaction, error) {
	var list protocol.ListTransactionsResponse
	rq := protocol.ListTransactionsRequest{StateFilters: []string{"Ongoing", "PrepareCommit", "PrepareAbort"}}
	if err := c.call(&rq, 0, &list); err != nil {
		return nil, err
	}
	if list.ErrorCode != 0 || len(list.TransactionStates) == 0 {
		return nil, code(list.ErrorCode)
	}
	var names protocol.DescribeTransactionsRequest
	for _, s := range list.TransactionStates {
		names.TransactionalIds = append(names.TransactionalIds, s.TransactionalId)
	}
	var described protocol.DescribeTransactionsResponse
	if err := c.call(&names, 0, &described); err != nil {
		return nil, err
	}
	var out []openTransaction
	for _, s := range described.TransactionStates {
		switch s.TransactionState {
		case "Ongoing", "PrepareCommit", "PrepareAbort":
			name := fmt.Sprintf("%s (%s, producer %d epoch %d, %v)", s.TransactionalId, s.TransactionState, s.ProducerId, s.ProducerEpoch, s.Topics)
			out = append(out, openTransaction{name, time.UnixMilli(s.TransactionStartTimeMs)})
		}
	}
	return out, nil
}

// openAt asks partitions whose records bear the time of their append for their open transactions.
func (c *client) openAt(tps []partition) ([]openTransaction, error) {
	var rq protocol.DescribeProducersRequest
	for _, tp := range tps {
		rq.Topics = append(rq.Topics, protocol.DescribeProducersRequestTopicRequest{Name: tp.topic, PartitionIndexes: []int32{tp.index}})
	}
	var rs protocol.DescribeProducersResponse
	if err := c.call(&rq, 0, &rs); err != nil {
		return nil, err
	}
	var out []openTransaction
	for _, t := range rs.Topics {
		for _, p := range t.Partitions {
			for _, s := range p.ActiveProducers {
				if s.CurrentTxnStartOffset >= 0 {
					name := fmt.Sprintf("%s-%d (producer %d epoch %d, from offset %d)", t.Name, p.PartitionIndex, s.ProducerId, s.ProducerEpoch, s.CurrentTxnStartOffset)
					out = append(out, openTransaction{name, time.UnixMilli(s.LastTimestamp)})
				}
			}
		}
	}
	return out, nil
}

// end asks for the high watermark, or for the last stable offset.
func (c *client) end(tp partition, stable bool) (int64, error) {
	rq := protocol.ListOffsetsRequest{ReplicaId: -1, Topics: []protocol.ListOffsetsRequestListOffsetsTopic{{
		Name: tp.topic, Partitions: []protocol.ListOffsetsRequestListOffsetsPartition{{PartitionIndex: tp.index, CurrentLeaderEpoch: -1, Timestamp: -1}},
	}}}
	if stable {
		rq.IsolationLevel = 1
	}
	var rs protocol.ListOffsetsResponse
	if err := c.call(&rq, 7, &rs); err != nil {
		return -1, err
	}
	p := rs.Topics[0].Partitions[0]
	return p.Offset, code(p.ErrorCode)
}
