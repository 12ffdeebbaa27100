package group

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// maxBalanceRounds bounds the rounds over all topics in which a heterogeneous group is balanced, as in Kafka. One round
// does where members that share a topic have the same subscription. Where subscriptions overlap in chains, a surplus
// may travel one member a round, and an almost balanced assignment now is worth more than a balanced one later.
const maxBalanceRounds = 16

// fillHeterogeneous assigns what has no owner, topic by topic, and then moves partitions for as long as that helps. In
// the end no partition has a subscriber with two partitions fewer than its owner, unless the rounds ran out. Partitions
// move between subscribers of one topic only: an exchange over three members, one partition of each of two topics,
// isn't looked for.
func (u *uniform) fillHeterogeneous() {
	order := u.topicsByLoad()
	subscribers := u.subscribers()
	load := &loadOrder{size: u.size}
	for _, t := range order {
		u.assignFree(t, load, subscribers[t])
	}
	last := newTopicSlots(u)
	order = slices.DeleteFunc(order, func(t int32) bool { return len(subscribers[t]) < 2 })
	// idle counts the topics since, and with, the last one that was out of balance.
	for n, idle := 0, 0; n < maxBalanceRounds*len(order) && idle < len(order); n++ {
		t := order[n%len(order)]
		idle++
		if u.balanceTopic(t, load, subscribers[t], last) {
			idle = 1
		}
	}
}

// topicsByLoad orders the topics by partitions per subscriber, most first. Of those with as many, the ones with the
// fewest subscribers, who have the least choice, come first.
func (u *uniform) topicsByLoad() []int32 {
	ts := u.topics
	order := make([]int32, len(ts.ids))
	for t := range order {
		order[t] = int32(t)
	}
	slices.SortFunc(order, func(a, b int32) int {
		loadA := int64(ts.partitions[a]) * int64(ts.subscribers[b]) // both sides of the fractions' comparison
		loadB := int64(ts.partitions[b]) * int64(ts.subscribers[a])
		return cmp.Or(cmp.Compare(loadB, loadA), cmp.Compare(ts.subscribers[a], ts.subscribers[b]),
			compareUUID(ts.ids[a], ts.ids[b]))
	})
	return order
}

// compareUUID orders ids as Kafka does: as two signed numbers.
func compareUUID(a, b protocol.UUID) int {
	half := func(id []byte) int64 { return int64(binary.BigEndian.Uint64(id)) }
	return cmp.Or(cmp.Compare(half(a[:8]), half(b[:8])), cmp.Compare(half(a[8:]), half(b[8:])))
}

// subscribers returns the members, ascending, that subscribe to each topic.
func (u *uniform) subscribers() [][]int32 {
	all := make([][]int32, len(u.topics.ids))
	for t, n := range u.topics.subscribers {
		all[t] = make([]int32, 0, n)
	}
	for i, topics := range u.topics.byMember {
		for _, t := range topics {
			all[t] = append(all[t], int32(i))
		}
	}
	return all
}

// assignFree gives each partition of a topic without an owner to the subscriber with the fewest partitions.
func (u *uniform) assignFree(topic int32, load *loadOrder, subscribers []int32) {
	ranked := false
	for slot := u.first[topic]; slot < u.first[topic+1]; slot++ {
		if u.owner[slot] != unowned {
			continue
		}
		if !ranked {
			load.rank(subscribers)
			ranked = true
		}
		u.give(slot, load.least())
	}
}

// balanceTopic moves partitions of a topic from the subscribers with the most partitions to those with the fewest, and
// tells whether it moved any.
func (u *uniform) balanceTopic(topic int32, load *loadOrder, subscribers []int32, last *topicSlots) bool {
	if u.spread(subscribers) <= 1 {
		return false
	}
	load.rank(subscribers)
	last.list(u, topic)
	moved := false
	for {
		slot := u.takeFromMost(load, last)
		if slot < 0 {
			return moved
		}
		taker := load.least()
		if load.balanced() {
			return moved
		}
		u.give(slot, taker)
		moved = true
	}
}

// takeFromMost returns the last partition of the topic that the member with the most partitions has, or -1 when no
// member has one to give.
func (u *uniform) takeFromMost(load *loadOrder, last *topicSlots) int32 {
	for {
		giver := load.most()
		if giver < 0 {
			return -1
		}
		if slot := last.take(giver); slot >= 0 {
			return slot
		}
		load.exclude()
	}
}

// spread returns how many partitions more the member with the most has than the member with the fewest.
func (u *uniform) spread(members []int32) int32 {
	lo, hi := u.size[members[0]], u.size[members[0]]
	for _, m := range members {
		lo, hi = min(lo, u.size[m]), max(hi, u.size[m])
	}
	return hi - lo
}

// topicSlots is the partitions of one topic in a stack for each member, the highest on top.
type topicSlots struct {
	top  []int32 // slot by member, or -1
	next []int32 // by slot: what lies below it, or -1
}

func newTopicSlots(u *uniform) *topicSlots {
	return &topicSlots{top: make([]int32, len(u.members)), next: make([]int32, len(u.owner))}
}

// list stacks the partitions of a topic, all of which have an owner.
func (s *topicSlots) list(u *uniform, topic int32) {
	for m := range s.top {
		s.top[m] = -1
	}
	for slot := u.first[topic]; slot < u.first[topic+1]; slot++ {
		owner := u.owner[slot]
		s.next[slot], s.top[owner] = s.top[owner], slot
	}
}

// take removes the topmost partition of a member and returns its slot, or -1.
func (s *topicSlots) take(member int32) int32 {
	slot := s.top[member]
	if slot >= 0 {
		s.top[member] = s.next[slot]
	}
	return slot
}
