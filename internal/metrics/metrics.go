// Package metrics holds what a broker counts, as Prometheus collectors.
//
// Its main type is Metrics: one registry per broker, never the global one, so that many brokers live in one process.
// The invariant: counting on the hot path is one or two atomic additions on a handle that was resolved once (an API's
// row, a partition's topic, a listener); labels are put together only when somebody scrapes. Series that never counted
// anything aren't exposed.
package metrics

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes bounds the scrapes served at once: one walks every partition, and more than a few monitors are a mistake.
const maxScrapes = 4

// Options names what this package, which knows nothing of the protocol, can't name itself. Nil functions print numbers.
type Options struct {
	Version   string                  // of the broker, for jocko_build_info
	APIName   func(key int16) string  // "Produce"
	ErrorName func(code int16) string // "NOT_LEADER_OR_FOLLOWER"
}

// Metrics is one broker's registry and the handles into it. All methods are safe for concurrent use.
type Metrics struct {
	opt      Options
	registry *prometheus.Registry

	// Server is what the connections count.
	Server Server

	// Flush is how long an fsync of a log took.
	Flush Histogram

	mu     sync.Mutex
	apis   map[int16]*API
	topics map[string]*Topic
	logs   []LogSource
	dirs   []DirSource
}

// New returns an empty registry that already describes the build, the Go runtime and the process.
func New(opt Options) *Metrics {
	m := &Metrics{
		opt:      opt,
		registry: prometheus.NewRegistry(),
		apis:     make(map[int16]*API),
		topics:   make(map[string]*Topic),
	}
	m.Server.listeners = make(map[string]*Listener)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(opt.Version),
		(*apiCollector)(m),
		(*topicCollector)(m),
		(*logCollector)(m),
		&m.Server,
		m.Flush.collector("jocko_log_flush_duration_seconds", "Time an fsync of a partition's log took."),
	)
	return m
}

// Handler serves the registry in the formats Prometheus asks for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		ErrorHandling:       promhttp.ContinueOnError,
	})
}

// Gather returns the registry's series, for tests and for a broker that sends them elsewhere.
func (m *Metrics) Gather() prometheus.Gatherer { return m.registry }

// Labels are the constant labels of one series.
type Labels = prometheus.Labels

// GaugeFunc exposes a value that is asked for at scrape time, such as the number of waiters in a purgatory.
// It panics when the name and labels are taken: two owners of one series are a bug.
func (m *Metrics) GaugeFunc(name, help string, labels Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// CounterFunc exposes a count that somebody else keeps. It panics when the name and labels are taken.
func (m *Metrics) CounterFunc(name, help string, labels Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// Counter returns a new count, exposed under the name from the start. It panics when the name and labels are taken.
func (m *Metrics) Counter(name, help string, labels Labels) *Counter {
	c := new(Counter)
	m.CounterFunc(name, help, labels, func() float64 { return float64(c.Load()) })
	return c
}

// Purgatory exposes how many requests of a kind ("Produce", "Fetch") wait.
func (m *Metrics) Purgatory(kind string, size func() int) {
	m.GaugeFunc("jocko_purgatory_size", "Requests that wait for a condition or their deadline.",
		Labels{"kind": kind}, func() float64 { return float64(size()) })
}

// Counter only ever grows. The zero value is ready.
type Counter struct{ n atomic.Uint64 }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Add adds n, which isn't negative.
func (c *Counter) Add(n int) { c.n.Add(uint64(n)) }

// Load returns the count.
func (c *Counter) Load() uint64 { return c.n.Load() }

// buildInfo is the constant series that names the version.
func buildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "jocko_build_info",
		Help:        "Always 1; the label tells the version of the broker.",
		ConstLabels: Labels{"version": version},
	}, func() float64 { return 1 })
}

// desc is a shorter prometheus.NewDesc.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// count and gauge are shorter MustNewConstMetric.
func count(ch chan<- prometheus.Metric, d *prometheus.Desc, n uint64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}
