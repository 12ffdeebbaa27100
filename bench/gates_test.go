package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// costs are counters of a broker since its start, or what one request may add to them.
type costs struct {
	syscalls float64 // read-like and write-like ones
	mallocs  float64 // heap objects
	bytes    float64 // heap bytes
}

// gates are the requests whose cost is bounded. The times of a shared machine say little about a
// small change; these counts say it exactly.
var gates = []struct {
	name string
	open func(t *testing.T, addr string) (request func() error)
	most costs
}{
	// The frame itself counts as heap bytes until the tail ring is full and gives frames back.
	{"produce", gateProduce, costs{5, 6, 4096}},
	// Measured: 2.9 to 3.2 calls (read, append, write), 26.3 objects, 1.3 KB. A third of the objects are
	// the answer and its way to the coordinator's goroutine and back, the rest the request's strings
	// and the response.
	{"OffsetCommit", gateOffsetCommit, costs{4, 28, 1600}},
	// Measured: 1.9 to 2.1 calls (read, write), 13.3 objects, 0.55 KB; the member's session timer, which
	// is armed anew, is four of them.
	{"Heartbeat", gateHeartbeat, costs{3, 15, 700}},
}

// TestCostPerRequest counts system calls and allocations over requests, one at a time, on one
// connection.
func TestCostPerRequest(t *testing.T) {
	port, err := brokers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	admin := fmt.Sprintf("127.0.0.1:%d", port)
	b, err := brokers.Start(t.Context(), brokers.Jocko, brokers.Options{
		Dir: t.TempDir(), Config: map[string]string{"admin.listener": admin, "group.initial.rebalance.delay.ms": "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Kill()
	if err := wire.CreateTopic(t.Context(), b.Addr, "gate", 1, nil); err != nil {
		t.Fatal(err)
	}
	for _, g := range gates {
		t.Run(g.name, func(t *testing.T) {
			request := g.open(t, b.Addr)
			repeat := func(n int) {
				t.Helper()
				for range n {
					if err := request(); err != nil {
						t.Fatal(err)
					}
				}
			}
			repeat(1000) // pools and files come into being
			const n = 20_000
			before := countCosts(t, b, admin)
			repeat(n)
			compareCosts(t, n, before, countCosts(t, b, admin), g.most)
		})
	}
}

func gateProduce(t *testing.T, addr string) func() error {
	s, err := newSingle(addr, "gate", 0, 1, 1024, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return func() error {
		if err := s.send(); err != nil {
			return err
		}
		return s.ack()
	}
}

func gateOffsetCommit(t *testing.T, addr string) func() error {
	cs, err := newCommitters(t.Context(), addr, "gate", 1, 1)
	t.Cleanup(cs.close)
	if err != nil {
		t.Fatal(err)
	}
	return cs[0].next
}

// gateHeartbeat is the heartbeat of a group's only member.
func gateHeartbeat(t *testing.T, addr string) func() error {
	if err := findCoordinator(t.Context(), addr, "gate"); err != nil {
		t.Fatal(err)
	}
	c, err := wire.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m := &classicMember{
		c: c, group: "gate", topics: map[string]int32{"gate": 1}, balancer: kgo.RangeBalancer(), generation: -1,
	}
	if _, err := m.rejoin(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m.beat
}

func compareCosts(t *testing.T, n float64, before, after, most costs) {
	t.Helper()
	for _, c := range []struct {
		name           string
		from, to, most float64
	}{
		{"system calls", before.syscalls, after.syscalls, most.syscalls},
		{"heap objects", before.mallocs, after.mallocs, most.mallocs},
		{"heap bytes", before.bytes, after.bytes, most.bytes},
	} {
		per := (c.to - c.from) / n
		t.Logf("%s per request: %.2f", c.name, per)
		if per > c.most {
			t.Errorf("%.2f %s per request, at most %.0f are allowed", per, c.name, c.most)
		}
		if per <= 0 {
			t.Errorf("%s did not change: the count is wrong", c.name)
		}
	}
}

func countCosts(t *testing.T, b *brokers.Broker, admin string) costs {
	t.Helper()
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", b.PID()))
	if err != nil {
		t.Skip("the kernel doesn't count system calls here:", err)
	}
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics := map[string]float64{}
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		name, value, ok := strings.Cut(s.Text(), " ")
		if x, err := strconv.ParseFloat(value, 64); ok && err == nil {
			metrics[name] = x
		}
	}
	calls := 0.0
	for line := range strings.SplitSeq(string(io), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		if x, err := strconv.ParseFloat(value, 64); err == nil && (name == "syscr" || name == "syscw") {
			calls += x
		}
	}
	return costs{
		syscalls: calls, mallocs: metrics["go_memstats_mallocs_total"], bytes: metrics["go_memstats_alloc_bytes_total"],
	}
}
