package node

import (
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
