package group

// assignUniform gives each member about as many partitions as any other, and takes from a member no more than that
// needs. A homogeneous group, whose members all subscribe to the same topics, is balanced within one partition.
func assignUniform(in *assignorInput) ([]assignorTarget, error) {
	topics, err := numberAssignorTopics(in)
	if err != nil {
		return nil, err
	}
	u := newUniform(in.Members, topics)
	u.claim()
	if topics.homogeneous {
		u.fillHomogeneous()
	} else {
		u.fillHeterogeneous()
	}
	return u.targets(), nil
}

// unowned stands for no member among the owners.
const unowned = int32(-1)

// uniform is an assignment in the making. Members are known by their index, and partitions by their slot: the
// partitions of all topics in one row, topic after topic.
type uniform struct {
	members []assignorMember
	topics  *assignorTopics
	first   []int32 // slot of a topic's partition 0; the last element is the number of slots
	owner   []int32 // member by slot, or unowned
	size    []int32 // number of partitions by member
	touched []bool  // by member: it may have other partitions than before
}

func newUniform(members []assignorMember, topics *assignorTopics) *uniform {
	u := &uniform{
		members: members,
		topics:  topics,
		first:   make([]int32, len(topics.ids)+1),
		size:    make([]int32, len(members)),
		touched: make([]bool, len(members)),
	}
	for t, n := range topics.partitions {
		u.first[t+1] = u.first[t] + n
	}
	u.owner = make([]int32, u.first[len(topics.ids)])
	for slot := range u.owner {
		u.owner[slot] = unowned
	}
	return u
}

// give moves a partition to a member.
func (u *uniform) give(slot, member int32) {
	if from := u.owner[slot]; from != unowned {
		u.size[from]--
		u.touched[from] = true
	}
	u.owner[slot] = member
	u.size[member]++
	u.touched[member] = true
}

// claim lets each member keep what it has of the topics that it subscribes to.
func (u *uniform) claim() {
	subscriber := make([]int32, len(u.topics.ids)) // by topic: 1 + the last member known to subscribe to it
	for i := range u.members {
		for _, t := range u.topics.byMember[i] {
			subscriber[t] = int32(i) + 1
		}
		for id, partitions := range u.members[i].Assigned {
			t, known := u.topics.number[id]
			if !known || subscriber[t] != int32(i)+1 {
				u.touched[i] = true
				continue
			}
			u.claimTopic(int32(i), t, partitions)
		}
	}
}

// claimTopic leaves out partitions that don't exist or that another member claimed, neither of which a target should
// have had.
func (u *uniform) claimTopic(member, topic int32, partitions []int32) {
	for _, p := range partitions {
		slot := u.first[topic] + p
		if p < 0 || p >= u.topics.partitions[topic] || u.owner[slot] != unowned {
			u.touched[member] = true
			continue
		}
		u.owner[slot] = member
		u.size[member]++
	}
}

// fillHomogeneous balances a homogeneous group. A member keeps what it has up to its quota. The rest, first what nobody
// had, goes to those below theirs. Topics follow in the order of the subscription, where Kafka's come from a hash set.
func (u *uniform) fillHomogeneous() {
	var free []int32
	for slot, owner := range u.owner {
		if owner == unowned {
			free = append(free, int32(slot))
		}
	}
	quotas := u.quotas()
	for i, quota := range quotas {
		if u.size[i] > quota {
			free = u.release(int32(i), quota, free)
		}
	}
	for i, quota := range quotas {
		for ; u.size[i] < quota; free = free[1:] {
			u.give(free[0], int32(i))
		}
	}
}

// quotas returns how many partitions each member is to have. When they can't all have the same, one more goes to
// members that have it already, and else to the last.
func (u *uniform) quotas() []int32 {
	quotas := make([]int32, len(u.members))
	if len(quotas) == 0 {
		return quotas
	}
	n := int32(len(u.members))
	base, extra := int32(len(u.owner))/n, int32(len(u.owner))%n
	for i := range quotas {
		quotas[i] = base
		if left := n - int32(i); extra > 0 && (u.size[i] > base || left <= extra) {
			quotas[i]++
			extra--
		}
	}
	return quotas
}

// release takes from a member of a homogeneous group what is beyond its quota, its last partitions, and appends their
// slots to free.
func (u *uniform) release(member, quota int32, free []int32) []int32 {
	kept := int32(0)
	for _, t := range u.topics.byMember[member] {
		for _, p := range u.members[member].Assigned[u.topics.ids[t]] {
			slot := u.first[t] + p
			if p < 0 || p >= u.topics.partitions[t] || u.owner[slot] != member {
				continue
			}
			if kept < quota {
				kept++
				continue
			}
			u.owner[slot] = unowned
			free = append(free, slot)
		}
	}
	u.size[member] = kept
	u.touched[member] = true
	return free
}

// targets turns the owners into assignments. Who has the same as before gets the same map.
func (u *uniform) targets() []assignorTarget {
	targets := make([]assignorTarget, len(u.members))
	for i, slots := range u.touchedSlots() {
		old := u.members[i].Assigned
		targets[i].Assignment = old
		if !u.touched[i] {
			continue
		}
		if target := u.assignment(slots); !sameAssignment(target, old) {
			targets[i] = assignorTarget{Assignment: target, Changed: true}
		}
	}
	return targets
}

// touchedSlots returns the slots, ascending, of each member that is touched.
func (u *uniform) touchedSlots() [][]int32 {
	slots := make([][]int32, len(u.members))
	for i, touched := range u.touched {
		if touched {
			slots[i] = make([]int32, 0, u.size[i])
		}
	}
	for slot, owner := range u.owner {
		if owner != unowned && u.touched[owner] {
			slots[owner] = append(slots[owner], int32(slot))
		}
	}
	return slots
}

// assignment makes an assignment of ascending slots, in their memory.
func (u *uniform) assignment(slots []int32) assignment {
	target := make(assignment)
	for t := 0; len(slots) > 0; t++ {
		n := 0
		for n < len(slots) && slots[n] < u.first[t+1] {
			slots[n] -= u.first[t]
			n++
		}
		if n > 0 {
			target[u.topics.ids[t]] = slots[:n:n]
		}
		slots = slots[n:]
	}
	return target
}
