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

// deleteTopics decides on a DeleteTopics request. What is named twice, once by
// name and once by id even, is refused; equal entries are answered once.
func deleteTopics(img *metadata.Image, topics []protocol.DeleteTopicsRequestDeleteTopicState) ([]metadata.Record, *protocol.DeleteTopicsResponse) {
	resp := &protocol.DeleteTopicsResponse{Responses: []protocol.DeleteTopicsResponseDeletableTopicResult{}}
	times := make(map[doomed]int)
	for i := range topics {
		times[doomedOf(&topics[i])]++
	}
	answered := make(map[doomed]bool)
	var records []metadata.Record
	for i := range topics {
		q := &topics[i]
		key := doomedOf(q)
		if answered[key] {
			continue
		}
		result := protocol.DeleteTopicsResponseDeletableTopicResult{Name: q.Name, TopicId: q.TopicId}
		t, err := deletable(img, key, times)
		if err == nil {
			records = append(records, &protocol.RemoveTopicRecord{TopicId: t.ID})
			result.Name, result.TopicId = &t.Name, t.ID
		}
		answered[key] = times[key] > 1
		result.ErrorCode, result.ErrorMessage = codeAndText(err)
		resp.Responses = append(resp.Responses, result)
	}
	return records, resp
}

// doomed is an entry of the request as a value.
type doomed struct {
	byName bool
	name   string
	id     metadata.TopicID
}

func doomedOf(q *protocol.DeleteTopicsRequestDeleteTopicState) doomed {
	if q.Name == nil {
		return doomed{id: q.TopicId}
	}
	return doomed{byName: true, name: *q.Name, id: q.TopicId}
}

// deletable finds the topic of an entry, or what is wrong with the entry.
func deletable(img *metadata.Image, d doomed, times map[doomed]int) (*metadata.Topic, error) {
	byID := d.id != protocol.UUID{}
	switch {
	case !d.byName && !byID:
		return nil, protocol.Refuse(protocol.ErrInvalidRequest, "Neither topic name nor id were specified.")
	case d.byName && byID:
		return nil, protocol.Refuse(protocol.ErrInvalidRequest, "You may not specify both topic name and topic id.")
	case times[d] > 1 && byID:
		return nil, protocol.Refuse(protocol.ErrInvalidRequest, "Duplicate topic id.")
	case times[d] > 1:
		return nil, protocol.Refuse(protocol.ErrInvalidRequest, "Duplicate topic name.")
	case byID:
		if t := img.TopicByID(d.id); t != nil {
			return t, nil
		}
		return nil, protocol.ErrUnknownTopicId
	}
	t := img.Topic(d.name)
	if t == nil {
		return nil, protocol.ErrUnknownTopicOrPartition
	}
	if times[doomed{id: t.ID}] > 0 {
		return nil, protocol.Refuse(protocol.ErrInvalidRequest, "The provided topic name maps to an ID that was already supplied.")
	}
	return t, nil
}
