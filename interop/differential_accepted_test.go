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
		reason: "only what works is advertised: no groups, transactions, SASL or quotas yet",
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
		api: "FindCoordinator", path: `.*`, ours: `15|-1|`,
		reason: "there are no coordinators yet: COORDINATOR_NOT_AVAILABLE",
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
}
