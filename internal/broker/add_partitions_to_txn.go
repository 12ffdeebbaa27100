package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// AddPartitionsToTxn (key 24)
//
//   - Makes partitions part of a transaction, all or none: one that doesn't exist
//     keeps the others, OPERATION_NOT_ATTEMPTED, out of it. So does one of a
//     coordinator's topic: TOPIC_AUTHORIZATION_FAILED.
//   - Brokers ask for many transactions at once, and verify-only: whether the
//     partitions are part of it (KIP-890).
//
// v2 PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH. v3 flexible. v4 many
// transactions, for brokers. v5 TRANSACTION_ABORTABLE.
func (b *Broker) addPartitionsToTxn(ctx context.Context, rq *Request, m *protocol.AddPartitionsToTxnRequest) *protocol.AddPartitionsToTxnResponse {
	resp := &protocol.AddPartitionsToTxnResponse{}
	if rq.Version() < 4 {
		t := protocol.AddPartitionsToTxnRequestAddPartitionsToTxnTransaction{
			TransactionalId: m.V3AndBelowTransactionalId, ProducerId: m.V3AndBelowProducerId,
			ProducerEpoch: m.V3AndBelowProducerEpoch, Topics: m.V3AndBelowTopics,
		}
		resp.ResultsByTopicV3AndBelow = b.addToTransaction(ctx, rq, &t)
		return resp
	}
	for i := range m.Transactions {
		t := &m.Transactions[i]
		resp.ResultsByTransaction = append(resp.ResultsByTransaction, protocol.AddPartitionsToTxnResponseAddPartitionsToTxnResult{
			TransactionalId: t.TransactionalId, TopicResults: b.addToTransaction(ctx, rq, t),
		})
	}
	return resp
}

// addToTransaction answers for one transaction of a request.
func (b *Broker) addToTransaction(ctx context.Context, rq *Request, t *protocol.AddPartitionsToTxnRequestAddPartitionsToTxnTransaction) []protocol.AddPartitionsToTxnResponseAddPartitionsToTxnTopicResult {
	partitions := txnPartitions(t.Topics)
	errs, refused := checkAdded(rq, partitions, t.VerifyOnly)
	switch {
	case refused:
		answers := newPartitionCodes()
		answers.put(partitions, b.codes(errs))
		return refusedTopics(answers.topics)
	case t.TransactionalId == "":
		errs = forAll(errs, protocol.ErrInvalidRequest)
	case t.VerifyOnly:
		each, err := b.Transactions.Verify(ctx, t.TransactionalId, producer(t.ProducerId, t.ProducerEpoch), partitions)
		if errs = each; err != nil {
			errs = forAll(make([]error, len(partitions)), err)
		}
	default:
		version := int16(0)
		if rq.Version() > 3 {
			version = 2
		}
		err := b.Transactions.AddPartitions(ctx, t.TransactionalId, producer(t.ProducerId, t.ProducerEpoch), partitions, version, nil)
		if rq.Version() < 2 {
			err = beforeFenced(err)
		}
		errs = forAll(errs, err)
	}
	return addedTopics(t.Topics, b.codes(errs))
}

// checkAdded tells for each partition why it can't be part of a transaction, and
// whether there is any such: the others aren't added either then. Clients have no
// business in the topics of coordinators; only brokers add committed offsets, and
// nobody what transactions themselves are in.
func checkAdded(rq *Request, partitions []txn.Partition, verifyOnly bool) (errs []error, refused bool) {
	errs = make([]error, len(partitions))
	for i, p := range partitions {
		switch {
		case rq.Version() < 4 && metadata.IsInternal(p.Topic), p.Topic == txn.Topic && !verifyOnly:
			errs[i], refused = protocol.ErrTopicAuthorizationFailed, true
		case !exists(rq.Image, p):
			errs[i], refused = protocol.ErrUnknownTopicOrPartition, true
		}
	}
	for i, err := range errs {
		if refused && err == nil {
			errs[i] = protocol.ErrOperationNotAttempted
		}
	}
	return errs, refused
}

type addedTopic = protocol.AddPartitionsToTxnResponseAddPartitionsToTxnTopicResult

// addedTopics is the answer for partitions in the order of the request.
func addedTopics(topics []protocol.AddPartitionsToTxnRequestAddPartitionsToTxnTopic, codes []int16) []addedTopic {
	out := []addedTopic{}
	for i := range topics {
		t := addedTopic{Name: topics[i].Name}
		for _, index := range topics[i].Partitions {
			t.ResultsByPartition = append(t.ResultsByPartition, protocol.AddPartitionsToTxnResponseAddPartitionsToTxnPartitionResult{
				PartitionIndex: index, PartitionErrorCode: codes[0],
			})
			codes = codes[1:]
		}
		out = append(out, t)
	}
	return out
}

// refusedTopics is the answer for partitions that weren't all there.
func refusedTopics(topics []topicCodes) []addedTopic {
	out := make([]addedTopic, len(topics))
	for i, t := range topics {
		out[i].Name = t.topic
		for _, p := range t.partitions {
			out[i].ResultsByPartition = append(out[i].ResultsByPartition, protocol.AddPartitionsToTxnResponseAddPartitionsToTxnPartitionResult{
				PartitionIndex: p.index, PartitionErrorCode: p.code,
			})
		}
	}
	return out
}

func txnPartitions(topics []protocol.AddPartitionsToTxnRequestAddPartitionsToTxnTopic) []txn.Partition {
	var out []txn.Partition
	for i := range topics {
		for _, index := range topics[i].Partitions {
			out = append(out, txn.Partition{Topic: topics[i].Name, Index: index})
		}
	}
	return out
}

func exists(img *metadata.Image, p txn.Partition) bool {
	t := img.Topic(p.Topic)
	return t != nil && p.Index >= 0 && int(p.Index) < len(t.Partitions)
}

func forAll(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}
