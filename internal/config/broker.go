package config

// The broker keys that have an effect.
var (
	AdvertisedListeners = List{declare(Brokers, Key{
		Name: "advertised.listeners", Type: TypeList, Null: true, Importance: High,
		Doc: "Addresses that clients are told, one for each listener. Those of listeners when not set; a listener on all interfaces then advertises the host's name.",
	})}
	AutoCreateTopicsEnable = Bool{declare(Brokers, Key{
		Name: "auto.create.topics.enable", Type: TypeBoolean, Default: "true", Importance: High,
		Doc: "Whether a topic is created when a client first asks for it.",
	})}
	BrokerID = Int{declare(Brokers, Key{
		Name: "broker.id", Type: TypeInt, Default: "-1", Importance: High,
		Doc: "Older name of node.id. -1 means it isn't set.",
	})}
	BrokerRack = Text{declare(Brokers, Key{
		Name: "broker.rack", Type: TypeString, Null: true, Importance: Medium,
		Doc: "Where this broker is: replicas of a partition are spread over racks.",
	})}
	ConnectionsMaxIdleMs = Millis{declare(Brokers, Key{
		Name: "connections.max.idle.ms", Type: TypeLong, Default: "600000", Importance: Medium,
		Doc: "Time without a request after which a connection is closed.",
	})}
	DefaultReplicationFactor = Int{declare(Brokers, Key{
		Name: "default.replication.factor", Type: TypeInt, Default: "1", Importance: Medium,
		Differs: "not set, it is the smaller of 3 and the number of registered brokers; Kafka's is 1.",
		Doc:     "Replicas of a topic that was created without saying how many. Not set, it is the smaller of 3 and the number of registered brokers.",
	})}
	DeleteTopicEnable = Bool{declare(Brokers, Key{
		Name: "delete.topic.enable", Type: TypeBoolean, Default: "true", Importance: High,
		Doc: "Whether topics can be deleted.",
	})}
	FetchMaxBytes = Bytes{declare(Brokers, Key{
		Name: "fetch.max.bytes", Type: TypeInt, Default: "57671680", Rule: atLeast(1024), Importance: Medium,
		Doc: "Largest answer to a fetch request, whatever the client asks for. A first batch larger than that is sent all the same.",
	})}
	InterBrokerListenerName = Text{declare(Brokers, Key{
		Name: "inter.broker.listener.name", Type: TypeString, Null: true, Importance: Medium,
		Doc: "Listener that brokers reach each other on.",
	})}
	ListenerSecurityProtocolMap = Text{declare(Brokers, Key{
		Name: "listener.security.protocol.map", Type: TypeString, Default: "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
		Doc: "The security protocol of each listener, as name:protocol pairs.",
	})}
	Listeners = List{declare(Brokers, Key{
		Name: "listeners", Type: TypeList, Default: "PLAINTEXT://127.0.0.1:9092", Importance: High,
		Differs: "`PLAINTEXT://127.0.0.1:9092`; Kafka's `PLAINTEXT://:9092` listens on all interfaces.",
		Doc:     "Addresses to listen on, as name://host:port. A missing host means all interfaces.",
	})}
	LogCleanerBackoffMs = Millis{declare(Brokers, Key{
		Name: "log.cleaner.backoff.ms", Type: TypeLong, Default: "15000", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "How long the cleaner rests when there is nothing to compact.",
	})}
	LogCleanerDedupeBufferSize = Bytes{declare(Brokers, Key{
		Name: "log.cleaner.dedupe.buffer.size", Type: TypeLong, Default: "134217728", Importance: Medium, Mode: ClusterWide,
		Doc: "Memory for the cleaner's map of keys, over all its threads.",
	})}
	LogCleanerDeleteRetentionMs = Millis{declare(Brokers, Key{
		Name: "log.cleaner.delete.retention.ms", Type: TypeLong, Default: "86400000", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "How long tombstones and transaction markers stay in compacted topics.",
	})}
	LogCleanerEnable = Bool{declare(Brokers, Key{
		Name: "log.cleaner.enable", Type: TypeBoolean, Default: "true", Importance: Medium,
		Doc: "Whether compacted topics are compacted.",
	})}
	LogCleanerIOBufferLoadFactor = Double{declare(Brokers, Key{
		Name: "log.cleaner.io.buffer.load.factor", Type: TypeDouble, Default: "0.9", Importance: Medium, Mode: ClusterWide,
		Doc: "How full the cleaner's map of keys may get.",
	})}
	LogCleanerIOBufferSize = Bytes{declare(Brokers, Key{
		Name: "log.cleaner.io.buffer.size", Type: TypeInt, Default: "524288", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "Memory for the cleaner's reading and writing, over all its threads.",
	})}
	LogCleanerIOMaxBytesPerSecond = Double{declare(Brokers, Key{
		Name: "log.cleaner.io.max.bytes.per.second", Type: TypeDouble, Default: "1.7976931348623157E308", Importance: Medium, Mode: ClusterWide,
		Doc: "Bytes the cleaner may read and write in a second.",
	})}
	LogCleanerMaxCompactionLagMs = Millis{declare(Brokers, Key{
		Name: "log.cleaner.max.compaction.lag.ms", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Doc: "Longest time that a record stays uncompacted in compacted topics.",
	})}
	LogCleanerMinCleanableRatio = Double{declare(Brokers, Key{
		Name: "log.cleaner.min.cleanable.ratio", Type: TypeDouble, Default: "0.5", Rule: between(0, 1), Importance: Medium, Mode: ClusterWide,
		Doc: "Share of a compacted log that must be uncompacted before it is compacted again.",
	})}
	LogCleanerMinCompactionLagMs = Millis{declare(Brokers, Key{
		Name: "log.cleaner.min.compaction.lag.ms", Type: TypeLong, Default: "0", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "Shortest time that a record stays uncompacted.",
	})}
	LogCleanerThreads = Int{declare(Brokers, Key{
		Name: "log.cleaner.threads", Type: TypeInt, Default: "1", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "Goroutines that compact logs.",
	})}
	LogCleanupPolicy = List{declare(Brokers, Key{
		Name: "log.cleanup.policy", Type: TypeList, Default: "delete", Rule: listOf("compact", "delete"), Importance: Medium, Mode: ClusterWide,
		Doc: "What happens to old data: delete, compact or both.",
	})}
	LogDir = List{declare(Brokers, Key{
		Name: "log.dir", Type: TypeList, Default: "./jocko-data", Importance: High,
		Differs: "`./jocko-data`; Kafka's is `/tmp/kafka-logs`.",
		Doc:     "The log dir, if log.dirs isn't set.",
	})}
	LogDirs = List{declare(Brokers, Key{
		Name: "log.dirs", Type: TypeList, Null: true, Importance: High,
		Doc: "Directories that hold the logs, apart from each other by commas.",
	})}
	LogFlushIntervalMessages = Long{declare(Brokers, Key{
		Name: "log.flush.interval.messages", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(1), Importance: High, Mode: ClusterWide,
		Doc: "Records after which a log is flushed to disk.",
	})}
	LogFlushIntervalMs = Millis{declare(Brokers, Key{
		Name: "log.flush.interval.ms", Type: TypeLong, Null: true, Importance: High, Mode: ClusterWide, Synonyms: []Synonym{{Name: "log.flush.scheduler.interval.ms"}},
		Doc: "Longest time that a record stays in memory before its log is flushed to disk. log.flush.scheduler.interval.ms when not set.",
	})}
	LogFlushSchedulerIntervalMs = Millis{declare(Brokers, Key{
		Name: "log.flush.scheduler.interval.ms", Type: TypeLong, Default: "9223372036854775807", Importance: High,
		Doc: "How often logs are looked at for flushing.",
	})}
	LogIndexIntervalBytes = Bytes{declare(Brokers, Key{
		Name: "log.index.interval.bytes", Type: TypeInt, Default: "4096", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "Bytes of log between two entries of the offset index.",
	})}
	LogIndexSizeMaxBytes = Bytes{declare(Brokers, Key{
		Name: "log.index.size.max.bytes", Type: TypeInt, Default: "10485760", Rule: atLeast(4), Importance: Medium, Mode: ClusterWide,
		Doc: "Largest size of a segment's index files.",
	})}
	LogMessageTimestampAfterMaxMs = Millis{declare(Brokers, Key{
		Name: "log.message.timestamp.after.max.ms", Type: TypeLong, Default: "3600000", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "How far a record's timestamp may lie after the broker's clock.",
	})}
	LogMessageTimestampBeforeMaxMs = Millis{declare(Brokers, Key{
		Name: "log.message.timestamp.before.max.ms", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "How far a record's timestamp may lie before the broker's clock.",
	})}
	LogMessageTimestampType = Text{declare(Brokers, Key{
		Name: "log.message.timestamp.type", Type: TypeString, Default: "CreateTime", Rule: oneOf("CreateTime", "LogAppendTime"), Importance: Medium, Mode: ClusterWide,
		Doc: "Whether records carry the producer's time or that of their append.",
	})}
	LogPreallocate = Bool{declare(Brokers, Key{
		Name: "log.preallocate", Type: TypeBoolean, Default: "false", Importance: Medium, Mode: ClusterWide,
		Doc: "Whether new segments' files get their full size at once.",
	})}
	LogRetentionBytes = Bytes{declare(Brokers, Key{
		Name: "log.retention.bytes", Type: TypeLong, Default: "-1", Importance: High, Mode: ClusterWide,
		Doc: "Bytes a partition may hold before its oldest segments are deleted; -1 means no limit.",
	})}
	LogRetentionCheckIntervalMs = Millis{declare(Brokers, Key{
		Name: "log.retention.check.interval.ms", Type: TypeLong, Default: "300000", Rule: atLeast(1), Importance: Medium,
		Doc: "How often logs are looked at for old data to delete.",
	})}
	LogRetentionHours = Int{declare(Brokers, Key{
		Name: "log.retention.hours", Type: TypeInt, Default: "168", Importance: High,
		Doc: "Age in hours at which data is deleted, if neither log.retention.minutes nor log.retention.ms is set.",
	})}
	LogRetentionMinutes = Int{declare(Brokers, Key{
		Name: "log.retention.minutes", Type: TypeInt, Null: true, Importance: High, Synonyms: []Synonym{{Name: "log.retention.hours", Factor: 60}},
		Doc: "Age in minutes at which data is deleted, if log.retention.ms isn't set.",
	})}
	LogRetentionMs = Millis{declare(Brokers, Key{
		Name: "log.retention.ms", Type: TypeLong, Null: true, Importance: High, Mode: ClusterWide, Synonyms: []Synonym{{Name: "log.retention.minutes", Factor: 60000}, {Name: "log.retention.hours", Factor: 3600000}},
		Doc: "Age at which data is deleted; -1 means never.",
	})}
	LogRollHours = Int{declare(Brokers, Key{
		Name: "log.roll.hours", Type: TypeInt, Default: "168", Rule: atLeast(1), Importance: High,
		Doc: "Age in hours at which the active segment is closed, if log.roll.ms isn't set.",
	})}
	LogRollJitterHours = Int{declare(Brokers, Key{
		Name: "log.roll.jitter.hours", Type: TypeInt, Default: "0", Rule: atLeast(0), Importance: High,
		Doc: "Random time in hours taken off log.roll.hours, if log.roll.jitter.ms isn't set.",
	})}
	LogRollJitterMs = Millis{declare(Brokers, Key{
		Name: "log.roll.jitter.ms", Type: TypeLong, Null: true, Importance: High, Mode: ClusterWide, Synonyms: []Synonym{{Name: "log.roll.jitter.hours", Factor: 3600000}},
		Doc: "Random time taken off log.roll.ms.",
	})}
	LogRollMs = Millis{declare(Brokers, Key{
		Name: "log.roll.ms", Type: TypeLong, Null: true, Importance: High, Mode: ClusterWide, Synonyms: []Synonym{{Name: "log.roll.hours", Factor: 3600000}},
		Doc: "Age at which the active segment is closed even if it isn't full.",
	})}
	LogSegmentBytes = Bytes{declare(Brokers, Key{
		Name: "log.segment.bytes", Type: TypeInt, Default: "1073741824", Rule: atLeast(1048576), Importance: High, Mode: ClusterWide,
		Doc: "Size at which the active segment is closed.",
	})}
	LogSegmentDeleteDelayMs = Millis{declare(Brokers, Key{
		Name: "log.segment.delete.delay.ms", Type: TypeLong, Default: "60000", Rule: atLeast(0), Importance: High, Mode: ClusterWide,
		Doc: "How long files stay on disk, renamed, after they were taken out of a log.",
	})}
	MaxConnections = Int{declare(Brokers, Key{
		Name: "max.connections", Type: TypeInt, Default: "2147483647", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "Connections that the broker keeps open at once.",
	})}
	MaxConnectionsPerIP = Int{declare(Brokers, Key{
		Name: "max.connections.per.ip", Type: TypeInt, Default: "2147483647", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "Connections that one address may keep open at once.",
	})}
	MaxIncrementalFetchSessionCacheSlots = Int{declare(Brokers, Key{
		Name: "max.incremental.fetch.session.cache.slots", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium,
		Doc: "Fetch sessions that are kept at once.",
	})}
	MaxRequestPartitionSizeLimit = Int{declare(Brokers, Key{
		Name: "max.request.partition.size.limit", Type: TypeInt, Default: "2000", Rule: atLeast(1), Importance: Medium,
		Doc: "Largest number of partitions that one DescribeTopicPartitions answers with.",
	})}
	MessageMaxBytes = Bytes{declare(Brokers, Key{
		Name: "message.max.bytes", Type: TypeInt, Default: "1048588", Rule: atLeast(0), Importance: High, Mode: ClusterWide,
		Doc: "Largest batch accepted, in bytes as it is stored, after compression.",
	})}
	MetadataLogDir = Text{declare(Brokers, Key{
		Name: "metadata.log.dir", Type: TypeString, Null: true, Importance: High,
		Doc: "Directory of the metadata log. The first of log.dirs when not set.",
	})}
	NodeID = Int{declare(Brokers, Key{
		Name: "node.id", Type: TypeInt, Default: "1", Rule: atLeast(0), Importance: High,
		Differs: "1; Kafka has none.",
		Doc:     "This node's id. Every node of a cluster has its own.",
	})}
	NumPartitions = Int{declare(Brokers, Key{
		Name: "num.partitions", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: Medium,
		Doc: "Partitions of a topic that was created without saying how many.",
	})}
	NumRecoveryThreadsPerDataDir = Int{declare(Brokers, Key{
		Name: "num.recovery.threads.per.data.dir", Type: TypeInt, Default: "2", Rule: atLeast(1), Importance: High, Mode: ClusterWide,
		Doc: "Logs of one log dir that are recovered at a time, and flushed at a time when the broker stops.",
	})}
	ProducerIDExpirationCheckIntervalMs = Millis{declare(Brokers, Key{
		Name: "producer.id.expiration.check.interval.ms", Type: TypeInt, Default: "600000", Rule: atLeast(1), Internal: true,
		Doc: "How often expired producer ids are looked for.",
	})}
	ProducerIDExpirationMs = Millis{declare(Brokers, Key{
		Name: "producer.id.expiration.ms", Type: TypeInt, Default: "86400000", Rule: atLeast(1), Mode: ClusterWide,
		Doc: "Time after its last write at which a producer id is forgotten.",
	})}
	QueuedMaxRequestBytes = Bytes{declare(Brokers, Key{
		Name: "queued.max.request.bytes", Type: TypeLong, Default: "-1", Importance: Medium,
		Doc: "Bytes of requests that may wait in memory at once; -1 means no limit.",
	})}
	ReplicaHighWatermarkCheckpointIntervalMs = Millis{declare(Brokers, Key{
		Name: "replica.high.watermark.checkpoint.interval.ms", Type: TypeLong, Default: "5000", Importance: High,
		Doc: "How often high watermarks are written down.",
	})}
	SocketReceiveBufferBytes = Bytes{declare(Brokers, Key{
		Name: "socket.receive.buffer.bytes", Type: TypeInt, Default: "102400", Importance: High,
		Doc: "Receive buffer of a client's connection; -1 leaves it to the system.",
	})}
	SocketRequestMaxBytes = Bytes{declare(Brokers, Key{
		Name: "socket.request.max.bytes", Type: TypeInt, Default: "104857600", Rule: atLeast(1), Importance: High,
		Doc: "Largest request. A connection that announces a larger one is closed.",
	})}
	SocketSendBufferBytes = Bytes{declare(Brokers, Key{
		Name: "socket.send.buffer.bytes", Type: TypeInt, Default: "102400", Importance: High,
		Doc: "Send buffer of a client's connection; -1 leaves it to the system.",
	})}
	TelemetryMaxBytes = Bytes{declare(Brokers, Key{
		Name: "telemetry.max.bytes", Type: TypeInt, Default: "1048576", Rule: atLeast(1),
		Doc: "Largest push of a client's metrics.",
	})}
)

// The broker keys of the same names as topic keys: they are read through those.
var _ = []*Key{
	declare(Brokers, Key{
		Name: "compression.gzip.level", Type: TypeInt, Default: "-1", Rule: gzipLevel, Importance: Medium, Mode: ClusterWide,
		Doc: "Level used when the broker compresses with gzip: 1 to 9, or -1 for the codec's default.",
	}),
	declare(Brokers, Key{
		Name: "compression.lz4.level", Type: TypeInt, Default: "9", Rule: between(1, 17), Importance: Medium, Mode: ClusterWide,
		Doc: "Level used when the broker compresses with lz4.",
	}),
	declare(Brokers, Key{
		Name: "compression.type", Type: TypeString, Default: "producer", Rule: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"), Importance: High, Mode: ClusterWide,
		Doc: "Codec that batches are stored with. producer keeps what the producer chose; any other value recompresses batches that differ.",
	}),
	declare(Brokers, Key{
		Name: "compression.zstd.level", Type: TypeInt, Default: "3", Rule: between(-131072, 22), Importance: Medium, Mode: ClusterWide,
		Doc: "Level used when the broker compresses with zstd.",
	}),
	declare(Brokers, Key{
		Name: "max.decompressed.message.bytes", Type: TypeInt, Default: "2147483639", Rule: between(1, 2147483639), Importance: Medium, Mode: ClusterWide,
		Doc: "Largest size that one compressed batch may decompress to. Larger ones are refused.",
	}),
	declare(Brokers, Key{
		Name: "min.insync.replicas", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: High, Mode: ClusterWide,
		Differs: "not set, it is 2 for partitions of three replicas or more, and 1 below; Kafka's is 1.",
		Doc:     "In-sync replicas without which produce requests with acks=all are refused.",
	}),
	declare(Brokers, Key{
		Name: "unclean.leader.election.enable", Type: TypeBoolean, Default: "false", Importance: High, Mode: ClusterWide,
		Doc: "Whether a replica that isn't in sync may become leader when no other is left, which loses acknowledged records.",
	}),
}
