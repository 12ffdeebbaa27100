package metrics_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
)

func newMetrics() *metrics.Metrics {
	return metrics.New(metrics.Options{
		Version: "v1",
		APIName: func(key int16) string { return map[int16]string{0: "Produce", 1: "Fetch"}[key] },
		ErrorName: func(code int16) string {
			return map[int16]string{-1: "UNKNOWN_SERVER_ERROR", 6: "NOT_LEADER_OR_FOLLOWER"}[code]
		},
	})
}

// scrape returns what /metrics answers.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	rsp := httptest.NewRecorder()
	m.Handler().ServeHTTP(rsp, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rsp.Code != http.StatusOK {
		t.Fatalf("scrape answered %d: %s", rsp.Code, rsp.Body)
	}
	return rsp.Body.String()
}

// expect compares all series of the named metrics with the lines wanted.
func expect(t *testing.T, m *metrics.Metrics, want string, names ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(scrape(t, m)) {
		name, _, _ := strings.Cut(line, "{")
		name, _, _ = strings.Cut(name, " ")
		if slices.Contains(names, name) {
			got = append(got, line)
		}
	}
	if strings.TrimSpace(strings.Join(got, "")) != strings.TrimSpace(want) {
		t.Errorf("got:\n%swant:%s", strings.Join(got, ""), want)
	}
}

func TestErrorsByCode(t *testing.T) {
	m := newMetrics()
	produce := m.API(0)
	m.API(1) // never counts, never seen
	for _, code := range []int16{0, 6, 6, -1, math.MaxInt16, math.MinInt16} {
		produce.Error(code)
	}
	expect(t, m, `
jocko_request_errors_total{api="Produce",error="NOT_LEADER_OR_FOLLOWER"} 2
jocko_request_errors_total{api="Produce",error="OTHER"} 2
jocko_request_errors_total{api="Produce",error="UNKNOWN_SERVER_ERROR"} 1
`, "jocko_request_errors_total", "jocko_request_duration_seconds")
}

func TestAPIHandleIsOne(t *testing.T) {
	m := newMetrics()
	if first, second := m.API(0), m.API(0); first != second {
		t.Error("two handles for one API key")
	}
}

func TestHistogramBuckets(t *testing.T) {
	m := newMetrics()
	a := m.API(1)
	durations := []time.Duration{-time.Second, 0, 1 << 14, 1<<14 + 1, 1 << 36, 1<<36 + 1, math.MaxInt64}
	for _, d := range durations {
		a.Observe(d)
	}
	families, err := m.Gather().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "jocko_request_duration_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != uint64(len(durations)) {
			t.Errorf("count %d, want %d", h.GetSampleCount(), len(durations))
		}
		got := map[float64]uint64{}
		for _, b := range h.GetBucket() {
			got[b.GetUpperBound()] = b.GetCumulativeCount()
		}
		want := map[float64]uint64{float64(1<<14) / 1e9: 3, float64(1<<15) / 1e9: 4, float64(1<<35) / 1e9: 4, float64(1<<36) / 1e9: 5}
		for bound, n := range want {
			if got[bound] != n {
				t.Errorf("bucket %v holds %d, want %d (all: %v)", bound, got[bound], n, got)
			}
		}
		return
	}
	t.Fatal("no request durations exposed")
}

func TestTopicHandles(t *testing.T) {
	m := newMetrics()
	a, b := m.Topic("orders"), m.Topic("orders")
	a.BytesIn.Add(10)
	b.BytesIn.Add(5)
	const want = `
jocko_topic_bytes_in_total{topic="orders"} 15
`
	expect(t, m, want, "jocko_topic_bytes_in_total", "jocko_topic_bytes_out_total")
	m.ReleaseTopic(a)
	expect(t, m, want, "jocko_topic_bytes_in_total")
	m.ReleaseTopic(b)
	expect(t, m, "", "jocko_topic_bytes_in_total")

	again := m.Topic("orders") // deleted and created again: counts from zero
	again.BytesIn.Inc()
	b.BytesIn.Inc()
	expect(t, m, strings.Replace(want, "15", "1", 1), "jocko_topic_bytes_in_total")

	defer func() {
		if recover() == nil {
			t.Error("a release too many went unnoticed")
		}
	}()
	m.ReleaseTopic(b)
}

func TestLogsAndDirs(t *testing.T) {
	m := newMetrics()
	m.Logs(func(yield func(metrics.Log) bool) {
		yield(metrics.Log{Topic: "t", Partition: 3, Size: 100, Segments: 2, LogStartOffset: 5, LogEndOffset: 9})
	})
	m.Dirs(func(yield func(metrics.Dir) bool) {
		_ = yield(metrics.Dir{Path: "/a", Total: 10, Usable: 4}) && yield(metrics.Dir{Path: "/b", Offline: true})
	})
	expect(t, m, `
jocko_log_dir_offline{dir="/a"} 0
jocko_log_dir_offline{dir="/b"} 1
jocko_log_dir_usable_bytes{dir="/a"} 4
jocko_log_end_offset{partition="3",topic="t"} 9
jocko_log_segments{partition="3",topic="t"} 2
`, "jocko_log_dir_offline", "jocko_log_dir_usable_bytes", "jocko_log_segments", "jocko_log_end_offset")
}

func TestConnections(t *testing.T) {
	m := newMetrics()
	l := m.Server.Listener("PLAINTEXT")
	l.Accepted.Inc()
	l.Open.Add(1)
	for why := metrics.ClosedByPeer; why <= metrics.RefusedIP; why++ {
		if why.String() == "" {
			t.Errorf("reason %d has no name", why)
		}
	}
	l.Closed(metrics.ClosedIdle)
	expect(t, m, `
jocko_connections{listener="PLAINTEXT"} 1
jocko_connections_closed_total{listener="PLAINTEXT",reason="idle"} 1
`, "jocko_connections", "jocko_connections_closed_total")
}

func TestTwoBrokersInOneProcess(t *testing.T) {
	for range 50 {
		m := newMetrics()
		m.Purgatory("Produce", func() int { return 3 })
		m.Purgatory("Fetch", func() int { return 4 })
		m.Counter("jocko_unclean_elections_total", "Unclean leader elections.", nil).Inc()
		expect(t, m, `
jocko_purgatory_size{kind="Fetch"} 4
jocko_purgatory_size{kind="Produce"} 3
jocko_unclean_elections_total 1
`, "jocko_purgatory_size", "jocko_unclean_elections_total")
	}
}

func TestHandlerServesText(t *testing.T) {
	m := newMetrics()
	m.Flush.Observe(time.Millisecond)
	body := scrape(t, m)
	for _, want := range []string{
		`jocko_build_info{version="v1"} 1`, "jocko_log_flush_duration_seconds_count 1",
		"go_goroutines", "jocko_handler_panics_total 0",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}

// Counting while others scrape and resolve: the race detector's work.
func TestConcurrentUse(t *testing.T) {
	m := newMetrics()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				m.API(0).Error(6)
				m.API(0).Observe(time.Microsecond)
				topic := m.Topic("t")
				topic.BytesIn.Inc()
				m.ReleaseTopic(topic)
				m.Server.Listener("A").Closed(metrics.ClosedIdle)
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			if _, err := m.Gather().Gather(); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if got := m.Server.Listener("A").ClosedCount(metrics.ClosedIdle); got != 400 {
		t.Errorf("counted %d, want 400", got)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := newMetrics()
	a, topic, l := m.API(0), m.Topic("t"), m.Server.Listener("A")
	a.Error(6) // the first allocates the slots
	n := testing.AllocsPerRun(100, func() {
		a.Observe(time.Millisecond)
		a.Error(6)
		topic.BytesOut.Add(100)
		l.BytesOut.Add(100)
	})
	if n != 0 {
		t.Errorf("%v allocations for counting one request", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	a := newMetrics().API(0)
	b.ReportAllocs()
	for i := range b.N {
		a.Observe(time.Duration(i))
	}
}
