package group

import "slices"

// loadOrder hands out members by how many partitions they have. It goes in from both ends of their ranking: least counts
// on that who it returns gets a partition, and most that who it returns loses one. Each end is a range of members that
// have the same number, its level. Who is handed out leaves the level, and once all have, the range is at the next
// level, and grows by the neighbours that were there already.
type loadOrder struct {
	size   []int32  // partitions by member; the caller keeps it up to date
	ranked []uint64 // size at the time of rank and member: by size, then by member

	lowEnd, lowNext int // the range at the low end is ranked[:lowEnd]
	lowLevel        int32

	highFirst, highEnd, highNext int // the range at the high end is ranked[highFirst:highEnd]
	highLevel                    int32
}

// rank begins anew with these members, of which there is at least one.
func (l *loadOrder) rank(members []int32) {
	l.ranked = l.ranked[:0]
	for _, m := range members {
		l.ranked = append(l.ranked, uint64(l.size[m])<<32|uint64(m))
	}
	slices.Sort(l.ranked)
	n := len(l.ranked)
	l.lowEnd, l.lowNext, l.lowLevel = 0, 0, l.sizeAt(0)-1
	l.highFirst, l.highEnd, l.highNext, l.highLevel = n, n, n-1, l.sizeAt(n-1)+1
}

func (l *loadOrder) member(i int) int32 { return int32(l.ranked[i] & (1<<32 - 1)) }

func (l *loadOrder) sizeAt(i int) int32 { return l.size[l.member(i)] }

// least returns the member with the fewest partitions.
func (l *loadOrder) least() int32 {
	if l.lowNext == l.lowEnd {
		l.lowLevel++
		for l.lowEnd < len(l.ranked) && l.sizeAt(l.lowEnd) == l.lowLevel {
			l.lowEnd++
		}
		l.lowNext = 0
	}
	l.lowNext++
	return l.member(l.lowNext - 1)
}

// most returns the member with the most partitions, or -1 when all are excluded.
func (l *loadOrder) most() int32 {
	if l.highNext < l.highFirst {
		l.lowerHigh()
	}
	if l.highNext < 0 {
		return -1
	}
	l.highNext--
	return l.member(l.highNext + 1)
}

// lowerHigh takes the range at the high end to the next level. An empty range, whose members were all excluded, goes to
// the level of its neighbour, however far that is.
func (l *loadOrder) lowerHigh() {
	if l.highFirst == l.highEnd && l.highFirst > 0 {
		l.highLevel = l.sizeAt(l.highFirst - 1)
	} else {
		l.highLevel--
	}
	for l.highFirst > 0 && l.sizeAt(l.highFirst-1) == l.highLevel {
		l.highFirst--
	}
	l.highNext = l.highEnd - 1
}

// exclude drops the member that most returned, which has nothing to give.
func (l *loadOrder) exclude() {
	i := l.highNext + 1
	l.highEnd--
	l.ranked[i], l.ranked[l.highEnd] = l.ranked[l.highEnd], l.ranked[i]
}

// balanced tells whether who was handed out last differ by at most one partition.
func (l *loadOrder) balanced() bool { return l.highLevel-l.lowLevel <= 1 }
