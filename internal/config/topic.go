package config

// The configs of a topic. Each falls back to a broker key where one is named.
var (
	CleanupPolicy = List{declare(Topics, Key{
		Name: "cleanup.policy", Type: TypeList, Default: "delete", Rule: listOf("compact", "delete"), Importance: Medium, Synonyms: []Synonym{{Name: "log.cleanup.policy"}},
		Doc: "What happens to old data: delete drops old segments by time and size, compact keeps the newest record of each key; both may be set, and empty keeps everything.",
	})}
	CompressionGzipLevel = Int{declare(Topics, Key{
		Name: "compression.gzip.level", Type: TypeInt, Default: "-1", Rule: gzipLevel, Importance: Medium, Synonyms: []Synonym{{Name: "compression.gzip.level"}},
		Doc: "Level used when the broker compresses with gzip: 1 to 9, or -1 for the codec's default.",
	})}
	CompressionLz4Level = Int{declare(Topics, Key{
		Name: "compression.lz4.level", Type: TypeInt, Default: "9", Rule: between(1, 17), Importance: Medium, Synonyms: []Synonym{{Name: "compression.lz4.level"}},
		Doc: "Level used when the broker compresses with lz4.",
	})}
	CompressionType = Text{declare(Topics, Key{
		Name: "compression.type", Type: TypeString, Default: "producer", Rule: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"), Importance: Medium, Synonyms: []Synonym{{Name: "compression.type"}},
		Doc: "Codec that batches are stored with. producer keeps what the producer chose; any other value recompresses batches that differ.",
	})}
	CompressionZstdLevel = Int{declare(Topics, Key{
		Name: "compression.zstd.level", Type: TypeInt, Default: "3", Rule: between(-131072, 22), Importance: Medium, Synonyms: []Synonym{{Name: "compression.zstd.level"}},
		Doc: "Level used when the broker compresses with zstd.",
	})}
	DeleteRetentionMs = Millis{declare(Topics, Key{
		Name: "delete.retention.ms", Type: TypeLong, Default: "86400000", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.cleaner.delete.retention.ms"}},
		Doc: "How long a tombstone, or a transaction's marker, stays in a compacted topic after it was compacted.",
	})}
	ErrorsDeadletterqueueGroupEnable = Bool{declare(Topics, Key{
		Name: "errors.deadletterqueue.group.enable", Type: TypeBoolean, Default: "false", Importance: Medium, Status: Unsupported, Why: noShareGroups,
		Doc: "Whether share groups may use this topic as their dead letter queue.",
	})}
	FileDeleteDelayMs = Millis{declare(Topics, Key{
		Name: "file.delete.delay.ms", Type: TypeLong, Default: "60000", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.segment.delete.delay.ms"}},
		Doc: "How long files stay on disk, renamed, after they were taken out of a log.",
	})}
	FlushMessages = Long{declare(Topics, Key{
		Name: "flush.messages", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "log.flush.interval.messages"}},
		Doc: "Number of records after which a log is flushed to disk. 1 acknowledges nothing that isn't on disk.",
	})}
	FlushMs = Millis{declare(Topics, Key{
		Name: "flush.ms", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.flush.interval.ms"}, {Name: "log.flush.scheduler.interval.ms"}},
		Doc: "Longest time that a record stays in memory before its log is flushed to disk.",
	})}
	FollowerReplicationThrottledReplicas = List{declare(Topics, Key{
		Name: "follower.replication.throttled.replicas", Type: TypeList, Rule: throttledReplicas, Importance: Medium, Status: Unsupported, Why: noQuotas,
		Doc: "Replicas whose fetching is throttled, as partition:broker pairs, or * for all.",
	})}
	IndexIntervalBytes = Bytes{declare(Topics, Key{
		Name: "index.interval.bytes", Type: TypeInt, Default: "4096", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.index.interval.bytes"}},
		Doc: "Bytes of log between two entries of the offset index.",
	})}
	InternalSegmentBytes = Bytes{declare(Topics, Key{
		Name: "internal.segment.bytes", Type: TypeInt, Null: true, Importance: Medium, Internal: true,
		Doc: "Segment size without the lower bound of segment.bytes, for tests.",
	})}
	LeaderReplicationThrottledReplicas = List{declare(Topics, Key{
		Name: "leader.replication.throttled.replicas", Type: TypeList, Rule: throttledReplicas, Importance: Medium, Status: Unsupported, Why: noQuotas,
		Doc: "Replicas whose serving of followers is throttled, as partition:broker pairs, or * for all.",
	})}
	LocalRetentionBytes = Bytes{declare(Topics, Key{
		Name: "local.retention.bytes", Type: TypeLong, Default: "-2", Rule: atLeast(-2), Importance: Medium, Synonyms: []Synonym{{Name: "log.local.retention.bytes"}}, Status: Unsupported, Why: noTieredStorage,
		Doc: "Bytes kept on the broker of a topic with tiered storage; -2 means retention.bytes.",
	})}
	LocalRetentionMs = Millis{declare(Topics, Key{
		Name: "local.retention.ms", Type: TypeLong, Default: "-2", Rule: atLeast(-2), Importance: Medium, Synonyms: []Synonym{{Name: "log.local.retention.ms"}}, Status: Unsupported, Why: noTieredStorage,
		Doc: "Time that data of a topic with tiered storage is kept on the broker; -2 means retention.ms.",
	})}
	MaxCompactionLagMs = Millis{declare(Topics, Key{
		Name: "max.compaction.lag.ms", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "log.cleaner.max.compaction.lag.ms"}},
		Doc: "Longest time that a record stays uncompacted in a compacted topic.",
	})}
	MaxDecompressedMessageBytes = Bytes{declare(Topics, Key{
		Name: "max.decompressed.message.bytes", Type: TypeInt, Default: "2147483639", Rule: between(1, 2147483639), Importance: Medium, Synonyms: []Synonym{{Name: "max.decompressed.message.bytes"}},
		Doc: "Largest size that one compressed batch may decompress to. Larger ones are refused.",
	})}
	MaxMessageBytes = Bytes{declare(Topics, Key{
		Name: "max.message.bytes", Type: TypeInt, Default: "1048588", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "message.max.bytes"}},
		Doc: "Largest batch accepted, in bytes as it is stored, after compression.",
	})}
	MessageTimestampAfterMaxMs = Millis{declare(Topics, Key{
		Name: "message.timestamp.after.max.ms", Type: TypeLong, Default: "3600000", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.message.timestamp.after.max.ms"}},
		Doc: "How far a record's timestamp may lie after the broker's clock.",
	})}
	MessageTimestampBeforeMaxMs = Millis{declare(Topics, Key{
		Name: "message.timestamp.before.max.ms", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.message.timestamp.before.max.ms"}},
		Doc: "How far a record's timestamp may lie before the broker's clock.",
	})}
	MessageTimestampType = Text{declare(Topics, Key{
		Name: "message.timestamp.type", Type: TypeString, Default: "CreateTime", Rule: oneOf("CreateTime", "LogAppendTime"), Importance: Medium, Synonyms: []Synonym{{Name: "log.message.timestamp.type"}},
		Doc: "Whether a record carries the time the producer set (CreateTime) or that of its append (LogAppendTime).",
	})}
	MinCleanableDirtyRatio = Double{declare(Topics, Key{
		Name: "min.cleanable.dirty.ratio", Type: TypeDouble, Default: "0.5", Rule: between(0, 1), Importance: Medium, Synonyms: []Synonym{{Name: "log.cleaner.min.cleanable.ratio"}},
		Doc: "Share of a compacted log that must be uncompacted before it is compacted again.",
	})}
	MinCompactionLagMs = Millis{declare(Topics, Key{
		Name: "min.compaction.lag.ms", Type: TypeLong, Default: "0", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.cleaner.min.compaction.lag.ms"}},
		Doc: "Shortest time that a record stays uncompacted.",
	})}
	MinInsyncReplicas = Int{declare(Topics, Key{
		Name: "min.insync.replicas", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "min.insync.replicas"}},
		Doc: "In-sync replicas without which produce requests with acks=all are refused.",
	})}
	Preallocate = Bool{declare(Topics, Key{
		Name: "preallocate", Type: TypeBoolean, Default: "false", Importance: Medium, Synonyms: []Synonym{{Name: "log.preallocate"}},
		Doc: "Whether a new segment's file gets its full size at once.",
	})}
	RemoteCopyLagBytes = Bytes{declare(Topics, Key{
		Name: "remote.copy.lag.bytes", Type: TypeLong, Default: "-1", Rule: atLeast(-1), Importance: Medium, Synonyms: []Synonym{{Name: "log.remote.copy.lag.bytes"}}, Status: Unsupported, Why: noTieredStorage,
		Doc: "How far copying to tiered storage may lag behind, in bytes; -1 means no limit is set.",
	})}
	RemoteCopyLagMs = Millis{declare(Topics, Key{
		Name: "remote.copy.lag.ms", Type: TypeLong, Default: "0", Rule: atLeast(-1), Importance: Medium, Synonyms: []Synonym{{Name: "log.remote.copy.lag.ms"}}, Status: Unsupported, Why: noTieredStorage,
		Doc: "How far copying to tiered storage may lag behind, in time; -1 means no limit is set.",
	})}
	RemoteLogCopyDisable = Bool{declare(Topics, Key{
		Name: "remote.log.copy.disable", Type: TypeBoolean, Default: "false", Importance: Medium, Status: Unsupported, Why: noTieredStorage,
		Doc: "Whether a topic with tiered storage stops copying data there.",
	})}
	RemoteLogDeleteOnDisable = Bool{declare(Topics, Key{
		Name: "remote.log.delete.on.disable", Type: TypeBoolean, Default: "false", Importance: Medium, Status: Unsupported, Why: noTieredStorage,
		Doc: "Whether the data in tiered storage is deleted when it is turned off for the topic.",
	})}
	RemoteStorageEnable = Bool{declare(Topics, Key{
		Name: "remote.storage.enable", Type: TypeBoolean, Default: "false", Importance: Medium, Status: Unsupported, Why: noTieredStorage,
		Doc: "Whether the topic uses tiered storage.",
	})}
	RetentionBytes = Bytes{declare(Topics, Key{
		Name: "retention.bytes", Type: TypeLong, Default: "-1", Importance: Medium, Synonyms: []Synonym{{Name: "log.retention.bytes"}},
		Doc: "Bytes a partition may hold before its oldest segments are deleted; what remains is never less. -1 means no limit. Applies to each replica.",
	})}
	RetentionMs = Millis{declare(Topics, Key{
		Name: "retention.ms", Type: TypeLong, Default: "604800000", Rule: atLeast(-1), Importance: Medium, Synonyms: []Synonym{{Name: "log.retention.ms"}, {Name: "log.retention.minutes", Factor: 60000}, {Name: "log.retention.hours", Factor: 3600000}},
		Doc: "Age of a segment's newest record at which the segment is deleted. -1 means never.",
	})}
	SegmentBytes = Bytes{declare(Topics, Key{
		Name: "segment.bytes", Type: TypeInt, Default: "1073741824", Rule: atLeast(1048576), Importance: Medium, Synonyms: []Synonym{{Name: "log.segment.bytes"}},
		Doc: "Size at which the active segment is closed and the next one is started.",
	})}
	SegmentIndexBytes = Bytes{declare(Topics, Key{
		Name: "segment.index.bytes", Type: TypeInt, Default: "10485760", Rule: atLeast(4), Importance: Medium, Synonyms: []Synonym{{Name: "log.index.size.max.bytes"}},
		Doc: "Largest size of a segment's index files. A full index closes the segment.",
	})}
	SegmentJitterMs = Millis{declare(Topics, Key{
		Name: "segment.jitter.ms", Type: TypeLong, Default: "0", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "log.roll.jitter.ms"}, {Name: "log.roll.jitter.hours", Factor: 3600000}},
		Doc: "Random time taken off segment.ms, so that segments aren't all closed at once.",
	})}
	SegmentMs = Millis{declare(Topics, Key{
		Name: "segment.ms", Type: TypeLong, Default: "604800000", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "log.roll.ms"}, {Name: "log.roll.hours", Factor: 3600000}},
		Doc: "Age at which the active segment is closed even if it isn't full.",
	})}
	UncleanLeaderElectionEnable = Bool{declare(Topics, Key{
		Name: "unclean.leader.election.enable", Type: TypeBoolean, Default: "false", Importance: Medium, Synonyms: []Synonym{{Name: "unclean.leader.election.enable"}}, Status: Unsupported, Why: noCluster,
		Doc: "Whether a replica that isn't in sync may become leader when no other is left, which loses acknowledged records.",
	})}
)
