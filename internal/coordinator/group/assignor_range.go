package group

import (
	"cmp"
	"slices"
)

// assignRange gives each member one range of the partitions of each topic that it subscribes to, in the order of
// rangeOrder, the larger ranges first. Topics with as many partitions and the same subscribers are therefore
// co-partitioned: their partitions of the same number go to the same member. What a member had plays no part.
func assignRange(in *assignorInput) ([]assignorTarget, error) {
	topics, err := numberAssignorTopics(in)
	if err != nil {
		return nil, err
	}
	cuts := rangeCuts(topics)
	targets := make([]assignorTarget, len(in.Members))
	var ranges []partitionRange
	for _, i := range rangeOrder(in.Members) {
		ranges = ranges[:0]
		for _, t := range topics.byMember[i] {
			if first, end := cuts[t].next(); first < end {
				ranges = append(ranges, partitionRange{topic: t, first: first, end: end})
			}
		}
		targets[i] = rangeTarget(topics, in.Members[i].Assigned, ranges)
	}
	return targets, nil
}

// rangeOrder puts static members first, by their instance id: they come back under another member id and get the same
// ranges. Dynamic members follow by member id.
func rangeOrder(members []assignorMember) []int {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		ma, mb := &members[a], &members[b]
		if (ma.InstanceID == "") != (mb.InstanceID == "") {
			return cmp.Compare(mb.InstanceID, ma.InstanceID)
		}
		return cmp.Or(cmp.Compare(ma.InstanceID, mb.InstanceID), cmp.Compare(ma.ID, mb.ID))
	})
	return order
}

// rangeCut cuts the partitions of a topic into ranges: quota partitions each, and one more for the first extra ranges.
type rangeCut struct {
	at, quota, extra int32
}

func rangeCuts(topics *assignorTopics) []rangeCut {
	cuts := make([]rangeCut, len(topics.ids))
	for t := range cuts {
		partitions, subscribers := topics.partitions[t], topics.subscribers[t]
		cuts[t] = rangeCut{quota: partitions / subscribers, extra: partitions % subscribers}
	}
	return cuts
}

// next returns the next range, from first up to but not including end.
func (c *rangeCut) next() (first, end int32) {
	first, c.at = c.at, c.at+c.quota
	if c.extra > 0 {
		c.extra--
		c.at++
	}
	return first, c.at
}

// partitionRange is the partitions of a topic from first up to but not including end, of which there is at least one.
type partitionRange struct {
	topic, first, end int32
}

// rangeTarget returns the assignment of these ranges, which is the old one if that is the same.
func rangeTarget(topics *assignorTopics, old assignment, ranges []partitionRange) assignorTarget {
	if rangesEqual(topics, old, ranges) {
		return assignorTarget{Assignment: old}
	}
	total := int32(0)
	for _, r := range ranges {
		total += r.end - r.first
	}
	target, partitions := make(assignment, len(ranges)), make([]int32, 0, total)
	for _, r := range ranges {
		from := len(partitions)
		for p := r.first; p < r.end; p++ {
			partitions = append(partitions, p)
		}
		target[topics.ids[r.topic]] = partitions[from:len(partitions):len(partitions)]
	}
	return assignorTarget{Assignment: target, Changed: true}
}

// rangesEqual tells whether an assignment is these ranges. Its partitions ascend, so the ends and the number suffice.
func rangesEqual(topics *assignorTopics, old assignment, ranges []partitionRange) bool {
	if len(old) != len(ranges) {
		return false
	}
	for _, r := range ranges {
		had := old[topics.ids[r.topic]]
		if len(had) != int(r.end-r.first) || had[0] != r.first || had[len(had)-1] != r.end-1 {
			return false
		}
	}
	return true
}
