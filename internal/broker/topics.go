package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// CreateTopics (key 19): the controller decides, see controller.createTopics.
//
//   - Answers when the topics are in the metadata and their partitions are open
//     here, so a client may produce at once.
//
// v2 to v7; v5 answers with the configs in force (KIP-525), v7 with topic ids.
func (b *Broker) createTopics(ctx context.Context, rq *Request, m *protocol.CreateTopicsRequest) *protocol.CreateTopicsResponse {
	resp := b.Controller.CreateTopics(ctx, m)
	if rq.Version() < 5 {
		for i := range resp.Topics {
			resp.Topics[i].Configs = nil
		}
	}
	return resp
}

// DeleteTopics (key 20): the controller decides, see controller.deleteTopics.
//
// v1 to v6; v5 error texts, v6 by topic id.
func (b *Broker) deleteTopics(ctx context.Context, rq *Request, m *protocol.DeleteTopicsRequest) *protocol.DeleteTopicsResponse {
	if !config.DeleteTopicEnable.In(b.config(rq)) {
		return deletionDisabled(rq, m)
	}
	return b.Controller.DeleteTopics(ctx, m)
}

// deletionDisabled answers where delete.topic.enable is false: v1 and v2 have
// no code for it.
func deletionDisabled(rq *Request, m *protocol.DeleteTopicsRequest) *protocol.DeleteTopicsResponse {
	code := protocol.ErrTopicDeletionDisabled
	if rq.Version() < 3 {
		code = protocol.ErrInvalidRequest
	}
	resp := &protocol.DeleteTopicsResponse{}
	for i := range m.Topics {
		t := &m.Topics[i]
		resp.Responses = append(resp.Responses, protocol.DeleteTopicsResponseDeletableTopicResult{Name: t.Name, TopicId: t.TopicId, ErrorCode: int16(code)})
	}
	for i := range m.TopicNames {
		resp.Responses = append(resp.Responses, protocol.DeleteTopicsResponseDeletableTopicResult{Name: &m.TopicNames[i], ErrorCode: int16(code)})
	}
	return resp
}

// CreatePartitions (key 37): the controller decides, see
// controller.createPartitions.
func (b *Broker) createPartitions(ctx context.Context, _ *Request, m *protocol.CreatePartitionsRequest) *protocol.CreatePartitionsResponse {
	return b.Controller.CreatePartitions(ctx, m)
}
