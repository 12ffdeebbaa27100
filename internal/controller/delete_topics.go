package controller

import (
	"context"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// DeleteTopics deletes topics by name or by id.
func (c *Controller) DeleteTopics(ctx context.Context, m *protocol.DeleteTopicsRequest) *protocol.DeleteTopicsResponse {
	ctx, cancel := within(ctx, m.TimeoutMs)
	defer cancel()
	topics := topicsToDelete(m)
	resp, err := ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, *protocol.DeleteTopicsResponse) {
		return deleteTopics(img, topics)
	})
	if err == nil {
		return resp
	}
	resp = &protocol.DeleteTopicsResponse{}
	code, text := codeAndText(err)
	for i := range topics {
		resp.Responses = append(resp.Responses, protocol.DeleteTopicsResponseDeletableTopicResult{
			Name: topics[i].Name, TopicId: topics[i].TopicId, ErrorCode: code, ErrorMessage: text,
		})
	}
	return resp
}

// topicsToDelete brings the two forms of the request together.
func topicsToDelete(m *protocol.DeleteTopicsRequest) []protocol.DeleteTopicsRequestDeleteTopicState {
	topics := m.Topics
	for i := range m.TopicNames {
		topics = append(topics, protocol.DeleteTopicsRequestDeleteTopicState{Name: &m.TopicNames[i]})
	}
	return topics
}

// deleteTopics decides on a DeleteTopics request. A topic named twice, once by
// name and once by id even, is refused both times.
func deleteTopics(img *metadata.Image, topics []protocol.DeleteTopicsRequestDeleteTopicState) ([]metadata.Record, *protocol.DeleteTopicsResponse) {
	resp := &protocol.DeleteTopicsResponse{Responses: []protocol.DeleteTopicsResponseDeletableTopicResult{}}
	found := make([]*metadata.Topic, len(topics))
	times := make(map[metadata.TopicID]int)
	for i := range topics {
		if found[i] = findTopic(img, &topics[i]); found[i] != nil {
			times[found[i].ID]++
		}
	}
	var records []metadata.Record
	for i := range topics {
		q, t := &topics[i], found[i]
		result := protocol.DeleteTopicsResponseDeletableTopicResult{Name: q.Name, TopicId: q.TopicId}
		err := deletable(q, t, times)
		if err == nil {
			records = append(records, &protocol.RemoveTopicRecord{TopicId: t.ID})
		}
		if t != nil && err == nil {
			result.Name, result.TopicId = &t.Name, t.ID
		}
		result.ErrorCode, result.ErrorMessage = codeAndText(err)
		resp.Responses = append(resp.Responses, result)
	}
	return records, resp
}

func findTopic(img *metadata.Image, q *protocol.DeleteTopicsRequestDeleteTopicState) *metadata.Topic {
	if q.Name != nil {
		return img.Topic(*q.Name)
	}
	return img.TopicByID(q.TopicId)
}

func deletable(q *protocol.DeleteTopicsRequestDeleteTopicState, t *metadata.Topic, times map[metadata.TopicID]int) error {
	byID := q.TopicId != (protocol.UUID{})
	switch {
	case q.Name == nil && !byID:
		return refuse(protocol.ErrInvalidRequest, "Neither topic name nor id were specified.")
	case q.Name != nil && byID:
		return refuse(protocol.ErrInvalidRequest, "You may not specify both topic name and topic id.")
	case t == nil && byID:
		return protocol.ErrUnknownTopicId
	case t == nil:
		return protocol.ErrUnknownTopicOrPartition
	case times[t.ID] > 1:
		return refuse(protocol.ErrInvalidRequest, "Duplicate topic name or id.")
	}
	return nil
}
