package commitlog

import (
	"math"
	"time"
)

// Unlimited is the value of RetentionBytes and RetentionAge that turns that limit off.
const Unlimited = -1

// Never is the value of FlushMessages and FlushAge that leaves flushing to the background.
const Never = math.MaxInt64

// LogConfig is what a topic's configuration says to its logs. The comments name the keys. It is a value: a Log keeps its
// own copy, which SetConfig replaces.
type LogConfig struct {
	SegmentBytes  int64         // segment.bytes: a segment is rolled before it would grow larger
	SegmentAge    time.Duration // segment.ms: by record timestamps, from the segment's first batch
	SegmentJitter time.Duration // segment.jitter.ms: each segment's age is less by a random part of it

	IndexBytes    int // segment.index.bytes: a segment is rolled when an index has this size
	IndexInterval int // index.interval.bytes: bytes of batches between two index entries

	Delete  bool // cleanup.policy contains delete
	Compact bool // cleanup.policy contains compact

	RetentionBytes int64         // retention.bytes, or Unlimited
	RetentionAge   time.Duration // retention.ms, or Unlimited

	FlushMessages int64         // flush.messages: unflushed records that ask for a flush, or Never
	FlushAge      time.Duration // flush.ms: age of the oldest unflushed record that asks for a flush, or Never

	FileDeleteDelay time.Duration // file.delete.delay.ms

	MinCompactionLag  time.Duration // min.compaction.lag.ms
	MaxCompactionLag  time.Duration // max.compaction.lag.ms
	DeleteRetention   time.Duration // delete.retention.ms
	MinCleanableRatio float64       // min.cleanable.dirty.ratio
	MaxMessageBytes   int           // max.message.bytes

	Preallocate bool // preallocate: reserve SegmentBytes at once when a segment is made
}

// DefaultLogConfig is Kafka's configuration of a topic for which nothing is set.
func DefaultLogConfig() LogConfig {
	return LogConfig{
		SegmentBytes:      1 << 30,
		SegmentAge:        7 * 24 * time.Hour,
		IndexBytes:        10 << 20,
		IndexInterval:     4096,
		Delete:            true,
		RetentionBytes:    Unlimited,
		RetentionAge:      7 * 24 * time.Hour,
		FlushMessages:     Never,
		FlushAge:          Never,
		FileDeleteDelay:   time.Minute,
		MaxCompactionLag:  math.MaxInt64,
		DeleteRetention:   24 * time.Hour,
		MinCleanableRatio: 0.5,
		MaxMessageBytes:   1<<20 + 12,
	}
}

// Durable tells that an append counts only once it is flushed (flush.messages=1).
func (c *LogConfig) Durable() bool { return c.FlushMessages == 1 }

// maxOffsetEntries and maxTimeEntries are how many entries an index may have before its segment is rolled.
func (c *LogConfig) maxOffsetEntries() int { return c.IndexBytes / offsetEntrySize }

// The last place of a time index is kept for the entry that sealing a segment adds.
func (c *LogConfig) maxTimeEntries() int { return c.IndexBytes/timeEntrySize - 1 }
