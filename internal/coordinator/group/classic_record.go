package group

import (
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// groupMetadataVersion is the version of GroupMetadataValue that is written, as
// Kafka 4.4 does: 4 is what Kafka will write once all brokers can read it.
const groupMetadataVersion = 3

func groupRecord(name string, v *protocol.GroupMetadataValue) coordinator.Record {
	return coordinator.Record{Key: &protocol.GroupMetadataKey{Group: name}, Value: v, Version: groupMetadataVersion}
}

// newGroupRecord says that a group exists.
func (g *classicGroup) newGroupRecord() coordinator.Record {
	return groupRecord(g.name, &protocol.GroupMetadataValue{CurrentStateTimestamp: g.since})
}

// emptyRecord is the record of a generation without members.
func (g *classicGroup) emptyRecord() coordinator.Record {
	return groupRecord(g.name, &protocol.GroupMetadataValue{
		ProtocolType: g.typ, Generation: g.generation + 1, CurrentStateTimestamp: g.m.sh.Now().UnixMilli(),
	})
}

// record is the record of the generation, with the assignment that a leader
// made; nil stands for the one that is in force.
func (g *classicGroup) record(assignment map[string][]byte) coordinator.Record {
	v := &protocol.GroupMetadataValue{
		ProtocolType: g.typ, Generation: g.generation, Protocol: g.protocol, CurrentStateTimestamp: g.since,
		Members: make([]protocol.GroupMetadataValueMemberMetadata, 0, len(g.order)),
	}
	leader := g.leader // the group's changes
	v.Leader = &leader
	for _, mb := range g.order {
		r := mb.record(*g.protocol)
		if assignment != nil {
			r.Assignment = assignment[mb.id]
		}
		v.Members = append(v.Members, r)
	}
	return groupRecord(g.name, v)
}

func (mb *classicMember) record(protocolName string) protocol.GroupMetadataValueMemberMetadata {
	return protocol.GroupMetadataValueMemberMetadata{
		MemberId: mb.id, GroupInstanceId: mb.instance, ClientId: mb.clientID, ClientHost: mb.host,
		RebalanceTimeout: mb.rebalanceMs, SessionTimeout: mb.sessionMs,
		Subscription: mb.metadata(protocolName), Assignment: mb.assignment,
	}
}

// replayClassic applies a group's record. While the log is loaded it says all
// that there is to know. Later it says what the group has just decided, and the
// members' protocols and waiting answers, which no record holds, stay.
func (m *Machine) replayClassic(k *protocol.GroupMetadataKey, v *protocol.GroupMetadataValue) {
	g, _ := m.groups[k.Group].(*classicGroup)
	switch {
	case v == nil:
		if g != nil {
			m.removeClassic(g)
		}
	case m.loaded && g != nil:
		g.confirm(v)
	default:
		g = m.readClassic(k.Group, v)
		m.addClassic(g)
		if m.loaded { // a group of another kind has become a classic one
			g.touchAll()
		}
	}
}

// readClassic makes a group out of its record.
func (m *Machine) readClassic(name string, v *protocol.GroupMetadataValue) *classicGroup {
	g := m.newClassicGroup(name)
	g.typ, g.generation, g.protocol = v.ProtocolType, v.Generation, v.Protocol
	if v.Leader != nil {
		g.leader = *v.Leader
	}
	for i := range v.Members {
		g.add(readMember(&v.Members[i], v.Protocol), v.ProtocolType)
	}
	g.since = v.CurrentStateTimestamp
	if len(g.members) > 0 {
		g.status = classicStable
	}
	g.findTopics()
	return g
}

func readMember(r *protocol.GroupMetadataValueMemberMetadata, protocolName *string) *classicMember {
	mb := &classicMember{
		id: r.MemberId, instance: r.GroupInstanceId, clientID: r.ClientId, host: r.ClientHost,
		sessionMs: r.SessionTimeout, rebalanceMs: r.RebalanceTimeout, assignment: r.Assignment,
	}
	if mb.rebalanceMs == -1 { // of a record older than v1
		mb.rebalanceMs = mb.sessionMs
	}
	p := protocol.JoinGroupRequestProtocol{Metadata: r.Subscription}
	if protocolName != nil {
		p.Name = *protocolName
	}
	mb.protocols = []protocol.JoinGroupRequestProtocol{p}
	return mb
}

// confirm applies a record of what the group has just decided.
func (g *classicGroup) confirm(v *protocol.GroupMetadataValue) {
	if len(v.Members) == 0 && v.Generation == g.generation {
		return // newGroupRecord: the first members may be on their way already
	}
	g.generation, g.protocol = v.Generation, v.Protocol
	if len(v.Members) == 0 {
		g.leader = ""
		g.become(classicEmpty)
		g.findTopics()
		return
	}
	for i := range v.Members {
		if mb := g.members[v.Members[i].MemberId]; mb != nil {
			mb.assignment = v.Members[i].Assignment
		}
	}
	if g.status != classicStable {
		g.become(classicStable)
	}
}
