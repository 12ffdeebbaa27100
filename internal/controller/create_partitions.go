package controller

import (
	"context"
	"fmt"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// CreatePartitions adds partitions to topics (KIP-195).
func (c *Controller) CreatePartitions(ctx context.Context, m *protocol.CreatePartitionsRequest) *protocol.CreatePartitionsResponse {
	ctx, cancel := within(ctx, m.TimeoutMs)
	defer cancel()
	resp, err := ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, *protocol.CreatePartitionsResponse) {
		return createPartitions(img, m, c.placer(img))
	})
	if err == nil {
		return resp
	}
	resp = &protocol.CreatePartitionsResponse{}
	for i := range m.Topics {
		resp.Results = append(resp.Results, partitionsResult(m.Topics[i].Name, err))
	}
	return resp
}

func partitionsResult(topic string, err error) protocol.CreatePartitionsResponseCreatePartitionsTopicResult {
	code, text := codeAndText(err)
	return protocol.CreatePartitionsResponseCreatePartitionsTopicResult{Name: topic, ErrorCode: code, ErrorMessage: text}
}

// createPartitions decides on a CreatePartitions request.
func createPartitions(img *metadata.Image, m *protocol.CreatePartitionsRequest, place *placer) ([]metadata.Record, *protocol.CreatePartitionsResponse) {
	resp := &protocol.CreatePartitionsResponse{Results: []protocol.CreatePartitionsResponseCreatePartitionsTopicResult{}}
	times := make(map[string]int)
	for i := range m.Topics {
		times[m.Topics[i].Name]++
	}
	var records []metadata.Record
	for i := range m.Topics {
		t := &m.Topics[i]
		switch times[t.Name] {
		case 0: // answered as a duplicate
			continue
		case 1:
			rs, err := growTopic(img, t, place)
			if !m.ValidateOnly {
				records = append(records, rs...)
			}
			resp.Results = append(resp.Results, partitionsResult(t.Name, err))
		default:
			times[t.Name] = 0
			resp.Results = append(resp.Results, partitionsResult(t.Name, protocol.Refuse(protocol.ErrInvalidRequest, "Duplicate topic name.")))
		}
	}
	return records, resp
}

func growTopic(img *metadata.Image, q *protocol.CreatePartitionsRequestCreatePartitionsTopic, place *placer) ([]metadata.Record, error) {
	t := img.Topic(q.Name)
	if t == nil {
		return nil, protocol.ErrUnknownTopicOrPartition
	}
	have, want := len(t.Partitions), int(q.Count)
	switch {
	case want == have:
		return nil, protocol.Refuse(protocol.ErrInvalidPartitions, fmt.Sprintf("Topic already has %d partition(s).", have))
	case want < have:
		return nil, protocol.Refuse(protocol.ErrInvalidPartitions, fmt.Sprintf("The topic %s currently has %d partition(s); %d would not be an increase.", q.Name, have, want))
	case want-have > maxPartitionsPerRequest:
		return nil, protocol.Refuse(protocol.ErrPolicyViolation, "Excessively large number of additional partitions per request.")
	}
	added, err := addedReplicas(img, t, q, place, want-have)
	if err != nil {
		return nil, err
	}
	var records []metadata.Record
	for i, replicas := range added {
		records = append(records, newPartition(img, t.ID, int32(have+i), replicas))
	}
	return records, nil
}

// addedReplicas are the replicas of the new partitions: those the request gives,
// or as many as partition 0 has.
func addedReplicas(img *metadata.Image, t *metadata.Topic, q *protocol.CreatePartitionsRequestCreatePartitionsTopic, place *placer, n int) ([][]metadata.BrokerID, error) {
	rf := len(t.Partitions[0].Replicas)
	if q.Assignments == nil {
		return place.partitions(n, rf)
	}
	if len(q.Assignments) != n {
		return nil, protocol.Refuse(protocol.ErrInvalidReplicaAssignment, fmt.Sprintf("Attempted to add %d additional partition(s), but only %d assignment(s) were specified.", n, len(q.Assignments)))
	}
	var out [][]metadata.BrokerID
	for i := range q.Assignments {
		replicas, err := checkReplicas(img, q.Assignments[i].BrokerIds)
		if err != nil {
			return nil, err
		}
		if len(replicas) != rf {
			return nil, unequal(len(replicas), rf)
		}
		if err := oneAlive(img, int32(len(t.Partitions)+i), replicas); err != nil {
			return nil, err
		}
		out = append(out, replicas)
	}
	return out, nil
}
