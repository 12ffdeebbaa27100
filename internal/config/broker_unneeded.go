package config

const (
	noKRaft     = "Metadata is kept by the Raft inside every node; there is no controller to configure."
	noReporters = "Metrics are read from the admin listener's /metrics."
	noThreads   = "Requests are handled by goroutines and waiters are woken, not polled: there is nothing to size."
)

// Kafka's broker keys that nothing in Jocko corresponds to. Setting one changes
// nothing that a user could see.
var _ = []*Key{
	declare(Brokers, Key{
		Name: "controller.listener.names", Type: TypeList, Null: true, Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Listeners of a KRaft controller.",
	}),
	declare(Brokers, Key{
		Name: "controller.performance.always.log.threshold.ms", Type: TypeLong, Default: "2000", Rule: atLeast(0), Importance: Medium, Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Duration from which a KRaft controller logs each event.",
	}),
	declare(Brokers, Key{
		Name: "controller.performance.sample.period.ms", Type: TypeLong, Default: "60000", Rule: atLeast(100), Importance: Medium, Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How often a KRaft controller logs its slowest event.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.append.linger.ms", Type: TypeInt, Default: "25", Rule: atLeast(0), Importance: Medium,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How long a KRaft controller waits for more records before it writes.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.auto.join.enable", Type: TypeBoolean, Default: "false",
		Status: NotNeeded, Why: noKRaft,
		Doc: "Whether a KRaft controller joins the voters by itself.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.bootstrap.servers", Type: TypeList, Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Where a KRaft node finds the controllers.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.election.backoff.max.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Longest back-off of a KRaft election.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.election.timeout.ms", Type: TypeInt, Default: "1000", Rule: atLeast(0), Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How long a KRaft candidate waits for votes.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.fetch.max.bytes", Type: TypeInt, Default: "1048576", Rule: atLeast(1),
		Status: NotNeeded, Why: noKRaft,
		Doc: "Largest fetch of a KRaft metadata log.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.fetch.snapshot.max.bytes", Type: TypeInt, Default: "1048576", Rule: atLeast(1),
		Status: NotNeeded, Why: noKRaft,
		Doc: "Largest fetch of a KRaft snapshot.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.fetch.timeout.ms", Type: TypeInt, Default: "2000", Rule: atLeast(0), Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How long a KRaft node goes without a fetch before it starts an election.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.request.timeout.ms", Type: TypeInt, Default: "2000", Rule: atLeast(0), Importance: Medium,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How long a KRaft node waits for an answer.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.retry.backoff.ms", Type: TypeInt, Default: "20", Rule: atLeast(0),
		Status: NotNeeded, Why: noKRaft,
		Doc: "Pause before a KRaft node repeats a request.",
	}),
	declare(Brokers, Key{
		Name: "controller.quorum.voters", Type: TypeList, Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "The fixed voters of a KRaft quorum.",
	}),
	declare(Brokers, Key{
		Name: "controller.socket.timeout.ms", Type: TypeInt, Default: "30000", Importance: Medium,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Socket time-out between a broker and its controller.",
	}),
	declare(Brokers, Key{
		Name: "early.start.listeners", Type: TypeList, Null: true, Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Listeners that open before the broker has loaded its authorizer's state.",
	}),
	declare(Brokers, Key{
		Name: "initial.broker.registration.timeout.ms", Type: TypeInt, Default: "60000", Importance: Medium,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How long a starting broker tries to register before it gives up.",
	}),
	declare(Brokers, Key{
		Name: "internal.metadata.delete.delay.millis", Type: TypeLong, Default: "60000", Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How long a deleted file of the metadata log stays on disk.",
	}),
	declare(Brokers, Key{
		Name: "internal.metadata.log.segment.bytes", Type: TypeInt, Null: true, Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Segment size of the metadata log, for tests.",
	}),
	declare(Brokers, Key{
		Name: "internal.metadata.max.batch.size.in.bytes", Type: TypeInt, Default: "8388608", Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Largest batch of the metadata log.",
	}),
	declare(Brokers, Key{
		Name: "metadata.log.segment.bytes", Type: TypeInt, Default: "1073741824", Rule: atLeast(8388608), Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Segment size of a KRaft metadata log.",
	}),
	declare(Brokers, Key{
		Name: "metadata.log.segment.ms", Type: TypeLong, Default: "604800000", Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Age at which a segment of a KRaft metadata log is closed.",
	}),
	declare(Brokers, Key{
		Name: "metadata.max.idle.interval.ms", Type: TypeInt, Default: "500", Rule: atLeast(0),
		Status: NotNeeded, Why: noKRaft,
		Doc: "How often a KRaft controller writes a record when nothing happens.",
	}),
	declare(Brokers, Key{
		Name: "metadata.max.retention.bytes", Type: TypeLong, Default: "104857600", Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Bytes of a KRaft metadata log and its snapshots before old ones are deleted.",
	}),
	declare(Brokers, Key{
		Name: "metadata.max.retention.ms", Type: TypeLong, Default: "604800000", Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Age at which old files of a KRaft metadata log are deleted.",
	}),
	declare(Brokers, Key{
		Name: "process.roles", Type: TypeList, Null: true, Rule: listOf("broker", "controller"), Importance: High,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Roles of a KRaft node.",
	}),
	declare(Brokers, Key{
		Name: "server.max.startup.time.ms", Type: TypeLong, Default: "9223372036854775807", Rule: atLeast(0), Importance: Medium, Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Longest time a broker may take to start.",
	}),
	declare(Brokers, Key{
		Name: "unclean.leader.election.interval.ms", Type: TypeLong, Default: "300000", Rule: atLeast(1), Importance: Medium, Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "How often unclean elections are tried.",
	}),
	declare(Brokers, Key{
		Name: "unstable.api.versions.enable", Type: TypeBoolean, Default: "false", Importance: High, Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Whether versions of APIs that aren't final are served.",
	}),
	declare(Brokers, Key{
		Name: "unstable.feature.versions.enable", Type: TypeBoolean, Default: "false", Importance: High, Internal: true,
		Status: NotNeeded, Why: noKRaft,
		Doc: "Whether feature levels that aren't final are offered.",
	}),
	declare(Brokers, Key{
		Name: "kafka.metrics.polling.interval.secs", Type: TypeInt, Default: "10", Rule: atLeast(1),
		Status: NotNeeded, Why: noReporters,
		Doc: "How often metrics reporters of the older kind are called.",
	}),
	declare(Brokers, Key{
		Name: "kafka.metrics.reporters", Type: TypeList,
		Status: NotNeeded, Why: noReporters,
		Doc: "Java classes of metrics reporters of the older kind.",
	}),
	declare(Brokers, Key{
		Name: "metric.reporters", Type: TypeList, Default: "org.apache.kafka.common.metrics.JmxReporter", Mode: ClusterWide,
		Status: NotNeeded, Why: noReporters,
		Doc: "Java classes of metrics reporters.",
	}),
	declare(Brokers, Key{
		Name: "metrics.num.samples", Type: TypeInt, Default: "2", Rule: atLeast(1),
		Status: NotNeeded, Why: noReporters,
		Doc: "Samples that the rates of Kafka's metrics are computed over.",
	}),
	declare(Brokers, Key{
		Name: "metrics.recording.level", Type: TypeString, Default: "INFO",
		Status: NotNeeded, Why: noReporters,
		Doc: "How detailed Kafka's metrics are.",
	}),
	declare(Brokers, Key{
		Name: "metrics.sample.window.ms", Type: TypeLong, Default: "30000", Rule: atLeast(1),
		Status: NotNeeded, Why: noReporters,
		Doc: "Length of a sample of Kafka's metrics.",
	}),
	declare(Brokers, Key{
		Name: "background.threads", Type: TypeInt, Default: "10", Rule: atLeast(1), Importance: High, Mode: ClusterWide,
		Status: NotNeeded, Why: noThreads,
		Doc: "Threads for background work.",
	}),
	declare(Brokers, Key{
		Name: "delete.records.purgatory.purge.interval.requests", Type: TypeInt, Default: "1", Importance: Medium,
		Status: NotNeeded, Why: noThreads,
		Doc: "Requests between two purges of the purgatory of DeleteRecords.",
	}),
	declare(Brokers, Key{
		Name: "fetch.purgatory.purge.interval.requests", Type: TypeInt, Default: "1000", Importance: Medium,
		Status: NotNeeded, Why: noThreads,
		Doc: "Requests between two purges of the purgatory of Fetch.",
	}),
	declare(Brokers, Key{
		Name: "num.io.threads", Type: TypeInt, Default: "8", Rule: atLeast(1), Importance: High, Mode: ClusterWide,
		Status: NotNeeded, Why: noThreads,
		Doc: "Threads that handle requests.",
	}),
	declare(Brokers, Key{
		Name: "num.network.threads", Type: TypeInt, Default: "3", Rule: atLeast(1), Importance: High, Mode: ClusterWide,
		Status: NotNeeded, Why: noThreads,
		Doc: "Threads that read and write connections.",
	}),
	declare(Brokers, Key{
		Name: "num.replica.alter.log.dirs.threads", Type: TypeInt, Null: true, Importance: High,
		Status: NotNeeded, Why: noThreads,
		Doc: "Threads that move replicas between log dirs.",
	}),
	declare(Brokers, Key{
		Name: "producer.purgatory.purge.interval.requests", Type: TypeInt, Default: "1000", Importance: Medium,
		Status: NotNeeded, Why: noThreads,
		Doc: "Requests between two purges of the purgatory of Produce.",
	}),
	declare(Brokers, Key{
		Name: "queued.max.requests", Type: TypeInt, Default: "500", Rule: atLeast(1), Importance: High,
		Status: NotNeeded, Why: noThreads,
		Doc: "Requests that may wait for a thread.",
	}),
	declare(Brokers, Key{
		Name: "socket.listen.backlog.size", Type: TypeInt, Default: "50", Rule: atLeast(1), Importance: Medium,
		Status: NotNeeded, Why: noThreads,
		Doc: "Connections that may wait in the kernel to be accepted.",
	}),
}
