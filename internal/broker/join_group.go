package broker

import (
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// JoinGroup (key 11)
//
//   - Lets a member into the next generation of a classic group, and answers when
//     all have joined or had time to (the rebalance timeout): with the members
//     and what they say to the leader, which makes the assignment, with the
//     generation alone to the others.
//   - A group is made by the first member without an id. Its first generation
//     waits for others (group.initial.rebalance.delay.ms).
//   - INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT (group.min and
//     group.max.session.timeout.ms), INCONSISTENT_GROUP_PROTOCOL when no protocol
//     is everybody's, GROUP_MAX_SIZE_REACHED (group.max.size), UNKNOWN_MEMBER_ID,
//     FENCED_INSTANCE_ID when another member has taken the instance's place.
//     What no record has room for is UNKNOWN_SERVER_ERROR.
//   - A static member that comes back without an id takes its old place; in a
//     stable group nobody else notices.
//
// v0 the rebalance timeout is the session's. v1 rebalance timeout (KIP-62). v4
// MEMBER_ID_REQUIRED: a new member gets an id first and joins with it (KIP-394).
// v5 static members (KIP-345). v6 flexible. v7 protocol type, nullable protocol
// name. v8 the client's reason (KIP-800). v9 a leader that came back is told to
// skip the assignment (KIP-814).
func (b *Broker) joinGroup(ctx context.Context, rq *Request, m *protocol.JoinGroupRequest) *protocol.JoinGroupResponse {
	if rq.Version() < 1 {
		m.RebalanceTimeoutMs = m.SessionTimeoutMs
	}
	for i := range m.Protocols {
		m.Protocols[i].Metadata = bytes.Clone(m.Protocols[i].Metadata) // of the frame
	}
	resp := b.Groups.JoinGroup(ctx, rq.client(), m)
	if rq.Version() < 7 && resp.ProtocolName == nil {
		resp.ProtocolName = new(string)
	}
	if rq.Version() >= 7 && resp.ProtocolName != nil && *resp.ProtocolName == "" {
		resp.ProtocolName = nil
	}
	return resp
}

// javaAddress writes an address as Java does, which is how Kafka shows and
// records it: "/127.0.0.1", "/0:0:0:0:0:0:0:1".
func javaAddress(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return "/" + a.String() // no network's, in tests
	}
	ip := tcp.AddrPort().Addr().Unmap()
	if ip.Is4() {
		return "/" + ip.String()
	}
	raw := ip.As16()
	parts := make([]string, 8)
	for i := range parts {
		parts[i] = strings.TrimLeft(hex.EncodeToString(raw[2*i:2*i+2]), "0")
		if parts[i] == "" {
			parts[i] = "0"
		}
	}
	return "/" + strings.Join(parts, ":")
}
