package txn

import (
	"sync"
	"sync/atomic"

	"github.com/travisjeffery/jocko/internal/metrics"
)

// gauges are what metrics tell of the machines.
type gauges struct {
	states [numStates]atomic.Int64 // transactional ids in each

	mu   sync.Mutex
	open map[*transaction]int64 // when it began, ms: the transactions that aren't complete
}

// enter counts a transactional id in its state.
func (g *gauges) enter(t *transaction) {
	g.states[t.state].Add(1)
	if !t.state.idle() {
		g.mu.Lock()
		g.open[t] = t.startMs
		g.mu.Unlock()
	}
}

// leave takes back what enter counted.
func (g *gauges) leave(t *transaction) {
	g.states[t.state].Add(-1)
	if !t.state.idle() {
		g.mu.Lock()
		delete(g.open, t)
		g.mu.Unlock()
	}
}

// oldest is when the oldest open transaction began, ms.
func (g *gauges) oldest() (ms int64, any bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, start := range g.open {
		if !any || start < ms {
			ms, any = start, true
		}
	}
	return ms, any
}

// measure exposes the coordinator's state.
func (c *Coordinator) measure(m *metrics.Metrics) {
	for s := Empty; s <= CompleteAbort; s++ {
		m.GaugeFunc("jocko_transactional_ids", "Transactional ids that this broker coordinates.", metrics.Labels{"state": s.String()},
			func() float64 { return float64(c.gauges.states[s].Load()) })
	}
	m.GaugeFunc("jocko_transactions_open", "Transactions that have begun and aren't complete.", nil, func() float64 {
		return float64(c.gauges.states[Ongoing].Load() + c.gauges.states[PrepareCommit].Load() + c.gauges.states[PrepareAbort].Load())
	})
	m.GaugeFunc("jocko_transactions_oldest_seconds", "Age of the oldest transaction that isn't complete.", nil, func() float64 {
		if began, ok := c.gauges.oldest(); ok {
			return max(float64(c.options.Now().UnixMilli()-began)/1000, 0)
		}
		return 0
	})
}
