package config

// The configs of a group. Each falls back to a broker key where one is named.
var (
	GroupConsumerAssignmentIntervalMs = Millis{declare(Groups, Key{
		Name: "consumer.assignment.interval.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "group.consumer.assignment.interval.ms"}},
		Doc: "Shortest time between two assignments of a consumer group.",
	})}
	GroupConsumerAssignorOffloadEnable = Bool{declare(Groups, Key{
		Name: "consumer.assignor.offload.enable", Type: TypeBoolean, Default: "true", Importance: Medium, Internal: true, Synonyms: []Synonym{{Name: "group.consumer.assignor.offload.enable"}},
		Doc: "Whether a consumer group's assignment is computed apart from the coordinator's own goroutine.",
	})}
	GroupConsumerHeartbeatIntervalMs = Millis{declare(Groups, Key{
		Name: "consumer.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "group.consumer.heartbeat.interval.ms"}},
		Doc: "Heartbeat interval that the coordinator gives to the members of a consumer group.",
	})}
	GroupConsumerSessionTimeoutMs = Millis{declare(Groups, Key{
		Name: "consumer.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "group.consumer.session.timeout.ms"}},
		Doc: "Time without a heartbeat after which a member of a consumer group is removed.",
	})}
	GroupErrorsDeadletterqueueCopyRecordEnable = Bool{declare(Groups, Key{
		Name: "errors.deadletterqueue.copy.record.enable", Type: TypeBoolean, Default: "false", Importance: Medium, Status: Unsupported, Why: noShareGroups,
		Doc: "Whether a share group copies the whole record into its dead letter queue, not only where it was.",
	})}
	GroupErrorsDeadletterqueueTopicName = Text{declare(Groups, Key{
		Name: "errors.deadletterqueue.topic.name", Type: TypeString, Importance: Medium, Status: Unsupported, Why: noShareGroups,
		Doc: "The topic that a share group puts records in which it gave up on.",
	})}
	GroupShareAssignmentIntervalMs = Millis{declare(Groups, Key{
		Name: "share.assignment.interval.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "group.share.assignment.interval.ms"}}, Status: Unsupported, Why: noShareGroups,
		Doc: "Shortest time between two assignments of a share group.",
	})}
	GroupShareAssignorOffloadEnable = Bool{declare(Groups, Key{
		Name: "share.assignor.offload.enable", Type: TypeBoolean, Default: "true", Importance: Medium, Internal: true, Synonyms: []Synonym{{Name: "group.share.assignor.offload.enable"}}, Status: Unsupported, Why: noShareGroups,
		Doc: "Whether a share group's assignment is computed apart from the coordinator's own goroutine.",
	})}
	GroupShareAutoOffsetReset = Text{declare(Groups, Key{
		Name: "share.auto.offset.reset", Type: TypeString, Default: "latest", Rule: offsetReset, Importance: Medium, Status: Unsupported, Why: noShareGroups,
		Doc: "Where a share group begins: latest, earliest, or by_duration: followed by an ISO 8601 duration.",
	})}
	GroupShareDeliveryCountLimit = Int{declare(Groups, Key{
		Name: "share.delivery.count.limit", Type: TypeInt, Default: "5", Rule: atLeast(2), Importance: Medium, Synonyms: []Synonym{{Name: "group.share.delivery.count.limit"}}, Status: Unsupported, Why: noShareGroups,
		Doc: "How often a record is delivered to a share group before it is given up.",
	})}
	GroupShareHeartbeatIntervalMs = Millis{declare(Groups, Key{
		Name: "share.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "group.share.heartbeat.interval.ms"}}, Status: Unsupported, Why: noShareGroups,
		Doc: "Heartbeat interval that the coordinator gives to the members of a share group.",
	})}
	GroupShareIsolationLevel = Text{declare(Groups, Key{
		Name: "share.isolation.level", Type: TypeString, Default: "read_uncommitted", Rule: oneOf("read_committed", "read_uncommitted"), Importance: Medium, Status: Unsupported, Why: noShareGroups,
		Doc: "Whether a share group sees records of open and aborted transactions.",
	})}
	GroupSharePartitionMaxRecordLocks = Int{declare(Groups, Key{
		Name: "share.partition.max.record.locks", Type: TypeInt, Default: "2000", Rule: atLeast(100), Importance: Medium, Synonyms: []Synonym{{Name: "group.share.partition.max.record.locks"}}, Status: Unsupported, Why: noShareGroups,
		Doc: "Records of one partition that a share group may hold at once.",
	})}
	GroupShareRecordLockDurationMs = Millis{declare(Groups, Key{
		Name: "share.record.lock.duration.ms", Type: TypeInt, Default: "30000", Rule: atLeast(1000), Importance: Medium, Synonyms: []Synonym{{Name: "group.share.record.lock.duration.ms"}}, Status: Unsupported, Why: noShareGroups,
		Doc: "How long a member of a share group holds a record before it is given to another.",
	})}
	GroupShareRenewAcknowledgeEnable = Bool{declare(Groups, Key{
		Name: "share.renew.acknowledge.enable", Type: TypeBoolean, Default: "true", Importance: Medium, Status: Unsupported, Why: noShareGroups,
		Doc: "Whether members of a share group may prolong the lock of a record.",
	})}
	GroupShareSessionTimeoutMs = Millis{declare(Groups, Key{
		Name: "share.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "group.share.session.timeout.ms"}}, Status: Unsupported, Why: noShareGroups,
		Doc: "Time without a heartbeat after which a member of a share group is removed.",
	})}
	GroupStreamsAcceptableRecoveryLag = Long{declare(Groups, Key{
		Name: "streams.acceptable.recovery.lag", Type: TypeLong, Default: "10000", Rule: atLeast(0), Importance: Medium, Internal: true, Synonyms: []Synonym{{Name: "group.streams.acceptable.recovery.lag"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Lag below which a streams client counts as caught up with a task.",
	})}
	GroupStreamsAssignmentIntervalMs = Millis{declare(Groups, Key{
		Name: "streams.assignment.interval.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "group.streams.assignment.interval.ms"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Shortest time between two assignments of a streams group.",
	})}
	GroupStreamsAssignorName = Text{declare(Groups, Key{
		Name: "streams.assignor.name", Type: TypeString, Null: true, Importance: Medium, Synonyms: []Synonym{{Name: "group.streams.assignors"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "The assignor of a streams group.",
	})}
	GroupStreamsAssignorOffloadEnable = Bool{declare(Groups, Key{
		Name: "streams.assignor.offload.enable", Type: TypeBoolean, Default: "true", Importance: Medium, Internal: true, Synonyms: []Synonym{{Name: "group.streams.assignor.offload.enable"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Whether a streams group's assignment is computed apart from the coordinator's own goroutine.",
	})}
	GroupStreamsHeartbeatIntervalMs = Millis{declare(Groups, Key{
		Name: "streams.heartbeat.interval.ms", Type: TypeInt, Default: "5000", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "group.streams.heartbeat.interval.ms"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Heartbeat interval that the coordinator gives to the members of a streams group.",
	})}
	GroupStreamsInitialRebalanceDelayMs = Millis{declare(Groups, Key{
		Name: "streams.initial.rebalance.delay.ms", Type: TypeInt, Default: "3000", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "group.streams.initial.rebalance.delay.ms"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "How long the coordinator waits for more members before the first assignment of a streams group.",
	})}
	GroupStreamsNumStandbyReplicas = Int{declare(Groups, Key{
		Name: "streams.num.standby.replicas", Type: TypeInt, Default: "0", Rule: atLeast(0), Importance: Medium, Synonyms: []Synonym{{Name: "group.streams.num.standby.replicas"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Standby copies of each task of a streams group.",
	})}
	GroupStreamsNumWarmupReplicas = Int{declare(Groups, Key{
		Name: "streams.num.warmup.replicas", Type: TypeInt, Default: "2", Rule: atLeast(0), Importance: Medium, Internal: true, Synonyms: []Synonym{{Name: "group.streams.num.warmup.replicas"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Extra standbys that a streams group warms up at a time.",
	})}
	GroupStreamsRackAwareAssignmentTags = List{declare(Groups, Key{
		Name: "streams.rack.aware.assignment.tags", Type: TypeList, Synonyms: []Synonym{{Name: "group.streams.rack.aware.assignment.tags"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Client tags over which a streams group spreads standbys.",
	})}
	GroupStreamsSessionTimeoutMs = Millis{declare(Groups, Key{
		Name: "streams.session.timeout.ms", Type: TypeInt, Default: "45000", Rule: atLeast(1), Importance: Medium, Synonyms: []Synonym{{Name: "group.streams.session.timeout.ms"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "Time without a heartbeat after which a member of a streams group is removed.",
	})}
	GroupStreamsTaskOffsetIntervalMs = Millis{declare(Groups, Key{
		Name: "streams.task.offset.interval.ms", Type: TypeInt, Default: "60000", Rule: atLeast(1), Importance: Medium, Internal: true, Synonyms: []Synonym{{Name: "group.streams.task.offset.interval.ms"}}, Status: Unsupported, Why: noStreamsGroups,
		Doc: "How often members of a streams group report the offsets of their tasks.",
	})}
)
