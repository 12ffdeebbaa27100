package broker

import (
	"errors"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// txnCheck is what is known of one partition's batch before it is appended.
type txnCheck struct {
	partition *replica.Partition // asked about at the transaction coordinator, else nil
	sequence  int32              // the batch's first
	verified  commitlog.Verified
	err       error
}

// verifyTxn finds out whether the request's batches may go into their
// transactions, and leaves in checks what that is for each partition, in the order
// of the request; nothing at all where no batch belongs to a transaction. The
// error is one for all partitions.
//
// It waits for the transaction coordinator, on the connection's reader: a batch
// must not be overtaken by the next. A partition that has the producer's
// transaction open needs neither.
func (p *produce) verifyTxn() error {
	producer, found, err := p.txnProducer()
	if !found || err != nil {
		return err
	}
	asked := p.beginTxnChecks()
	if len(asked) == 0 {
		return nil
	}
	errs, err := p.askTxnCoordinator(producer, asked)
	for i := range p.checks {
		c := &p.checks[i]
		if c.partition == nil {
			continue
		}
		c.err = err
		if errs != nil {
			c.err, errs = errs[0], errs[1:]
		}
		c.err = p.txnError(c.err)
	}
	return nil
}

// txnProducer is the producer of the transaction that batches of the request
// belong to. All of them belong to the same one.
func (p *produce) txnProducer() (producer txn.Producer, found bool, err error) {
	topics := p.request.TopicData
	for i := range topics {
		for j := range topics[i].PartitionData {
			b, ok := txnBatch(topics[i].PartitionData[j].Records)
			switch {
			case !ok:
				continue
			case p.request.TransactionalId == nil:
				return producer, false, protocol.ErrTransactionalIdAuthorizationFailed
			case !b.HasProducerID():
				continue
			}
			this := txn.Producer{ID: b.ProducerID(), Epoch: b.ProducerEpoch()}
			if found && this != producer {
				return producer, true, protocol.Refuse(protocol.ErrInvalidProducerIdMapping, "Transactional records contained more than one producer ID")
			}
			producer, found = this, true
		}
	}
	return producer, found, nil
}

// txnBatch returns the batch if it says that it belongs to a transaction. What
// isn't a batch is found out later, and so is one without a producer id.
func txnBatch(records []byte) (record.Batch, bool) {
	b, _, err := record.Next(records)
	return b, err == nil && b.IsTransactional()
}

// supportsEpochBump: clients of transactions version 2 leave it to the broker to
// add partitions to their transaction (KIP-890).
func (p *produce) supportsEpochBump() bool { return p.rq.Version() >= 12 }

// beginTxnChecks looks at each partition and returns those to ask about.
func (p *produce) beginTxnChecks() (ask []txn.Partition) {
	needed := p.supportsEpochBump() || config.TransactionPartitionVerificationEnable.In(p.b.config(p.rq))
	topics := p.request.TopicData
	for i := range topics {
		for j := range topics[i].PartitionData {
			data := &topics[i].PartitionData[j]
			c := txnCheck{verified: commitlog.NotOngoing}
			if b, ok := txnBatch(data.Records); ok && b.HasProducerID() {
				p.beginTxnCheck(&c, &topics[i], data.Index, b, needed)
			}
			if c.partition != nil {
				ask = append(ask, txn.Partition{Topic: c.partition.Topic, Index: c.partition.Index})
			}
			p.checks = append(p.checks, c)
		}
	}
	return ask
}

// beginTxnCheck looks at one partition. Errors that have nothing to do with
// transactions come with the append.
func (p *produce) beginTxnCheck(c *txnCheck, t *protocol.ProduceRequestTopicProduceData, index int32, b record.Batch, needed bool) {
	part, err := p.find(t, index)
	if err != nil || p.request.Acks < -1 || p.request.Acks > 1 {
		return
	}
	if open, err := part.TxnOngoing(b.ProducerID(), b.ProducerEpoch()); open || err != nil {
		return
	}
	if !needed {
		c.verified = nil
		return
	}
	c.partition, c.sequence = part, b.BaseSequence()
}

// beginVerifications tells the partitions that the coordinator is asked about
// them now. One that isn't led here any more says so when the batch is appended.
func (p *produce) beginVerifications(producer txn.Producer) {
	for i := range p.checks {
		c := &p.checks[i]
		if c.partition == nil {
			continue
		}
		verified, err := c.partition.BeginVerification(producer.ID, producer.Epoch, c.sequence, p.supportsEpochBump())
		if err != nil {
			verified = commitlog.NotOngoing
		}
		c.verified = verified
	}
}

// askTxnCoordinator adds partitions to the transaction, or asks whether they are
// part of it. There is either an error for all of them or one for each.
func (p *produce) askTxnCoordinator(producer txn.Producer, asked []txn.Partition) ([]error, error) {
	ctx, id := p.rq.Conn.Context(), *p.request.TransactionalId
	switch {
	case p.rq.Image.Topic(txn.Topic) == nil:
		return nil, protocol.ErrCoordinatorNotAvailable
	case id == "":
		return nil, protocol.ErrInvalidRequest
	case p.supportsEpochBump():
		return nil, p.b.Transactions.AddPartitions(ctx, id, producer, asked, 2, func() { p.beginVerifications(producer) })
	}
	p.beginVerifications(producer)
	return p.b.Transactions.Verify(ctx, id, producer, asked)
}

// txnError is what a producer is told: errors that producers of its version
// know what to do with. NOT_ENOUGH_REPLICAS makes them send the batch again, and
// nothing else.
func (p *produce) txnError(err error) error {
	switch protocol.Error(protocol.CodeOf(err)) {
	case protocol.ErrConcurrentTransactions:
		if !p.supportsEpochBump() {
			return unverified(err)
		}
	case protocol.ErrNotCoordinator, protocol.ErrCoordinatorNotAvailable, protocol.ErrCoordinatorLoadInProgress, protocol.ErrRequestTimedOut:
		return unverified(err)
	}
	return verificationError(err, p.rq.Version() >= 11)
}

// verificationError is what a client is told that never asked the transaction
// coordinator itself. abortable: it knows TRANSACTION_ABORTABLE.
func verificationError(err error, abortable bool) error {
	switch {
	case errors.Is(err, protocol.ErrProducerFenced):
		return protocol.ErrInvalidProducerEpoch
	case errors.Is(err, protocol.ErrTransactionAbortable) && !abortable:
		return protocol.Refuse(protocol.ErrInvalidTxnState, "Partition was not added to the transaction")
	}
	return err
}

func unverified(err error) error {
	var code protocol.Error
	errors.As(err, &code)
	return protocol.Refuse(protocol.ErrNotEnoughReplicas,
		"Unable to verify the partition has been added to the transaction. Underlying error: "+code.Name())
}

// adminClient is the client id that may write to internal topics.
const adminClient = "__admin_client"

// checkInternal refuses what clients send to the topics of coordinators.
func (p *produce) checkInternal(part *replica.Partition) error {
	if metadata.IsInternal(part.Topic) && p.rq.ClientID() != adminClient {
		return protocol.ErrInvalidTopicException
	}
	return nil
}
