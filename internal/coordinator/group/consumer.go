package group

import (
	"fmt"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// consumerGroup is a group of the consumer protocol (KIP-848). Records alone
// change it; seen is soft.
type consumerGroup struct {
	groupID      string
	epoch        int32
	metadataHash int64 // of the subscribed topics, as the epoch was bumped for them last
	// oldMetadata: there is a ConsumerGroupPartitionMetadata record, which Kafka
	// before 4.1 wrote in the hash's place. It ends with the next look at the
	// metadata.
	oldMetadata bool

	assignmentEpoch int32
	assignedAt      int64 // when the target assignment was computed, ms, 0: the next one needn't wait
	target          map[string]assignment

	members   map[string]*consumerMember
	instances map[string]string // member by instance id
	holders   holders
	topics    map[string]int // how many members and resolved expressions subscribe to a topic
	votes     map[string]int // how many members want an assignor
	regexes   map[string]int // how many members subscribe to a regular expression
	resolved  map[string]*resolvedRegex
	classic   int // members that use the classic protocol
	// protocols counts the classic members that support a protocol.
	protocols map[string]int

	seen    *metadata.Image // the metadata that metadataHash was compared with
	counted counted         // as what metrics know the group
}

// Kafka begins with both at 1: a member that is given nothing has an epoch
// above 0 all the same.
const firstEpoch = 1

func newConsumerGroup(id string) *consumerGroup {
	return &consumerGroup{
		groupID: id, epoch: firstEpoch, assignmentEpoch: firstEpoch,
		target:    make(map[string]assignment),
		members:   make(map[string]*consumerMember),
		instances: make(map[string]string),
		holders:   make(holders),
		topics:    make(map[string]int),
		votes:     make(map[string]int),
		regexes:   make(map[string]int),
		resolved:  make(map[string]*resolvedRegex),
		protocols: make(map[string]int),
	}
}

func (g *consumerGroup) id() string           { return g.groupID }
func (g *consumerGroup) kind() kind           { return consumerKind }
func (g *consumerGroup) protocolType() string { return "consumer" }
func (g *consumerGroup) empty() bool          { return len(g.members) == 0 }

// The states of a consumer group.
const (
	consumerEmpty       = "Empty"
	consumerAssigning   = "Assigning"   // the target assignment is of an older epoch than the group
	consumerReconciling = "Reconciling" // members are on their way to it
	consumerStable      = "Stable"
)

func (g *consumerGroup) state() string {
	switch {
	case g.empty():
		return consumerEmpty
	case g.epoch > g.assignmentEpoch:
		return consumerAssigning
	}
	for _, m := range g.members {
		if !m.reconciledTo(g.assignmentEpoch) {
			return consumerReconciling
		}
	}
	return consumerStable
}

// member returns a member, or UNKNOWN_MEMBER_ID.
func (g *consumerGroup) member(id string) (*consumerMember, error) {
	if m := g.members[id]; m != nil {
		return m, nil
	}
	return nil, protocol.Refuse(protocol.ErrUnknownMemberId, fmt.Sprintf("Member %s is not a member of group %s.", id, g.groupID))
}

// static returns the member of an instance id, nil if there is none.
func (g *consumerGroup) static(instance string) *consumerMember {
	return g.members[g.instances[instance]]
}

// targetOf is the target assignment of a member, or of the one that had its
// instance id before.
func (g *consumerGroup) targetOf(m *consumerMember) assignment {
	if m.instance != "" {
		return g.target[g.instances[m.instance]]
	}
	return g.target[m.id]
}

// checkCommit lets a member commit in its epoch, and in an older one those
// partitions that it has had since then (KIP-1251). Who isn't a member may
// commit to a group without members, and in a transaction.
func (g *consumerGroup) checkCommit(c committer) (partitionCheck, error) {
	if c.epoch < 0 && g.empty() || c.txn && c.epoch == -1 && c.member == "" && c.instance == nil {
		return nil, nil
	}
	m, err := g.member(c.member)
	if err != nil {
		return nil, err
	}
	if !c.txn && m.classic == nil && c.apiVersion < 9 {
		return nil, protocol.Refuse(protocol.ErrUnsupportedVersion, "OffsetCommit version 9 or above must be used by members using the consumer group protocol")
	}
	switch {
	case c.epoch == m.epoch:
		return nil, nil
	case c.epoch > m.epoch:
		return nil, m.stale("Received %s %d is newer than current member epoch %d.", c.epoch, m.epoch)
	}
	return func(topic protocol.UUID, name string, index int32) error {
		return m.checkAssigned(topic, name, index, c.epoch)
	}, nil
}

// checkFetch lets everybody fetch who claims no membership.
func (g *consumerGroup) checkFetch(member *string, epoch int32) error {
	if member == nil && epoch < 0 {
		return nil
	}
	var id string
	if member != nil {
		id = *member
	}
	m, err := g.member(id)
	if err == nil && m.epoch != epoch {
		err = m.stale("The received %s %d does not match the expected member epoch %d.", epoch, m.epoch)
	}
	return err
}

func (g *consumerGroup) checkOffsetDelete() error { return nil }

func (g *consumerGroup) checkDelete() error {
	if g.empty() {
		return nil
	}
	return protocol.ErrNonEmptyGroup
}

func (g *consumerGroup) subscribed(topic string) bool { return g.topics[topic] > 0 }

// expiry counts from the commit: the partitions that members subscribe to never
// expire, whatever this says.
func (g *consumerGroup) expiry(o *offset) (since int64, expires bool) { return o.committed, true }

// committed does nothing: a member's heartbeats alone keep its session.
func (g *consumerGroup) committed(string) {}

// tombstones end the group. Those of the members come first: a group's own
// records end last.
func (g *consumerGroup) tombstones() []coordinator.Record {
	return g.tombstonesOf(slices.Sorted(maps.Keys(g.members)))
}

// tombstonesOf are those of a group with these members.
func (g *consumerGroup) tombstonesOf(ids []string) []coordinator.Record {
	var records []coordinator.Record
	for _, id := range ids {
		records = append(records, currentTombstone(g.groupID, id))
	}
	for _, id := range ids {
		records = append(records, targetTombstone(g.groupID, id))
	}
	records = append(records, assignmentEpochTombstone(g.groupID))
	for _, id := range ids {
		records = append(records, memberTombstone(g.groupID, id))
	}
	for _, expr := range slices.Sorted(maps.Keys(g.resolved)) {
		records = append(records, regexTombstone(g.groupID, expr))
	}
	return append(records, oldMetadataTombstone(g.groupID), groupTombstone(g.groupID))
}
