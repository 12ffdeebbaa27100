package config

import "testing"

// The messages are what Kafka 4.4 answers; "" is no error.
func TestCheck(t *testing.T) {
	topic := func(own map[string]string) error { return CheckTopic(own, NewBroker(nil)) }
	group := func(own map[string]string) error { return CheckGroup(own, NewBroker(nil)) }
	broker := func(own map[string]string) error { return CheckBroker(own, true) }
	cluster := func(own map[string]string) error { return CheckBroker(own, false) }
	type values = map[string]string
	for _, c := range []struct {
		check func(map[string]string) error
		in    values
		want  string
	}{
		{topic, values{"min.insync.replicas": "0"}, "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1"},
		{topic, values{"min.insync.replicas": "abc"}, "Invalid value abc for configuration min.insync.replicas: Not a number of type INT"},
		{topic, values{"cleanup.policy": "delete,foo"}, "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete"},
		{topic, values{"cleanup.policy": ""}, ""},
		{topic, values{"cleanup.policy": "delete,"}, "Configuration 'cleanup.policy' values must not be empty."},
		{topic, values{"compression.type": "foo"}, "Invalid value foo for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"},
		{topic, values{"compression.gzip.level": "0"}, "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"},
		{topic, values{"compression.lz4.level": "18"}, "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17"},
		{topic, values{"retention.bytes": "-5"}, ""},
		{topic, values{"segment.bytes": "99999999999"}, "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT"},
		{topic, values{"min.cleanable.dirty.ratio": "2"}, "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"},
		{topic, values{"preallocate": "yes"}, "Invalid value yes for configuration preallocate: Expected value to be either true or false"},
		{topic, values{"preallocate": "TRUE", "retention.ms": " 5"}, ""},
		{topic, values{"foo": "bar"}, "Unknown topic config name: foo"},
		{topic, values{"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"}, "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"},
		{topic, values{"remote.storage.enable": "true"}, "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."},
		{topic, values{"leader.replication.throttled.replicas": "*"}, ""},
		{topic, values{"leader.replication.throttled.replicas": "0:1,1:2"}, ""},
		{topic, values{"leader.replication.throttled.replicas": "abc"}, "Invalid value [abc] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."},
		{topic, values{"internal.segment.bytes": "100"}, ""},
		{broker, values{"foo": "1"}, ""},
		{broker, values{"log.retention.ms": "5", "log.dirs": "x", "broker.rack": "b"}, "Cannot update these configs dynamically: [broker.rack, log.dirs]"},
		{broker, values{"log.segment.bytes": "1"}, "Invalid value 1 for configuration log.segment.bytes: Value must be at least 1048576"},
		{cluster, values{"log.retention.ms": "-5"}, ""},
		{cluster, values{"ssl.keystore.location": "/x"}, "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]"},
		{cluster, values{"listener.name.plaintext.ssl.keystore.password": "x"}, "Cannot update these configs at default cluster level, broker id must be specified: [listener.name.plaintext.ssl.keystore.password]"},
		{CheckClientMetrics, values{"interval.ms": "5"}, "Invalid value 5 for interval.ms, interval must be between 100 and 3600000 (1 hour)"},
		{CheckClientMetrics, values{"foo": "5"}, "Unknown client metrics configuration: foo"},
		{CheckClientMetrics, values{"match": "foo=bar"}, "Illegal client matching pattern: foo=bar"},
		{CheckClientMetrics, values{"match": "client_id=["}, "Illegal client matching pattern: client_id=["},
		{CheckClientMetrics, values{"match": "client_id=a.*,client_software_name=x", "metrics": "a,b"}, ""},
		{group, values{"consumer.session.timeout.ms": "1"}, "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."},
		{group, values{"consumer.session.timeout.ms": "46000"}, ""},
		{group, values{"foo": "1"}, "Unknown group config name: foo"},
		{group, values{"share.auto.offset.reset": "by_duration:PT1H"}, ""},
		{group, values{"share.auto.offset.reset": "by_duration:P1Y"}, "Invalid value by_duration:P1Y for configuration share.auto.offset.reset: Invalid value `by_duration:P1Y` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."},
		{group, values{"share.isolation.level": "foo"}, "Invalid value foo for configuration share.isolation.level: String must be one of: read_committed, read_uncommitted"},
		{group, values{"streams.num.standby.replicas": "100"}, "streams.num.standby.replicas must be less than or equal to 2"},
		{group, values{"streams.task.offset.interval.ms": "1"}, "streams.task.offset.interval.ms must be greater than or equal to 15000"},
		{group, values{"streams.rack.aware.assignment.tags": "a,a"}, "streams.rack.aware.assignment.tags must not contain duplicate tag keys."},
		{group, values{"streams.assignor.name": "foo"}, "streams.assignor.name 'foo' is not a registered task assignor. Registered assignors are: [sticky]."},
		{group, values{"errors.deadletterqueue.topic.name": "__x"}, "errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'"},
	} {
		got := ""
		if err := c.check(c.in); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v:\n%s\nwant\n%s", c.in, got, c.want)
		}
	}
}

func TestAPasswordIsNotShown(t *testing.T) {
	for _, e := range DescribeBroker(NewBroker(Map{"ssl.key.password": "x", "my.secret": "y"})) {
		if (e.Name == "ssl.key.password" || e.Name == "my.secret") && (e.Value != nil || !e.Sensitive() || e.Synonyms[0].Value != nil) {
			t.Errorf("%s is shown: %+v", e.Name, e)
		}
	}
}

// TestDescribe compares with what Kafka 4.4 reports of the same values.
func TestDescribe(t *testing.T) {
	b := NewBroker(Map{"log.retention.minutes": "100", "log.retention.hours": "24", "log.flush.interval.ms": "1000", "log.flush.scheduler.interval.ms": "5000"})
	inline := NewBroker(Map{"group.consumer.assignor.offload.enable": "false"})
	dynamic := b.WithDynamic(map[string]string{"log.retention.ms": "777"}, nil)
	for _, c := range []struct {
		entries []Entry
		key     string
		want    string
	}{
		{DescribeTopic(nil, b), "retention.ms", "6000000 5"},
		{DescribeTopic(nil, b), "flush.ms", "1000 4 log.flush.interval.ms=1000/4 log.flush.scheduler.interval.ms=5000/4 log.flush.scheduler.interval.ms=9223372036854775807/5"},
		{DescribeTopic(nil, dynamic), "retention.ms", "777 2 log.retention.ms=777/2 log.retention.minutes=100/4 log.retention.hours=24/4 log.retention.hours=168/5"},
		{DescribeTopic(map[string]string{"cleanup.policy": "compact"}, b), "cleanup.policy", "compact 1 cleanup.policy=compact/1 log.cleanup.policy=delete/5"},
		{DescribeBroker(b), "log.retention.ms", "null 5"},
		{DescribeBroker(b), "log.retention.minutes", "100 4 log.retention.minutes=100/4 log.retention.hours=24/4 log.retention.hours=168/5"},
		{DescribeBroker(dynamic), "log.retention.ms", "777 2 log.retention.ms=777/2 log.retention.minutes=100/4 log.retention.hours=24/4 log.retention.hours=168/5"},
		{DescribeClusterDefault(map[string]string{"min.insync.replicas": "2"}), "min.insync.replicas", "2 3 min.insync.replicas=2/3"},
		{DescribeGroup(nil, b), "share.isolation.level", "read_uncommitted 5 share.isolation.level=read_uncommitted/5"},
		{DescribeGroup(nil, b), "consumer.assignor.offload.enable", "not there"},
		{DescribeGroup(nil, inline), "consumer.assignor.offload.enable", "false 4 group.consumer.assignor.offload.enable=false/4 group.consumer.assignor.offload.enable=true/5"},
		{DescribeClientMetrics(nil), "interval.ms", "300000 5"},
	} {
		got := "not there"
		for _, e := range c.entries {
			if e.Name == c.key {
				got = showEntry(e)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.key, got, c.want)
		}
	}
}

func showEntry(e Entry) string {
	value := func(v *string) string {
		if v == nil {
			return "null"
		}
		return *v
	}
	s := value(e.Value) + " " + string('0'+rune(e.Source))
	for _, v := range e.Synonyms {
		s += " " + v.Name + "=" + value(v.Value) + "/" + string('0'+rune(v.Source))
	}
	return s
}
