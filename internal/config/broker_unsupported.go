package config

const (
	noCheckpointIntervals = "Recovery points and log start offsets are written with the high watermarks, every replica.high.watermark.checkpoint.interval.ms."
	noTaskDelay           = "Background work begins when the broker does."
	noConnectionRate      = "Connections are limited in number, not in rate."
	noAddressLimits       = "max.connections.per.ip is the same for all addresses in this version."
	noSnapshotLimits      = "When snapshots of the metadata are taken can't be set in this version."

	noTieredStorage = "Tiered storage is not in this version."
	noQuotas        = "Quotas and throttles are not in this version."
	noCluster       = "It needs several brokers; this version runs one."
)

// Kafka's broker keys for what this version doesn't do: quotas, tiered storage,
// several brokers, and some limits.
var _ = []*Key{
	declare(Brokers, Key{
		Name: "follower.fetch.last.tiered.offset.enable", Type: TypeBoolean, Default: "false", Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Whether a new follower begins at the last offset that is in tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "log.local.retention.bytes", Type: TypeLong, Default: "-2", Rule: atLeast(-2), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Bytes kept on the broker of topics with tiered storage; -2 means log.retention.bytes.",
	}),
	declare(Brokers, Key{
		Name: "log.local.retention.ms", Type: TypeLong, Default: "-2", Rule: atLeast(-2), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Time that data of topics with tiered storage is kept on the broker; -2 means log.retention.ms.",
	}),
	declare(Brokers, Key{
		Name: "log.remote.copy.lag.bytes", Type: TypeLong, Default: "-1", Rule: atLeast(-1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "How far copying to tiered storage may lag behind, in bytes.",
	}),
	declare(Brokers, Key{
		Name: "log.remote.copy.lag.ms", Type: TypeLong, Default: "0", Rule: atLeast(-1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "How far copying to tiered storage may lag behind, in time.",
	}),
	declare(Brokers, Key{
		Name: "remote.fetch.max.wait.ms", Type: TypeInt, Default: "500", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "How long a fetch waits for tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.list.offsets.request.timeout.ms", Type: TypeLong, Default: "30000", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "How long a look-up of an offset waits for tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.index.file.cache.total.size.bytes", Type: TypeLong, Default: "1073741824", Rule: atLeast(1), Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Size of the cache of indexes of segments in tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.index.file.cache.ttl.ms", Type: TypeLong, Default: "900000", Rule: atLeast(-1), Internal: true,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "How long an unused index stays in that cache.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.copier.thread.pool.size", Type: TypeInt, Default: "10", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Threads that copy segments to tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.copy.max.bytes.per.second", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Bytes copied to tiered storage in a second.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.copy.quota.window.num", Type: TypeInt, Default: "11", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Samples of the throttle of copies to tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.copy.quota.window.size.seconds", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Length of a sample of the throttle of copies to tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.expiration.thread.pool.size", Type: TypeInt, Default: "10", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Threads that delete old segments from tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.fetch.max.bytes.per.second", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Bytes read from tiered storage in a second.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.fetch.quota.window.num", Type: TypeInt, Default: "11", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Samples of the throttle of reads from tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.fetch.quota.window.size.seconds", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Length of a sample of the throttle of reads from tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.follower.thread.pool.size", Type: TypeInt, Default: "2", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Threads that follow what the leader copied to tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.task.interval.ms", Type: TypeLong, Default: "30000", Rule: atLeast(1),
		Status: Unsupported, Why: noTieredStorage,
		Doc: "How often the work for tiered storage runs.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.task.retry.backoff.max.ms", Type: TypeLong, Default: "30000", Rule: atLeast(1), Internal: true,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Longest back-off after that work failed.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.task.retry.backoff.ms", Type: TypeLong, Default: "500", Rule: atLeast(1), Internal: true,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "First back-off after that work failed.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.task.retry.jitter", Type: TypeDouble, Default: "0.2", Rule: between(0, 0.5), Internal: true,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Randomness of that back-off.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.manager.thread.pool.size", Type: TypeInt, Default: "2", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Threads of tiered storage, by the older name.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.metadata.custom.metadata.max.bytes", Type: TypeInt, Default: "128", Rule: atLeast(0),
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Largest custom metadata of a segment in tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.metadata.manager.class.name", Type: TypeString, Default: "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager", Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Java class that keeps the metadata of tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.metadata.manager.class.path", Type: TypeString, Null: true, Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Where that class is loaded from.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.metadata.manager.impl.prefix", Type: TypeString, Default: "rlmm.config.", Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Prefix of that class's own configs.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.metadata.manager.listener.name", Type: TypeString, Null: true, Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Listener that that class connects to.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.reader.max.pending.tasks", Type: TypeInt, Default: "100", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Reads from tiered storage that may wait.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.reader.threads", Type: TypeInt, Default: "10", Rule: atLeast(1), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Threads that read from tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.storage.manager.class.name", Type: TypeString, Null: true, Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Java class that stores segments in tiered storage.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.storage.manager.class.path", Type: TypeString, Null: true, Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Where that class is loaded from.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.storage.manager.impl.prefix", Type: TypeString, Default: "rsm.config.", Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Prefix of that class's own configs.",
	}),
	declare(Brokers, Key{
		Name: "remote.log.storage.system.enable", Type: TypeBoolean, Default: "false", Importance: Medium,
		Status: Unsupported, Why: noTieredStorage,
		Doc: "Whether tiered storage is available.",
	}),
	declare(Brokers, Key{
		Name: "alter.log.dirs.replication.quota.window.num", Type: TypeInt, Default: "11", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Samples of the throttle of moves between log dirs.",
	}),
	declare(Brokers, Key{
		Name: "alter.log.dirs.replication.quota.window.size.seconds", Type: TypeInt, Default: "1", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Length of a sample of the throttle of moves between log dirs.",
	}),
	declare(Brokers, Key{
		Name: "controller.quota.window.num", Type: TypeInt, Default: "11", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Samples of the quota on changes of the metadata.",
	}),
	declare(Brokers, Key{
		Name: "controller.quota.window.size.seconds", Type: TypeInt, Default: "1", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Length of a sample of the quota on changes of the metadata.",
	}),
	declare(Brokers, Key{
		Name: "follower.replication.throttled.rate", Internal: true, Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noQuotas,
		Doc: "Bytes a second that a follower fetches for throttled replicas.",
	}),
	declare(Brokers, Key{
		Name: "leader.replication.throttled.rate", Internal: true, Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noQuotas,
		Doc: "Bytes a second that a leader sends to throttled followers.",
	}),
	declare(Brokers, Key{
		Name: "quota.window.num", Type: TypeInt, Default: "11", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Samples of client quotas.",
	}),
	declare(Brokers, Key{
		Name: "quota.window.size.seconds", Type: TypeInt, Default: "1", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Length of a sample of client quotas.",
	}),
	declare(Brokers, Key{
		Name: "replica.alter.log.dirs.io.max.bytes.per.second", Internal: true, Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noQuotas,
		Doc: "Bytes a second that moves between log dirs may use.",
	}),
	declare(Brokers, Key{
		Name: "replication.quota.window.num", Type: TypeInt, Default: "11", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Samples of the throttle of replication.",
	}),
	declare(Brokers, Key{
		Name: "replication.quota.window.size.seconds", Type: TypeInt, Default: "1", Rule: atLeast(1),
		Status: Unsupported, Why: noQuotas,
		Doc: "Length of a sample of the throttle of replication.",
	}),
	declare(Brokers, Key{
		Name: "auto.leader.rebalance.enable", Type: TypeBoolean, Default: "true", Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "Whether leadership returns to preferred replicas by itself.",
	}),
	declare(Brokers, Key{
		Name: "broker.heartbeat.interval.ms", Type: TypeInt, Default: "2000", Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "How often a broker tells the controller that it is alive.",
	}),
	declare(Brokers, Key{
		Name: "broker.session.timeout.ms", Type: TypeInt, Default: "9000", Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "Time without a heartbeat after which the controller fences a broker.",
	}),
	declare(Brokers, Key{
		Name: "controlled.shutdown.enable", Type: TypeBoolean, Default: "true", Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "Whether a broker hands its leadership over before it stops.",
	}),
	declare(Brokers, Key{
		Name: "cordoned.log.dirs", Type: TypeList, Importance: Medium, Mode: PerBroker,
		Status: Unsupported, Why: noCluster,
		Doc: "Log dirs that get no new partitions.",
	}),
	declare(Brokers, Key{
		Name: "leader.imbalance.check.interval.seconds", Type: TypeLong, Default: "300", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "How often the controller looks whether leadership should return to preferred replicas.",
	}),
	declare(Brokers, Key{
		Name: "log.dir.failure.timeout.ms", Type: TypeLong, Default: "30000", Rule: atLeast(1),
		Status: Unsupported, Why: noCluster,
		Doc: "How long a broker whose log dir failed tries to tell the controller before it stops.",
	}),
	declare(Brokers, Key{
		Name: "num.replica.fetchers", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: High, Mode: ClusterWide,
		Status: Unsupported, Why: noCluster,
		Doc: "Fetchers for each leading broker.",
	}),
	declare(Brokers, Key{
		Name: "replica.fetch.backoff.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "How long a follower rests after a fetch failed.",
	}),
	declare(Brokers, Key{
		Name: "replica.fetch.max.bytes", Type: TypeInt, Default: "1048576", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "Bytes of one partition that a follower asks for at a time.",
	}),
	declare(Brokers, Key{
		Name: "replica.fetch.min.bytes", Type: TypeInt, Default: "1", Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "Bytes a leader waits for before it answers a follower.",
	}),
	declare(Brokers, Key{
		Name: "replica.fetch.response.max.bytes", Type: TypeInt, Default: "10485760", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "Bytes that a follower asks for at a time.",
	}),
	declare(Brokers, Key{
		Name: "replica.fetch.wait.max.ms", Type: TypeInt, Default: "500", Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "How long a leader waits before it answers a follower.",
	}),
	declare(Brokers, Key{
		Name: "replica.selector.class", Type: TypeString, Null: true, Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "Java class that chooses the replica a consumer reads from.",
	}),
	declare(Brokers, Key{
		Name: "replica.socket.receive.buffer.bytes", Type: TypeInt, Default: "65536", Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "Receive buffer of the connections that followers make.",
	}),
	declare(Brokers, Key{
		Name: "replica.socket.timeout.ms", Type: TypeInt, Default: "30000", Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "How long a follower waits for its leader.",
	}),
	declare(Brokers, Key{
		Name: "request.timeout.ms", Type: TypeInt, Default: "30000", Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "How long a broker waits for the answer to a request of its own.",
	}),
	declare(Brokers, Key{
		Name: "socket.connection.setup.timeout.max.ms", Type: TypeLong, Default: "30000", Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "Longest time a broker waits for a connection to another broker.",
	}),
	declare(Brokers, Key{
		Name: "socket.connection.setup.timeout.ms", Type: TypeLong, Default: "10000", Importance: Medium,
		Status: Unsupported, Why: noCluster,
		Doc: "First such time; it grows with every failure.",
	}),
	declare(Brokers, Key{
		Name: "log.flush.offset.checkpoint.interval.ms", Type: TypeInt, Default: "60000", Rule: atLeast(0), Importance: High,
		Status: Unsupported, Why: noCheckpointIntervals,
		Doc: "How often the recovery points are written down.",
	}),
	declare(Brokers, Key{
		Name: "log.flush.start.offset.checkpoint.interval.ms", Type: TypeInt, Default: "60000", Rule: atLeast(0), Importance: High,
		Status: Unsupported, Why: noCheckpointIntervals,
		Doc: "How often the log start offsets are written down.",
	}),
	declare(Brokers, Key{
		Name: "log.initial.task.delay.ms", Type: TypeLong, Default: "30000", Rule: atLeast(0), Internal: true,
		Status: Unsupported, Why: noTaskDelay,
		Doc: "How long after its start a broker begins with retention, flushing and compaction.",
	}),
	declare(Brokers, Key{
		Name: "max.connection.creation.rate", Type: TypeInt, Default: "2147483647", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noConnectionRate,
		Doc: "Connections that a listener, or the broker, accepts in a second.",
	}),
	declare(Brokers, Key{
		Name: "max.connections.per.ip.overrides", Type: TypeString, Rule: addressLimits, Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noAddressLimits,
		Doc: "Other limits for some addresses, as address:count pairs.",
	}),
	declare(Brokers, Key{
		Name: "metadata.log.max.record.bytes.between.snapshots", Type: TypeLong, Default: "20971520", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noSnapshotLimits,
		Doc: "Bytes of metadata records after which a snapshot is taken.",
	}),
	declare(Brokers, Key{
		Name: "metadata.log.max.snapshot.interval.ms", Type: TypeLong, Default: "3600000", Rule: atLeast(0), Importance: High,
		Status: Unsupported, Why: noSnapshotLimits,
		Doc: "Longest time without a snapshot of the metadata, if there is anything new.",
	}),
	declare(Brokers, Key{
		Name: "replica.lag.time.max.ms", Type: TypeLong, Default: "30000", Importance: High,
		Status: Unsupported, Why: noCluster,
		Doc: "How long a follower may lag behind before it leaves the in-sync replicas.",
	}),
}
