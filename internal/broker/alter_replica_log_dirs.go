package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// AlterReplicaLogDirs (key 34, KIP-113)
//
//   - Begins to copy each replica to another log dir of this broker; it is
//     swapped in when it has caught up. Copying to the dir it lies in ends a
//     copy under way.
//   - A dir that isn't one: LOG_DIR_NOT_FOUND; one that failed:
//     KAFKA_STORAGE_ERROR; a partition that isn't here: REPLICA_NOT_AVAILABLE.
//
// v2 flexible.
func (b *Broker) alterReplicaLogDirs(_ context.Context, _ *Request, m *protocol.AlterReplicaLogDirsRequest) *protocol.AlterReplicaLogDirsResponse {
	resp := &protocol.AlterReplicaLogDirsResponse{}
	place := make(map[string]int)
	for i := range m.Dirs {
		d := &m.Dirs[i]
		for j := range d.Topics {
			t := &d.Topics[j]
			at, ok := place[t.Name]
			if !ok {
				at = len(resp.Results)
				place[t.Name] = at
				resp.Results = append(resp.Results, protocol.AlterReplicaLogDirsResponseAlterReplicaLogDirTopicResult{TopicName: t.Name})
			}
			for _, index := range t.Partitions {
				err := error(protocol.ErrReplicaNotAvailable)
				if log := b.Dirs.Get(commitlog.TP{Topic: t.Name, Partition: index}); log != nil {
					err = b.Dirs.Move(log, d.Path)
				}
				resp.Results[at].Partitions = append(resp.Results[at].Partitions, protocol.AlterReplicaLogDirsResponseAlterReplicaLogDirPartitionResult{
					PartitionIndex: index, ErrorCode: b.code(err),
				})
			}
		}
	}
	return resp
}
