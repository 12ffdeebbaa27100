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
		api: "ApiVersions", path: `\.ZkMigrationReady|\.FinalizedFeaturesEpoch`,
		reason: "says nothing about a broker without ZooKeeper",
	},
	{
		api: "Fetch", path: `.*\.ErrorCode`, theirs: `6`,
		reason: "Kafka leads a new partition a moment after it has shown it",
	},
	{
		api: "DescribeConfigs", path: `\.Resources\..*\.(ErrorCode|Configs.*)|\.Resources\[\d*\]\.(ErrorCode|Configs.*)`, theirs: `42|0|absent|present`, ours: `0|3|17|\d+|absent|present`,
		reason: "a resource of a type that doesn't exist: Kafka refuses the others of the request for it",
	},
	{
		api: "DescribeTopicPartitions", path: `\.NextCursor.*`, theirs: `null`,
		reason: "Kafka fails with an exception where we say what is wrong, or take a harmless oddity",
	},
	{
		path: `.*RecordBatches.*|log\..*`, theirs: `.*attributes [34],.*`, ours: `.*attributes [34],.*`,
		reason: "the broker compresses these batches itself, and compressors differ",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `0|32|47`, ours: `87`,
		reason: "a producer id with epoch -1 is nobody's; Kafka takes its batches: decision 0003",
	},
	{
		api: "Produce", path: `.*\.BaseOffset`, theirs: `\d+`, ours: `-1`,
		reason: "a batch that Kafka takes and decision 0003 refuses has no offset",
	},
	{
		api: "Produce", path: `.*\.LogAppendTime`, theirs: `time`, ours: `-1`,
		reason: "a batch that Kafka takes and decision 0003 refuses has no time",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `0`, ours: `32`,
		reason: "a producer can't set the timestamp type LogAppendTime; Kafka takes that in most places: decision 0003",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `87`, ours: `32`,
		reason: "a producer can't set the timestamp type LogAppendTime; Kafka takes that in most places: decision 0003",
	},
	{
		api: "Produce", path: `.*\.ErrorRecords(\.len|\[\d+\].*)`, theirs: `\d+|present`, ours: `0|absent`,
		reason: "a producer can't set the timestamp type LogAppendTime: the batch is refused, Kafka names each record",
	},
	{
		api: "Produce", path: `.*\.ErrorCode`, theirs: `2`, ours: `0|3|10|32|45|87|100`,
		reason: "bytes that can't be a batch: Kafka refuses the other partitions of the request for them: decision 0013",
	},
	{
		api: "Produce", path: `.*\.(BaseOffset|LogStartOffset|LogAppendTime)`, theirs: `-1`, ours: `\d+|time`,
		reason: "bytes that can't be a batch: Kafka refuses the other partitions of the request for them: decision 0013",
	},
	{
		api: "Produce", path: `\.Topics\[\d+\]\.TopicID`,
		reason: "two topics have the same id, and are sorted by their error codes, which differ: decision 0013",
	},
}
