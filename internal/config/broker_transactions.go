package config

// The broker keys of the transaction coordinator.
var (
	TransactionMaxTimeoutMs = Millis{declare(Brokers, Key{
		Name: "transaction.max.timeout.ms", Type: TypeInt, Default: "900000", Rule: atLeast(1), Importance: High,
		Doc: "Longest timeout a transactional producer may ask for.",
	})}
	TransactionPartitionVerificationEnable = Bool{declare(Brokers, Key{
		Name: "transaction.partition.verification.enable", Type: TypeBoolean, Default: "true", Mode: ClusterWide,
		Doc: "Whether a partition is checked to be part of the transaction before it takes its records.",
	})}
	TransactionRemoveExpiredTransactionCleanupIntervalMs = Millis{declare(Brokers, Key{
		Name: "transaction.remove.expired.transaction.cleanup.interval.ms", Type: TypeInt, Default: "3600000", Rule: atLeast(1),
		Doc: "How often expired transactional ids are looked for.",
	})}
	TransactionStateLogMinISR = Int{declare(Brokers, Key{
		Name: "transaction.state.log.min.isr", Type: TypeInt, Default: "2", Rule: atLeast(1), Importance: High,
		Doc: "min.insync.replicas of the transaction coordinator's topic.",
	})}
	TransactionStateLogNumPartitions = Int{declare(Brokers, Key{
		Name: "transaction.state.log.num.partitions", Type: TypeInt, Default: "50", Rule: atLeast(1), Importance: High,
		Doc: "Partitions of the transaction coordinator's topic.",
	})}
	TransactionStateLogReplicationFactor = Int{declare(Brokers, Key{
		Name: "transaction.state.log.replication.factor", Type: TypeShort, Default: "3", Rule: atLeast(1), Importance: High,
		Doc: "Replicas of the transaction coordinator's topic.",
	})}
	TransactionStateLogSegmentBytes = Bytes{declare(Brokers, Key{
		Name: "transaction.state.log.segment.bytes", Type: TypeInt, Default: "104857600", Rule: atLeast(1), Importance: High,
		Doc: "Segment size of the transaction coordinator's topic.",
	})}
	TransactionalIdExpirationMs = Millis{declare(Brokers, Key{
		Name: "transactional.id.expiration.ms", Type: TypeInt, Default: "604800000", Rule: atLeast(1), Importance: High,
		Doc: "How long an unused transactional id is kept.",
	})}
)
