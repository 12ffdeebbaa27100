package config

import (
	"maps"
	"strings"
	"testing"
)

func TestLoadLayers(t *testing.T) {
	got, notices, err := Load(Input{
		File:      []byte("num.partitions=2\nlog.dirs=/a\nfetch.max.bytes=2048\n"),
		FileName:  "server.properties",
		Environ:   []string{"PATH=/bin", "JOCKO_LOG_DIRS=/b", "JOCKO_FETCH_MAX_BYTES=4096"},
		Overrides: []string{"fetch.max.bytes=8192", "broker.rack=a=b"},
	})
	want := Map{"num.partitions": "2", "log.dirs": "/b", "fetch.max.bytes": "8192", "broker.rack": "a=b"}
	if err != nil || len(notices) > 0 || !maps.Equal(got, want) {
		t.Fatalf("Load = %v, %v, %v; want %v", got, notices, err, want)
	}
}

func TestLoadNamesWhatHasNoEffect(t *testing.T) {
	_, notices, err := Load(Input{FileName: "f", File: []byte(`
process.roles=broker,controller
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
node.id=1
retention.ms=5
flush.me=1
group.share.max.size=100
listener.name.plaintext.max.connections=5
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"process.roles": "Raft inside", "controller.quorum.voters": "Raft inside", "controller.listener.names": "Raft inside",
		"retention.ms": "log.retention.ms", "flush.me": "No key of that name", "group.share.max.size": "Share groups",
		"listener.name.plaintext.max.connections": "single listeners",
	}
	for _, n := range notices {
		if want[n.Key] == "" || !strings.Contains(n.Text, want[n.Key]) || n.From != "f" {
			t.Errorf("notice %+v", n)
		}
		delete(want, n.Key)
	}
	if len(want) > 0 {
		t.Errorf("not named: %v", want)
	}
}

func TestLoadRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"log.segment.bytes=1":                      "Invalid value 1 for configuration log.segment.bytes: Value must be at least 1048576 (set by f)",
		"num.partitions=x":                         "Invalid value x for configuration num.partitions: Not a number of type INT",
		"cluster.join=a:1":                         "cluster.join is set, but this version can't honour it: It needs the cluster",
		"authorizer.class.name=x":                  "every client may do everything",
		"node.id=1\nbroker.id=2":                   "node.id is 1 and broker.id is 2",
		"log.dirs=/a,,/b":                          "Configuration 'log.dirs' values must not be empty.",
		"a=\\u12":                                  `f: malformed \uxxxx escape`,
		"listeners=SSL://:9092":                    "Its security protocol is SSL, and this version has neither TLS nor SASL",
		"listeners=PLAINTEXT://:9092\nnode.id=-1":  "Invalid value -1 for configuration node.id: Value must be at least 0",
		"ssl.keystore.password=a\nnum.partitions=": "Invalid value  for configuration num.partitions",
	} {
		_, _, err := Load(Input{File: []byte(in), FileName: "f"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if _, _, err := Load(Input{Overrides: []string{"foo"}}); err == nil {
		t.Error("an override without a value was taken")
	}
}

// TestLoadRefusesToOpenTheBroker: a configuration that asks for security must not start a broker without it.
func TestLoadRefusesToOpenTheBroker(t *testing.T) {
	for _, in := range []string{
		"sasl.enabled.mechanisms=PLAIN", "sasl.jaas.config=x", "ssl.keystore.location=/x", "ssl.client.auth=required",
		"ssl.truststore.certificates=x", "security.inter.broker.protocol=SSL", "principal.builder.class=x", "super.users=User:a",
		"authorizer.class.name=x", "allow.everyone.if.no.acl.found=false", "delegation.token.secret.key=x",
		"listener.name.plaintext.sasl.enabled.mechanisms=PLAIN", "listener.name.x.ssl.keystore.location=/x",
		"listener.name.plaintext.plain.sasl.jaas.config=x", "listener.name.x.principal.builder.class=x",
	} {
		if _, _, err := Load(Input{File: []byte(in), FileName: "f"}); err == nil || !strings.Contains(err.Error(), "can't honour it") {
			t.Errorf("%s: %v", in, err)
		}
	}
	for _, in := range []string{"sasl.enabled.mechanisms=GSSAPI", "ssl.client.auth=none", "ssl.keystore.location=", "authorizer.class.name="} {
		if _, _, err := Load(Input{File: []byte(in), FileName: "f"}); err != nil {
			t.Errorf("%s, the default: %v", in, err)
		}
	}
}

// TestUnknownKeys: on a command line one is a mistake, in a file of others it is named, in a file of its own it is another
// program's.
func TestUnknownKeys(t *testing.T) {
	_, _, err := Load(Input{Overrides: []string{"log.retension.ms=5"}})
	if err == nil || !strings.Contains(err.Error(), "--override log.retension.ms=5: No key of that name is known. Did you mean log.retention.ms?") {
		t.Error(err)
	}
	_, _, err = Load(Input{Overrides: []string{"retention.ms=5"}})
	if err == nil || !strings.Contains(err.Error(), "the broker's default for it is log.retention.ms") {
		t.Error(err)
	}
	_, _, err = Load(Input{FileName: "consumer.properties", File: []byte("bootstrap.servers=x\ngroup.id=y\n")})
	if err == nil || !strings.Contains(err.Error(), "consumer.properties: none of its 2 keys is a broker's, such as bootstrap.servers") {
		t.Error(err)
	}
	_, notices, err := Load(Input{FileName: "f", File: []byte("node.id=1\nnum.partition=5\n")})
	if err != nil || len(notices) != 1 || !strings.Contains(notices[0].Text, "Did you mean num.partitions?") {
		t.Errorf("%+v, %v", notices, err)
	}
	if _, _, err := Load(Input{FileName: "f", File: []byte("# nothing\n")}); err != nil {
		t.Error(err)
	}
}

// TestAnotherCluster refuses what a node of Kafka's with others around it has in its file.
func TestAnotherCluster(t *testing.T) {
	const own = "node.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n" +
		"advertised.listeners=PLAINTEXT://kafka-1:9092\n"
	for in, want := range map[string]string{
		"process.roles=broker": "process.roles is broker: in this version a node is its own cluster",
		"process.roles=broker,controller\ncontroller.quorum.voters=1@a:9093,2@b:9093": "names the node 2, and this is node 1",
		"controller.quorum.voters=2@a:9093":                                           "names the node 2, and this is node 1",
		"controller.quorum.voters=1@a:9093":                                           "",
		"controller.quorum.bootstrap.servers=kafka-1:9093":                            "",
		"controller.quorum.bootstrap.servers=localhost:9093":                          "",
		"controller.quorum.bootstrap.servers=127.0.0.1:9093":                          "",
		"controller.quorum.bootstrap.servers=kafka-2:9093":                            "names kafka-2:9093, which is no listener of this node",
		"controller.quorum.bootstrap.servers=localhost:9193":                          "which is no listener of this node",
		"controller.quorum.bootstrap.servers=localhost:9093,b:9093":                   "which is no listener of this node",
		"controller.quorum.bootstrap.servers=localhost":                               "want host:port",
		"zookeeper.connect=z:2181":                                                    "names a cluster of Apache Kafka's",
	} {
		_, _, err := Load(Input{FileName: "f", File: []byte(own + in)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestID(t *testing.T) {
	for _, c := range []struct {
		in   Map
		want int32
	}{{Map{}, 1}, {Map{"broker.id": "4"}, 4}, {Map{"node.id": "5"}, 5}, {Map{"node.id": "5", "broker.id": "-1"}, 5}} {
		if got := ID(c.in); got != c.want {
			t.Errorf("ID(%v) = %d, want %d", c.in, got, c.want)
		}
	}
}

func TestParseEndpoints(t *testing.T) {
	for _, c := range []struct{ listeners, advertised, protocols, inter, want string }{
		{"", "", "", "", "PLAINTEXT=127.0.0.1:9092 told PLAINTEXT=127.0.0.1:9092 inter PLAINTEXT"},
		{"plaintext://:9092", "", "", "", "PLAINTEXT=:9092 told PLAINTEXT=:9092 inter PLAINTEXT"},
		{"PLAINTEXT://0.0.0.0:0", "", "", "", "PLAINTEXT=0.0.0.0:0 told PLAINTEXT=:0 inter PLAINTEXT"},
		{"PLAINTEXT://[::1]:1,A://h:2", "A://pub:7", "PLAINTEXT:PLAINTEXT,a:plaintext", "a", "PLAINTEXT=[::1]:1 A=h:2 told PLAINTEXT=[::1]:1 A=pub:7 inter A"},
		{"A://127.0.0.1:1,B://[::1]:1", "", "A:PLAINTEXT,B:PLAINTEXT", "", "A=127.0.0.1:1 B=[::1]:1 told A=127.0.0.1:1 B=[::1]:1 inter A"},
		{"PLAINTEXT://h", "", "", "", "Invalid value PLAINTEXT://h for configuration listeners: Want NAME://host:port"},
		{"h:9092", "", "", "", "Invalid value h:9092 for configuration listeners: Want NAME://host:port"},
		{"PLAINTEXT://h:70000", "", "", "", "Invalid value PLAINTEXT://h:70000 for configuration listeners: The port must be between 0 and 65535"},
		{"PLAINTEXT://a:1,PLAINTEXT://b:2", "", "", "", "Invalid value PLAINTEXT for configuration listeners: Each listener must have a different name"},
		{"PLAINTEXT://a:1,A://b:1", "", "PLAINTEXT:PLAINTEXT,A:PLAINTEXT", "", "Invalid value A://b:1 for configuration listeners: Each listener must have a different port unless exactly one listener has an IPv4 address and the other IPv6 address"},
		{"A://h:1", "", "", "", "No security protocol defined for listener A"},
		{"A://h:1", "", "A:SASL_SSL", "", "Its security protocol is SASL_SSL"},
		{"A://h:1", "", "A:FOO", "", "Invalid value FOO for configuration listener.security.protocol.map: No such security protocol"},
		{"PLAINTEXT://h:1", "B://h:1", "", "", "Invalid value B://h:1 for configuration advertised.listeners: There is no listener of that name"},
		{"PLAINTEXT://h:1", "PLAINTEXT://0.0.0.0:1", "", "", "Cannot use a nonroutable meta-address"},
		{"PLAINTEXT://h:1", "", "", "X", "Invalid value X for configuration inter.broker.listener.name: There is no listener of that name"},
	} {
		in := make(Map)
		for key, v := range map[string]string{
			"listeners": c.listeners, "advertised.listeners": c.advertised,
			"listener.security.protocol.map": c.protocols, "inter.broker.listener.name": c.inter,
		} {
			if v != "" {
				in[key] = v
			}
		}
		got := ""
		if e, err := ParseEndpoints(in); err != nil {
			got = err.Error()
		} else {
			got = showEndpoints(e.Listen) + "told " + showEndpoints(e.Advertised) + "inter " + e.InterBroker
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%+v:\n%s, want\n%s", in, got, c.want)
		}
	}
}

func showEndpoints(list []Endpoint) string {
	s := ""
	for _, e := range list {
		s += e.Name + "=" + e.Addr() + " "
	}
	return s
}

// TestAKRaftFileWorks reads what a combined Kafka node has in its file.
func TestAKRaftFileWorks(t *testing.T) {
	static, _, err := Load(Input{FileName: "server.properties", File: []byte(`
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
log.dirs=/tmp/kraft-combined-logs
offsets.topic.replication.factor=1
log.retention.hours=168
`)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseEndpoints(static)
	if err != nil {
		t.Fatal(err)
	}
	want := "PLAINTEXT=:9092 told PLAINTEXT=localhost:9092 "
	if got := showEndpoints(e.Listen) + "told " + showEndpoints(e.Advertised); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := ParseEndpoints(Map{"listeners": "CONTROLLER://:9093", "controller.listener.names": "controller"}); err == nil {
		t.Error("a node without a listener for clients was taken")
	}
}
