//go:build differential

package interop

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// producer is a transactional producer as one player sees it. One of the second version of
// transactions (KIP-890) adds partitions by producing to them and gets an epoch for each transaction.
type producer struct {
	p        *player
	txn      string
	second   bool
	id       int64
	epoch    int16
	sequence int32
	timeout  int32 // ms
}

func (p *player) newProducer(txn string) *producer {
	return &producer{p: p, txn: p.own(txn), second: p.rnd.IntN(2) == 0, id: -1, epoch: -1, timeout: 60_000}
}

// initing makes the producer's InitProducerId.
func (x *producer) initing() *kmsg.InitProducerIDRequest {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &x.txn, x.timeout
	req.ProducerID, req.ProducerEpoch = -1, -1
	return anyVersion(x.p, req)
}

func (x *producer) init() *kmsg.InitProducerIDResponse {
	resp := ask[*kmsg.InitProducerIDResponse](x.p, x.initing())
	if resp.ErrorCode == 0 {
		x.id, x.epoch, x.sequence = resp.ProducerID, resp.ProducerEpoch, 0
	}
	return resp
}

// versions of an API for this producer's version of transactions: below and from the given one.
func versionFor[R kmsg.Request](x *producer, req R, from int16) R {
	if x.second {
		return at(x.p, req, from, 1000)
	}
	return at(x.p, req, 0, from-1)
}

// adding makes an AddPartitionsToTxn as clients send it, up to version 3.
func (x *producer) adding(topic string, partitions ...int32) *kmsg.AddPartitionsToTxnRequest {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = x.txn, x.id, x.epoch
	t := kmsg.NewAddPartitionsToTxnRequestTopic()
	t.Topic, t.Partitions = topic, partitions
	req.Topics = append(req.Topics, t)
	return at(x.p, req, 0, 3)
}

// begin adds the scene's partition to the transaction, where producing to it does not.
func (x *producer) begin() {
	if !x.second {
		x.p.tell(x.adding(x.p.ledger, x.p.partition))
	}
}

// batch makes the producer's next batch of n records.
func (x *producer) batch(n int) *wire.Batch {
	b := wire.Values(0, batchTime)
	for i := range n {
		r := kmsg.NewRecord()
		r.Value = []byte{byte('a' + i)}
		b.Records = append(b.Records, r)
	}
	b.ProducerID, b.ProducerEpoch, b.FirstSequence, b.Attributes = x.id, x.epoch, x.sequence, 0x10
	return b
}

// producing makes a transactional Produce of a batch to the scene's partition.
func (x *producer) producing(b *wire.Batch) *kmsg.ProduceRequest {
	req := wire.ProduceRequest(9, -1, x.p.ledger, x.p.partition, b.Encode())
	req.TransactionID = &x.txn
	req.Topics[0].TopicID = x.p.topicID(x.p.ledger)
	return versionFor(x, req, 12)
}

// produce produces the next n records.
func (x *producer) produce(n int) {
	resp := ask[*kmsg.ProduceResponse](x.p, x.producing(x.batch(n)))
	if len(resp.Topics) == 1 && resp.Topics[0].Partitions[0].ErrorCode == 0 {
		x.sequence += int32(n)
	}
}

func (x *producer) ending(commit bool) *kmsg.EndTxnRequest {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = x.txn, x.id, x.epoch, commit
	return versionFor(x, req, 5)
}

// end commits or aborts, and goes on with the epoch that the second version gives out.
func (x *producer) end(commit bool) *kmsg.EndTxnResponse {
	resp := ask[*kmsg.EndTxnResponse](x.p, x.ending(commit))
	if resp.ErrorCode == 0 && resp.Version >= 5 && resp.ProducerID >= 0 {
		x.id, x.epoch, x.sequence = resp.ProducerID, resp.ProducerEpoch, 0
	}
	return resp
}

// ended waits until the coordinator has written all markers, and reads what became of the partition.
func (x *producer) ended() {
	x.settled()
	x.p.readLedger()
}

// settled waits until no transaction of the producer's is being ended.
func (x *producer) settled() { x.p.tell(x.p.describingTxns(x.txn)) }

func (x *producer) addingOffsets(group string) *kmsg.AddOffsetsToTxnRequest {
	req := kmsg.NewPtrAddOffsetsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = x.txn, x.id, x.epoch, group
	return at(x.p, req, 0, 4)
}

// committingOffset makes a TxnOffsetCommit of one offset.
func (x *producer) committingOffset(group, topic string, partition int32, offset int64) *kmsg.TxnOffsetCommitRequest {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = x.txn, group, x.id, x.epoch
	req.Generation = -1
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = topic, x.p.topicID(topic)
	op := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	op.Partition, op.Offset, op.LeaderEpoch = partition, offset, oneOf[int32](x.p, -1, 2)
	op.Metadata = oneOf(x.p, nil, kmsg.StringPtr("in a transaction"))
	t.Partitions = append(t.Partitions, op)
	req.Topics = append(req.Topics, t)
	return versionFor(x, req, 5)
}

// commitOffset commits an offset within the transaction, to which the group is added before where the
// commit itself does not.
func (x *producer) commitOffset(group, topic string, partition int32, offset int64) {
	if !x.second {
		x.p.tell(x.addingOffsets(group))
	}
	x.p.tell(x.committingOffset(group, topic, partition, offset))
}

func (p *player) describingTxns(names ...string) *kmsg.DescribeTransactionsRequest {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = names
	return anyVersion(p, req)
}

func (p *player) listingTxns(states []string, ids []int64) *kmsg.ListTransactionsRequest {
	req := kmsg.NewPtrListTransactionsRequest()
	req.StateFilters, req.ProducerIDFilters, req.DurationFilterMillis = states, ids, -1
	return anyVersion(p, req)
}

// fetching reads the scene's partition from its start.
func (p *player) fetching(isolation int8) *kmsg.FetchRequest {
	req := wire.FetchRequest(11, p.ledger, map[int32]int64{p.partition: 0}, 0, 1, 1<<20)
	req.IsolationLevel = isolation
	return at(p, req, 4, 12)
}

func (p *player) describingProducers(topic string, partitions ...int32) *kmsg.DescribeProducersRequest {
	req := kmsg.NewPtrDescribeProducersRequest()
	t := kmsg.NewDescribeProducersRequestTopic()
	t.Topic, t.Partitions = topic, partitions
	req.Topics = append(req.Topics, t)
	return anyVersion(p, req)
}

// readLedger reads the scene's partition: all records, the committed ones, its ends and producers.
func (p *player) readLedger() {
	p.tell(p.fetching(0))
	p.tell(p.fetching(1))
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, 1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = p.ledger
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.Timestamp, part.CurrentLeaderEpoch = p.partition, -1, -1
	t.Partitions = append(t.Partitions, part)
	req.Topics = append(req.Topics, t)
	p.tell(at(p, req, 2, 10))
	p.tell(p.describingProducers(p.ledger, p.partition))
}
