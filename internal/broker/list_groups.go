package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// ListGroups (key 16)
//
//   - Lists the groups whose coordinator this broker is, of all kinds, by state
//     and by type if asked; upper and lower case are the same in both.
//   - COORDINATOR_LOAD_IN_PROGRESS while some aren't known yet.
//
// v3 flexible. v4 states (KIP-518). v5 types (KIP-848).
func (b *Broker) listGroups(ctx context.Context, _ *Request, m *protocol.ListGroupsRequest) *protocol.ListGroupsResponse {
	groups, err := b.Groups.List(ctx, m.StatesFilter, m.TypesFilter)
	resp := &protocol.ListGroupsResponse{ErrorCode: b.code(err), Groups: make([]protocol.ListGroupsResponseListedGroup, 0, len(groups))}
	for _, g := range groups {
		resp.Groups = append(resp.Groups, protocol.ListGroupsResponseListedGroup{
			GroupId: g.ID, ProtocolType: g.ProtocolType, GroupState: g.State, GroupType: g.Kind,
		})
	}
	return resp
}
