//go:build differential

package interop

// accepted are the differences from Apache Kafka that are meant, each with its reason. Patterns are
// regular expressions over the whole text; an empty one fits all.
var accepted = []struct {
	api          string // as kmsg names it; empty for all
	path         string
	theirs, ours string
	reason       string
}{
	{
		api: "ApiVersions", path: `\.ApiKeys\.\d+`, ours: `absent`,
		reason: "only what works is advertised: no share and streams groups, SASL or quotas yet",
	},
	{
		api: "ApiVersions", path: `\.(Finalized|Supported)Features.*`,
		reason: "features are at level 0 until they are built",
	},
	{
		api: "Produce", path: ``, theirs: `no answer`,
		reason: "Kafka leaves a produce request with null records without an answer",
	},
	{
		api: "Fetch", path: `.*epsilon.*`, theirs: `.*crc.*`, ours: `.*crc.*`,
		reason: "the broker compresses this topic's batches itself, and compressors differ",
	},
	{
		api: "DescribeLogDirs", path: `.*epsilon.*\.Size`,
		reason: "the broker compresses this topic's batches itself, and compressors differ",
	},
	{
		api: "GetTelemetrySubscriptions", theirs: `answer`, ours: `closed`,
		reason: "without a receiver neither advertises it; Kafka answers nevertheless, we treat it as any unknown key",
	},
	{
		api: "PushTelemetry", theirs: `answer`, ours: `closed`,
		reason: "without a receiver neither advertises it; Kafka answers nevertheless, we treat it as any unknown key",
	},
	{
		api: "FindCoordinator", path: `.*`, theirs: `15|-1|`,
		reason: "the coordinator's topic is in the answer that created it; Kafka says COORDINATOR_NOT_AVAILABLE first",
	},
	{
		api: "AddPartitionsToTxn", theirs: `no answer`, ours: `answer`,
		reason: "Kafka never answers a request of brokers without transactions; we say that there are none",
	},
	{
		api: "WriteTxnMarkers", theirs: `no answer`, ours: `answer`,
		reason: "Kafka counts markers that it has nothing to write for twice, or not at all, and never answers then; we answer for what was asked",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `45`, ours: `0`,
		reason: "a batch of a later epoch was refused: Kafka refuses the next one of the open transaction for it, which we take",
	},
	{
		api: "Produce", path: `.*\.BaseOffset`, theirs: `-1`, ours: `\d+`,
		reason: "a batch of a later epoch was refused: Kafka refuses the next one of the open transaction for it, which we take",
	},
	{
		api: "AddPartitionsToTxn", path: `\.Transactions\[\d*\]\.Topics\..*`, theirs: `absent|present`, ours: `absent|present`,
		reason: "a transactional id that is named twice: Kafka answers for the partitions of the last one twice, we for each",
	},
	{
		path: `.*\.ErrorCode`, theirs: `-1`,
		reason: "Kafka fails with an exception where we say what is wrong, or take a harmless oddity",
	},
	{
		api: "Metadata", path: `\.Topics.*`, theirs: `3|5|absent|present|no id`,
		reason: "an automatically created topic is in the answer that created it; Kafka says UNKNOWN_TOPIC_OR_PARTITION first",
	},
	{
		api: "CreateTopics", path: `\.Topics.*min\.insync\.replicas\.Source`, theirs: `3`, ours: `5`,
		reason: "with ELR Kafka writes min.insync.replicas into the cluster's dynamic default when it formats the folder",
	},
	{
		api: "DescribeConfigs", path: `.*min\.insync\.replicas\..*`,
		reason: "with ELR Kafka writes min.insync.replicas into the cluster's dynamic default when it formats the folder",
	},
	{
		api: "CreateTopics", path: `.*\.TopicID`, theirs: `a new id`, ours: `no id`,
		reason: "with validateOnly no topic is made, so it has no id; Kafka invents one",
	},
	{
		api: "CreateACLs", theirs: `closed`, ours: `answer`,
		reason: "an enumeration value that doesn't exist: SECURITY_DISABLED comes first, Kafka fails to decode it",
	},
	{
		api: "DescribeACLs", theirs: `closed`, ours: `answer`,
		reason: "an enumeration value that doesn't exist: SECURITY_DISABLED comes first, Kafka fails to decode it",
	},
	{
		api: "DeleteACLs", theirs: `closed`, ours: `answer`,
		reason: "an enumeration value that doesn't exist: SECURITY_DISABLED comes first, Kafka fails to decode it",
	},
	{
		api: "InitProducerID", theirs: `14|-1`, ours: `0|producer id`,
		reason: "Kafka's first answer is COORDINATOR_LOAD_IN_PROGRESS while it fetches a block of ids; we wait for it",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, ours: `21`,
		reason: "acks that don't exist are refused before anything else is looked at",
	},
	{
		api: "ApiVersions", path: `\.ZkMigrationReady|\.FinalizedFeaturesEpoch`,
		reason: "says nothing about a broker without ZooKeeper",
	},
	// From here on are gaps: Kafka is right, and an entry goes when we do as it does.
	{
		api: "AlterReplicaLogDirs", path: `.*\.ErrorCode`, theirs: `3|17|57`, ours: `9`,
		reason: "gap: REPLICA_NOT_AVAILABLE for what Kafka calls an unknown partition or log dir",
	},
	{
		api: "ApiVersions", path: `\.ErrorCode`, theirs: `42`, ours: `129`,
		reason: "gap: a cluster id without a node id is an invalid request for Kafka",
	},
	{
		api: "ElectLeaders", path: `\.Topics.*`, theirs: `absent|present`, ours: `absent|present`,
		reason: "gap: an election of all partitions lists those that need none",
	},
	{
		api: "Fetch", path: `\.SessionID`, theirs: `session`, ours: `0`,
		reason: "gap: no session is made for a full fetch without partitions",
	},
	{
		api: "Fetch", path: `\.Topics.*`, theirs: `absent|present|\d`, ours: `absent|present|\d|100`,
		reason: "gap: a full fetch drops the topics it is told to forget; an empty name is taken for an unknown id",
	},
	{
		api: "ListOffsets", path: `.*\.(Offset|Timestamp)`, theirs: `-1`,
		reason: "gap: a current leader epoch below -1 is taken for none",
	},
	{
		api: "OffsetForLeaderEpoch", path: `.*\.(ErrorCode|EndOffset|LeaderEpoch)`, theirs: `74|-1`,
		reason: "gap: a current leader epoch below -1 is taken for none",
	},
	{
		api: "DescribeTopicPartitions", path: `\.NextCursor.*|\.Topics.*`,
		reason: "gap: a limit of 0 is taken for 1 by Kafka; authorized operations of topics that don't exist",
	},
	{
		api: "Fetch", path: `.*\.(HighWatermark|LastStableOffset|LogStartOffset)`, theirs: `-1`,
		reason: "Kafka fails with an exception where we say what is wrong, or take a harmless oddity",
	},
	{
		path: `.*RecordBatches.*|log\..*`, theirs: `.*attributes [34],.*`, ours: `.*attributes [34],.*`,
		reason: "the broker compresses these batches itself, and compressors differ",
	},
	{
		api: "UpdateFeatures", path: `\.Results.*`,
		reason: "gap: a feature named twice is answered once",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `0`, ours: `32`,
		reason: "gap: a timestamp that Kafka takes is refused",
	},
	{
		api: "ListOffsets", path: `.*\.ErrorCode`, theirs: `74`, ours: `0`,
		reason: "gap: a current leader epoch below -1 is taken for none",
	},
	{
		api: "Metadata", path: `\.(Brokers|ClusterID|ControllerID).*`,
		reason: "gap: versions 10 and 11 answer a null topic name without the broker list in Kafka",
	},
	{
		api: "Metadata", path: `.*\.AuthorizedOperations`, theirs: `3576`, ours: `-2147483648`,
		reason: "gap: authorized operations of topics that don't exist",
	},
	{
		api: "Metadata", path: `effect\..*`, theirs: `7`, ours: ` 7 `,
		reason: "gap: blanks around a config value are kept",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `0`, ours: `87`,
		reason: "a producer id with epoch -1 is nobody's; Kafka takes its batches",
	},
	{
		api: "Produce", path: `.*\.BaseOffset`, theirs: `\d+`, ours: `-1`,
		reason: "a producer id with epoch -1 is nobody's; Kafka takes its batches",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `2`, ours: `3|32|87`,
		reason: "gap: Kafka finds a corrupt batch before an unknown partition or a bad timestamp",
	},
	{
		api: "Produce", path: `.*\.(LogStartOffset|ErrorRecords.*)`,
		reason: "gap: the log start offset and the bad records beside some error codes",
	},
	{
		api: "Produce", path: `\.Topics\[\d+\]\..*|\.Topics.*`, theirs: `absent|present|[a-z]*`, ours: `absent|present|[a-z]*`,
		reason: "gap: topics are answered in another order when two have the same id",
	},
	{
		api: "Produce", path: ``, theirs: `closed`, ours: `no answer|answer`,
		reason: "gap: acks=0 with a batch Kafka refuses closes the connection",
	},
}
