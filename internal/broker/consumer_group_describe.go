package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// ConsumerGroupDescribe (key 69, KIP-848)
//
//   - Describes consumer groups: state, epochs, assignor, members with what they
//     have and what they are to have. GROUP_ID_NOT_FOUND for those that don't
//     exist or are of another kind, INVALID_GROUP_ID without a name.
//   - UNSUPPORTED_VERSION where the protocol isn't enabled.
//
// v1 types of members (KIP-1099).
func (b *Broker) consumerGroupDescribe(ctx context.Context, rq *Request, m *protocol.ConsumerGroupDescribeRequest) *protocol.ConsumerGroupDescribeResponse {
	resp := &protocol.ConsumerGroupDescribeResponse{}
	enabled := b.consumerProtocol(rq)
	for _, id := range m.GroupIds {
		refused := protocol.Error(0)
		switch {
		case !enabled:
			refused = protocol.ErrUnsupportedVersion
		case id == "":
			refused = protocol.ErrInvalidGroupId
		}
		if refused != 0 {
			resp.Groups = append(resp.Groups, protocol.ConsumerGroupDescribeResponseDescribedGroup{
				GroupId: id, ErrorCode: int16(refused), AuthorizedOperations: noOperations,
			})
			continue
		}
		d := b.Groups.ConsumerGroupDescribe(ctx, id)
		d.AuthorizedOperations = noOperations
		if m.IncludeAuthorizedOperations && d.ErrorCode == 0 {
			d.AuthorizedOperations = groupOperations
		}
		resp.Groups = append(resp.Groups, d)
	}
	return resp
}
