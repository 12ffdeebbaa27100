package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The kinds of election (KIP-460).
const (
	preferredElection = 0
	uncleanElection   = 1
)

// ElectLeaders elects the preferred leader of partitions, or, where none is in
// sync, an unclean one.
func (c *Controller) ElectLeaders(ctx context.Context, m *protocol.ElectLeadersRequest) *protocol.ElectLeadersResponse {
	ctx, cancel := within(ctx, m.TimeoutMs)
	defer cancel()
	resp, err := ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, *protocol.ElectLeadersResponse) {
		return electLeaders(img, m)
	})
	if err != nil {
		return &protocol.ElectLeadersResponse{ErrorCode: protocol.CodeOf(err), ReplicaElectionResults: []protocol.ElectLeadersResponseReplicaElectionResult{}}
	}
	return resp
}

// electLeaders decides on an ElectLeaders request. A null list means every
// partition that needs it; the others are then left out of the answer, which
// names all topics.
func electLeaders(img *metadata.Image, m *protocol.ElectLeadersRequest) ([]metadata.Record, *protocol.ElectLeadersResponse) {
	if m.ElectionType != preferredElection && m.ElectionType != uncleanElection {
		return nil, unknownElection(m)
	}
	resp := &protocol.ElectLeadersResponse{ReplicaElectionResults: []protocol.ElectLeadersResponseReplicaElectionResult{}}
	var records []metadata.Record
	add := func(topic string, partitions []int32, quiet bool) {
		result := protocol.ElectLeadersResponseReplicaElectionResult{Topic: topic}
		for _, index := range partitions {
			record, err := electLeader(img, topic, index, m.ElectionType)
			if quiet && protocol.CodeOf(err) == int16(protocol.ErrElectionNotNeeded) {
				continue
			}
			if record != nil {
				records = append(records, record)
			}
			code, text := codeAndText(err)
			result.PartitionResult = append(result.PartitionResult, protocol.ElectLeadersResponsePartitionResult{PartitionId: index, ErrorCode: code, ErrorMessage: text})
		}
		resp.ReplicaElectionResults = append(resp.ReplicaElectionResults, result)
	}
	if m.TopicPartitions == nil {
		for t := range img.Topics() {
			add(t.Name, partitionIndexes(t), true)
		}
		return records, resp
	}
	for i := range m.TopicPartitions {
		add(m.TopicPartitions[i].Topic, m.TopicPartitions[i].Partitions, false)
	}
	return records, resp
}

// unknownElection refuses a kind of election that doesn't exist, for each
// partition that is named, whether it exists or not.
func unknownElection(m *protocol.ElectLeadersRequest) *protocol.ElectLeadersResponse {
	resp := &protocol.ElectLeadersResponse{ReplicaElectionResults: []protocol.ElectLeadersResponseReplicaElectionResult{}}
	if m.TopicPartitions != nil && len(m.TopicPartitions) == 0 {
		return resp // nothing is refused, because nothing is asked
	}
	code, text := codeAndText(protocol.Refuse(protocol.ErrInvalidRequest, fmt.Sprintf("Unknown election type %d", m.ElectionType)))
	resp.ErrorCode = code
	for _, t := range m.TopicPartitions {
		result := protocol.ElectLeadersResponseReplicaElectionResult{Topic: t.Topic}
		for _, index := range t.Partitions {
			result.PartitionResult = append(result.PartitionResult, protocol.ElectLeadersResponsePartitionResult{PartitionId: index, ErrorCode: code, ErrorMessage: text})
		}
		resp.ReplicaElectionResults = append(resp.ReplicaElectionResults, result)
	}
	return resp
}

func partitionIndexes(t *metadata.Topic) []int32 {
	out := make([]int32, len(t.Partitions))
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func electLeader(img *metadata.Image, topic string, index int32, kind int8) (metadata.Record, error) {
	t := img.Topic(topic)
	if t == nil {
		return nil, protocol.Refuse(protocol.ErrUnknownTopicOrPartition, fmt.Sprintf("No such topic as %s", topic))
	}
	if index < 0 || int(index) >= len(t.Partitions) {
		return nil, protocol.Refuse(protocol.ErrUnknownTopicOrPartition, fmt.Sprintf("No such partition as %s-%d", topic, index))
	}
	p := t.Partitions[index]
	if kind == uncleanElection {
		return electUnclean(img, t, p)
	}
	preferred := p.Replicas[0]
	if p.Leader == preferred {
		return nil, protocol.ErrElectionNotNeeded
	}
	if !slices.Contains(p.ISR, preferred) || !alive(img, preferred) {
		return nil, protocol.ErrPreferredLeaderNotAvailable
	}
	return &protocol.PartitionChangeRecord{TopicId: t.ID, PartitionId: p.ID, Leader: int32(preferred), LeaderRecoveryState: -1}, nil
}

// electUnclean makes the first living replica the leader of a partition that has
// none; what only the others had is lost, which is what "unclean" says.
func electUnclean(img *metadata.Image, t *metadata.Topic, p *metadata.Partition) (metadata.Record, error) {
	if p.Leader != metadata.NoLeader {
		return nil, protocol.ErrElectionNotNeeded
	}
	for _, b := range p.Replicas {
		if alive(img, b) {
			return &protocol.PartitionChangeRecord{
				TopicId: t.ID, PartitionId: p.ID, Leader: int32(b), Isr: []int32{int32(b)}, LeaderRecoveryState: 1,
				EligibleLeaderReplicas: []int32{}, LastKnownElr: []int32{},
			}, nil
		}
	}
	return nil, protocol.ErrEligibleLeadersNotAvailable
}

func alive(img *metadata.Image, id metadata.BrokerID) bool {
	b := img.Broker(id)
	return b != nil && !b.Fenced && !b.InControlledShutdown
}
