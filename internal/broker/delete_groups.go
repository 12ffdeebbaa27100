package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// DeleteGroups (key 42)
//
//   - Deletes groups that have no members, with their offsets, each on its own:
//     NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. A group named twice is answered once.
//
// v2 flexible. v3 error text (KIP-1331).
func (b *Broker) deleteGroups(ctx context.Context, rq *Request, m *protocol.DeleteGroupsRequest) *protocol.DeleteGroupsResponse {
	resp := &protocol.DeleteGroupsResponse{}
	seen := make(map[string]bool, len(m.GroupsNames))
	for _, id := range m.GroupsNames {
		if seen[id] {
			continue
		}
		seen[id] = true
		out := protocol.DeleteGroupsResponseDeletableGroupResult{GroupId: id}
		if err := b.Groups.DeleteGroup(ctx, id); err != nil {
			out.ErrorCode = b.code(err)
			if text, ok := protocol.TextOf(err); ok && rq.Version() >= 3 {
				out.ErrorMessage = &text
			}
		}
		resp.Results = append(resp.Results, out)
	}
	return resp
}
