package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Offsets is what is counted of the offsets that groups commit.
type Offsets struct {
	Committed, Expired, Deleted Counter

	lags func(yield func(Lag) bool)
}

// Lag is how far a group is behind in one partition, at the moment of a scrape.
type Lag struct {
	Group, Topic string
	Partition    int32
	Committed    int64 // offset
	Lag          int64 // records up to the end that read_uncommitted consumers see; -1 when the end isn't known here
}

// Offsets registers what is counted of committed offsets. lags is called once a scrape.
func (m *Metrics) Offsets(lags func(yield func(Lag) bool)) *Offsets {
	o := &Offsets{lags: lags}
	m.CounterFunc("jocko_offset_commits_total", "Offsets that groups committed.", nil, o.Committed.value)
	m.CounterFunc("jocko_offset_expirations_total", "Committed offsets that were deleted because nobody used them.", nil, o.Expired.value)
	m.CounterFunc("jocko_offset_deletions_total", "Committed offsets that somebody deleted.", nil, o.Deleted.value)
	m.registry.MustRegister(o)
	return o
}

func (c *Counter) value() float64 { return float64(c.Load()) }

var (
	committedDesc = desc("jocko_group_committed_offset", "Offset that a group has committed.", "group", "topic", "partition")
	lagDesc       = desc("jocko_group_lag", "Records between a group's committed offset and the end of the partition.", "group", "topic", "partition")
)

// Describe implements prometheus.Collector.
func (o *Offsets) Describe(ch chan<- *prometheus.Desc) { ch <- committedDesc; ch <- lagDesc }

// Collect implements prometheus.Collector.
func (o *Offsets) Collect(ch chan<- prometheus.Metric) {
	for l := range o.lags {
		partition := strconv.Itoa(int(l.Partition))
		gauge(ch, committedDesc, float64(l.Committed), l.Group, l.Topic, partition)
		if l.Lag >= 0 {
			gauge(ch, lagDesc, float64(l.Lag), l.Group, l.Topic, partition)
		}
	}
}
