package group

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the scripts expect")

// TestAssignorScripts runs the scripts in testdata/assignor, each on a group of its own:
//
//	topic a 3          a topic has 3 partitions; 0 deletes it
//	member A a b       a member joins, or changes its subscription; A/i has the instance id i
//	leave A            a member leaves
//	replace A B        a static member comes back under another id and inherits its target
//	target A a:0-2,4   a member has this target
//	uniform            the group gets its targets from this assignor
//	----
//	A a:0-2 b:1
//	B = a:3            the same as before
//	moved 2            partitions that a member had to give to another, or drop
func TestAssignorScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/assignor/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { runAssignorScript(t, path) })
	}
}

func runAssignorScript(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := newAssignorGroup()
	var out []string
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		ask, want, found := strings.Cut(block, "\n----\n")
		if strings.HasPrefix(ask, "#") && !found {
			g = newAssignorGroup() // a comment of its own begins another group
			out = append(out, block)
			continue
		}
		got := g.run(t, ask)
		if got != want && !*rewrite {
			t.Errorf("%s\n---- want\n%s\n---- got\n%s", ask, want, got)
		}
		out = append(out, ask+"\n----\n"+got)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// assignorGroup is a group under test. Its topics are letters.
type assignorGroup struct {
	partitions map[protocol.UUID]int32
	members    map[string]assignorMember
}

func newAssignorGroup() *assignorGroup {
	return &assignorGroup{partitions: make(map[protocol.UUID]int32), members: make(map[string]assignorMember)}
}

// input is the group as an assignor sees it.
func (g *assignorGroup) input() *assignorInput {
	members := slices.SortedFunc(maps.Values(g.members), func(a, b assignorMember) int { return cmp.Compare(a.ID, b.ID) })
	return &assignorInput{Members: members, Partitions: func(id protocol.UUID) int32 { return g.partitions[id] }}
}

// assign gives the members the targets of an assignor.
func (g *assignorGroup) assign(name string) ([]assignorTarget, error) {
	a, known := assignorByName(name)
	if !known {
		return nil, fmt.Errorf("no assignor %q", name)
	}
	in := g.input()
	targets, err := a.assign(in)
	for i, target := range targets {
		m := in.Members[i]
		m.Assigned = target.Assignment
		g.members[m.ID] = m
	}
	return targets, err
}

// run executes the lines of a block and returns what its assignor decided.
func (g *assignorGroup) run(t *testing.T, ask string) string {
	for _, line := range strings.Split(ask, "\n") {
		words := strings.Fields(line)
		switch args := words[1:]; words[0] {
		case "#":
		case "topic":
			n, err := strconv.Atoi(args[1])
			if err != nil {
				t.Fatal(err)
			}
			g.partitions[topicOfName(args[0])] = int32(n)
		case "member":
			id, instance, _ := strings.Cut(args[0], "/")
			m := assignorMember{ID: id, InstanceID: instance, Assigned: g.members[id].Assigned}
			for _, topic := range args[1:] {
				m.Topics = append(m.Topics, topicOfName(topic))
			}
			g.members[id] = m
		case "leave":
			delete(g.members, args[0])
		case "replace":
			m := g.members[args[0]]
			delete(g.members, args[0])
			m.ID = args[1]
			g.members[m.ID] = m
		case "target":
			m := g.members[args[0]]
			m.Assigned = parseAssignment(t, args[1:])
			g.members[m.ID] = m
		default:
			return g.report(words[0])
		}
	}
	t.Fatalf("no assignor in %q", ask)
	return ""
}

// report assigns and returns the outcome as text.
func (g *assignorGroup) report(name string) string {
	before := g.input().Members
	targets, err := g.assign(name)
	if err != nil {
		return "error: " + err.Error()
	}
	var out []string
	moved := 0
	for i, target := range targets {
		words := []string{before[i].ID}
		if !target.Changed {
			words = append(words, "=")
		}
		out = append(out, strings.Join(append(words, formatAssignment(target.Assignment)...), " "))
		moved += partitionsLost(before[i].Assigned, target.Assignment)
	}
	return strings.Join(append(out, fmt.Sprintf("moved %d", moved)), "\n")
}

// partitionsLost counts the partitions that are in before and not in after.
func partitionsLost(before, after assignment) int {
	n := 0
	for topic, partitions := range before {
		for _, p := range partitions {
			if !slices.Contains(after[topic], p) {
				n++
			}
		}
	}
	return n
}

// assignorTopic is the id of the topic of this number.
func assignorTopic(n int) (id protocol.UUID) {
	id[14], id[15] = byte(n>>8), byte(n)
	return id
}

func topicOfName(name string) protocol.UUID { return assignorTopic(int(name[0])) }

// parseAssignment reads words like a:0-2,5.
func parseAssignment(t *testing.T, words []string) assignment {
	out := make(assignment)
	for _, word := range words {
		name, list, _ := strings.Cut(word, ":")
		for _, span := range strings.Split(list, ",") {
			first, last, isSpan := strings.Cut(span, "-")
			if !isSpan {
				last = first
			}
			lo, err1 := strconv.Atoi(first)
			hi, err2 := strconv.Atoi(last)
			if err := cmp.Or(err1, err2); err != nil {
				t.Fatal(err)
			}
			for p := lo; p <= hi; p++ {
				out[topicOfName(name)] = append(out[topicOfName(name)], int32(p))
			}
		}
	}
	return out
}

// formatAssignment writes what parseAssignment reads.
func formatAssignment(a assignment) []string {
	var out []string
	for id, partitions := range a {
		var spans []string
		for i := 0; i < len(partitions); {
			first := i
			for i++; i < len(partitions) && partitions[i] == partitions[i-1]+1; i++ {
			}
			span := strconv.Itoa(int(partitions[first]))
			if i-first > 1 {
				span += fmt.Sprintf("-%d", partitions[i-1])
			}
			spans = append(spans, span)
		}
		out = append(out, string(rune(id[15]))+":"+strings.Join(spans, ","))
	}
	slices.Sort(out)
	return out
}
