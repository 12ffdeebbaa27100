package broker

import (
	"context"
	"regexp"

	"github.com/travisjeffery/jocko/internal/controller"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// ApiVersions (key 18)
//
//   - Lists what this broker serves, out of the table in apis.go, and the
//     features it supports and has finalized.
//   - A version it doesn't know is answered in version 0 with
//     UNSUPPORTED_VERSION and the list, so that the client can ask again
//     (KIP-511). The response header never has tagged fields.
//
// v3 client software name and version, features. v4 features whose minimum is
// 0. v5 the cluster and node the client thinks it talks to (KIP-1242).
func (b *Broker) apiVersions(_ context.Context, rq *Request, m *protocol.ApiVersionsRequest) *protocol.ApiVersionsResponse {
	resp := &protocol.ApiVersionsResponse{FinalizedFeaturesEpoch: -1}
	if rq.Version() >= 3 && (!softwareName.MatchString(m.ClientSoftwareName) || !softwareName.MatchString(m.ClientSoftwareVersion)) {
		resp.ErrorCode = int16(protocol.ErrInvalidRequest)
		resp.ApiKeys = []protocol.ApiVersionsResponseApiVersion{}
		return resp
	}
	if rq.Version() >= 5 && (m.ClusterId != nil) != (m.NodeId != -1) { // a client knows both or neither
		resp.ErrorCode = int16(protocol.ErrInvalidRequest)
		resp.ApiKeys = []protocol.ApiVersionsResponseApiVersion{}
		return resp
	}
	if rq.Version() >= 5 && b.misrouted(rq, m) {
		resp.ErrorCode = int16(protocol.ErrRebootstrapRequired)
		resp.ApiKeys = []protocol.ApiVersionsResponseApiVersion{}
		return resp
	}
	rq.Conn.State = software{m.ClientSoftwareName, m.ClientSoftwareVersion}
	resp.ApiKeys = b.versions()
	img := rq.Image
	for _, f := range controller.Features {
		if rq.Version() < 4 && f.Min == 0 {
			continue // v3 clients take a minimum of 0 for a broken answer
		}
		resp.SupportedFeatures = append(resp.SupportedFeatures, protocol.ApiVersionsResponseSupportedFeatureKey{Name: f.Name, MinVersion: f.Min, MaxVersion: f.Max})
	}
	resp.FinalizedFeaturesEpoch = img.FeaturesEpoch()
	for name, level := range img.Features() {
		if level > 0 {
			resp.FinalizedFeatures = append(resp.FinalizedFeatures, protocol.ApiVersionsResponseFinalizedFeatureKey{Name: name, MaxVersionLevel: level, MinVersionLevel: level})
		}
	}
	return resp
}

// softwareName is what a client may call itself (KIP-511).
var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

// misrouted tells that the client meant another cluster or another node.
func (b *Broker) misrouted(rq *Request, m *protocol.ApiVersionsRequest) bool {
	return m.ClusterId != nil && *m.ClusterId != rq.Image.ClusterID() || m.NodeId >= 0 && m.NodeId != int32(b.Self)
}

// versions is the table of what is served, as ApiVersions shows it.
func (b *Broker) versions() []protocol.ApiVersionsResponseApiVersion {
	var keys []protocol.ApiVersionsResponseApiVersion
	for i := range b.apis {
		a := &b.apis[i]
		keys = append(keys, protocol.ApiVersionsResponseApiVersion{ApiKey: int16(a.key), MinVersion: a.min, MaxVersion: a.max})
	}
	return keys
}

// unsupportedAPIVersions answers an ApiVersions request of an unknown version.
func unsupportedAPIVersions(b *Broker) *protocol.ApiVersionsResponse {
	a := b.lookup(protocol.ApiVersions)
	return &protocol.ApiVersionsResponse{
		ErrorCode: int16(protocol.ErrUnsupportedVersion),
		ApiKeys:   []protocol.ApiVersionsResponseApiVersion{{ApiKey: int16(a.key), MinVersion: a.min, MaxVersion: a.max}},
	}
}
