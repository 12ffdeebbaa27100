package brokers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// clusterID is the id every Kafka here is formatted with; it is any valid base64 UUID.
const clusterID = "AAAAAAAAAAAAAAAAAAAAAQ"

// kafkaArgs writes Kafka's configuration, formats its folder once, and returns its command line: a
// combined broker and controller with the JVM flags of Kafka's own start script.
func (b *Broker) kafkaArgs(ctx context.Context) ([]string, error) {
	classPath, err := ServerJars.ClassPath(ctx)
	if err != nil {
		return nil, err
	}
	controller, err := FreePort()
	if err != nil {
		return nil, err
	}
	props, err := b.writeProperties([][2]string{
		{"process.roles", "broker,controller"},
		{"node.id", "1"},
		{"listeners", fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", b.Addr, controller)},
		{"advertised.listeners", "PLAINTEXT://" + b.Addr},
		{"controller.listener.names", "CONTROLLER"},
		{"controller.quorum.voters", fmt.Sprintf("1@127.0.0.1:%d", controller)},
		{"log.dirs", b.DataDir},
		{"offsets.topic.replication.factor", "1"},
		{"transaction.state.log.replication.factor", "1"},
		{"transaction.state.log.min.isr", "1"},
		{"share.coordinator.state.topic.replication.factor", "1"},
		{"share.coordinator.state.topic.min.isr", "1"},
	})
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(b.DataDir, "meta.properties")); err != nil {
		out, err := exec.CommandContext(ctx, "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", classPath,
			"kafka.tools.StorageTool", "format", "-t", clusterID, "-c", props).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("format Kafka's folder: %w\n%s", err, out)
		}
	}
	heap := b.opt.Heap
	if heap == "" {
		heap = "1g"
	}
	argv := []string{
		"java", "-Xmx" + heap, "-Xms" + heap, "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
		"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
	}
	argv = append(argv, b.opt.Java...)
	return append(argv, "-cp", classPath, "kafka.Kafka", props), nil
}
