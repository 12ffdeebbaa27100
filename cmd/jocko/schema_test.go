package main

import (
	"bytes"
	"os"
	"testing"
)

const schemasFile = "testdata/schemas.golden"

// TestSchemas holds the JSON that commands print to what it was: scripts rely on it. A new field is fine, with -rewrite.
func TestSchemas(t *testing.T) {
	value, offset, epoch, partition := "v", int64(7), int32(3), int32(0)
	assigned := []topicPartitions{{"t", []int32{0, 1}}}
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
		{"group list", []groupSummary{{"g", "consumer", "Stable", "consumer", 1}}},
		{"group describe", []groupDescription{{
			"g", "consumer", "Stable", 1, "consumer", "uniform", &epoch, &epoch,
			[]groupMember{{"m", &value, "c", "h", "consumer", &epoch, []string{"t"}, &value, assigned, assigned}},
			[]groupPartition{{"t", 0, &offset, &offset, &offset, "meta", "m", ""}, {Topic: "t", Partition: 1, Error: "why"}},
		}}},
		{"group lag", []groupLag{{"g", "t", &partition, &offset, &offset, &offset}, {Group: "g"}}},
		{"group reset-offsets", []offsetReset{{"g", "t", 0, &offset, 3, "why", "planned", ""}, {Group: "g", Result: "failed", Error: "why"}}},
		{"group delete-offsets", []offsetDeletion{{"g", "t", 0, "deleted", ""}, {"g", "t", 1, "failed", "why"}}},
		{"group delete", []groupChange{{"g", "deleted", ""}, {"h", "failed", "why"}}},
		{"txn list", []txnSummary{{"x", 1, 2, "Ongoing"}}},
		{"txn describe", []txnDescription{{"x", 1, 2, 3, "Ongoing", 60000, 7, assigned}}},
		{"txn describe-producers", []producerState{{"t", 0, 1, 2, 3, 4, 5, 6, 7}}},
		{"txn abort", abortedTxn{"t", 0, 1, 2, 3, "aborted"}},
		{"txn find-hanging", []hangingTxn{{"t", 0, 1, 2, 3, 4, 5}}},
		{"txn force-terminate", terminatedTxn{"x", 1, 2, "terminated"}},
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
