package broker

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// AlterReplicaLogDirs (key 34, KIP-113)
//
//   - Begins to copy each replica to another log dir of this broker; it is
//     swapped in when it has caught up. Copying to the dir it lies in ends a
//     copy under way.
//   - A dir that isn't one: LOG_DIR_NOT_FOUND; one that failed:
//     KAFKA_STORAGE_ERROR; a partition that isn't here, whatever its name:
//     UNKNOWN_TOPIC_OR_PARTITION; a name too long for the copy's folder:
//     INVALID_TOPIC_EXCEPTION.
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
				err := b.moveReplica(commitlog.TP{Topic: t.Name, Partition: index}, d.Path)
				resp.Results[at].Partitions = append(resp.Results[at].Partitions, protocol.AlterReplicaLogDirsResponseAlterReplicaLogDirPartitionResult{
					PartitionIndex: index, ErrorCode: b.code(err),
				})
			}
		}
	}
	return resp
}

// The copy's folder has the partition's name and a tail: a point, 32 digits and
// "-future". A name that it would make too long for a file can't be moved.
const (
	futureTail  = 1 + 32 + len("-future")
	maxFileName = 255
)

func (b *Broker) moveReplica(tp commitlog.TP, path string) error {
	if len(tp.String())+futureTail > maxFileName {
		return protocol.ErrInvalidTopicException
	}
	if !slices.ContainsFunc(b.Dirs.List(), func(d commitlog.Dir) bool { return filepath.Clean(d.Path) == filepath.Clean(path) }) {
		return protocol.ErrLogDirNotFound
	}
	log := b.Dirs.Get(tp)
	if log == nil {
		return protocol.ErrUnknownTopicOrPartition
	}
	return b.Dirs.Move(log, path)
}
