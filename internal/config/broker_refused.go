package config

// Kafka's broker keys that a broker must not start with, because it would be
// less safe than its owner believes.
var _ = []*Key{
	declare(Brokers, Key{
		Name: "alter.config.policy.class.name", Type: TypeClass, Null: true,
		Status: Refused, Why: "Java classes can't be loaded, and without the policy every change is allowed.",
		Doc: "Java class that judges changes of configs.",
	}),
	declare(Brokers, Key{
		Name: "authorizer.class.name", Type: TypeString,
		Status: Refused, Why: "There is no authorizer in this version, and without it every client may do everything.",
		Doc: "Java class that decides who may do what.",
	}),
	declare(Brokers, Key{
		Name: "config.providers", Type: TypeList, Mode: ClusterWide,
		Status: Refused, Why: "Config providers can't be loaded, and without them their ${...} references would be taken as values.",
		Doc: "Names of the config providers that values may refer to.",
	}),
	declare(Brokers, Key{
		Name: "create.topic.policy.class.name", Type: TypeClass, Null: true,
		Status: Refused, Why: "Java classes can't be loaded, and without the policy every topic is allowed.",
		Doc: "Java class that judges new topics.",
	}),
}
