package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// errorSlots covers Kafka's error codes from -1 with room; a code beyond counts in the last slot.
const errorSlots = 192

// API is one row of the API table: its requests, how long they took, and the errors answered.
type API struct {
	name      string
	durations Histogram
	errors    atomic.Pointer[[errorSlots]atomic.Uint64] // allocated by the first error
}

// API returns the handle of an API key. Resolve it once: it takes a lock.
func (m *Metrics) API(key int16) *API {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.apis[key]
	if a == nil {
		a = &API{name: nameOf(m.opt.APIName, key)}
		m.apis[key] = a
	}
	return a
}

// Observe counts one finished request and the time since it was read.
func (a *API) Observe(d time.Duration) { a.durations.Observe(d) }

// Error counts one error code in an answer; 0 is none.
func (a *API) Error(code int16) {
	if code == 0 {
		return
	}
	slots := a.errors.Load()
	if slots == nil {
		a.errors.CompareAndSwap(nil, new([errorSlots]atomic.Uint64))
		slots = a.errors.Load()
	}
	slots[slotOf(code)].Add(1)
}

func slotOf(code int16) int {
	if code < -1 {
		return errorSlots - 1
	}
	return min(int(code)+1, errorSlots-1)
}

func nameOf(name func(int16) string, n int16) string {
	if name == nil {
		return strconv.Itoa(int(n))
	}
	return name(n)
}

var (
	requestDesc = desc("jocko_request_duration_seconds",
		"Time from a request's last byte to its response being ready to send; _count is the number of requests.", "api")
	errorDesc = desc("jocko_request_errors_total",
		"Error codes answered: one request can count several, one for each partition.", "api", "error")
)

type apiCollector Metrics

func (c *apiCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- requestDesc
	ch <- errorDesc
}

func (c *apiCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.apis {
		if a.durations.Count() > 0 {
			ch <- a.durations.metric(requestDesc, a.name)
		}
		c.collectErrors(ch, a)
	}
}

func (c *apiCollector) collectErrors(ch chan<- prometheus.Metric, a *API) {
	slots := a.errors.Load()
	if slots == nil {
		return
	}
	for i := range slots {
		n := slots[i].Load()
		if n == 0 {
			continue
		}
		name := "OTHER"
		if i < errorSlots-1 {
			name = nameOf(c.opt.ErrorName, int16(i-1))
		}
		count(ch, errorDesc, n, a.name, name)
	}
}
