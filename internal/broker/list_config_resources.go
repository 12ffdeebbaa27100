package broker

import (
	"context"
	"slices"
	"strconv"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// ListConfigResources (key 74, KIP-1142)
//
//   - Names the resources that have configs or could: every topic and broker,
//     and the client metrics and groups for which something is set.
//   - v0 lists client metrics subscriptions and nothing else (KIP-1000).
//
// v1 other types.
func (b *Broker) listConfigResources(_ context.Context, rq *Request, m *protocol.ListConfigResourcesRequest) *protocol.ListConfigResourcesResponse {
	resp := &protocol.ListConfigResourcesResponse{ConfigResources: []protocol.ListConfigResourcesResponseConfigResource{}}
	types := m.ResourceTypes
	known := []int8{metadata.TopicResource, metadata.BrokerResource, metadata.BrokerLoggerResource, metadata.ClientMetricsResource, metadata.GroupResource}
	switch {
	case rq.Version() == 0:
		types = []int8{metadata.ClientMetricsResource}
	case len(types) == 0:
		types = known
	}
	for _, t := range types {
		if !slices.Contains(known, t) {
			resp.ErrorCode = int16(protocol.ErrUnsupportedVersion)
			return resp
		}
	}
	for _, t := range known {
		if !slices.Contains(types, t) {
			continue
		}
		for _, name := range resourceNames(rq.Image, t) {
			resp.ConfigResources = append(resp.ConfigResources, protocol.ListConfigResourcesResponseConfigResource{ResourceName: name, ResourceType: t})
		}
	}
	return resp
}

func resourceNames(img *metadata.Image, kind int8) []string {
	var names []string
	switch kind {
	case metadata.TopicResource:
		for t := range img.Topics() {
			names = append(names, t.Name)
		}
	case metadata.BrokerResource, metadata.BrokerLoggerResource:
		for br := range img.Brokers() {
			names = append(names, strconv.Itoa(int(br.ID)))
		}
	default:
		for r := range img.Configs() {
			if r.Type == kind {
				names = append(names, r.Name)
			}
		}
	}
	return names
}
