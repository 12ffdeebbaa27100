package config

const (
	noShareGroups   = "Share groups are not in this version."
	noStreamsGroups = "Streams groups are not in this version."
	noTwoPhase      = "Transactions don't take part in two-phase commits (KIP-939), as in Kafka by default."
	noLinger        = "A coordinator appends what came in while it wrote, without waiting for more."
	noSweep         = "Each transaction has a timer of its own."
	noBackoff       = "A partition waits for its transaction instead of asking again."
)

// Kafka's broker keys for coordinators that aren't in this version, and those
// that nothing in the coordinators corresponds to.
var _ = []*Key{
	declare(Brokers, Key{
		Name: "errors.deadletterqueue.auto.create.topics.enable", Type: TypeBoolean, Default: "false", Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Whether the dead letter queue of a share group is created when it is first needed.",
	}),
	declare(Brokers, Key{
		Name: "errors.deadletterqueue.topic.name.prefix", Type: TypeString, Default: "dlq.", Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noShareGroups,
		Doc: "What the names of dead letter queues begin with.",
	}),
	declare(Brokers, Key{
		Name: "group.share.assignment.interval.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Shortest time between two assignments of a share group.",
	}),
	declare(Brokers, Key{
		Name: "group.share.assignor.offload.enable", Type: TypeBoolean, Default: "true", Importance: Medium, Mode: ClusterWide, Internal: true,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Whether assignments of share groups are computed apart from the coordinator's own goroutine.",
	}),
	declare(Brokers, Key{
		Name: "group.share.assignors", Type: TypeList, Default: "simple", Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Assignors of share groups.",
	}),
	declare(Brokers, Key{
		Name: "group.share.delivery.count.limit", Type: TypeInt, Default: "5", Rule: between(2, 10), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "How often a record is delivered to a share group before it is given up.",
	}),
	declare(Brokers, Key{
		Name: "group.share.dlq.manager.class.name", Type: TypeString, Default: "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager", Importance: Medium, Internal: true,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Java class that fills dead letter queues.",
	}),
	declare(Brokers, Key{
		Name: "group.share.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Heartbeat interval given to members of share groups.",
	}),
	declare(Brokers, Key{
		Name: "group.share.initialize.retry.interval.ms", Type: TypeInt, Default: "30000", Rule: atLeast(1), Internal: true,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Pause before the initialisation of a share group's state is tried again.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.assignment.interval.ms", Type: TypeInt, Default: "15000", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Upper bound of share.assignment.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.delivery.count.limit", Type: TypeInt, Default: "10", Rule: between(5, 25), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Upper bound of share.delivery.count.limit.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.heartbeat.interval.ms", Type: TypeInt, Default: "15000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Upper bound of share.heartbeat.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.partition.max.record.locks", Type: TypeInt, Default: "4000", Rule: between(2000, 10000), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Upper bound of share.partition.max.record.locks.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.record.lock.duration.ms", Type: TypeInt, Default: "60000", Rule: between(30000, 3600000), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Upper bound of share.record.lock.duration.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.session.timeout.ms", Type: TypeInt, Default: "60000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Upper bound of share.session.timeout.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.share.sessions", Type: TypeInt, Default: "2000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Largest number of share sessions of a broker.",
	}),
	declare(Brokers, Key{
		Name: "group.share.max.size", Type: TypeInt, Default: "200", Rule: between(1, 1000), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Largest number of members of a share group.",
	}),
	declare(Brokers, Key{
		Name: "group.share.min.assignment.interval.ms", Type: TypeInt, Default: "0", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Lower bound of share.assignment.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.min.delivery.count.limit", Type: TypeInt, Default: "2", Rule: between(2, 5), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Lower bound of share.delivery.count.limit.",
	}),
	declare(Brokers, Key{
		Name: "group.share.min.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Lower bound of share.heartbeat.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.min.partition.max.record.locks", Type: TypeInt, Default: "100", Rule: between(100, 2000), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Lower bound of share.partition.max.record.locks.",
	}),
	declare(Brokers, Key{
		Name: "group.share.min.record.lock.duration.ms", Type: TypeInt, Default: "15000", Rule: between(1000, 30000), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Lower bound of share.record.lock.duration.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.min.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Lower bound of share.session.timeout.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.share.partition.max.record.locks", Type: TypeInt, Default: "2000", Rule: between(100, 10000), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Records of one partition that a share group may hold at once.",
	}),
	declare(Brokers, Key{
		Name: "group.share.persister.class.name", Type: TypeString, Default: "org.apache.kafka.server.share.persister.DefaultStatePersister", Importance: Medium, Internal: true,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Java class that keeps the state of share groups.",
	}),
	declare(Brokers, Key{
		Name: "group.share.record.lock.duration.ms", Type: TypeInt, Default: "30000", Rule: between(1000, 3600000), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "How long a member of a share group holds a record.",
	}),
	declare(Brokers, Key{
		Name: "group.share.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Time without a heartbeat after which a member of a share group is removed.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.append.linger.ms", Type: TypeInt, Default: "-1", Rule: atLeast(-1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "How long the share coordinator gathers records before it appends; -1 adapts to the load.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.cached.buffer.max.bytes", Type: TypeInt, Default: "1048588", Rule: atLeast(524288), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Largest buffer that the share coordinator keeps for the next append.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.cold.partition.snapshot.interval.ms", Type: TypeInt, Default: "300000", Rule: atLeast(1), Internal: true,
		Status: Unsupported, Why: noShareGroups,
		Doc: "How often the state of a partition that nobody reads is written as a snapshot.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.load.buffer.size", Type: TypeInt, Default: "5242880", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Bytes read at a time while the share coordinator loads.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.snapshot.update.records.per.snapshot", Type: TypeInt, Default: "500", Rule: between(0, 500), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Updates between two snapshots of a share partition's state.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.state.topic.compression.codec", Type: TypeInt, Default: "0", Importance: High,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Codec of the share coordinator's topic, by number.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.state.topic.min.isr", Type: TypeShort, Default: "2", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noShareGroups,
		Doc: "min.insync.replicas of the share coordinator's topic.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.state.topic.num.partitions", Type: TypeInt, Default: "50", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Partitions of the share coordinator's topic.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.state.topic.prune.interval.ms", Type: TypeInt, Default: "300000", Rule: atLeast(1), Internal: true,
		Status: Unsupported, Why: noShareGroups,
		Doc: "How often records that are no longer needed are deleted from that topic.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.state.topic.replication.factor", Type: TypeShort, Default: "3", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Replicas of the share coordinator's topic.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.state.topic.segment.bytes", Type: TypeInt, Default: "104857600", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Segment size of the share coordinator's topic.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.threads", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Threads of the share coordinator.",
	}),
	declare(Brokers, Key{
		Name: "share.coordinator.write.timeout.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: High,
		Status: Unsupported, Why: noShareGroups,
		Doc: "How long the share coordinator waits until its records are replicated.",
	}),
	declare(Brokers, Key{
		Name: "share.fetch.purgatory.purge.interval.requests", Type: TypeInt, Default: "1000", Importance: Medium,
		Status: Unsupported, Why: noShareGroups,
		Doc: "Requests between two purges of the purgatory of ShareFetch.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.acceptable.recovery.lag", Type: TypeLong, Default: "10000", Rule: atLeast(0), Importance: Medium, Internal: true,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Lag below which a streams client counts as caught up with a task.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.assignment.interval.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Shortest time between two assignments of a streams group.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.assignor.offload.enable", Type: TypeBoolean, Default: "true", Importance: Medium, Mode: ClusterWide, Internal: true,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Whether assignments of streams groups are computed apart from the coordinator's own goroutine.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.assignors", Type: TypeList, Default: "sticky", Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Assignors of streams groups.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Heartbeat interval given to members of streams groups.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.initial.rebalance.delay.ms", Type: TypeInt, Default: "3000", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "How long the coordinator waits for more members before the first assignment of a streams group.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.max.assignment.interval.ms", Type: TypeInt, Default: "15000", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Upper bound of streams.assignment.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.max.heartbeat.interval.ms", Type: TypeInt, Default: "15000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Upper bound of streams.heartbeat.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.max.session.timeout.ms", Type: TypeInt, Default: "60000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Upper bound of streams.session.timeout.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.max.size", Type: TypeInt, Default: "2147483647", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Largest number of members of a streams group.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.max.standby.replicas", Type: TypeInt, Default: "2", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Upper bound of streams.num.standby.replicas.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.max.warmup.replicas", Type: TypeInt, Default: "20", Rule: atLeast(0), Importance: Medium, Internal: true,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Upper bound of streams.num.warmup.replicas.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.min.assignment.interval.ms", Type: TypeInt, Default: "0", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Lower bound of streams.assignment.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.min.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Lower bound of streams.heartbeat.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.min.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Lower bound of streams.session.timeout.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.min.task.offset.interval.ms", Type: TypeInt, Default: "15000", Rule: atLeast(1), Importance: Medium, Internal: true,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Lower bound of streams.task.offset.interval.ms.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.num.standby.replicas", Type: TypeInt, Default: "0", Rule: atLeast(0), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Standby copies of each task of a streams group.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.num.warmup.replicas", Type: TypeInt, Default: "2", Rule: atLeast(0), Importance: Medium, Internal: true,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Extra standbys that a streams group warms up at a time.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.rack.aware.assignment.tags", Type: TypeList,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Client tags over which streams groups spread standbys.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Time without a heartbeat after which a member of a streams group is removed.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.task.offset.interval.ms", Type: TypeInt, Default: "60000", Rule: atLeast(1), Importance: Medium, Internal: true,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "How often members of a streams group report the offsets of their tasks.",
	}),
	declare(Brokers, Key{
		Name: "group.streams.topology.description.plugin.class", Type: TypeClass, Null: true, Importance: Medium,
		Status: Unsupported, Why: noStreamsGroups,
		Doc: "Java class that is given the topologies of streams groups.",
	}),
	declare(Brokers, Key{
		Name: "transaction.two.phase.commit.enable", Type: TypeBoolean, Default: "false",
		Status: Unsupported, Why: noTwoPhase,
		Doc: "Whether transactions may take part in two-phase commits.",
	}),
	declare(Brokers, Key{
		Name: "group.consumer.assignor.offload.enable", Type: TypeBoolean, Default: "true", Importance: Medium, Mode: ClusterWide, Internal: true,
		Status: NotNeeded, Why: noThreads,
		Doc: "Whether assignments of consumer groups are computed apart from the coordinator's own goroutine.",
	}),
	declare(Brokers, Key{
		Name: "group.coordinator.append.linger.ms", Type: TypeInt, Default: "-1", Rule: atLeast(-1), Importance: Medium,
		Status: NotNeeded, Why: noLinger,
		Doc: "How long the group coordinator gathers records before it appends; -1 adapts to the load.",
	}),
	declare(Brokers, Key{
		Name: "group.coordinator.background.threads", Type: TypeInt, Default: "2", Rule: atLeast(1), Importance: High,
		Status: NotNeeded, Why: noThreads,
		Doc: "Threads for the group coordinator's background work.",
	}),
	declare(Brokers, Key{
		Name: "group.coordinator.cached.buffer.max.bytes", Type: TypeInt, Default: "1048588", Rule: atLeast(524288), Importance: Medium, Mode: ClusterWide,
		Status: NotNeeded, Why: noThreads,
		Doc: "Largest buffer that the group coordinator keeps for the next append.",
	}),
	declare(Brokers, Key{
		Name: "group.coordinator.threads", Type: TypeInt, Default: "4", Rule: atLeast(1), Importance: High,
		Status: NotNeeded, Why: noThreads,
		Doc: "Threads of the group coordinator.",
	}),
	declare(Brokers, Key{
		Name: "offsets.load.buffer.size", Type: TypeInt, Default: "5242880", Rule: atLeast(1), Importance: High,
		Status: NotNeeded, Why: noThreads,
		Doc: "Bytes read at a time while committed offsets are loaded.",
	}),
	declare(Brokers, Key{
		Name: "add.partitions.to.txn.retry.backoff.max.ms", Type: TypeInt, Default: "100", Rule: atLeast(0), Importance: High,
		Status: NotNeeded, Why: noBackoff,
		Doc: "Longest back-off while a partition is added to a transaction on the server's side.",
	}),
	declare(Brokers, Key{
		Name: "add.partitions.to.txn.retry.backoff.ms", Type: TypeInt, Default: "20", Rule: atLeast(1), Importance: High,
		Status: NotNeeded, Why: noBackoff,
		Doc: "First back-off while a partition is added to a transaction on the server's side.",
	}),
	declare(Brokers, Key{
		Name: "transaction.abort.timed.out.transaction.cleanup.interval.ms", Type: TypeInt, Default: "10000", Rule: atLeast(1),
		Status: NotNeeded, Why: noSweep,
		Doc: "How often transactions past their timeout are looked for.",
	}),
	declare(Brokers, Key{
		Name: "transaction.state.log.load.buffer.size", Type: TypeInt, Default: "5242880", Rule: atLeast(1), Importance: High,
		Status: NotNeeded, Why: noThreads,
		Doc: "Bytes read at a time while the transaction coordinator loads.",
	}),
}
