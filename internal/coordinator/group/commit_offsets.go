package group

import (
	"context"
	"errors"
	"unicode/utf16"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Commit is an offset that somebody commits.
type Commit struct {
	Topic       string
	TopicID     protocol.UUID
	Partition   int32
	Offset      int64
	LeaderEpoch int32 // -1: none
	Metadata    *string
}

// CommitRequest is an OffsetCommit or a TxnOffsetCommit.
type CommitRequest struct {
	Group    string
	Member   string
	Instance *string
	Epoch    int32 // generation or member epoch, -1: none
	// RetentionMs is how long the offsets are kept, -1: as long as the broker
	// says.
	RetentionMs int64
	Offsets     []Commit
	// Txn is the transaction that commits them, nil for none.
	Txn *coordinator.Txn
}

// CommitOffsets commits offsets, each on its own: the answer has an error for
// each. An error beside that refuses them all.
func (c *Coordinator) CommitOffsets(ctx context.Context, client Client, r *CommitRequest) ([]error, error) {
	sh, err := c.Shard(r.Group)
	if err != nil {
		return nil, err
	}
	decide := func(a *coordinator.Answer[[]error]) ([]coordinator.Record, error) {
		return sh.Machine().(*Machine).commitOffsets(a, client, r)
	}
	if r.Txn != nil {
		return coordinator.DoTxn(ctx, sh, *r.Txn, decide)
	}
	return coordinator.Do(ctx, sh, decide)
}

func (m *Machine) commitOffsets(a *coordinator.Answer[[]error], client Client, r *CommitRequest) ([]coordinator.Record, error) {
	check, err := m.checkCommit(client, r)
	if err != nil {
		return nil, err
	}
	now := m.sh.Now().UnixMilli()
	value := protocol.OffsetCommitValue{CommitTimestamp: now, ExpireTimestamp: -1}
	version := int16(4)
	if r.RetentionMs >= 0 {
		value.ExpireTimestamp, version = now+r.RetentionMs, 1 // the only version that has it
	}
	longest := int(config.OffsetMetadataMaxBytes.In(m.options.Config()))
	keys, values := make([]protocol.OffsetCommitKey, len(r.Offsets)), make([]protocol.OffsetCommitValue, len(r.Offsets))
	records, errs := make([]coordinator.Record, 0, len(r.Offsets)), make([]error, len(r.Offsets))
	for i := range r.Offsets {
		o := &r.Offsets[i]
		if errs[i] = o.check(check, longest); errs[i] != nil {
			continue
		}
		keys[i] = protocol.OffsetCommitKey{Group: r.Group, Topic: o.Topic, Partition: o.Partition}
		values[i] = value
		o.fill(&values[i])
		records = append(records, coordinator.Record{Key: &keys[i], Value: &values[i], Version: version})
	}
	if err := m.sh.Check(records); err != nil {
		return nil, err
	}
	if g := m.groups[r.Group]; g != nil && r.Txn == nil {
		g.committed(r.Member)
	}
	m.options.Offsets.Committed.Add(len(records))
	a.Give(errs)
	return records, nil
}

// partitionCheck tells why an offset of a partition is refused; nil lets all
// pass.
type partitionCheck func(topicID protocol.UUID, topic string, partition int32) error

// checkCommit tells why a group refuses a commit.
func (m *Machine) checkCommit(client Client, r *CommitRequest) (partitionCheck, error) {
	g := m.groups[r.Group]
	if g == nil {
		switch {
		case r.Epoch < 0: // somebody who isn't a member of anything
			return nil, nil
		case r.Txn == nil && client.Version >= 9, r.Txn != nil && client.Version >= txnMemberEpochs:
			_, err := m.group(r.Group)
			return nil, err
		}
		return nil, protocol.ErrIllegalGeneration
	}
	check, err := g.checkCommit(committer{
		member: r.Member, instance: r.Instance, epoch: r.Epoch, txn: r.Txn != nil, apiVersion: client.Version,
	})
	if r.Txn == nil || client.Version >= txnMemberEpochs {
		return check, err
	}
	return withoutMemberEpochs(check), beforeMemberEpochs(err)
}

// txnMemberEpochs is the version of TxnOffsetCommit from which on its clients know
// about the epochs of members, as those of OffsetCommit do from version 9 on.
const txnMemberEpochs = 6

// beforeMemberEpochs is what clients are told that don't.
func beforeMemberEpochs(err error) error {
	if errors.Is(err, protocol.ErrStaleMemberEpoch) {
		return protocol.ErrIllegalGeneration
	}
	return err
}

func withoutMemberEpochs(check partitionCheck) partitionCheck {
	if check == nil {
		return nil
	}
	return func(topicID protocol.UUID, topic string, partition int32) error {
		return beforeMemberEpochs(check(topicID, topic, partition))
	}
}

func (o *Commit) check(check partitionCheck, longest int) error {
	if o.Metadata != nil && tooLong(*o.Metadata, longest) {
		return protocol.ErrOffsetMetadataTooLarge
	}
	if check == nil {
		return nil
	}
	return check(o.TopicID, o.Topic, o.Partition)
}

// tooLong counts as Kafka does, in units of UTF-16.
func tooLong(s string, longest int) bool {
	return len(s) > longest && len(utf16.Encode([]rune(s))) > longest
}

func (o *Commit) fill(v *protocol.OffsetCommitValue) {
	v.Offset, v.LeaderEpoch, v.TopicId = o.Offset, o.LeaderEpoch, o.TopicID
	if o.Metadata != nil {
		v.Metadata = *o.Metadata
	}
}
