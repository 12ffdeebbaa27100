package replica

import (
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/record"
)

// topicConfig is a topic's configs in force, in the form that appends and logs
// need. It is made once per change and shared by the topic's partitions.
type topicConfig struct {
	rules record.Rules // for producers; Now and AllowZstd are set for each append
	log   commitlog.LogConfig
	// insync is min.insync.replicas where it is set, 0 where the number of
	// replicas decides.
	insync int
}

func newTopicConfig(l config.Lookup) *topicConfig {
	c := &topicConfig{log: logConfig(l)}
	c.rules = record.Rules{
		TimestampType: record.CreateTime,
		BeforeMax:     timestampBound(config.MessageTimestampBeforeMaxMs.In(l)),
		AfterMax:      timestampBound(config.MessageTimestampAfterMaxMs.In(l)),
		MaxBatchBytes: c.log.MaxMessageBytes,
		Compacted:     c.log.Compact,
	}
	if config.MaxDecompressedMessageBytes.IsSet(l) {
		c.rules.Limits.MaxBytes = config.MaxDecompressedMessageBytes.In(l)
	}
	if config.MessageTimestampType.In(l) == "LogAppendTime" {
		c.rules.TimestampType = record.LogAppendTime
	}
	c.rules.Codec, c.rules.Level = codec(l)
	if config.MinInsyncReplicas.IsSet(l) {
		c.insync = config.MinInsyncReplicas.In(l)
	}
	return c
}

// timestampBound: the longest Duration is Kafka's largest LONG, "no bound".
func timestampBound(d time.Duration) time.Duration {
	if d < 0 {
		return record.NoTimestampBound
	}
	return d
}

func codec(l config.Lookup) (record.Codec, int) {
	switch config.CompressionType.In(l) {
	case "uncompressed":
		return record.None, 0
	case "gzip":
		return record.Gzip, config.CompressionGzipLevel.In(l)
	case "snappy":
		return record.Snappy, 0
	case "lz4":
		return record.LZ4, config.CompressionLz4Level.In(l)
	case "zstd":
		return record.Zstd, config.CompressionZstdLevel.In(l)
	}
	return record.Producer, 0
}

func logConfig(l config.Lookup) commitlog.LogConfig {
	policy := config.CleanupPolicy.In(l)
	segmentBytes := config.SegmentBytes.In(l)
	if config.InternalSegmentBytes.IsSet(l) {
		segmentBytes = config.InternalSegmentBytes.In(l)
	}
	c := commitlog.LogConfig{
		SegmentBytes:      segmentBytes,
		SegmentAge:        config.SegmentMs.In(l),
		SegmentJitter:     config.SegmentJitterMs.In(l),
		IndexBytes:        int(config.SegmentIndexBytes.In(l)),
		IndexInterval:     int(config.IndexIntervalBytes.In(l)),
		Delete:            slices.Contains(policy, "delete"),
		Compact:           slices.Contains(policy, "compact"),
		RetentionBytes:    config.RetentionBytes.In(l),
		RetentionAge:      unlimited(config.RetentionMs.In(l)),
		FlushMessages:     config.FlushMessages.In(l),
		FlushAge:          config.FlushMs.In(l),
		FileDeleteDelay:   config.FileDeleteDelayMs.In(l),
		MinCompactionLag:  config.MinCompactionLagMs.In(l),
		MaxCompactionLag:  config.MaxCompactionLagMs.In(l),
		DeleteRetention:   config.DeleteRetentionMs.In(l),
		MinCleanableRatio: config.MinCleanableDirtyRatio.In(l),
		MaxMessageBytes:   int(config.MaxMessageBytes.In(l)),
		Preallocate:       config.Preallocate.In(l),
	}
	if c.Compact { // only a rolled segment is compacted, and it must be in time
		c.SegmentAge = min(c.SegmentAge, c.MaxCompactionLag)
	}
	return c
}

// unlimited: -1 ms is -1 of commitlog's, whatever the unit.
func unlimited(d time.Duration) time.Duration {
	if d < 0 {
		return commitlog.Unlimited
	}
	return d
}

// minISR is min.insync.replicas for a partition of n replicas: as set, or all of
// them where that is fewer, as in Kafka; else 2 where there are three, so that an
// acknowledged record is in two places, and 1 below that.
func (c *topicConfig) minISR(n int) int {
	switch {
	case c.insync > 0:
		return min(c.insync, n)
	case n >= 3:
		return 2
	}
	return 1
}
