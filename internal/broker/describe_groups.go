package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeGroups (key 15)
//
//   - Describes classic groups: state, protocol, members; what members say and
//     have been assigned while the group is stable.
//   - A group that doesn't exist, or is of another kind, is Dead. v6 says
//     GROUP_ID_NOT_FOUND of it, with a text; older versions can't.
//
// v3 authorized operations. v4 static members (KIP-345). v5 flexible. v6 error
// text (KIP-1043).
func (b *Broker) describeGroups(ctx context.Context, rq *Request, m *protocol.DescribeGroupsRequest) *protocol.DescribeGroupsResponse {
	resp := &protocol.DescribeGroupsResponse{Groups: make([]protocol.DescribeGroupsResponseDescribedGroup, 0, len(m.Groups))}
	for _, id := range m.Groups {
		d, err := b.Groups.DescribeGroup(ctx, id)
		if rq.Version() < 6 && b.code(err) == int16(protocol.ErrGroupIdNotFound) {
			err = nil
		}
		d.AuthorizedOperations = noOperations
		if err != nil {
			d.ErrorCode = b.code(err)
			if text, ok := protocol.TextOf(err); ok {
				d.ErrorMessage = &text
			}
		} else if m.IncludeAuthorizedOperations {
			d.AuthorizedOperations = groupOperations
		}
		resp.Groups = append(resp.Groups, d)
	}
	return resp
}
