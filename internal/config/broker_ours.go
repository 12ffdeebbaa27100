package config

// The keys that Kafka doesn't have.
var (
	AdminListener = Text{declare(Brokers, Key{
		Name: "admin.listener", Type: TypeString, Default: "127.0.0.1:8080", Importance: Medium, Ours: true,
		Doc: "Address of the admin HTTP endpoint: metrics, health, pprof. Empty turns it off.",
	})}
	AdminPprofEnable = Bool{declare(Brokers, Key{
		Name: "admin.pprof.enable", Type: TypeBoolean, Default: "false", Ours: true,
		Doc: "Whether the admin endpoint serves Go's profiles under /debug/pprof.",
	})}
	ClientTelemetryOTLPEndpoint = Text{declare(Brokers, Key{
		Name: "client.telemetry.otlp.endpoint", Type: TypeString, Null: true, Rule: httpURL, Ours: true,
		Doc: "URL of an OTLP/HTTP collector that receives the metrics which clients push (KIP-714), http://host:4318/v1/metrics for example. Without it brokers don't ask clients for metrics.",
	})}
	LogTailCacheBytes = Bytes{declare(Brokers, Key{
		Name: "log.tail.cache.bytes", Type: TypeLong, Default: "33554432", Rule: atLeast(0), Ours: true,
		Doc: "Memory for the newest batches of all partitions, from which consumers at the end of a log are answered without reading a file.",
	})}
	LogMaxOpenFiles = Int{declare(Brokers, Key{
		Name: "log.max.open.files", Type: TypeInt, Default: "4096", Rule: atLeast(64), Ours: true,
		Doc: "Files of logs that are kept open at once. The least recently used are closed and opened again when they are needed.",
	})}
	RequestMemoryMaxBytes = Bytes{declare(Brokers, Key{
		Name: "request.memory.max.bytes", Type: TypeLong, Default: "268435456", Rule: atLeast(1 << 20), Ours: true,
		Doc: "Memory for requests in flight, over all connections. Connections aren't read from while it is used up.",
	})}
)

// The keys of the cluster plane.
var _ = []*Key{
	declare(Brokers, Key{
		Name: "cluster.listener", Type: TypeString, Importance: Medium, Ours: true, Status: Refused, Why: needsCluster,
		Doc: "Address on which the nodes of a cluster reach each other.",
	}),
	declare(Brokers, Key{
		Name: "serf.listener", Type: TypeString, Importance: Medium, Ours: true, Status: Refused, Why: needsCluster,
		Doc: "Address on which the nodes of a cluster find each other.",
	}),
	declare(Brokers, Key{
		Name: "cluster.join", Type: TypeList, Importance: High, Ours: true, Status: Refused, Why: needsCluster,
		Doc: "Nodes of the cluster to join.",
	}),
	declare(Brokers, Key{
		Name: "cluster.bootstrap.expect", Type: TypeInt, Default: "1", Rule: atLeast(1), Importance: High, Ours: true, Status: Refused, Why: needsCluster,
		Doc: "Nodes a new cluster waits for before it elects its first leader.",
	}),
	declare(Brokers, Key{
		Name: "cluster.secret", Type: TypePassword, Null: true, Importance: High, Ours: true, Status: Refused, Why: needsCluster,
		Doc: "Secret that encrypts and authenticates what the nodes say to each other.",
	}),
	declare(Brokers, Key{
		Name: "cluster.secret.file", Type: TypeString, Null: true, Importance: High, Ours: true, Status: Refused, Why: needsCluster,
		Doc: "File that holds cluster.secret.",
	}),
}

const needsCluster = "It needs the cluster, which this version does not have."
