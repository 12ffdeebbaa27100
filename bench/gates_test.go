package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

// The most that one unbatched produce request may cost the broker. The times of a shared machine say
// little about a small change; these counts say it exactly.
const (
	maxSyscalls = 5    // read-like and write-like ones
	maxMallocs  = 6    // heap objects
	maxBytes    = 4096 // heap bytes; the frame itself counts until the tail ring is full and gives frames back
)

// TestCostPerRequest counts system calls and allocations over produce requests of one record, one at
// a time, on one connection.
func TestCostPerRequest(t *testing.T) {
	port, err := brokers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	admin := fmt.Sprintf("127.0.0.1:%d", port)
	b, err := brokers.Start(t.Context(), brokers.Jocko, brokers.Options{
		Dir: t.TempDir(), Config: map[string]string{"admin.listener": admin},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Kill()
	if err := wire.CreateTopic(t.Context(), b.Addr, "gate", 1, nil); err != nil {
		t.Fatal(err)
	}
	s, err := newSingle(b.Addr, "gate", 0, 1, 1024, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	send := func(n int) {
		t.Helper()
		for range n {
			if err := s.send(); err != nil {
				t.Fatal(err)
			}
			if err := s.ack(); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(1000) // pools and files come into being
	const n = 20_000
	before := countCosts(t, b, admin)
	send(n)
	after := countCosts(t, b, admin)
	for _, c := range []struct {
		name        string
		from, to    float64
		mostPerUnit float64
	}{
		{"system calls", before.syscalls, after.syscalls, maxSyscalls},
		{"heap objects", before.mallocs, after.mallocs, maxMallocs},
		{"heap bytes", before.bytes, after.bytes, maxBytes},
	} {
		per := (c.to - c.from) / n
		t.Logf("%s per request: %.2f", c.name, per)
		if per > c.mostPerUnit {
			t.Errorf("%.2f %s per request, at most %.0f are allowed", per, c.name, c.mostPerUnit)
		}
		if per <= 0 {
			t.Errorf("%s did not change: the count is wrong", c.name)
		}
	}
}

// costs are counters of a broker since its start.
type costs struct{ syscalls, mallocs, bytes float64 }

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
