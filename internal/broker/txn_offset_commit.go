package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// TxnOffsetCommit (key 28)
//
//   - Commits offsets of a group as part of a producer's transaction: they hold
//     once that is committed. What the group refuses is as in OffsetCommit, before
//     v6 with ILLEGAL_GENERATION for a stale epoch.
//   - Before v5 the group's partition of __consumer_offsets must have been added
//     to the transaction with AddOffsetsToTxn, which is checked; v5 adds it.
//   - v6 knows about member epochs: STALE_MEMBER_EPOCH, and GROUP_ID_NOT_FOUND
//     for a member of a group that isn't there.
//
// v2 leader epoch. v3 flexible, members. v5 transactions version 2 (KIP-890).
// v6 topic ids (KIP-1319).
func (b *Broker) txnOffsetCommit(ctx context.Context, rq *Request, m *protocol.TxnOffsetCommitRequest) *protocol.TxnOffsetCommitResponse {
	resp := &protocol.TxnOffsetCommitResponse{Topics: make([]protocol.TxnOffsetCommitResponseTopic, 0, len(m.Topics))}
	p := producer(m.ProducerId, m.ProducerEpoch)
	r := &group.CommitRequest{
		Group: m.GroupId, Member: m.MemberId, Instance: m.GroupInstanceId, Epoch: m.GenerationIdOrMemberEpoch, RetentionMs: -1,
		Txn: &coordinator.Txn{ProducerID: p.ID, ProducerEpoch: p.Epoch},
	}
	c := commits{request: r}
	for i := range m.Topics {
		t := &m.Topics[i]
		topic, err := b.committedTopic(rq, 6, t.Name, t.TopicId)
		if err == nil && len(t.Partitions) == 0 {
			continue
		}
		c.refused = c.refused || err != nil
		out := protocol.TxnOffsetCommitResponseTopic{
			Name: t.Name, TopicId: t.TopicId, Partitions: make([]protocol.TxnOffsetCommitResponsePartition, len(t.Partitions)),
		}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			out.Partitions[j].PartitionIndex = p.PartitionIndex
			c.add(b, topic, err, &out.Partitions[j].ErrorCode, group.Commit{
				Partition: p.PartitionIndex, Offset: p.CommittedOffset, LeaderEpoch: p.CommittedLeaderEpoch, Metadata: p.CommittedMetadata,
			})
		}
		resp.Topics = append(resp.Topics, out)
	}
	b.commitInTxn(ctx, rq, m, r, c.codes)
	if c.refused {
		resp.Topics = mergeTopics(resp.Topics, txnCommittedTo, joinTxnCommitted)
	}
	return resp
}

func txnCommittedTo(t *protocol.TxnOffsetCommitResponseTopic) topicName {
	return topicName{t.Name, t.TopicId}
}

func joinTxnCommitted(into, from *protocol.TxnOffsetCommitResponseTopic) {
	into.Partitions = append(into.Partitions, from.Partitions...)
}

// commitInTxn makes the group's offsets part of the transaction, commits them and
// writes the codes.
func (b *Broker) commitInTxn(ctx context.Context, rq *Request, m *protocol.TxnOffsetCommitRequest, r *group.CommitRequest, codes []*int16) {
	if len(codes) == 0 {
		return
	}
	var err error
	if r.Txn.Verified, err = b.joinTxn(ctx, rq, m, producer(m.ProducerId, m.ProducerEpoch)); err != nil {
		for _, code := range codes {
			*code = b.code(err)
		}
		return
	}
	b.commitOffsets(ctx, rq, r, codes)
}

// joinTxn makes sure that a group's partition of __consumer_offsets is part of a
// producer's transaction, as produce.verifyTxn does for other partitions. What it
// returns lets the first records of the transaction pass there, unless it has
// ended in between.
func (b *Broker) joinTxn(ctx context.Context, rq *Request, m *protocol.TxnOffsetCommitRequest, p txn.Producer) (commitlog.Verified, error) {
	if m.GroupId == "" {
		return nil, protocol.ErrInvalidGroupId
	}
	t := rq.Image.Topic(group.Topic)
	if t == nil {
		return nil, protocol.ErrCoordinatorNotAvailable
	}
	index := coordinator.PartitionFor(m.GroupId, len(t.Partitions))
	part, err := b.Replicas.ByName(group.Topic, index)
	if err != nil {
		return nil, protocol.ErrNotCoordinator
	}
	if open, err := part.TxnOngoing(p.ID, p.Epoch); open || err != nil {
		return commitlog.NotOngoing, err
	}
	if m.TransactionalId == "" {
		return nil, protocol.ErrInvalidRequest
	}
	implicit := rq.Version() >= 5
	if !implicit && !config.TransactionPartitionVerificationEnable.In(b.config(rq)) {
		return nil, nil
	}
	verified := commitlog.Verified(commitlog.NotOngoing)
	begin := func() {
		if v, err := part.BeginVerification(p.ID, p.Epoch, record.NoSequence, false); err == nil {
			verified = v
		}
	}
	err = b.askForOffsets(ctx, m.TransactionalId, p, txn.Partition{Topic: group.Topic, Index: index}, implicit, begin)
	return verified, verificationError(err, rq.Version() >= 4)
}

// askForOffsets adds a partition to a transaction, or asks whether it is part of
// it. begin is called before the coordinator is asked.
func (b *Broker) askForOffsets(ctx context.Context, id string, p txn.Producer, partition txn.Partition, add bool, begin func()) error {
	partitions := []txn.Partition{partition}
	if add {
		return b.Transactions.AddPartitions(ctx, id, p, partitions, 2, begin)
	}
	begin()
	errs, err := b.Transactions.Verify(ctx, id, p, partitions)
	if err == nil {
		err = errs[0]
	}
	return err
}
