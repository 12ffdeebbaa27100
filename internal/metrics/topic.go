package metrics

import "github.com/prometheus/client_golang/prometheus"

// Topic is what one topic's partitions count together; each partition keeps the handle.
type Topic struct {
	BytesIn         Counter // record batches appended for producers, as stored
	BytesOut        Counter // record batches sent to consumers
	ReplicaBytesOut Counter // record batches sent to followers
	ReplicaBytesIn  Counter // record batches fetched from leaders
	MessagesIn      Counter // records appended for producers
	ProduceFailed   Counter // partitions of produce requests answered with an error
	FetchFailed     Counter // partitions of fetch requests answered with an error

	name string
	refs int // guarded by Metrics.mu
}

// Topic returns the handle of a topic and takes a reference on it. Call it where a partition is opened, not for a
// request: it takes a lock.
func (m *Metrics) Topic(name string) *Topic {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[name]
	if t == nil {
		t = &Topic{name: name}
		m.topics[name] = t
	}
	t.refs++
	return t
}

// ReleaseTopic gives a reference back. With the last one the topic's series end; a handle still held goes on counting,
// and nobody sees it.
func (m *Metrics) ReleaseTopic(t *Topic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.refs--; t.refs < 0 {
		panic("BUG: topic metrics of " + t.name + " released more often than taken")
	}
	if t.refs == 0 && m.topics[t.name] == t {
		delete(m.topics, t.name)
	}
}

var topicCounts = []struct {
	desc *prometheus.Desc
	of   func(*Topic) *Counter
}{
	{
		desc("jocko_topic_bytes_in_total", "Bytes of record batches produced.", "topic"),
		func(t *Topic) *Counter { return &t.BytesIn },
	},
	{
		desc("jocko_topic_bytes_out_total", "Bytes of record batches sent to consumers.", "topic"),
		func(t *Topic) *Counter { return &t.BytesOut },
	},
	{
		desc("jocko_topic_replication_bytes_in_total", "Bytes of record batches fetched from leaders.", "topic"),
		func(t *Topic) *Counter { return &t.ReplicaBytesIn },
	},
	{
		desc("jocko_topic_replication_bytes_out_total", "Bytes of record batches sent to followers.", "topic"),
		func(t *Topic) *Counter { return &t.ReplicaBytesOut },
	},
	{
		desc("jocko_topic_messages_in_total", "Records produced.", "topic"),
		func(t *Topic) *Counter { return &t.MessagesIn },
	},
	{
		desc("jocko_topic_produce_failed_total", "Partitions of produce requests answered with an error.", "topic"),
		func(t *Topic) *Counter { return &t.ProduceFailed },
	},
	{
		desc("jocko_topic_fetch_failed_total", "Partitions of fetch requests answered with an error.", "topic"),
		func(t *Topic) *Counter { return &t.FetchFailed },
	},
}

type topicCollector Metrics

func (c *topicCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, tc := range topicCounts {
		ch <- tc.desc
	}
}

func (c *topicCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	topics := make([]*Topic, 0, len(c.topics))
	for _, t := range c.topics {
		topics = append(topics, t)
	}
	c.mu.Unlock()
	for _, t := range topics {
		for _, tc := range topicCounts {
			if n := tc.of(t).Load(); n > 0 {
				count(ch, tc.desc, n, t.name)
			}
		}
	}
}
