package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// noAuthorizer is Kafka's answer to everything about ACLs where no authorizer
// is configured: the request is understood, and there is nothing it could be
// about.
const noAuthorizer = "No Authorizer is configured."

// DescribeAcls (key 29): SECURITY_DISABLED without an authorizer.
func (b *Broker) describeACLs(context.Context, *Request, *protocol.DescribeAclsRequest) *protocol.DescribeAclsResponse {
	text := noAuthorizer
	return &protocol.DescribeAclsResponse{
		ErrorCode: int16(protocol.ErrSecurityDisabled), ErrorMessage: &text, Resources: []protocol.DescribeAclsResponseDescribeAclsResource{},
	}
}

// CreateAcls (key 30): SECURITY_DISABLED for each without an authorizer.
func (b *Broker) createACLs(_ context.Context, _ *Request, m *protocol.CreateAclsRequest) *protocol.CreateAclsResponse {
	resp := &protocol.CreateAclsResponse{Results: []protocol.CreateAclsResponseAclCreationResult{}}
	for range m.Creations {
		text := noAuthorizer
		resp.Results = append(resp.Results, protocol.CreateAclsResponseAclCreationResult{
			ErrorCode: int16(protocol.ErrSecurityDisabled), ErrorMessage: &text,
		})
	}
	return resp
}

// DeleteAcls (key 31): SECURITY_DISABLED for each filter without an authorizer.
func (b *Broker) deleteACLs(_ context.Context, _ *Request, m *protocol.DeleteAclsRequest) *protocol.DeleteAclsResponse {
	resp := &protocol.DeleteAclsResponse{FilterResults: []protocol.DeleteAclsResponseDeleteAclsFilterResult{}}
	for range m.Filters {
		text := noAuthorizer
		resp.FilterResults = append(resp.FilterResults, protocol.DeleteAclsResponseDeleteAclsFilterResult{
			ErrorCode: int16(protocol.ErrSecurityDisabled), ErrorMessage: &text,
			MatchingAcls: []protocol.DeleteAclsResponseDeleteAclsMatchingAcl{},
		})
	}
	return resp
}
