package config

// The configs of a client metrics subscription (KIP-714).
var (
	ClientIntervalMs = Millis{declare(Clients, Key{
		Name: "interval.ms", Type: TypeInt, Default: "300000", Importance: Medium,
		Doc: "How often the matching clients push their metrics.",
	})}
	ClientMatch = List{declare(Clients, Key{
		Name: "match", Type: TypeList, Importance: Medium,
		Doc: "Which clients push: name=pattern pairs over client_id, client_instance_id, client_software_name, client_software_version, client_source_address and client_source_port; empty means all.",
	})}
	ClientMetrics = List{declare(Clients, Key{
		Name: "metrics", Type: TypeList, Importance: Medium,
		Doc: "Prefixes of the names of the metrics that clients push; * means all, empty none.",
	})}
)
