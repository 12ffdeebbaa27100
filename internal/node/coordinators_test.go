package node

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/travisjeffery/jocko/internal/config"
)

// TestCoordinatorsAreMeasured commits an offset and looks at what a scrape says
// of it.
func TestCoordinatorsAreMeasured(t *testing.T) {
	n := run(t, Env{}, config.Map{"admin.listener": "127.0.0.1:0", "log.dirs": t.TempDir()})
	cl := client(t, n.Addr())
	create(t, n.Addr(), "t")
	produce(t, cl, "t", 0, 5)
	offsets := make(kadm.Offsets)
	offsets.AddOffset("t", 0, 2, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(within(t), "g", offsets); err != nil {
		t.Fatal(err)
	}
	expect := func(m string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !strings.Contains(m, line+"\n") {
				t.Errorf("no line %s", line)
			}
		}
	}
	m := get(t, n, "/metrics")
	expect(m, `jocko_group_lag{group="g",partition="0",topic="t"} 3`, `jocko_group_committed_offset{group="g",partition="0",topic="t"} 2`,
		`jocko_offset_commits_total 1`, `jocko_groups{state="Empty",type="classic"} 1`,
		`jocko_coordinator_loaded_bytes{coordinator="group"} 0`,
		`jocko_coordinator_loading_partitions{coordinator="transaction"} 0`, `jocko_transactions_open 0`)
	if !strings.Contains(m, `jocko_coordinator_loading_partitions{coordinator="group"}`) { // some of them may be loading still
		t.Error("nothing says how many groups' partitions are being loaded")
	}
}
