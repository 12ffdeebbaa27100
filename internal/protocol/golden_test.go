package protocol_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden frames")

// golden are messages of the hot APIs, with what clients send and the broker answers on an ordinary day.
func golden() []protocol.Message {
	topic := protocol.UUID{0xca, 0xfe, 15: 1}
	produce := protocol.NewProduceRequest()
	produce.Acks, produce.TimeoutMs = -1, 30_000
	produce.TopicData = []protocol.ProduceRequestTopicProduceData{{
		Name: "orders", TopicId: topic,
		PartitionData: []protocol.ProduceRequestPartitionProduceData{{Index: 3, Records: []byte("batch")}},
	}}

	produced := protocol.NewProduceResponse()
	var pp protocol.ProduceResponsePartitionProduceResponse
	pp.Default()
	pp.Index, pp.BaseOffset, pp.LogStartOffset = 3, 42, 7
	refused := pp
	refused.ErrorCode, refused.ErrorMessage = protocol.CodeOf(protocol.ErrNotLeaderOrFollower), new("moved")
	refused.CurrentLeader.LeaderId, refused.CurrentLeader.LeaderEpoch = 2, 5
	produced.Responses = []protocol.ProduceResponseTopicProduceResponse{{
		Name: "orders", TopicId: topic,
		PartitionResponses: []protocol.ProduceResponsePartitionProduceResponse{pp, refused},
	}}
	produced.NodeEndpoints = []protocol.ProduceResponseNodeEndpoint{{NodeId: 2, Host: "localhost", Port: 9092, Rack: new("a")}}

	fetch := protocol.NewFetchRequest()
	fetch.MaxWaitMs, fetch.MinBytes, fetch.MaxBytes, fetch.SessionEpoch = 500, 1, 50<<20, 0
	var fp protocol.FetchRequestFetchPartition
	fp.Default()
	fp.Partition, fp.FetchOffset, fp.CurrentLeaderEpoch, fp.PartitionMaxBytes = 3, 42, 5, 1<<20
	fetch.Topics = []protocol.FetchRequestFetchTopic{{
		Topic: "orders", TopicId: topic,
		Partitions: []protocol.FetchRequestFetchPartition{fp},
	}}

	fetched := fetchResponse(protocol.Records{{Bytes: []byte("bat")}, {Bytes: []byte("ch")}}, nil)
	fetched.SessionId = 1234
	fetched.Responses[0].Topic, fetched.Responses[0].TopicId = "orders", topic
	fetched.Responses[0].Partitions[0].HighWatermark = 43
	fetched.Responses[0].Partitions[1].DivergingEpoch = protocol.FetchResponseEpochEndOffset{Epoch: 4, EndOffset: 40}

	versions := protocol.NewApiVersionsResponse()
	versions.ApiKeys = []protocol.ApiVersionsResponseApiVersion{{ApiKey: 0, MaxVersion: 13}, {ApiKey: 18, MaxVersion: 5}}
	versions.FinalizedFeaturesEpoch = 9
	versions.FinalizedFeatures = []protocol.ApiVersionsResponseFinalizedFeatureKey{
		{Name: "metadata.version", MaxVersionLevel: 33, MinVersionLevel: 33},
	}

	metadata := protocol.NewMetadataResponse()
	metadata.Brokers = []protocol.MetadataResponseBroker{{NodeId: 1, Host: "localhost", Port: 9092}}
	metadata.ClusterId, metadata.ControllerId = new("abc"), 1
	metadata.Topics = []protocol.MetadataResponseTopic{{
		Name: new("orders"), TopicId: topic,
		Partitions: []protocol.MetadataResponsePartition{{
			PartitionIndex: 3, LeaderId: 1, LeaderEpoch: 5,
			ReplicaNodes: []int32{1}, IsrNodes: []int32{1},
		}},
	}}
	return []protocol.Message{produce, produced, fetch, fetched, versions, metadata}
}

// TestGolden compares every version of the golden messages with testdata/golden.txt, whose diff is what a change to the
// generator or to a schema does on the wire.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, m := range golden() {
		for v := m.Key().MinVersion(); v <= m.Key().MaxVersion(); v++ {
			name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*protocol.")
			fmt.Fprintf(&b, "%s v%d %s\n", name, v, hex.EncodeToString(encode(m, v)))
		}
	}
	const path = "testdata/golden.txt"
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i, line := range lines {
		if i >= len(got) || got[i] != line {
			t.Fatalf("line %d:\ngot  %s\nwant %s", i+1, got[min(i, len(got)-1)], line)
		}
	}
}
