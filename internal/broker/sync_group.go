package broker

import (
	"bytes"
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// SyncGroup (key 14)
//
//   - Hands in the assignment, from the generation's leader, and answers each
//     member with its own, once it is recorded. Members that the leader doesn't
//     name get an empty one. In a stable group the answer comes at once.
//   - INVALID_GROUP_ID, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
//     ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL for another protocol than
//     the generation's, REBALANCE_IN_PROGRESS when the next generation begins.
//     An assignment that no record has room for is UNKNOWN_SERVER_ERROR to all.
//
// v3 static members (KIP-345). v4 flexible. v5 protocol type and name, both
// mandatory (KIP-559).
func (b *Broker) syncGroup(ctx context.Context, rq *Request, m *protocol.SyncGroupRequest) *protocol.SyncGroupResponse {
	if rq.Version() >= 5 && (m.ProtocolType == nil || m.ProtocolName == nil) {
		return &protocol.SyncGroupResponse{ErrorCode: int16(protocol.ErrInconsistentGroupProtocol)}
	}
	for i := range m.Assignments {
		m.Assignments[i].Assignment = bytes.Clone(m.Assignments[i].Assignment) // of the frame
	}
	return b.Groups.SyncGroup(ctx, m)
}
