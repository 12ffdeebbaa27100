package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeCluster (key 60, KIP-700)
//
//   - Names the cluster, its brokers and the active controller.
//   - Endpoint type 2 asks for controllers, which no broker listener answers.
//
// v1 endpoint type (KIP-919). v2 fenced brokers on request (KIP-1073).
func (b *Broker) describeCluster(_ context.Context, rq *Request, m *protocol.DescribeClusterRequest) *protocol.DescribeClusterResponse {
	resp := &protocol.DescribeClusterResponse{EndpointType: 1, ControllerId: -1, ClusterAuthorizedOperations: noOperations, Brokers: []protocol.DescribeClusterResponseDescribeClusterBroker{}}
	switch m.EndpointType {
	case 1:
	case 2:
		return describeClusterError(resp, protocol.ErrMismatchedEndpointType, "The request was sent to an endpoint of the wrong type: this is a broker.")
	default:
		return describeClusterError(resp, protocol.ErrUnsupportedEndpointType, "The endpoint type is not known.")
	}
	resp.ClusterId, resp.ControllerId = rq.Image.ClusterID(), int32(b.controllerID())
	if m.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = clusterOperations
	}
	for br := range rq.Image.Brokers() {
		l, ok := br.Listener(rq.Conn.Listener())
		if !ok || br.Fenced && !m.IncludeFencedBrokers {
			continue
		}
		resp.Brokers = append(resp.Brokers, protocol.DescribeClusterResponseDescribeClusterBroker{
			BrokerId: int32(br.ID), Host: l.Host, Port: l.Port, Rack: br.Rack, IsFenced: br.Fenced,
		})
	}
	return resp
}

func describeClusterError(resp *protocol.DescribeClusterResponse, code protocol.Error, text string) *protocol.DescribeClusterResponse {
	resp.ErrorCode, resp.ErrorMessage = int16(code), &text
	return resp
}
