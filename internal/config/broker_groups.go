package config

// The broker keys of the group coordinator.
var (
	DefaultGroupConsumerAssignmentIntervalMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.assignment.interval.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium, Mode: ClusterWide,
		Doc: "Shortest time between two assignments of a consumer group.",
	})}
	GroupConsumerAssignors = List{declare(Brokers, Key{
		Name: "group.consumer.assignors", Type: TypeList, Default: "uniform,range", Importance: Medium,
		Doc: "Assignors of consumer groups, the default first.",
	})}
	DefaultGroupConsumerHeartbeatIntervalMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium,
		Doc: "Heartbeat interval given to members of consumer groups.",
	})}
	GroupConsumerMaxAssignmentIntervalMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.max.assignment.interval.ms", Type: TypeInt, Default: "15000", Rule: atLeast(0), Importance: Medium,
		Doc: "Upper bound of consumer.assignment.interval.ms.",
	})}
	GroupConsumerMaxHeartbeatIntervalMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.max.heartbeat.interval.ms", Type: TypeInt, Default: "15000", Rule: atLeast(1), Importance: Medium,
		Doc: "Upper bound of consumer.heartbeat.interval.ms.",
	})}
	GroupConsumerMaxSessionTimeoutMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.max.session.timeout.ms", Type: TypeInt, Default: "60000", Rule: atLeast(1), Importance: Medium,
		Doc: "Upper bound of consumer.session.timeout.ms.",
	})}
	GroupConsumerMaxSize = Int{declare(Brokers, Key{
		Name: "group.consumer.max.size", Type: TypeInt, Default: "2147483647", Rule: atLeast(1), Importance: Medium,
		Doc: "Largest number of members of a consumer group.",
	})}
	GroupConsumerMigrationPolicy = Text{declare(Brokers, Key{
		Name: "group.consumer.migration.policy", Type: TypeString, Default: "bidirectional", Rule: oneOfAnyCase("DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"), Importance: Medium,
		Doc: "Which groups may change between the classic and the consumer protocol.",
	})}
	GroupConsumerMinAssignmentIntervalMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.min.assignment.interval.ms", Type: TypeInt, Default: "0", Rule: atLeast(0), Importance: Medium,
		Doc: "Lower bound of consumer.assignment.interval.ms.",
	})}
	GroupConsumerMinHeartbeatIntervalMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.min.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium,
		Doc: "Lower bound of consumer.heartbeat.interval.ms.",
	})}
	GroupConsumerMinSessionTimeoutMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.min.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium,
		Doc: "Lower bound of consumer.session.timeout.ms.",
	})}
	GroupConsumerRegexRefreshIntervalMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.regex.refresh.interval.ms", Type: TypeInt, Default: "600000", Rule: atLeast(10000), Importance: Medium, Internal: true,
		Doc: "How often a group's regular expressions are resolved again.",
	})}
	DefaultGroupConsumerSessionTimeoutMs = Millis{declare(Brokers, Key{
		Name: "group.consumer.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium,
		Doc: "Time without a heartbeat after which a member of a consumer group is removed.",
	})}
	GroupCoordinatorRebalanceProtocols = List{declare(Brokers, Key{
		Name: "group.coordinator.rebalance.protocols", Type: TypeList, Default: "classic,consumer,streams", Rule: listOf("consumer", "classic", "share", "streams"), Importance: Medium,
		Doc: "Protocols that groups may use.",
	})}
	GroupInitialRebalanceDelayMs = Millis{declare(Brokers, Key{
		Name: "group.initial.rebalance.delay.ms", Type: TypeInt, Default: "3000", Importance: Medium,
		Doc: "How long the coordinator waits for more members before the first rebalance of a classic group.",
	})}
	GroupMaxSessionTimeoutMs = Millis{declare(Brokers, Key{
		Name: "group.max.session.timeout.ms", Type: TypeInt, Default: "1800000", Importance: Medium,
		Doc: "Longest session timeout a member of a classic group may ask for.",
	})}
	GroupMaxSize = Int{declare(Brokers, Key{
		Name: "group.max.size", Type: TypeInt, Default: "2147483647", Rule: atLeast(1), Importance: Medium,
		Doc: "Largest number of members of a classic group.",
	})}
	GroupMinSessionTimeoutMs = Millis{declare(Brokers, Key{
		Name: "group.min.session.timeout.ms", Type: TypeInt, Default: "6000", Importance: Medium,
		Doc: "Shortest session timeout a member of a classic group may ask for.",
	})}
	OffsetMetadataMaxBytes = Bytes{declare(Brokers, Key{
		Name: "offset.metadata.max.bytes", Type: TypeInt, Default: "4096", Importance: High,
		Doc: "Largest metadata text of a committed offset.",
	})}
	OffsetsCommitTimeoutMs = Millis{declare(Brokers, Key{
		Name: "offsets.commit.timeout.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: High,
		Doc: "How long the coordinator waits until a commit is replicated.",
	})}
	OffsetsRetentionCheckIntervalMs = Millis{declare(Brokers, Key{
		Name: "offsets.retention.check.interval.ms", Type: TypeLong, Default: "600000", Rule: atLeast(1), Importance: High,
		Doc: "How often expired committed offsets are looked for.",
	})}
	OffsetsRetentionMinutes = Int{declare(Brokers, Key{
		Name: "offsets.retention.minutes", Type: TypeInt, Default: "10080", Rule: atLeast(1), Importance: High,
		Doc: "How long committed offsets are kept once their group is empty.",
	})}
	OffsetsTopicCompressionCodec = Int{declare(Brokers, Key{
		Name: "offsets.topic.compression.codec", Type: TypeInt, Default: "0", Importance: High,
		Doc: "Codec of the topic of committed offsets, by number.",
	})}
	OffsetsTopicNumPartitions = Int{declare(Brokers, Key{
		Name: "offsets.topic.num.partitions", Type: TypeInt, Default: "50", Rule: atLeast(1), Importance: High,
		Doc: "Partitions of the topic of committed offsets.",
	})}
	OffsetsTopicReplicationFactor = Int{declare(Brokers, Key{
		Name: "offsets.topic.replication.factor", Type: TypeShort, Default: "3", Rule: atLeast(1), Importance: High,
		Doc: "Replicas of the topic of committed offsets.",
	})}
	OffsetsTopicSegmentBytes = Bytes{declare(Brokers, Key{
		Name: "offsets.topic.segment.bytes", Type: TypeInt, Default: "104857600", Rule: atLeast(1), Importance: High,
		Doc: "Segment size of the topic of committed offsets.",
	})}
)
