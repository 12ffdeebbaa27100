package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/jockotest"
)

// TestDumpMetadata reads a running broker's records from its disk.
func TestDumpMetadata(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(bootstrapEnv, jockotest.Start(t, jockotest.Dir(dir)).Addr())
	_, wait := startCommand(t, nil, io.Discard, "topic", "create", "orders", "--config", "retention.ms=5")
	if stderr, err := wait(); err != nil {
		t.Fatal(err, stderr)
	}
	for _, from := range []string{dir, dir + "/" + raftDirectory} {
		var out bytes.Buffer
		_, wait = startCommand(t, nil, &out, "dump-metadata", from)
		if _, err := wait(); err != nil {
			t.Fatal(err)
		}
		if want := `ConfigRecord {"ResourceType":2,"ResourceName":"orders","Name":"retention.ms","Value":"5"}`; !strings.Contains(out.String(), want) {
			t.Errorf("got:\n%s\nwant a line with %s", out.String(), want)
		}
	}
	var out bytes.Buffer
	_, wait = startCommand(t, nil, &out, "dump-metadata", dir, "--format", "json")
	if _, err := wait(); err != nil {
		t.Fatal(err)
	}
	var topicID string
	for line := range bytes.Lines(out.Bytes()) {
		var record struct {
			Index  uint64
			Type   string
			Record map[string]any
		}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if record.Type == "TopicRecord" && record.Record["Name"] == "orders" {
			topicID, _ = record.Record["TopicId"].(string)
		}
	}
	if len(topicID) != 22 {
		t.Errorf("the topic's id is %q", topicID)
	}
	_, wait = startCommand(t, nil, io.Discard, "dump-metadata", dir+"/none")
	if _, err := wait(); err == nil {
		t.Error("a directory that isn't there is no error")
	}
}
