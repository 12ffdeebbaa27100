package commitlog

import (
	"math"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
)

// segment is a stretch of a log: a .log file of whole batches with its indexes. The last one of a log is appended to; the
// others are sealed and change only as a whole. Fields are guarded by Log.mu unless they say otherwise.
type segment struct {
	base record.Offset // immutable; the segment's files are named by it
	next record.Offset // end of the last batch's offsets; of a sealed segment: or more, up to the next one's base
	size int64         // bytes of whole batches in the .log file

	index offsetIndex
	times timeIndex
	txns  txnList

	maxTimestamp   int64         // of its batches, ms; -1: none
	maxTimestampAt record.Offset // last offset of the batch that has it
	firstTimestamp int64         // largest of the first batch, what rolling by age counts from; timestampUnknown: not read yet
	modified       int64         // ms: when it was made, or its file's time, where no batch has a timestamp
	jitter         time.Duration
	sinceIndexed   int64 // bytes from the batch with the last index entry on
	sealed         bool  // its indexes are complete
	synced         bool  // its name is durable
	loaded         bool  // index, times and txns say what the files do
	broken         bool  // its index files hold what can't be true
	indexed        bool  // the .index and .timeindex files were created
	onDisk         bool  // the .log file was created

	syncedSize   int64  // bytes of the .log file that are on disk, -1: not known
	preallocated int64  // bytes of the file that were reserved
	snapshot     []byte // producer state at base, until it is in its file; nil: it is, or there is none to write

	sentTo  int64 // bytes below may be on their way to a client: they must not change
	checked checkedRanges

	handle    atomic.Pointer[handle] // its open file; not guarded
	timesHeld atomic.Bool            // its time index was found whole; not guarded
	gone      atomic.Bool            // others took its place and have, or will have, the names of its files; not guarded
}

// timestampUnknown says that firstTimestamp has yet to be read.
const timestampUnknown = math.MinInt64

func newSegment(base record.Offset, now int64) *segment {
	return &segment{
		base: base, next: base, maxTimestamp: record.NoTimestamp, maxTimestampAt: base,
		firstTimestamp: timestampUnknown, modified: now, times: newTimeIndex(), loaded: true,
	}
}

// txnList is the segment's transaction index.
type txnList struct {
	entries []AbortedTxn
	saved   int
	onDisk  bool // the file is there
}

// relative is an offset as indexes store it. ok is false where it doesn't fit.
func (s *segment) relative(o record.Offset) (uint32, bool) {
	rel := o - s.base
	return uint32(rel), rel >= 0 && rel <= math.MaxInt32
}

// clampRelative is relative for look-ups of any offset.
func (s *segment) clampRelative(o record.Offset) uint32 {
	return uint32(min(max(o-s.base, 0), math.MaxInt32))
}

// note takes a batch at a position into the segment's account: size, times and indexes.
func (s *segment) note(b record.Batch, interval int) {
	size := int64(batchSize(b))
	last := b.LastOffset()
	rel, ok := s.relative(last)
	if !ok {
		panic("BUG: a batch's offset does not fit its segment")
	}
	ts := b.MaxTimestamp()
	if s.size == 0 {
		s.firstTimestamp = ts
	}
	if ts > s.maxTimestamp {
		s.maxTimestamp, s.maxTimestampAt = ts, last
	}
	if s.sinceIndexed > int64(interval) {
		s.index.add(rel, uint32(s.size))
		s.addTime()
		s.sinceIndexed = 0
	}
	s.sinceIndexed += size
	s.size += size
	s.next = last + 1
}

// addTime adds the largest timestamp so far to the time index.
func (s *segment) addTime() {
	if s.maxTimestamp >= 0 {
		rel, _ := s.relative(s.maxTimestampAt)
		s.times.add(s.maxTimestamp, rel)
	}
}

// full tells whether the segment must be rolled before n more bytes, whose last offset and largest timestamp are given, are
// appended.
func (s *segment) full(c *LogConfig, n int64, last record.Offset, timestamp, now int64) bool {
	if s.size > c.SegmentBytes-n || s.index.len() >= c.maxOffsetEntries() || s.times.len() >= c.maxTimeEntries() {
		return true
	}
	if _, ok := s.relative(last); !ok {
		return true
	}
	return s.size > 0 && s.age(timestamp, now) > (c.SegmentAge-s.jitter).Milliseconds()
}

// age is how long the segment has waited to be rolled, in ms: counted in record time where records have one.
func (s *segment) age(timestamp, now int64) int64 {
	if s.firstTimestamp >= 0 {
		return timestamp - s.firstTimestamp
	}
	return now - s.modified
}

// largestTimestamp is what retention by time goes by.
func (s *segment) largestTimestamp() int64 {
	if s.maxTimestamp >= 0 {
		return s.maxTimestamp
	}
	return s.modified
}

func (s *segment) file(folder, suffix string) string {
	return filepath.Join(folder, offsetFile(s.base, suffix))
}

// batchSize is the size of a batch of which b holds at least the header.
func batchSize(b record.Batch) int { return int(b.Length()) + record.LengthOverhead }

// checkedRanges knows which bytes of a segment's file were compared with their checksums since it was opened: what was
// appended or recovered, and what was read before. Ranges begin and end with batches.
type checkedRanges struct {
	from, to int64 // the range that grows with appends: [from, to)
	others   [][2]int64
}

// maxCheckedRanges bounds the memory of a segment that is read at random: beyond it, the oldest range is checked again.
const maxCheckedRanges = 16

func (c *checkedRanges) covers(from, to int64) bool {
	if c.from <= from && to <= c.to {
		return true
	}
	for _, r := range c.others {
		if r[0] <= from && to <= r[1] {
			return true
		}
	}
	return false
}

// add notes a checked range. Ranges that touch become one.
func (c *checkedRanges) add(from, to int64) {
	kept := c.others[:0]
	for _, r := range c.others {
		if r[1] < from || to < r[0] {
			kept = append(kept, r)
			continue
		}
		from, to = min(from, r[0]), max(to, r[1])
	}
	c.others = kept
	if c.from < c.to && from <= c.to && c.from <= to {
		c.from, c.to = min(from, c.from), max(to, c.to)
		return
	}
	if len(c.others) == maxCheckedRanges {
		c.others = append(c.others[:0], c.others[1:]...)
	}
	c.others = append(c.others, [2]int64{from, to})
}

// cut forgets what lies at or above to.
func (c *checkedRanges) cut(to int64) {
	c.to = min(c.to, to)
	if c.to <= c.from {
		c.from, c.to = to, to
	}
	kept := c.others[:0]
	for _, r := range c.others {
		if r[0] < to {
			kept = append(kept, [2]int64{r[0], min(r[1], to)})
		}
	}
	c.others = kept
}
