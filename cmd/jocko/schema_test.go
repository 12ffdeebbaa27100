package main

import (
	"bytes"
	"os"
	"testing"
)

const schemasFile = "testdata/schemas.golden"

// TestSchemas holds the JSON that commands print to what it was: scripts rely on it. A new field is fine, with -rewrite.
func TestSchemas(t *testing.T) {
	value, offset := "v", int64(7)
	var h histogram
	h.record(1e6)
	perf := newPerfResult("latency", "t", 1, 2, 1e9)
	perf.Failed, perf.Latency, perf.Late = 3, newLatencyResult(&h), newLatencyResult(&h)
	entry := configEntry{Key: "k", Value: &value, Type: "LONG", Source: "DEFAULT_CONFIG", Synonyms: []configSynonym{{"s", &value, "DEFAULT_CONFIG"}}, Doc: "d"}
	var b bytes.Buffer
	for _, schema := range []struct {
		command string
		v       any
	}{
		{"topic create, alter, delete", []topicChange{{"t", "id", 3, 1, "created", ""}, {Topic: "u", Result: "failed", Error: "why"}}},
		{"topic list", []topicSummary{{"t", "id", 3, 1, false}}},
		{"topic describe", []topicDescription{{"t", "id", false, map[string]string{"k": "v"}, []partitionDescription{
			{0, 1, 2, []int32{1}, []int32{1}, []int32{}, &offset, &offset, ""}, {Partition: 1, Leader: -1, Error: "why"},
		}}}},
		{"config describe", configDescription{"topic", "t", []configEntry{entry}}},
		{"config set, unset", configResult{"topic", "t", "altered", []configOperation{{"set", "k", "v"}, {"delete", "k", ""}}}},
		{"cluster describe", clusterDescription{
			"id", 1, "4.4",
			[]brokerDescription{{1, "h", 9092, "r", false}},
			map[string]int16{"f": 1},
			&quorumDescription{1, 2, 3, []int32{1}, []int32{}},
		}},
		{"partition offsets", []partitionOffset{{"t", 0, "latest", 7, -1, 0, ""}, {Error: "why"}}},
		{"perf", perf},
		{"version", versionInfo{"v1", "c", "4.4", "go1", "linux", "amd64"}},
	} {
		b.WriteString("# " + schema.command + "\n")
		if err := writeJSON(&b, schema.v); err != nil {
			t.Fatal(err)
		}
	}
	if *rewrite {
		if err := os.WriteFile(schemasFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemasFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("the JSON has changed: see git diff after go test ./cmd/jocko -run TestSchemas -rewrite\n%s", b.Bytes())
	}
}
