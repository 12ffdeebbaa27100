package group

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// memberState is where a member is on its way to its target assignment. The
// numbers are those of the records.
type memberState int8

const (
	stable              memberState = 0 // at the epoch it is at, it has what it is to have
	unrevokedPartitions memberState = 1 // has yet to give partitions up
	unreleasedPartition memberState = 2 // waits for partitions that others have yet to give up
	unknownState        memberState = 127
)

func (s memberState) String() string {
	switch s {
	case stable:
		return "STABLE"
	case unrevokedPartitions:
		return "UNREVOKED_PARTITIONS"
	case unreleasedPartition:
		return "UNRELEASED_PARTITIONS"
	}
	return "UNKNOWN"
}

// The member epochs by which a member says that it leaves.
const (
	leaveEpoch       = -1
	leaveStaticEpoch = -2 // and comes back under its instance id
)

type classicMetadata = protocol.ConsumerGroupMemberMetadataValueClassicMemberMetadata

// consumerMember is a member of a consumer group. It is never changed: what
// differs is another one.
type consumerMember struct {
	id                 string
	instance           string // "" for a dynamic member
	rack               string // "" for none
	clientID           string
	clientHost         string
	rebalanceTimeoutMs int32
	topics             []string // subscribed by name: sorted
	regex              string   // subscribed to what it matches, "" for none
	assignor           string   // it asks for, "" for none
	classic            *classicMetadata

	epoch    int32
	previous int32 // the epoch before
	state    memberState
	assigned owned
	revoking owned // to be given up
}

func newConsumerMember(id string) *consumerMember {
	return &consumerMember{id: id, rebalanceTimeoutMs: -1}
}

func (m *consumerMember) reconciledTo(epoch int32) bool { return m.state == stable && m.epoch == epoch }

// stale is the error of an epoch that isn't the member's. The format's first
// verb is the epoch's name.
func (m *consumerMember) stale(format string, args ...any) error {
	name, code := "member epoch", protocol.ErrStaleMemberEpoch
	if m.classic != nil {
		name, code = "generation id", protocol.ErrIllegalGeneration
	}
	return protocol.Refuse(code, fmt.Sprintf(format, append([]any{name}, args...)...))
}

// checkAssigned tells whether a partition was the member's already in an epoch
// of the past.
func (m *consumerMember) checkAssigned(topic protocol.UUID, name string, index, epoch int32) error {
	since, ok := m.assigned.epoch(topic, index)
	if !ok {
		since, ok = m.revoking.epoch(topic, index)
	}
	code := protocol.ErrStaleMemberEpoch
	if m.classic != nil {
		code = protocol.ErrIllegalGeneration
	}
	switch {
	case !ok:
		return protocol.Refuse(code, fmt.Sprintf("Partition %s-%d is not assigned or pending revocation for member.", name, index))
	case epoch < since:
		return m.stale("Received %s %d is older than assignment epoch %d for partition %s-%d.", epoch, since, name, index)
	}
	return nil
}

// at returns the member in an epoch, with the present one as its previous.
func (m *consumerMember) at(epoch int32, s memberState, assigned, revoking owned) *consumerMember {
	next := *m
	next.previous, next.epoch = m.epoch, epoch
	next.state, next.assigned, next.revoking = s, assigned, revoking
	return &next
}

// sameState tells whether two states of a member have the same current
// assignment.
func (m *consumerMember) sameState(o *consumerMember) bool {
	return m == o || m.epoch == o.epoch && m.previous == o.previous && m.state == o.state &&
		m.assigned.equal(o.assigned) && m.revoking.equal(o.revoking)
}

// owned is partitions of a member by topic: ascending, and no topic without
// partitions. It is never changed.
type owned map[protocol.UUID][]ownedPartition

// ownedPartition is a partition and the epoch it was assigned in.
type ownedPartition struct{ index, epoch int32 }

func byIndex(p ownedPartition, index int32) int { return cmp.Compare(p.index, index) }

// epoch is the epoch that a partition was assigned in.
func (o owned) epoch(topic protocol.UUID, index int32) (int32, bool) {
	ps := o[topic]
	if i, ok := slices.BinarySearchFunc(ps, index, byIndex); ok {
		return ps[i].epoch, true
	}
	return 0, false
}

func (o owned) has(topic protocol.UUID, index int32) bool {
	_, ok := o.epoch(topic, index)
	return ok
}

func (o owned) equal(b owned) bool {
	return maps.EqualFunc(o, b, func(x, y []ownedPartition) bool { return slices.Equal(x, y) })
}

// withEpoch returns the same partitions as if they had been assigned in an
// epoch.
func (o owned) withEpoch(epoch int32) owned {
	out := make(owned, len(o))
	for topic, ps := range o {
		for _, p := range ps {
			out[topic] = append(out[topic], ownedPartition{p.index, epoch})
		}
	}
	return out
}

// sortedTopics are the keys of a map by topic, in an order that doesn't depend
// on the map's.
func sortedTopics[V any](m map[protocol.UUID]V) []protocol.UUID {
	return slices.SortedFunc(maps.Keys(m), func(a, b protocol.UUID) int { return slices.Compare(a[:], b[:]) })
}

// holders counts the members that own a partition, those included that have yet
// to give it up: one at most, but while a log is loaded whose compaction took
// some of the steps.
type holders map[protocol.UUID][]int8

func (h holders) free(topic protocol.UUID, index int32) bool {
	counts := h[topic]
	return int(index) >= len(counts) || counts[index] <= 0
}

func (h holders) add(o owned, by int8) {
	for topic, ps := range o {
		counts := h[topic]
		if n := int(ps[len(ps)-1].index) + 1; n > len(counts) {
			counts = append(counts, make([]int8, n-len(counts))...)
			h[topic] = counts
		}
		for _, p := range ps {
			counts[p.index] += by
		}
		if by < 0 && !slices.ContainsFunc(counts, func(c int8) bool { return c != 0 }) {
			delete(h, topic)
		}
	}
}
