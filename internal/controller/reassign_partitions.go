package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// AlterPartitionReassignments begins to move partitions to other replicas, or
// ends that (KIP-455).
func (c *Controller) AlterPartitionReassignments(ctx context.Context, m *protocol.AlterPartitionReassignmentsRequest) *protocol.AlterPartitionReassignmentsResponse {
	ctx, cancel := within(ctx, m.TimeoutMs)
	defer cancel()
	resp, err := ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, *protocol.AlterPartitionReassignmentsResponse) {
		return alterPartitionReassignments(img, m)
	})
	if err != nil {
		code, text := codeAndText(err)
		return &protocol.AlterPartitionReassignmentsResponse{
			AllowReplicationFactorChange: m.AllowReplicationFactorChange, ErrorCode: code, ErrorMessage: text,
			Responses: []protocol.AlterPartitionReassignmentsResponseReassignableTopicResponse{},
		}
	}
	return resp
}

// alterPartitionReassignments decides on an AlterPartitionReassignments request.
func alterPartitionReassignments(img *metadata.Image, m *protocol.AlterPartitionReassignmentsRequest) ([]metadata.Record, *protocol.AlterPartitionReassignmentsResponse) {
	resp := &protocol.AlterPartitionReassignmentsResponse{
		AllowReplicationFactorChange: m.AllowReplicationFactorChange,
		Responses:                    []protocol.AlterPartitionReassignmentsResponseReassignableTopicResponse{},
	}
	var records []metadata.Record
	for i := range m.Topics {
		t := &m.Topics[i]
		out := protocol.AlterPartitionReassignmentsResponseReassignableTopicResponse{Name: t.Name}
		for j := range t.Partitions {
			q := &t.Partitions[j]
			record, err := reassign(img, t.Name, q, m.AllowReplicationFactorChange)
			if record != nil {
				records = append(records, record)
			}
			code, text := codeAndText(err)
			out.Partitions = append(out.Partitions, protocol.AlterPartitionReassignmentsResponseReassignablePartitionResponse{
				PartitionIndex: q.PartitionIndex, ErrorCode: code, ErrorMessage: text,
			})
		}
		resp.Responses = append(resp.Responses, out)
	}
	return records, resp
}

// reassign changes a partition's replicas where that is a matter of order, for
// the same brokers hold it before and after. Nobody copies data to another
// broker yet, so a list with brokers that aren't replicas can only name ones
// that don't exist.
func reassign(img *metadata.Image, topic string, q *protocol.AlterPartitionReassignmentsRequestReassignablePartition, allowChange bool) (metadata.Record, error) {
	t := img.Topic(topic)
	if t == nil {
		return nil, protocol.Refuse(protocol.ErrUnknownTopicOrPartition, fmt.Sprintf("Unable to find a topic named %s.", topic))
	}
	if q.PartitionIndex < 0 || int(q.PartitionIndex) >= len(t.Partitions) {
		return nil, protocol.Refuse(protocol.ErrUnknownTopicOrPartition, fmt.Sprintf("Unable to find partition %s:%d.", topic, q.PartitionIndex))
	}
	p := t.Partitions[q.PartitionIndex]
	if q.Replicas == nil {
		return nil, protocol.ErrNoReassignmentInProgress
	}
	target, err := checkReplicas(img, q.Replicas)
	if err != nil {
		return nil, err
	}
	if !allowChange && len(target) != len(p.Replicas) {
		return nil, protocol.Refuse(protocol.ErrInvalidReplicationFactor, fmt.Sprintf("The replication factor is changed from %d to %d", len(p.Replicas), len(target)))
	}
	if slices.Equal(target, p.Replicas) {
		return nil, nil
	}
	if !slices.Equal(slices.Sorted(slices.Values(target)), slices.Sorted(slices.Values(p.Replicas))) {
		return nil, protocol.Refuse(protocol.ErrInvalidReplicaAssignment, "Replicas can't be moved to other brokers.")
	}
	return &protocol.PartitionChangeRecord{TopicId: t.ID, PartitionId: p.ID, Leader: -2, Replicas: q.Replicas, LeaderRecoveryState: -1}, nil
}

// ListPartitionReassignments lists the reassignments under way in an image.
func ListPartitionReassignments(img *metadata.Image, m *protocol.ListPartitionReassignmentsRequest) *protocol.ListPartitionReassignmentsResponse {
	resp := &protocol.ListPartitionReassignmentsResponse{Topics: []protocol.ListPartitionReassignmentsResponseOngoingTopicReassignment{}}
	add := func(t *metadata.Topic, indexes []int32) {
		var moving []protocol.ListPartitionReassignmentsResponseOngoingPartitionReassignment
		for _, i := range indexes {
			if i < 0 || int(i) >= len(t.Partitions) {
				continue
			}
			if p := t.Partitions[i]; len(p.Adding)+len(p.Removing) > 0 {
				moving = append(moving, protocol.ListPartitionReassignmentsResponseOngoingPartitionReassignment{
					PartitionIndex: i, Replicas: metadata.WireIDs(p.Replicas), AddingReplicas: metadata.WireIDs(p.Adding), RemovingReplicas: metadata.WireIDs(p.Removing),
				})
			}
		}
		if len(moving) > 0 {
			resp.Topics = append(resp.Topics, protocol.ListPartitionReassignmentsResponseOngoingTopicReassignment{Name: t.Name, Partitions: moving})
		}
	}
	if m.Topics == nil {
		for t := range img.Topics() {
			add(t, partitionIndexes(t))
		}
		return resp
	}
	for i := range m.Topics {
		if t := img.Topic(m.Topics[i].Name); t != nil {
			add(t, m.Topics[i].PartitionIndexes)
		}
	}
	return resp
}
