package node

import (
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/replica"
)

// scrapeLogs shows every partition's log to a scrape.
func (n *Node) scrapeLogs(yield func(metrics.Log) bool) {
	for _, l := range n.dirs.Logs() {
		tp := l.TP()
		if !yield(metrics.Log{
			Topic: tp.Topic, Partition: tp.Partition, Size: l.Size(), Segments: len(l.Segments()),
			LogStartOffset: int64(l.Start()), LogEndOffset: int64(l.End()),
		}) {
			return
		}
	}
}

// scrapeDirs shows the log dirs to a scrape.
func (n *Node) scrapeDirs(yield func(metrics.Dir) bool) {
	for _, d := range n.dirs.List() {
		if !yield(metrics.Dir{Path: d.Path, Offline: d.Err != nil, Total: max(d.Total, 0), Usable: max(d.Usable, 0)}) {
			return
		}
	}
}

// waiting counts the requests that wait on partitions: those of producers for
// the high watermark, and those of consumers for records.
func (n *Node) waiting(count func(*replica.Partition) int) func() int {
	return func() int {
		sum := 0
		n.replicas.All(func(p *replica.Partition) bool {
			sum += count(p)
			return true
		})
		return sum
	}
}

// countLogs shows what happened to the logs since start.
func (n *Node) countLogs() {
	c := n.dirs.Counters()
	for name, counter := range map[string]struct {
		help  string
		value *atomic.Int64
	}{
		"jocko_log_flushes_total":          {"Flushes of partitions' logs.", &c.Flushes},
		"jocko_log_failed_appends_total":   {"Appends that the file system refused.", &c.FailedAppends},
		"jocko_log_torn_tails_total":       {"Recoveries that cut an unfinished write off.", &c.TornTails},
		"jocko_log_middle_damage_total":    {"Recoveries that cut at damage with whole batches behind it; the bytes were kept aside.", &c.MiddleDamage},
		"jocko_log_read_damage_total":      {"Reads that met a wrong checksum.", &c.ReadDamage},
		"jocko_log_rebuilt_indexes_total":  {"Indexes that were wrong and were made anew.", &c.RebuiltIndexes},
		"jocko_log_deleted_segments_total": {"Segments that retention deleted.", &c.DeletedSegments},
	} {
		n.metrics.CounterFunc(name, counter.help, nil, func() float64 { return float64(counter.value.Load()) })
	}
	n.metrics.CounterFunc("jocko_log_flush_seconds_total", "Time that flushes of partitions' logs took.", nil,
		func() float64 { return time.Duration(c.FlushNanos.Load()).Seconds() })
	n.metrics.GaugeFunc("jocko_log_open_files", "Log files that are open.", nil, func() float64 { return float64(n.dirs.OpenFiles()) })
}
