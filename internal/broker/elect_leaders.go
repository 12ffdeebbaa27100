package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/controller"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// ElectLeaders (key 43, KIP-460): the controller decides, see
// controller.electLeaders.
func (b *Broker) electLeaders(ctx context.Context, _ *Request, m *protocol.ElectLeadersRequest) *protocol.ElectLeadersResponse {
	return b.Controller.ElectLeaders(ctx, m)
}

// AlterPartitionReassignments (key 45, KIP-455): the controller decides, see
// controller.alterPartitionReassignments.
func (b *Broker) alterPartitionReassignments(ctx context.Context, _ *Request, m *protocol.AlterPartitionReassignmentsRequest) *protocol.AlterPartitionReassignmentsResponse {
	return b.Controller.AlterPartitionReassignments(ctx, m)
}

// ListPartitionReassignments (key 46, KIP-455): reassignments under way.
func (b *Broker) listPartitionReassignments(_ context.Context, rq *Request, m *protocol.ListPartitionReassignmentsRequest) *protocol.ListPartitionReassignmentsResponse {
	return controller.ListPartitionReassignments(rq.Image, m)
}

// UpdateFeatures (key 57, KIP-584): the controller decides, see
// controller.updateFeatures.
func (b *Broker) updateFeatures(ctx context.Context, rq *Request, m *protocol.UpdateFeaturesRequest) *protocol.UpdateFeaturesResponse {
	return b.Controller.UpdateFeatures(ctx, m, rq.Version())
}
