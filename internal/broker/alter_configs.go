package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// AlterConfigs (key 33): replaces what is set on resources; the controller
// decides, see controller.alterConfigs.
func (b *Broker) alterConfigs(ctx context.Context, _ *Request, m *protocol.AlterConfigsRequest) *protocol.AlterConfigsResponse {
	return b.Controller.AlterConfigs(ctx, m)
}

// IncrementalAlterConfigs (key 44, KIP-339): sets, deletes, appends to and
// subtracts from single configs; the controller decides, see
// controller.alterConfigs.
func (b *Broker) incrementalAlterConfigs(ctx context.Context, _ *Request, m *protocol.IncrementalAlterConfigsRequest) *protocol.IncrementalAlterConfigsResponse {
	return b.Controller.IncrementalAlterConfigs(ctx, m)
}
