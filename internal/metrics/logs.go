package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Log is one partition's log at the moment of a scrape.
type Log struct {
	Topic          string
	Partition      int32
	Size           int64 // bytes
	Segments       int
	LogStartOffset int64
	LogEndOffset   int64
}

// Dir is one log directory at the moment of a scrape.
type Dir struct {
	Path    string
	Offline bool
	Total   int64 // bytes of its file system; 0 when unknown
	Usable  int64
}

// LogSource and DirSource are called once a scrape, from one goroutine at a time for each scrape.
type (
	LogSource func(yield func(Log) bool)
	DirSource func(yield func(Dir) bool)
)

// Logs adds a source of the logs that a scrape lists.
func (m *Metrics) Logs(src LogSource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logs = append(m.logs, src)
}

// Dirs adds a source of the log directories that a scrape lists.
func (m *Metrics) Dirs(src DirSource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirs = append(m.dirs, src)
}

var (
	logSizeDesc     = desc("jocko_log_size_bytes", "Size of a partition's log.", "topic", "partition")
	logSegmentsDesc = desc("jocko_log_segments", "Segments of a partition's log.", "topic", "partition")
	logStartDesc    = desc("jocko_log_start_offset", "First offset of a partition's log.", "topic", "partition")
	logEndDesc      = desc("jocko_log_end_offset", "Offset the next record of a partition will get.", "topic", "partition")
	dirOfflineDesc  = desc("jocko_log_dir_offline", "1 when a log directory failed.", "dir")
	dirTotalDesc    = desc("jocko_log_dir_total_bytes", "Size of a log directory's file system.", "dir")
	dirUsableDesc   = desc("jocko_log_dir_usable_bytes", "Free bytes of a log directory's file system.", "dir")
)

type logCollector Metrics

func (c *logCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		logSizeDesc, logSegmentsDesc, logStartDesc, logEndDesc,
		dirOfflineDesc, dirTotalDesc, dirUsableDesc,
	} {
		ch <- d
	}
}

// Collect calls the sources without the lock: they take locks of their own.
func (c *logCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	logs, dirs := c.logs, c.dirs
	c.mu.Unlock()
	for _, src := range logs {
		for l := range src {
			partition := strconv.Itoa(int(l.Partition))
			gauge(ch, logSizeDesc, float64(l.Size), l.Topic, partition)
			gauge(ch, logSegmentsDesc, float64(l.Segments), l.Topic, partition)
			gauge(ch, logStartDesc, float64(l.LogStartOffset), l.Topic, partition)
			gauge(ch, logEndDesc, float64(l.LogEndOffset), l.Topic, partition)
		}
	}
	for _, src := range dirs {
		for d := range src {
			gauge(ch, dirOfflineDesc, boolean(d.Offline), d.Path)
			if d.Total > 0 {
				gauge(ch, dirTotalDesc, float64(d.Total), d.Path)
				gauge(ch, dirUsableDesc, float64(d.Usable), d.Path)
			}
		}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
