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
		api: "ApiVersions", path: `\.ApiKeys(\.len|\.\d+\..*)`, ours: `absent|\d+`,
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
		api: "ApiVersions", path: `\.ZkMigrationReady|\.FinalizedFeaturesEpoch`,
		reason: "says nothing about a broker without ZooKeeper",
	},
}
