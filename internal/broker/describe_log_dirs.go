package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeLogDirs (key 35, KIP-113)
//
//   - Lists the log dirs, and in each the size of the replicas asked for, all
//     of them with a null list. A replica that is being moved shows in its new
//     dir as a future one, with how many offsets it lags.
//   - A dir that failed answers KAFKA_STORAGE_ERROR and no replicas.
//
// v2 flexible. v3 top-level error. v4 the file system's size (KIP-827).
// v5 cordoned dirs (KIP-1066).
func (b *Broker) describeLogDirs(_ context.Context, _ *Request, m *protocol.DescribeLogDirsRequest) *protocol.DescribeLogDirsResponse {
	wanted := wantedPartitions(m)
	resp := &protocol.DescribeLogDirsResponse{}
	logs := b.Dirs.Logs()
	for _, dir := range b.Dirs.List() {
		out := protocol.DescribeLogDirsResponseDescribeLogDirsResult{LogDir: dir.Path, TotalBytes: dir.Total, UsableBytes: dir.Usable}
		if dir.Err != nil {
			out.ErrorCode, out.TotalBytes, out.UsableBytes = int16(protocol.ErrKafkaStorageError), -1, -1
		} else {
			out.Topics = logDirTopics(b.Dirs, &dir, logs, wanted)
		}
		resp.Results = append(resp.Results, out)
	}
	return resp
}

// wantedPartitions is what the request asks for, nil for everything.
func wantedPartitions(m *protocol.DescribeLogDirsRequest) map[commitlog.TP]bool {
	if m.Topics == nil {
		return nil
	}
	wanted := make(map[commitlog.TP]bool)
	for i := range m.Topics {
		for _, index := range m.Topics[i].Partitions {
			wanted[commitlog.TP{Topic: m.Topics[i].Topic, Partition: index}] = true
		}
	}
	return wanted
}

// logDirTopics lists the replicas in one dir; logs is in the order of topics and
// partitions.
func logDirTopics(dirs *commitlog.Dirs, dir *commitlog.Dir, logs []*commitlog.Log, wanted map[commitlog.TP]bool) []protocol.DescribeLogDirsResponseDescribeLogDirsTopic {
	var topics []protocol.DescribeLogDirsResponseDescribeLogDirsTopic
	add := func(l *commitlog.Log, lag int64, future bool) {
		tp := l.TP()
		if wanted != nil && !wanted[tp] {
			return
		}
		if n := len(topics); n == 0 || topics[n-1].Name != tp.Topic {
			topics = append(topics, protocol.DescribeLogDirsResponseDescribeLogDirsTopic{Name: tp.Topic})
		}
		t := &topics[len(topics)-1]
		t.Partitions = append(t.Partitions, protocol.DescribeLogDirsResponseDescribeLogDirsPartition{
			PartitionIndex: tp.Partition, PartitionSize: l.Size(), OffsetLag: lag, IsFutureKey: future,
		})
	}
	for _, l := range logs {
		if l.DirID() == dir.ID {
			add(l, 0, false)
		}
	}
	for _, l := range dir.Futures {
		if current := dirs.Get(l.TP()); current != nil {
			add(l, max(int64(current.End()-l.End()), 0), true)
		}
	}
	return topics
}
