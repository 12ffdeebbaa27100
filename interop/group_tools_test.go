package interop

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// row fails the test unless a line of a tool's output has these columns, the first ones of the line;
// "*" stands for any.
func row(t *testing.T, out string, columns ...string) {
	t.Helper()
	var parts []string
	for _, c := range columns {
		if c == "*" {
			parts = append(parts, `\S+`)
			continue
		}
		parts = append(parts, regexp.QuoteMeta(c))
	}
	if !regexp.MustCompile(`(?m)^` + strings.Join(parts, `\s+`) + `(\s|$)`).MatchString(out) {
		t.Errorf("no line %q in:\n%s", columns, out)
	}
}

// TestGroupTools runs the tools for groups against a group of each protocol.
func TestGroupTools(t *testing.T) {
	t.Parallel()
	for protocol, kind := range map[string]string{"classic": "Classic", "consumer": "Consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			groupTools(t, protocol, kind)
		})
	}
}

func groupTools(t *testing.T, protocol, kind string) {
	t.Helper()
	addr := target(t).Addr
	topic := newTopic(t, groupPartitions)
	s := newSharing(t, &franzGroups{addr: addr, members: map[string]*franzMember{}}, topic)
	member, group := s.group+"-a", s.group
	groups := func(args ...string) string {
		t.Helper()
		return tool(t, "", "consumer-groups", append([]string{"--bootstrap-server", addr}, args...)...)
	}
	s.join(member, settings{"protocol": protocol})
	s.owned(member)
	s.write(20)
	s.readAll(member)
	s.commit(member)

	row(t, groups("--list", "--state", "--type"), group, kind, "Stable")
	row(t, tool(t, "", "groups", "--bootstrap-server", addr, "--list"), group, kind, "consumer")
	row(t, groups("--describe", "--group", group), group, topic, "0", "20", "20", "0", "*", "/127.0.0.1", member)
	row(t, groups("--describe", "--group", group, "--members", "--verbose"), group, "*", "/127.0.0.1", member, "4")
	strategy := map[string]string{"classic": "cooperative-sticky", "consumer": "uniform"}[protocol]
	row(t, groups("--describe", "--group", group, "--state"), group, addr, "(1)", strategy, "Stable", "1")
	all := []string{"--group", group, "--topic", topic}
	contains(t, groups(append(all, "--reset-offsets", "--to-earliest", "--execute")...), "is inactive, but the current state is Stable")
	checkOffsets(t, group, topic, [groupPartitions]int64{20, 20, 20, 20})
	s.leave(member)

	row(t, groups("--list", "--state", "Empty", "--type", protocol), group, kind, "Empty")
	row(t, groups(append(all, "--reset-offsets", "--to-offset", "5", "--dry-run")...), group, topic, "2", "5")
	checkOffsets(t, group, topic, [groupPartitions]int64{20, 20, 20, 20})
	row(t, groups(append(all, "--reset-offsets", "--shift-by", "-7", "--execute")...), group, topic, "1", "13")
	checkOffsets(t, group, topic, [groupPartitions]int64{13, 13, 13, 13})
	groups("--group", group, "--topic", topic+":1,3", "--reset-offsets", "--to-datetime", "2020-01-01T00:00:00.000", "--execute")
	checkOffsets(t, group, topic, [groupPartitions]int64{13, 0, 13, 0})
	row(t, groups("--describe", "--group", group), group, topic, "0", "13", "20", "7", "-", "-", "-")
	row(t, groups("--group", group, "--topic", topic+":0", "--delete-offsets"), topic, "0", "Successful")
	checkOffsets(t, group, topic, [groupPartitions]int64{-1, 0, 13, 0})
	contains(t, groups("--delete", "--group", group), "was successful")
	if strings.Contains(groups("--list"), group) {
		t.Error("the deleted group is listed")
	}
}

// checkOffsets fails the test unless the group has committed these offsets, by partition; -1 is
// none.
func checkOffsets(t *testing.T, group, topic string, want [groupPartitions]int64) {
	t.Helper()
	got := [groupPartitions]int64{}
	for p := range got {
		got[p] = -1
	}
	admin(t, func(adm *kadm.Client) {
		offsets, err := adm.FetchOffsets(t.Context(), group)
		if err != nil {
			t.Fatal(err)
		}
		for p, r := range maps.All(offsets[topic]) {
			got[p] = r.At
		}
	})
	if got != want {
		t.Errorf("committed offsets %v, want %v", got, want)
	}
}

// TestConsoleGroup lets the console consumer read in a group of each protocol, and go on where its
// last run stopped.
func TestConsoleGroup(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			topic := newTopic(t, 1)
			var in strings.Builder
			for i := range 10 {
				fmt.Fprintf(&in, "line-%d\n", i)
			}
			tool(t, in.String(), "console-producer", "--bootstrap-server", target(t).Addr, "--topic", topic)
			var got string
			for range 2 {
				got += tool(t, "", "console-consumer", "--bootstrap-server", target(t).Addr, "--topic", topic, "--group", topic+"-group",
					"--max-messages", "5", "--timeout-ms", "20000", "--command-property", "group.protocol="+protocol,
					"--command-property", "auto.offset.reset=earliest")
			}
			if got != in.String() {
				t.Errorf("read %q, want %q", got, in.String())
			}
		})
	}
}
