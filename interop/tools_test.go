package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/interop/wire"
)

// contains fails the test unless s contains each part.
func contains(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s, part) {
			t.Errorf("%q is missing in:\n%s", part, s)
		}
	}
}

// TestKafkaTools runs the command-line tools of the 4.3.1 release.
func TestKafkaTools(t *testing.T) {
	addr := target(t).Addr
	server := []string{"--bootstrap-server", addr}
	with := func(args ...string) []string { return append(append([]string(nil), server...), args...) }

	t.Run("topics", func(t *testing.T) {
		topic := topicName(t)
		tool(t, "", "topics", with("--create", "--topic", topic, "--partitions", "3", "--config", "retention.ms=3600000")...)
		out := tool(t, "", "topics", with("--describe", "--topic", topic)...)
		contains(t, out, "PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=3600000", "Leader: 1", "Isr: 1")
		tool(t, "", "topics", with("--alter", "--topic", topic, "--partitions", "4")...)
		contains(t, tool(t, "", "topics", with("--list")...), topic)
		contains(t, tool(t, "", "topics", with("--describe", "--topic", topic)...), "PartitionCount: 4")
		tool(t, "", "topics", with("--delete", "--topic", topic)...)
	})
	t.Run("configs", func(t *testing.T) {
		topic := newTopic(t, 1)
		entity := []string{"--entity-type", "topics", "--entity-name", topic}
		tool(t, "", "configs", with(append(entity, "--alter", "--add-config", "max.message.bytes=123456,cleanup.policy=[compact,delete]")...)...)
		out := tool(t, "", "configs", with(append(entity, "--describe")...)...)
		contains(t, out, "max.message.bytes=123456", "cleanup.policy=compact,delete", "DYNAMIC_TOPIC_CONFIG")
		tool(t, "", "configs", with(append(entity, "--alter", "--delete-config", "max.message.bytes")...)...)
		out = tool(t, "", "configs", with(append(entity, "--describe", "--all")...)...)
		contains(t, out, "max.message.bytes=1048588", "DEFAULT_CONFIG:message.max.bytes=1048588")
		tool(t, "", "configs", with("--entity-type", "brokers", "--entity-name", "1", "--alter", "--add-config", "log.cleaner.threads=2")...)
		contains(t, tool(t, "", "configs", with("--entity-type", "brokers", "--entity-name", "1", "--describe")...),
			"log.cleaner.threads=2", "DYNAMIC_BROKER_CONFIG:log.cleaner.threads=2")
		tool(t, "", "configs", with("--entity-type", "brokers", "--entity-name", "1", "--alter", "--delete-config", "log.cleaner.threads")...)
	})
	t.Run("log-dirs", func(t *testing.T) {
		topic := newTopic(t, 2)
		seed(t, topic, 10)
		out := tool(t, "", "log-dirs", with("--describe", "--topic-list", topic)...)
		contains(t, out, `"partition":"`+topic+`-0"`, `"partition":"`+topic+`-1"`, `"error":null`, `"offsetLag":0`)
	})
	t.Run("offsets and delete-records", func(t *testing.T) {
		topic := newTopic(t, 1)
		seed(t, topic, 50)
		contains(t, tool(t, "", "offsets", with("--topic", topic)...), topic+":0:50")
		contains(t, tool(t, "", "offsets", with("--topic", topic, "--time", "-3")...), topic+":0:49")
		file := filepath.Join(t.TempDir(), "delete.json")
		plan := fmt.Sprintf(`{"partitions":[{"topic":%q,"partition":0,"offset":20}],"version":1}`, topic)
		if err := os.WriteFile(file, []byte(plan), 0o644); err != nil {
			t.Fatal(err)
		}
		contains(t, tool(t, "", "delete-records", with("--offset-json-file", file)...), "low_watermark: 20")
		contains(t, tool(t, "", "offsets", with("--topic", topic, "--time", "earliest")...), topic+":0:20")
	})
	t.Run("features", func(t *testing.T) {
		// 33 is the level of 4.4, for which the tool of 4.3 has no name.
		contains(t, tool(t, "", "features", with("describe")...), "metadata.version", "FinalizedVersionLevel: UNKNOWN 33")
	})
	t.Run("metadata-quorum", func(t *testing.T) {
		contains(t, tool(t, "", "metadata-quorum", with("describe", "--status")...), "LeaderId:", "LeaderEpoch:", "HighWatermark:", "CurrentVoters:")
		contains(t, tool(t, "", "metadata-quorum", with("describe", "--replication")...), "LogEndOffset", "Leader")
	})
	t.Run("cluster", func(t *testing.T) {
		contains(t, tool(t, "", "cluster", append([]string{"cluster-id"}, server...)...), "Cluster ID: ")
		contains(t, tool(t, "", "cluster", append([]string{"list-endpoints"}, server...)...), "127.0.0.1")
	})
	t.Run("api-versions", func(t *testing.T) {
		contains(t, tool(t, "", "api-versions", server...), "(id: 1 ", "Produce(0): 0 to 13", "Fetch(1): 4 to 18", "Metadata(3): 0 to 13")
	})
	t.Run("console", func(t *testing.T) {
		topic := newTopic(t, 1)
		tool(t, "k1:one\nk2:two\nk3:three\n", "console-producer", with("--topic", topic, "--compression-codec", "zstd",
			"--reader-property", "parse.key=true", "--reader-property", "key.separator=:")...)
		out := tool(t, "", "console-consumer", with("--topic", topic, "--partition", "0", "--offset", "1", "--max-messages", "2",
			"--formatter-property", "print.key=true", "--timeout-ms", "20000")...)
		if out != "k2\ttwo\nk3\tthree\n" {
			t.Errorf("read %q", out)
		}
		if b := stored(t, topic, 0, 3); codecs[b[0].Codec] != "zstd" {
			t.Errorf("stored with codec %s", codecs[b[0].Codec])
		}
	})
	t.Run("perf-producer", func(t *testing.T) {
		topic := newTopic(t, 3)
		out := tool(t, "", "perf-producer", "--topic", topic, "--num-records", "20000", "--record-size", "200",
			"--throughput", "-1", "--bootstrap-server", addr, "--command-property", "acks=all", "compression.type=lz4")
		contains(t, out, "20000 records sent")
		ends, err := wire.EndOffsets(t.Context(), addr, topic, 3)
		if err != nil || ends[0]+ends[1]+ends[2] != 20000 {
			t.Errorf("end offsets %v, %v", ends, err)
		}
	})
	t.Run("verifiable-producer", func(t *testing.T) {
		topic := newTopic(t, 1)
		out := tool(t, "", "verifiable-producer", with("--topic", topic, "--max-messages", "500", "--acks", "-1")...)
		contains(t, out, `"sent":500,"acked":500`)
	})
}
