package interop

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestVerifiable lets two verifiable consumers of each protocol share what a verifiable producer
// writes.
func TestVerifiable(t *testing.T) {
	t.Parallel()
	const n = 600
	for _, protocol := range []string{"CLASSIC", "CONSUMER"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			topic := newTopic(t, groupPartitions)
			group := topic + "-group"
			server := []string{"--bootstrap-server", target(t).Addr, "--topic", topic}
			var both []*daemon
			for i := range 2 {
				both = append(both, startTool(t, fmt.Sprintf("consumer-%d", i), "verifiable-consumer",
					append(server, "--group-id", group, "--group-protocol", protocol)...))
			}
			within(t, groupDeadline, func() error {
				for _, d := range both {
					if e := events(d); e.assigned != groupPartitions/len(both) {
						return fmt.Errorf("a consumer has %d partitions", e.assigned)
					}
				}
				return nil
			})
			out := tool(t, "", "verifiable-producer", append(server, "--max-messages", strconv.Itoa(n), "--acks", "-1", "--repeating-keys", "50")...)
			contains(t, out, fmt.Sprintf(`"sent":%d,"acked":%d`, n, n))
			within(t, groupDeadline, func() error {
				if sum := groupOffsets(t, group, topic); sum < n {
					return fmt.Errorf("offsets of %d records committed, want %d", sum, n)
				}
				return nil
			})
			for _, d := range both {
				if err := d.Stop(); err != nil {
					t.Error(err)
				}
				e := events(d)
				if e.consumed == 0 || !e.complete {
					t.Errorf("a consumer's events: %+v", e)
				}
			}
			if a, b := events(both[0]), events(both[1]); a.consumed+b.consumed != n {
				t.Errorf("%d and %d records consumed, want %d together", a.consumed, b.consumed, n)
			}
			if sum := groupOffsets(t, group, topic); sum != n {
				t.Errorf("offsets of %d records committed, want %d", sum, n)
			}
		})
	}
}

// consumed sums up a verifiable consumer's events.
type consumed struct {
	assigned int // partitions it has now
	consumed int
	complete bool // it has shut down
}

func events(d *daemon) (sum consumed) {
	for line := range strings.SplitSeq(d.text(), "\n") {
		var e struct {
			Name       string
			Count      int
			Partitions []struct{}
		}
		if json.Unmarshal([]byte(line), &e) != nil {
			continue // a line of its log
		}
		switch e.Name {
		case "partitions_assigned":
			sum.assigned += len(e.Partitions)
		case "partitions_revoked":
			sum.assigned -= len(e.Partitions)
		case "records_consumed":
			sum.consumed += e.Count
		case "shutdown_complete":
			sum.complete = true
		}
	}
	return sum
}
