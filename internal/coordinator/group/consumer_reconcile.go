package group

import (
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// reconciliation moves one member towards its target assignment, as far as it
// and the others let it: what it has to give up it gives up first, in its old
// epoch; what others have yet to give up it gets later. A partition has never
// two owners that way.
type reconciliation struct {
	member      *consumerMember
	epoch       int32 // of the target assignment
	target      assignment
	subscribed  func(topic protocol.UUID) bool
	changed     bool // the member's subscription changed with this heartbeat
	free        func(topic protocol.UUID, index int32) bool
	ownedIsSent bool
	owned       []protocol.ConsumerGroupHeartbeatRequestTopicPartitions // by the client, if it says so
}

// next is the member's next state, or the present one.
func (r *reconciliation) next() (*consumerMember, error) {
	m := r.member
	switch m.state {
	case stable:
		if m.epoch != r.epoch {
			return r.compute(), nil
		}
		return r.unsubscribe(), nil
	case unrevokedPartitions:
		if r.owns(m.revoking) {
			return r.unsubscribe(), nil
		}
		return r.compute(), nil
	case unreleasedPartition:
		return r.compute(), nil
	}
	if !r.ownedIsSent || len(r.owned) > 0 {
		return nil, protocol.Refuse(protocol.ErrFencedMemberEpoch,
			"The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.")
	}
	return r.compute(), nil
}

// owns tells whether the client still has one of some partitions, as far as is
// known.
func (r *reconciliation) owns(revoking owned) bool {
	if !r.ownedIsSent {
		return true
	}
	for _, tp := range r.owned {
		for _, index := range tp.Partitions {
			if revoking.has(tp.TopicId, index) {
				return true
			}
		}
	}
	return false
}

// unsubscribe takes the partitions of topics away that the member has just
// unsubscribed from: there is no waiting for the next target assignment, whose
// turn may come later.
func (r *reconciliation) unsubscribe() *consumerMember {
	m := r.member
	if !r.changed {
		return m
	}
	assigned, revoking := make(owned, len(m.assigned)), make(owned, len(m.revoking))
	for topic, ps := range m.revoking {
		revoking[topic] = ps
	}
	for topic, ps := range m.assigned {
		if r.subscribed(topic) {
			assigned[topic] = ps
		} else {
			revoking[topic] = merge(revoking[topic], ps)
		}
	}
	switch {
	case len(assigned) == len(m.assigned):
		return m
	case len(revoking) > 0 && r.owns(revoking):
		return m.at(m.epoch, unrevokedPartitions, assigned, revoking)
	}
	return m.at(m.epoch, m.state, assigned, m.revoking)
}

// merge unites two lists of partitions that have none in common.
func merge(a, b []ownedPartition) []ownedPartition {
	out := append(slices.Clip(slices.Clone(a)), b...)
	slices.SortFunc(out, func(x, y ownedPartition) int { return int(x.index) - int(y.index) })
	return out
}

// compute compares what the member has with its target.
func (r *reconciliation) compute() *consumerMember {
	m := r.member
	assigned, revoking := make(owned, len(m.assigned)), make(owned)
	unreleased := false
	for topic, have := range m.assigned {
		want := r.wanted(topic)
		for _, p := range have {
			if _, kept := slices.BinarySearch(want, p.index); kept {
				assigned[topic] = append(assigned[topic], p)
			} else {
				revoking[topic] = append(revoking[topic], p)
			}
		}
	}
	if len(revoking) > 0 && r.owns(revoking) {
		return m.at(m.epoch, unrevokedPartitions, assigned, revoking)
	}
	for topic := range r.target {
		next, wait := r.take(topic, assigned[topic])
		unreleased = unreleased || wait
		if len(next) > 0 {
			assigned[topic] = next
		}
	}
	if unreleased {
		return m.at(r.epoch, unreleasedPartition, assigned, nil)
	}
	return m.at(r.epoch, stable, assigned, nil)
}

// wanted is the target for a topic. A topic that the member doesn't subscribe to
// any more may still be in it.
func (r *reconciliation) wanted(topic protocol.UUID) []int32 {
	if r.target[topic] == nil || !r.subscribed(topic) {
		return nil
	}
	return r.target[topic]
}

// take adds the wanted partitions of a topic that are free to those that the
// member keeps; wait tells that some aren't.
func (r *reconciliation) take(topic protocol.UUID, kept []ownedPartition) (next []ownedPartition, wait bool) {
	want := r.wanted(topic)
	next = make([]ownedPartition, 0, len(want))
	k := 0
	for _, index := range want {
		for k < len(kept) && kept[k].index < index {
			k++
		}
		switch {
		case k < len(kept) && kept[k].index == index:
			next = append(next, kept[k])
		case r.free(topic, index) || r.member.revoking.has(topic, index):
			next = append(next, ownedPartition{index, r.epoch})
		default:
			wait = true
		}
	}
	return next, wait
}
