package brokers

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Jars is a set of Java archives that Maven fetches by name into the user's cache.
type Jars string

// The sets. Each has a pom of its own beside this file.
const (
	ServerJars Jars = "server" // Apache Kafka 4.4.0: broker and Java clients
	ToolsJars  Jars = "tools"  // Apache Kafka 4.3.1: command-line tools, Streams, Connect, MirrorMaker 2
)

//go:embed server.pom.xml tools.pom.xml
var poms embed.FS

var fetching sync.Mutex

// Dir returns the folder that holds the set's jars, and fetches them when they are not there yet.
// It needs mvn in PATH. A marker file, written last, says that a set is whole; several processes
// may fetch at once, since each fills a folder of its own and renames it into place.
func (j Jars) Dir(ctx context.Context) (string, error) {
	fetching.Lock()
	defer fetching.Unlock()
	dir, err := j.cacheDir()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, ".complete")); err == nil {
		return dir, nil
	}
	return dir, j.fetch(ctx, dir)
}

// cacheDir names the set's folder after its pom's version, so that a new pom means a new folder.
func (j Jars) cacheDir() (string, error) {
	if home := os.Getenv("JOCKO_KAFKA_HOME"); home != "" {
		return filepath.Join(home, string(j)), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	pom, err := poms.ReadFile(string(j) + ".pom.xml")
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "jocko", fmt.Sprintf("kafka-%s-%08x", j, checksum(pom))), nil
}

func (j Jars) fetch(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	pom, err := poms.ReadFile(string(j) + ".pom.xml")
	if err != nil {
		return err
	}
	pomFile := filepath.Join(tmp, "pom.xml")
	if err := os.WriteFile(pomFile, pom, 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	jars := filepath.Join(tmp, "jars")
	out, err := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pomFile,
		"dependency:copy-dependencies", "-DoutputDirectory="+jars).CombinedOutput()
	if err != nil {
		return fmt.Errorf("fetch Kafka's %s jars with mvn: %w\n%s", j, err, out)
	}
	if err := removeLogBackends(jars); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(jars, ".complete"), nil, 0o644); err != nil {
		return err
	}
	err = os.Rename(jars, dir)
	if _, there := os.Stat(filepath.Join(dir, ".complete")); err != nil && there == nil {
		return nil // another process was first
	}
	return err
}

// removeLogBackends leaves slf4j-simple as the only logging back end.
func removeLogBackends(dir string) error {
	var errs []error
	for _, pattern := range []string{"log4j-slf4j-impl-*.jar", "slf4j-reload4j-*.jar"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		errs = append(errs, err)
		for _, name := range names {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}

// ClassPath returns the class path of the set.
func (j Jars) ClassPath(ctx context.Context) (string, error) {
	dir, err := j.Dir(ctx)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "*"), nil
}

// Jar returns the one jar of the set whose file name begins with prefix, for instance
// "kafka-clients-".
func (j Jars) Jar(ctx context.Context, prefix string) (string, error) {
	dir, err := j.Dir(ctx)
	if err != nil {
		return "", err
	}
	names, err := filepath.Glob(filepath.Join(dir, prefix+"[0-9]*.jar"))
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("want one jar %s*.jar in %s, found %d", prefix, dir, len(names))
	}
	return names[0], nil
}

var tools = map[string]string{
	"topics":              "org.apache.kafka.tools.TopicCommand",
	"configs":             "kafka.admin.ConfigCommand",
	"features":            "org.apache.kafka.tools.FeatureCommand",
	"log-dirs":            "org.apache.kafka.tools.LogDirsCommand",
	"delete-records":      "org.apache.kafka.tools.DeleteRecordsCommand",
	"offsets":             "org.apache.kafka.tools.GetOffsetShell",
	"metadata-quorum":     "org.apache.kafka.tools.MetadataQuorumCommand",
	"cluster":             "org.apache.kafka.tools.ClusterTool",
	"api-versions":        "org.apache.kafka.tools.BrokerApiVersionsCommand",
	"console-producer":    "org.apache.kafka.tools.ConsoleProducer",
	"console-consumer":    "org.apache.kafka.tools.consumer.ConsoleConsumer",
	"perf-producer":       "org.apache.kafka.tools.ProducerPerformance",
	"verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
	"verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
	"consumer-groups":     "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
	"groups":              "org.apache.kafka.tools.GroupsCommand",
	"transactions":        "org.apache.kafka.tools.TransactionsCommand",
	"streams-reset":       "org.apache.kafka.tools.StreamsResetter",
	"connect-distributed": "org.apache.kafka.connect.cli.ConnectDistributed",
	"connect-mirror":      "org.apache.kafka.connect.mirror.MirrorMaker",
	"dump-log":            "org.apache.kafka.tools.DumpLogSegments",
	"reassign":            "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
	"leader-election":     "org.apache.kafka.tools.LeaderElectionCommand",
	"acls":                "org.apache.kafka.tools.AclCommand",
}

// Tool returns a command that runs one of Kafka's command-line tools, by its short name
// ("topics", "dump-log", ...).
func Tool(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	class, ok := tools[name]
	if !ok {
		return nil, fmt.Errorf("unknown Kafka tool %q", name)
	}
	cp, err := ToolsJars.ClassPath(ctx)
	if err != nil {
		return nil, err
	}
	return Java(ctx, cp, class, args...), nil
}

// Java returns a command that runs a Java class with a small heap and quiet logging.
func Java(ctx context.Context, classPath, class string, args ...string) *exec.Cmd {
	java := []string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classPath, class,
	}
	return exec.CommandContext(ctx, "java", append(java, args...)...)
}
