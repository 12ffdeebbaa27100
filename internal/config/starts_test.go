package config

import (
	"os"
	"strings"
	"testing"
)

// otherStarts are the keys of which Kafka judges some values otherwise, with the reason.
var otherStarts = map[string]string{
	"authorizer.class.name":                           "the broker would be open",
	"config.providers":                                "${...} would be taken for values",
	"delegation.token.secret.key":                     "the broker would be open",
	"security.providers":                              "the broker would be open",
	"client.quota.callback.class":                     "no class is loaded, so none is looked for; its absence is named",
	"group.streams.topology.description.plugin.class": "as before",
	"group.consumer.assignors":                        "as before",
	"group.share.assignors":                           "as before",
	"group.streams.assignors":                         "as before",
	"log.cleaner.io.buffer.load.factor":               "NaN is within no bounds",
	"log.cleaner.io.max.bytes.per.second":             "NaN is within no bounds",
	"log.cleaner.min.cleanable.ratio":                 "NaN is within no bounds",
	"remote.log.manager.task.retry.jitter":            "NaN is within no bounds",
	"controller.quorum.voters":                        "none are needed, and those of others aren't joined",
	"listeners":                                       "the controller's are not opened",
	"advertised.listeners":                            "as before",
	"listener.security.protocol.map":                  "as before",
	"remote.log.metadata.manager.class.name":          "empty is none; there is no tiered storage",
	"remote.log.metadata.manager.impl.prefix":         "as before",
	"remote.log.metadata.manager.listener.name":       "as before",
	"remote.log.storage.manager.class.name":           "as before",
	"remote.log.storage.manager.impl.prefix":          "as before",
	"leader.replication.throttled.rate":               "Kafka looks at it only when it is changed while it runs",
	"follower.replication.throttled.rate":             "as before",
	"replica.alter.log.dirs.io.max.bytes.per.second":  "as before",
	"max.connections.per.ip.overrides":                "names are not looked up at start, and -1 connections are no limit",
	"zookeeper.connect":                               "it names another cluster",
	"offsets.commit.required.acks":                    "not a key any more: on a command line that is a mistake",
	"auto.include.jmx.reporter":                       "as before",
	"inter.broker.protocol.version":                   "as before",
}

// TestStartsAreKafkas compares what is refused at start with what Apache Kafka refuses.
func TestStartsAreKafkas(t *testing.T) {
	file, err := os.ReadFile("testdata/starts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	differs := make(map[string]bool)
	for _, line := range strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")[1:] {
		verdict, in, _ := strings.Cut(line, "\t")
		_, _, err := Load(Input{Overrides: append([]string{
			"process.roles=broker,controller", "node.id=1", "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
			"controller.listener.names=CONTROLLER", "controller.quorum.voters=1@127.0.0.1:9093",
		}, strings.Split(in, "\t")...)})
		if (err == nil) == (verdict == "ok") {
			continue
		}
		key, _, _ := strings.Cut(in, "=")
		if differs[key] = true; otherStarts[key] == "" {
			t.Errorf("%s: Kafka says %s, we say %v", strings.ReplaceAll(in, "\t", " "), verdict, err)
		}
	}
	for key := range otherStarts {
		if !differs[key] {
			t.Errorf("%s is judged as by Kafka", key)
		}
	}
}
