package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// LeaveGroup (key 13)
//
//   - Removes members from a group, which then rebalances, and answers for each:
//     UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. An instance id alone removes the
//     static member that has it, whoever that is.
//   - The whole request is refused with INVALID_GROUP_ID.
//
// v3 many members, instance ids (KIP-345). v4 flexible. v5 reasons (KIP-800).
func (b *Broker) leaveGroup(ctx context.Context, rq *Request, m *protocol.LeaveGroupRequest) *protocol.LeaveGroupResponse {
	who := m.Members
	if rq.Version() < 3 {
		who = []protocol.LeaveGroupRequestMemberIdentity{{MemberId: m.MemberId}}
	}
	members, err := b.Groups.LeaveGroup(ctx, m.GroupId, who)
	resp := &protocol.LeaveGroupResponse{ErrorCode: b.code(err), Members: members}
	if rq.Version() < 3 && err == nil {
		resp.ErrorCode = members[0].ErrorCode
	}
	return resp
}
