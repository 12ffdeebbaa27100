package broker

import (
	"context"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The types of coordinators.
const (
	groupCoordinator       = 0
	transactionCoordinator = 1
	shareCoordinator       = 2
)

// FindCoordinator (key 10)
//
//   - Names the broker that leads the partition of an internal topic that a
//     group, or a transactional id, belongs to.
//   - The topic is created when it is first needed, before the answer: Kafka
//     answers COORDINATOR_NOT_AVAILABLE first and lets the client ask again.
//   - There is no share coordinator: COORDINATOR_NOT_AVAILABLE, for what its keys
//     are: a group, a topic id and a partition.
//
// v1 key types, error text. v4 many keys at once (KIP-699). v6 share groups.
func (b *Broker) findCoordinator(ctx context.Context, rq *Request, m *protocol.FindCoordinatorRequest) *protocol.FindCoordinatorResponse {
	resp := &protocol.FindCoordinatorResponse{NodeId: -1, Port: -1}
	if rq.Version() < 4 {
		id, l, err := b.coordinatorOf(ctx, rq, m.KeyType, m.CoordinatorKey)
		code, text := codeAndText(err)
		if err == nil {
			*text = "NONE" // what Kafka's error without an error says
		}
		resp.ErrorCode, resp.ErrorMessage, resp.NodeId, resp.Host, resp.Port = code, text, int32(id), l.Host, l.Port
		return resp
	}
	for _, key := range m.CoordinatorKeys {
		id, l, err := b.coordinatorOf(ctx, rq, m.KeyType, key)
		none := ""
		resp.Coordinators = append(resp.Coordinators, protocol.FindCoordinatorResponseCoordinator{
			Key: key, NodeId: int32(id), Host: l.Host, Port: l.Port, ErrorCode: b.code(err), ErrorMessage: &none,
		})
	}
	return resp
}

// coordinatorOf finds who coordinates a key, and its address for the client.
func (b *Broker) coordinatorOf(ctx context.Context, rq *Request, keyType int8, key string) (metadata.BrokerID, metadata.Listener, error) {
	none := metadata.Listener{Port: -1}
	var shape internalTopic
	switch cfg := b.config(rq); {
	case keyType == groupCoordinator:
		shape = offsetsTopic(cfg)
	case keyType == transactionCoordinator:
		shape = transactionTopic(cfg)
	case keyType == shareCoordinator && rq.Version() >= 6:
		if !isShareKey(key) {
			return -1, none, protocol.ErrInvalidRequest
		}
		return -1, none, protocol.ErrCoordinatorNotAvailable
	default:
		return -1, none, protocol.ErrInvalidRequest
	}
	t := rq.Image.Topic(shape.name)
	if t == nil {
		var err error
		if t, err = b.createInternal(ctx, shape); err != nil {
			return -1, none, err
		}
	}
	leader := t.Partitions[coordinator.PartitionFor(key, len(t.Partitions))].Leader
	br := rq.Image.Broker(leader)
	if br == nil {
		return -1, none, protocol.ErrCoordinatorNotAvailable
	}
	l, ok := br.Listener(rq.Conn.Listener())
	if !ok {
		return -1, none, protocol.ErrCoordinatorNotAvailable
	}
	return leader, l, nil
}

// isShareKey tells whether a key is a share coordinator's, group:topic-id:partition.
// Colons may be in the group.
func isShareKey(key string) bool {
	rest, index := cutLast(key)
	group, id := cutLast(rest)
	_, noID := protocol.ParseUUID(id)
	_, noIndex := strconv.ParseInt(index, 10, 32)
	return strings.TrimSpace(group) != "" && noID == nil && noIndex == nil
}

// cutLast cuts a string at its last colon.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}
