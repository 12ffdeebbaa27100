package commitlog

import (
	"slices"
	"sort"

	"github.com/travisjeffery/jocko/internal/record"
)

// epochEntry says that the leader of an epoch wrote from an offset on.
type epochEntry struct {
	epoch record.LeaderEpoch
	start record.Offset
}

// epochCache knows which leader epoch wrote which offsets: the entries grow in both columns. It is what replicas compare to
// find where their logs part.
type epochCache struct {
	entries []epochEntry
	dirty   bool // differs from the file
}

// noEpoch is the answer where no epoch is known.
const noEpoch = record.NoLeaderEpoch

func (c *epochCache) latest() record.LeaderEpoch {
	if n := len(c.entries); n > 0 {
		return c.entries[n-1].epoch
	}
	return noEpoch
}

// assign notes that epoch began at start. Entries that contradict it, which a leader that didn't come to write has left,
// go.
func (c *epochCache) assign(epoch record.LeaderEpoch, start record.Offset) {
	n := len(c.entries)
	if epoch < 0 || n > 0 && c.entries[n-1].epoch == epoch && c.entries[n-1].start <= start {
		return
	}
	for n > 0 && (c.entries[n-1].epoch >= epoch || c.entries[n-1].start >= start) {
		n--
	}
	c.entries = append(slices.Clone(c.entries[:n]), epochEntry{epoch, start})
	c.dirty = true
}

// end answers OffsetForLeaderEpoch: the largest known epoch not above the asked one, and where it ends.
func (c *epochCache) end(epoch record.LeaderEpoch, logEnd record.Offset) (record.LeaderEpoch, record.Offset) {
	if epoch == noEpoch {
		return noEpoch, noOffset
	}
	if epoch == c.latest() {
		return epoch, logEnd
	}
	i := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].epoch > epoch })
	switch {
	case i == len(c.entries): // later than all that is known
		return noEpoch, noOffset
	case i == 0: // earlier than all that is known
		return epoch, c.entries[0].start
	}
	return c.entries[i-1].epoch, c.entries[i].start
}

// at is the epoch that wrote an offset.
func (c *epochCache) at(o record.Offset) record.LeaderEpoch {
	i := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].start > o })
	if i == 0 {
		return noEpoch
	}
	return c.entries[i-1].epoch
}

// startOf is where an epoch began.
func (c *epochCache) startOf(epoch record.LeaderEpoch) (record.Offset, bool) {
	for _, e := range c.entries {
		if e.epoch == epoch {
			return e.start, true
		}
	}
	return noOffset, false
}

// truncateEnd drops epochs that began at or after the log's new end.
func (c *epochCache) truncateEnd(end record.Offset) {
	n := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].start >= end })
	if n < len(c.entries) {
		c.entries, c.dirty = slices.Clone(c.entries[:n]), true
	}
}

// truncateStart drops epochs that ended before the log's new start; the one that wrote the start begins there.
func (c *epochCache) truncateStart(start record.Offset) {
	i := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].start > start })
	if i == 0 || i == 1 && c.entries[0].start == start {
		return
	}
	c.entries = slices.Clone(c.entries[i-1:])
	c.entries[0].start = start
	c.dirty = true
}

func (c *epochCache) clear() { c.entries, c.dirty = nil, true }
