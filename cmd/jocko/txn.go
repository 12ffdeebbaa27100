package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newTxn() *cobra.Command {
	return group("txn", "List, describe and abort transactions, find those that hang",
		newTxnList(), newTxnDescribe(), newTxnDescribeProducers(), newTxnAbort(), newTxnFindHanging(), newTxnForceTerminate())
}

// txnStates are the states of a transaction, as Kafka spells them.
var txnStates = []string{
	"CompleteAbort", "CompleteCommit", "Dead", "Empty", "Ongoing", "PrepareAbort", "PrepareCommit", "PrepareEpochFence",
}

// txnFilter says which transactions to list. Brokers older than a field list more than was asked for, so that is refused.
type txnFilter struct {
	states      []string
	producerIDs []int64
	longerThan  time.Duration // running at least that long; negative: however long (version 1, KIP-994)
	pattern     string        // RE2; empty: any (version 2, KIP-1152)
}

// listTransactions returns the transactions that pass the filter, sorted, as an empty list when there is none.
func listTransactions(ctx context.Context, adm adminClient, filter txnFilter) ([]txnSummary, error) {
	req := kmsg.NewPtrListTransactionsRequest()
	req.StateFilters, req.ProducerIDFilters = filter.states, filter.producerIDs
	req.DurationFilterMillis = -1
	var needs int16
	if filter.longerThan >= 0 {
		req.DurationFilterMillis, needs = filter.longerThan.Milliseconds(), 1
	}
	if filter.pattern != "" {
		req.TransactionalIDPattern, needs = &filter.pattern, 2
	}
	found := []txnSummary{}
	for _, shard := range adm.wire.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		resp := shard.Resp.(*kmsg.ListTransactionsResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return nil, fmt.Errorf("broker %d: %w", shard.Meta.NodeID, err)
		}
		if resp.Version < needs {
			return nil, fmt.Errorf("broker %d doesn't have this filter: %w", shard.Meta.NodeID, kerr.UnsupportedVersion)
		}
		for _, t := range resp.TransactionStates {
			found = append(found, txnSummary{t.TransactionalID, shard.Meta.NodeID, t.ProducerID, t.TransactionState})
		}
	}
	slices.SortFunc(found, func(a, b txnSummary) int { return strings.Compare(a.TransactionalID, b.TransactionalID) })
	return found, nil
}

// partitionProducers is what one broker says of the producers of one partition.
type partitionProducers struct {
	topic     string
	partition int32
	broker    int32
	producers []kmsg.DescribeProducersResponseTopicPartitionActiveProducer
	err       error
}

// describeProducersBatch is how many partitions are asked for at a time.
const describeProducersBatch = 500

// describeProducers asks the partitions' leaders, or one broker (not negative), which producers they know. The answers
// are sorted; each has an error of its own.
func describeProducers(ctx context.Context, adm adminClient, partitions map[string][]int32, broker int32) ([]partitionProducers, error) {
	var found []partitionProducers
	if err := checkBroker(ctx, adm, broker); err != nil {
		return nil, err
	}
	for _, req := range describeProducersRequests(partitions) {
		var shards []kgo.ResponseShard
		if broker >= 0 {
			resp, err := adm.wire.Broker(int(broker)).RetriableRequest(ctx, req)
			shards = []kgo.ResponseShard{{Meta: kgo.BrokerMetadata{NodeID: broker}, Req: req, Resp: resp, Err: err}}
		} else {
			shards = adm.wire.RequestSharded(ctx, req)
		}
		for _, shard := range shards {
			if shard.Err != nil {
				return nil, shard.Err
			}
			for _, t := range shard.Resp.(*kmsg.DescribeProducersResponse).Topics {
				for _, p := range t.Partitions {
					found = append(found, partitionProducers{t.Topic, p.Partition, shard.Meta.NodeID, p.ActiveProducers, codeError(p.ErrorCode, p.ErrorMessage)})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b partitionProducers) int {
		return compareTopicPartitions(a.topic, a.partition, b.topic, b.partition)
	})
	return found, nil
}

// checkBroker refuses an id that no live broker has. A negative one means no broker in particular.
func checkBroker(ctx context.Context, adm adminClient, id int32) error {
	if id < 0 {
		return nil
	}
	brokers, err := adm.ListBrokers(ctx)
	if err != nil {
		return err
	}
	ids := brokers.NodeIDs()
	if !slices.Contains(ids, id) {
		return fmt.Errorf("there is no broker %d: the live ones are %s", id, joinIDs(ids))
	}
	return nil
}

func describeProducersRequests(partitions map[string][]int32) []*kmsg.DescribeProducersRequest {
	var requests []*kmsg.DescribeProducersRequest
	req, room := kmsg.NewPtrDescribeProducersRequest(), describeProducersBatch
	for topic, ids := range partitions {
		for len(ids) > 0 {
			n := min(len(ids), room)
			t := kmsg.NewDescribeProducersRequestTopic()
			t.Topic, t.Partitions = topic, ids[:n]
			req.Topics = append(req.Topics, t)
			ids, room = ids[n:], room-n
			if room == 0 {
				requests = append(requests, req)
				req, room = kmsg.NewPtrDescribeProducersRequest(), describeProducersBatch
			}
		}
	}
	if len(req.Topics) > 0 {
		requests = append(requests, req)
	}
	return requests
}

// completeTransactions offers the cluster's transactional ids for the first limit arguments (0: for every one).
func completeTransactions(c *connection, limit int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		quick := connection{bootstrap: c.bootstrap, timeout: completionTimeout}
		_ = quick.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
			found, err := listTransactions(ctx, adm, txnFilter{longerThan: -1})
			for _, t := range found {
				names = append(names, t.TransactionalID)
			}
			return err
		})
		return namesWith(prefix, args, names), cobra.ShellCompDirectiveNoFileComp
	}
}

// timeText prints milliseconds since 1970 as a date, in UTC; -1, no time, as "-".
func timeText(ms int64) string {
	if ms < 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// ageText prints how long ago a moment in milliseconds since 1970 was, to the second; -1, no time, as "-".
func ageText(ms int64, now time.Time) string {
	if ms < 0 {
		return "-"
	}
	return now.Sub(time.UnixMilli(ms)).Truncate(time.Second).String()
}

// orMinus prints an offset, and -1, which stands for none, as "-".
func orMinus(n int64) string {
	if n < 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}
