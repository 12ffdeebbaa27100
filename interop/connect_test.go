package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// connectDeadline bounds each step of Connect, whose workers take their time to start.
const connectDeadline = time.Minute

// TestConnect copies a file into a topic, exactly once, and the topic into another file, with two
// distributed workers of which one is stopped in the middle.
func TestConnect(t *testing.T) {
	t.Parallel()
	topic := newTopic(t, 1)
	workers := map[string]*daemon{} // by the address of its REST API
	var rest string                 // of a worker that runs
	for i := range 2 {
		addr := freeAddr(t)
		workers[addr] = startTool(t, fmt.Sprintf("worker-%d", i), "connect-distributed", writeProperties(t, worker(t, topic, addr)))
		rest = addr
	}
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	want := appendLines(t, in, 0, 100)
	putConnector(t, rest, topic+"-source", map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
		"file": in, "topic": topic, "exactly.once.support": "required",
	})
	putConnector(t, rest, topic+"-sink", map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
		"file": out, "topics": topic,
	})
	waitFile(t, out, want)
	busy := runsOn(t, rest, topic+"-source")
	if err := workers[busy].Stop(); err != nil {
		t.Error(err)
	}
	want += appendLines(t, in, 100, 200)
	waitFile(t, out, want)
	for addr := range workers {
		if addr == busy {
			continue
		}
		within(t, connectDeadline, func() error {
			if now := runsOn(t, addr, topic+"-source"); now != addr {
				return fmt.Errorf("the task runs on %s", now)
			}
			return nil
		})
	}
	sameValues(t, readValues(t, topic, kgo.ReadCommitted(), 200), strings.Fields(want))
}

// worker is the configuration of a distributed worker.
func worker(t *testing.T, name, rest string) map[string]string {
	t.Helper()
	return map[string]string{
		"bootstrap.servers": target(t).Addr, "group.id": name + "-connect", "listeners": "http://" + rest,
		"plugin.discovery": "service_load", "exactly.once.source.support": "enabled",
		"key.converter":        "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":      "org.apache.kafka.connect.storage.StringConverter",
		"config.storage.topic": name + "-configs", "config.storage.replication.factor": "1",
		"offset.storage.topic": name + "-offsets", "offset.storage.replication.factor": "1", "offset.storage.partitions": "2",
		"status.storage.topic": name + "-status", "status.storage.replication.factor": "1", "status.storage.partitions": "2",
		"offset.flush.interval.ms": "500", "scheduled.rebalance.max.delay.ms": "0",
		"session.timeout.ms": "6000", "heartbeat.interval.ms": "500",
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := brokers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// writeProperties writes a Java properties file and returns its name.
func writeProperties(t *testing.T, properties map[string]string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "properties")
	var text strings.Builder
	for k, v := range properties {
		fmt.Fprintf(&text, "%s = %s\n", k, v)
	}
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// appendLines adds the lines from to to-1 to a file and returns them.
func appendLines(t *testing.T, name string, from, to int) string {
	t.Helper()
	var lines strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, "line-%d\n", i)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(lines.String()); err != nil {
		t.Fatal(err)
	}
	return lines.String()
}

// waitFile waits until a file has this content.
func waitFile(t *testing.T, name, want string) {
	t.Helper()
	within(t, connectDeadline, func() error {
		got, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if string(got) != want {
			return fmt.Errorf("the sink has %d lines, want %d: it ends in %q",
				bytes.Count(got, []byte("\n")), strings.Count(want, "\n"), got[max(0, len(got)-50):])
		}
		return nil
	})
}

// call does a request of Connect's REST API and decodes the answer into out when there is one.
func call(t *testing.T, method, url string, body, out any) error {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s\n%s", method, url, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

func putConnector(t *testing.T, rest, name string, config map[string]string) {
	t.Helper()
	within(t, connectDeadline, func() error { // while the worker starts and while the group rebalances
		return call(t, http.MethodPut, "http://"+rest+"/connectors/"+name+"/config", config, nil)
	})
}

// runsOn returns the worker that runs a connector's only task.
func runsOn(t *testing.T, rest, name string) (worker string) {
	t.Helper()
	within(t, connectDeadline, func() error {
		var status struct {
			Tasks []struct {
				State  string
				Worker string `json:"worker_id"`
				Trace  string
			}
		}
		if err := call(t, http.MethodGet, "http://"+rest+"/connectors/"+name+"/status", nil, &status); err != nil {
			return err
		}
		if len(status.Tasks) != 1 || status.Tasks[0].State != "RUNNING" {
			return fmt.Errorf("%s: %+v", name, status)
		}
		worker = status.Tasks[0].Worker
		return nil
	})
	return worker
}
