package broker

import (
	"context"
	"slices"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/raft"
)

// clusterMetadataTopic is the name that Kafka's tools use for the metadata log.
const clusterMetadataTopic = "__cluster_metadata"

// DescribeQuorum (key 55, KIP-595, KIP-853)
//
//   - Describes the metadata quorum out of Raft's own state: leader, term as
//     leader epoch, commit index as high watermark, voters and observers. It
//     answers for partition 0 of __cluster_metadata and for nothing else.
//
// v1 fetch times (KIP-836). v2 error texts, directories, nodes.
func (b *Broker) describeQuorum(_ context.Context, rq *Request, m *protocol.DescribeQuorumRequest) *protocol.DescribeQuorumResponse {
	resp := &protocol.DescribeQuorumResponse{}
	if len(m.Topics) != 1 || m.Topics[0].TopicName != clusterMetadataTopic || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].PartitionIndex != 0 {
		for i := range m.Topics {
			t := &m.Topics[i]
			out := protocol.DescribeQuorumResponseTopicData{TopicName: t.TopicName}
			for j := range t.Partitions {
				out.Partitions = append(out.Partitions, protocol.DescribeQuorumResponsePartitionData{
					PartitionIndex: t.Partitions[j].PartitionIndex, ErrorCode: int16(protocol.ErrUnknownTopicOrPartition),
				})
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	}
	st := b.Raft.Status()
	data := protocol.DescribeQuorumResponsePartitionData{
		LeaderId: int32(st.LeaderID), LeaderEpoch: int32(st.Term), HighWatermark: int64(st.CommitIndex),
		CurrentVoters: []protocol.DescribeQuorumResponseReplicaState{}, Observers: []protocol.DescribeQuorumResponseReplicaState{},
	}
	for _, s := range st.Voters {
		data.CurrentVoters = append(data.CurrentVoters, b.quorumMember(s, st.LeaderID))
	}
	for _, s := range st.Observers {
		data.Observers = append(data.Observers, b.quorumMember(s, st.LeaderID))
	}
	for _, s := range slices.Concat(st.Voters, st.Observers) {
		resp.Nodes = append(resp.Nodes, protocol.DescribeQuorumResponseNode{NodeId: int32(s.NodeID)})
	}
	resp.Topics = []protocol.DescribeQuorumResponseTopicData{{TopicName: clusterMetadataTopic, Partitions: []protocol.DescribeQuorumResponsePartitionData{data}}}
	return resp
}

// quorumMember describes one server of the quorum. The leader is always caught
// up with itself; when another was is known to nobody but the leader's Raft.
func (b *Broker) quorumMember(s raft.Server, leader metadata.BrokerID) protocol.DescribeQuorumResponseReplicaState {
	out := protocol.DescribeQuorumResponseReplicaState{
		ReplicaId: int32(s.NodeID), ReplicaDirectoryId: s.DirectoryID, LogEndOffset: s.LastIndex, LastFetchTimestamp: -1, LastCaughtUpTimestamp: -1,
	}
	if s.NodeID == leader {
		now := b.Now().UnixMilli()
		out.LastFetchTimestamp, out.LastCaughtUpTimestamp = now, now
	}
	return out
}
