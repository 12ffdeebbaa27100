package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// Heartbeat (key 12)
//
//   - Lets a member's session begin anew. REBALANCE_IN_PROGRESS: it is to join
//     again.
//   - INVALID_GROUP_ID, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION.
//     While the coordinator loads, all is said to be well.
//
// v3 static members (KIP-345). v4 flexible.
func (b *Broker) heartbeat(ctx context.Context, _ *Request, m *protocol.HeartbeatRequest) *protocol.HeartbeatResponse {
	return &protocol.HeartbeatResponse{ErrorCode: b.code(b.Groups.Heartbeat(ctx, m))}
}
