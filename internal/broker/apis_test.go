package broker

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

var rewriteDocs = flag.Bool("rewrite-docs", false, "rewrite docs/apis.md")

// unserved are Kafka 4.4's broker APIs that have no row, with the reason.
var unserved = map[protocol.Key]string{}

func init() {
	why := func(reason string, keys ...protocol.Key) {
		for _, k := range keys {
			unserved[k] = reason
		}
	}
	why("needs share groups", protocol.ShareGroupHeartbeat, protocol.ShareGroupDescribe, protocol.ShareFetch, protocol.ShareAcknowledge,
		protocol.InitializeShareGroupState, protocol.ReadShareGroupState, protocol.WriteShareGroupState, protocol.DeleteShareGroupState,
		protocol.ReadShareGroupStateSummary, protocol.DescribeShareGroupOffsets, protocol.AlterShareGroupOffsets, protocol.DeleteShareGroupOffsets)
	why("needs streams groups", protocol.StreamsGroupHeartbeat, protocol.StreamsGroupDescribe, protocol.StreamsGroupTopologyDescriptionUpdate)
	why("needs SASL", protocol.SaslHandshake, protocol.SaslAuthenticate, protocol.DescribeUserScramCredentials, protocol.AlterUserScramCredentials,
		protocol.CreateDelegationToken, protocol.RenewDelegationToken, protocol.ExpireDelegationToken, protocol.DescribeDelegationToken)
	why("needs quotas", protocol.DescribeClientQuotas, protocol.AlterClientQuotas)
	why("needs the cluster", protocol.UnregisterBroker, protocol.AddRaftVoter, protocol.RemoveRaftVoter, protocol.UnregisterController)
}

func TestEveryAPIHasARowOrAReason(t *testing.T) {
	rows := make(map[protocol.Key]bool)
	last := protocol.Key(-1)
	for _, a := range table() {
		if a.key <= last {
			t.Errorf("%v is out of order", a.key)
		}
		last, rows[a.key] = a.key, true
		if a.max != a.key.MaxVersion() || a.served != a.key.MinVersion() {
			t.Errorf("%v is served at %d-%d, Kafka 4.4 serves %d-%d", a.key, a.served, a.max, a.key.MinVersion(), a.key.MaxVersion())
		}
		if (a.handle == nil) == (a.overlapping == nil) {
			t.Errorf("%v needs one handler", a.key)
		}
	}
	for _, k := range protocol.Keys() {
		if rows[k] == (unserved[k] != "") {
			t.Errorf("%v has a row: %v, and a reason to have none: %q", k, rows[k], unserved[k])
		}
	}
}

// TestDocs compares docs/apis.md with the table.
func TestDocs(t *testing.T) {
	const path = "../../docs/apis.md"
	var b bytes.Buffer
	b.WriteString("# APIs\n\nThe APIs of Kafka 4.4's broker listener, out of the table in `internal/broker/apis.go`.\n\n| key | API | versions | |\n|---|---|---|---|\n")
	served := make(map[protocol.Key]api)
	for _, a := range table() {
		served[a.key] = a
	}
	for _, k := range protocol.Keys() {
		a, ok := served[k]
		switch {
		case !ok:
			fmt.Fprintf(&b, "| %d | %v | | %s |\n", k, k, unserved[k])
		case a.telemetry:
			fmt.Fprintf(&b, "| %d | %v | %d-%d | with `client.telemetry.otlp.endpoint` |\n", k, k, a.min, a.max)
		case a.min != a.served:
			fmt.Fprintf(&b, "| %d | %v | %d-%d | advertised from %d, as Kafka does (KAFKA-18659) |\n", k, k, a.served, a.max, a.min)
		default:
			fmt.Fprintf(&b, "| %d | %v | %d-%d | |\n", k, k, a.min, a.max)
		}
	}
	if *rewriteDocs {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/apis.md is not current (%v): go test ./internal/broker -run TestDocs -rewrite-docs", err)
	}
}
