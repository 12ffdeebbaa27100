package broker

import (
	"context"
	"slices"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// ConsumerGroupHeartbeat (key 68, KIP-848)
//
//   - A member joins with epoch 0, says what it subscribes to and owns, is told
//     its epoch and its assignment, and leaves with -1, or with -2 when it is
//     static and comes back.
//   - FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID: it gives up all it has and joins
//     again. UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID: another member has its
//     instance id. UNSUPPORTED_ASSIGNOR, GROUP_MAX_SIZE_REACHED,
//     INVALID_REGULAR_EXPRESSION.
//   - UNSUPPORTED_VERSION where the protocol isn't enabled: group.version is 0,
//     or group.coordinator.rebalance.protocols lacks consumer.
//
// v1 subscription by regular expression; the member makes its id.
func (b *Broker) consumerGroupHeartbeat(ctx context.Context, rq *Request, m *protocol.ConsumerGroupHeartbeatRequest) *protocol.ConsumerGroupHeartbeatResponse {
	if !b.consumerProtocol(rq) {
		return &protocol.ConsumerGroupHeartbeatResponse{ErrorCode: int16(protocol.ErrUnsupportedVersion)}
	}
	return b.Groups.ConsumerGroupHeartbeat(ctx, rq.client(), m)
}

// consumerProtocol tells whether groups may use the consumer protocol.
func (b *Broker) consumerProtocol(rq *Request) bool {
	return rq.Image.Feature("group.version") >= 1 && slices.Contains(config.GroupCoordinatorRebalanceProtocols.In(b.config(rq)), "consumer")
}
