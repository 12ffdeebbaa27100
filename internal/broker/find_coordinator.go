package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// FindCoordinator (key 10)
//
//   - There are no coordinators, so each answer is COORDINATOR_NOT_AVAILABLE,
//     which clients take as "ask again later". It is served all the same:
//     librdkafka takes a broker that doesn't know FindCoordinator for one that
//     doesn't know lz4, and sends uncompressed without a word.
//
// v1 key types, error text. v4 many keys at once (KIP-699). v6 share groups.
func (b *Broker) findCoordinator(_ context.Context, rq *Request, m *protocol.FindCoordinatorRequest) *protocol.FindCoordinatorResponse {
	const text = "The coordinator is not available."
	resp := &protocol.FindCoordinatorResponse{NodeId: -1, Port: -1}
	code, message := protocol.ErrCoordinatorNotAvailable, text
	if m.KeyType < 0 || m.KeyType > 2 || m.KeyType == 2 && rq.Version() < 6 {
		code, message = protocol.ErrInvalidRequest, "The coordinator's type is not known."
	}
	if rq.Version() < 4 {
		resp.ErrorCode, resp.ErrorMessage = int16(code), &message
		return resp
	}
	for _, key := range m.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, protocol.FindCoordinatorResponseCoordinator{
			Key: key, NodeId: -1, Port: -1, ErrorCode: int16(code), ErrorMessage: &message,
		})
	}
	return resp
}
