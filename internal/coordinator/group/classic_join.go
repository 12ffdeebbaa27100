package group

import (
	"context"
	"errors"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Versions of JoinGroup that behave differently.
const (
	joinRequiresID     = 4 // a new member is first given an id (KIP-394)
	joinSkipAssignment = 9 // a leader may be told not to assign (KIP-814)
)

// join is a JoinGroup under way.
type join struct {
	*protocol.JoinGroupRequest
	client Client
	answer *joinAnswer
}

// JoinGroup lets a member into the next generation, and answers when it begins.
// The request's protocols are kept: they are nobody else's.
func (c *Coordinator) JoinGroup(ctx context.Context, cl Client, rq *protocol.JoinGroupRequest) *protocol.JoinGroupResponse {
	cfg := c.options.Config()
	session := time.Duration(rq.SessionTimeoutMs) * time.Millisecond
	switch {
	case rq.GroupId == "":
		return joinError(rq.MemberId, protocol.ErrInvalidGroupId)
	case session < config.GroupMinSessionTimeoutMs.In(cfg) || session > config.GroupMaxSessionTimeoutMs.In(cfg):
		return joinError(rq.MemberId, protocol.ErrInvalidSessionTimeout)
	}
	r, err := ask(ctx, c, rq.GroupId, func(m *Machine, a *joinAnswer) ([]coordinator.Record, error) {
		return m.join(join{rq, cl, a})
	})
	if err != nil {
		return joinError("", err)
	}
	return r
}

// joinError is the answer to a JoinGroup that is refused.
func joinError(member string, err error) *protocol.JoinGroupResponse {
	r := protocol.NewJoinGroupResponse()
	r.MemberId, r.ErrorCode = member, protocol.CodeOf(err)
	return r
}

func (j join) refuse(member string, code protocol.Error) ([]coordinator.Record, error) {
	j.answer.Give(joinError(member, code))
	return nil, nil
}

// reason is the client's own (KIP-800), for the log.
func (j join) reason() string {
	if j.Reason == nil || *j.Reason == "" {
		return "not provided"
	}
	return *j.Reason
}

// join finds the group of a JoinGroup. Who has no id yet may make a new one.
func (m *Machine) join(j join) ([]coordinator.Record, error) {
	switch g := m.groups[j.GroupId].(type) {
	case *classicGroup:
		return g.join(j)
	case nil:
		if j.MemberId != "" {
			return j.refuse(j.MemberId, protocol.ErrUnknownMemberId)
		}
		return m.joinNew(j)
	case *consumerGroup:
		if !g.empty() {
			return m.joinConsumer(g, j)
		}
		if j.MemberId != "" {
			return j.refuse(j.MemberId, protocol.ErrUnknownMemberId)
		}
		return m.joinInPlace(g, j)
	}
	return j.refuse("", protocol.ErrInconsistentGroupProtocol)
}

// joinInPlace makes a classic group in the place of an empty group of another
// kind.
func (m *Machine) joinInPlace(old group, j join) ([]coordinator.Record, error) {
	ended := old.tombstones()
	if err := m.sh.Check(ended); err != nil {
		return nil, err
	}
	if g, ok := old.(*consumerGroup); ok {
		m.recount(g, counted{})
	}
	records, err := m.joinNew(j)
	return append(ended, records...), err
}

// joinNew makes a group. That it exists is recorded even when the member is
// refused or given an id only, as Kafka does.
func (m *Machine) joinNew(j join) ([]coordinator.Record, error) {
	g := m.newClassicGroup(j.GroupId)
	exists := []coordinator.Record{g.newGroupRecord()}
	if err := m.sh.Check(exists); err != nil {
		return nil, err
	}
	m.addClassic(g)
	_, err := g.join(j) // a first rebalance waits: it records nothing yet
	return exists, err
}

func (g *classicGroup) join(j join) ([]coordinator.Record, error) {
	switch {
	case !g.hasRoom(j.MemberId):
		if mb := g.members[j.MemberId]; mb != nil {
			g.remove(mb)
		}
		delete(g.pending, j.MemberId)
		return j.refuse("", protocol.ErrGroupMaxSizeReached)
	case !g.accepts(j.JoinGroupRequest):
		return j.refuse(j.MemberId, protocol.ErrInconsistentGroupProtocol)
	case !g.canRecord(j):
		return j.refuse(j.MemberId, protocol.ErrUnknownServerError)
	case j.MemberId == "":
		return g.joinFirst(j)
	}
	return g.joinAgain(j)
}

// maxSize is group.max.size.
func (m *Machine) maxSize() int { return config.GroupMaxSize.In(m.options.Config()) }

// hasRoom tells whether a member may join: who is in the group, and others up to
// its largest size. While it prepares a generation those count who have joined
// it, so that of a group that is too large the last ones to join are refused.
func (g *classicGroup) hasRoom(member string) bool {
	mb := g.members[member]
	switch g.status {
	case classicEmpty:
		return true
	case classicPreparing:
		return mb != nil && mb.join != nil || g.joining < g.m.maxSize()
	}
	return mb != nil || len(g.members) < g.m.maxSize()
}

// canRecord tells whether a record has room for all that the member says: what
// could never be recorded isn't kept in memory either.
func (g *classicGroup) canRecord(j join) bool {
	var v protocol.GroupMetadataValue
	for _, p := range j.Protocols {
		v.Members = append(v.Members, protocol.GroupMetadataValueMemberMetadata{MemberId: p.Name, Subscription: p.Metadata})
	}
	err := g.m.sh.Check([]coordinator.Record{groupRecord(g.name, &v)})
	return !errors.Is(err, protocol.ErrUnknownServerError)
}

// joinFirst is the JoinGroup of a member that has no id.
func (g *classicGroup) joinFirst(j join) ([]coordinator.Record, error) {
	id := g.newID(j.client, j.GroupInstanceId)
	if j.GroupInstanceId != nil {
		if mb := g.static[*j.GroupInstanceId]; mb != nil {
			return g.replaceStatic(j, mb, id)
		}
		return g.admit(j, id), nil
	}
	if j.client.Version < joinRequiresID {
		return g.admit(j, id), nil
	}
	g.pending[id] = g.wake(time.Duration(j.SessionTimeoutMs) * time.Millisecond)
	return j.refuse(id, protocol.ErrMemberIdRequired)
}

// admit adds a member, which waits for the next generation.
func (g *classicGroup) admit(j join, id string) []coordinator.Record {
	mb := &classicMember{
		id: id, instance: j.GroupInstanceId, clientID: j.client.ID, host: j.client.Host,
		sessionMs: j.SessionTimeoutMs, rebalanceMs: j.RebalanceTimeoutMs, protocols: j.Protocols, fresh: true,
	}
	if g.status == classicPreparing && g.initial {
		g.grown = true
	}
	g.add(mb, j.ProtocolType)
	g.awaitJoin(mb, j.answer)
	mb.deadline = g.wake(newMemberTimeout)
	return g.rebalance("a new member joins: " + j.reason())
}

// joinAgain is the JoinGroup of somebody who has an id.
func (g *classicGroup) joinAgain(j join) ([]coordinator.Record, error) {
	if _, ok := g.pending[j.MemberId]; ok {
		if j.GroupInstanceId != nil {
			return j.refuse("", protocol.ErrUnknownServerError) // a static member was never asked for an id
		}
		return g.admit(j, j.MemberId), nil
	}
	mb, err := g.checkMember(j.MemberId, j.GroupInstanceId)
	if err != nil {
		r := joinError(j.MemberId, err)
		r.ProtocolName = nil
		j.answer.Give(r)
		return nil, nil
	}
	switch {
	case g.status == classicPreparing,
		g.status == classicStable && g.leader == mb.id, // which may have seen that topics changed
		g.status != classicEmpty && !mb.says(j.Protocols):
		g.update(mb, j.JoinGroupRequest)
		g.awaitJoin(mb, j.answer)
		return g.rebalance("a member joins again: " + j.reason()), nil
	case g.status == classicEmpty:
		return j.refuse(j.MemberId, protocol.ErrUnknownMemberId)
	}
	j.answer.Give(g.joined(mb)) // it missed the answer to its last JoinGroup
	return nil, nil
}

// joined is the answer to a member of the generation: the leader learns who the
// others are.
func (g *classicGroup) joined(mb *classicMember) *protocol.JoinGroupResponse {
	typ := g.typ
	r := &protocol.JoinGroupResponse{
		GenerationId: g.generation, ProtocolType: &typ, ProtocolName: g.protocol, Leader: g.leader, MemberId: mb.id,
	}
	if g.leader == mb.id && g.status != classicStable {
		r.Members = g.roster()
	}
	return r
}

// roster is the members with what they say under the generation's protocol.
func (g *classicGroup) roster() []protocol.JoinGroupResponseMember {
	out := make([]protocol.JoinGroupResponseMember, 0, len(g.order))
	for _, mb := range g.order {
		out = append(out, protocol.JoinGroupResponseMember{
			MemberId: mb.id, GroupInstanceId: mb.instance, Metadata: mb.metadata(*g.protocol),
		})
	}
	return out
}

// replaceStatic lets a new incarnation of a static member take the place of the
// old one. In a stable group that changes nothing for anybody else, as long as
// the group would still choose the same protocol.
func (g *classicGroup) replaceStatic(j join, mb *classicMember, id string) ([]coordinator.Record, error) {
	if g.status == classicStable {
		if same, err := g.checkReplacement(j, mb, id); err != nil || same {
			return g.replaceStable(j, mb, id, err)
		}
	}
	g.replace(j, mb, id)
	g.awaitJoin(mb, j.answer)
	if g.status == classicPreparing {
		return g.completeIfJoined(), nil
	}
	return g.prepareRebalance("a static member joins again: " + j.reason()), nil
}

func (g *classicGroup) replace(j join, mb *classicMember, id string) {
	g.rename(mb, id)
	g.touch(mb) // by the session of the old incarnation, as Kafka does
	g.update(mb, j.JoinGroupRequest)
	mb.fresh = false
}

// checkReplacement tells whether the group would still choose its protocol with
// the new incarnation of a member, and what the log would refuse of its record.
// It leaves the group as it was.
func (g *classicGroup) checkReplacement(j join, mb *classicMember, id string) (same bool, err error) {
	old, leader := *mb, g.leader
	g.update(mb, j.JoinGroupRequest)
	mb.id = id
	if leader == old.id {
		g.leader = id
	}
	if same = g.vote() == *g.protocol; same {
		err = g.m.sh.Check([]coordinator.Record{g.record(nil)})
	}
	g.supports(mb, -1)
	*mb, g.leader = old, leader
	g.supports(mb, 1)
	return same, err
}

// replaceStable replaces a static member of a stable group, unless its record is
// refused. A leader that can't be told to skip the assignment is told that the
// old incarnation leads, so that it makes none (KIP-814).
func (g *classicGroup) replaceStable(j join, mb *classicMember, id string, refused error) ([]coordinator.Record, error) {
	leader := g.leader
	if refused != nil {
		r := g.joined(mb)
		r.MemberId, r.Leader, r.ErrorCode = "", leader, protocol.CodeOf(refused)
		j.answer.Give(r)
		return nil, nil
	}
	g.replace(j, mb, id)
	r := g.joined(mb)
	if j.client.Version < joinSkipAssignment {
		r.Leader = leader
	} else if g.leader == id {
		r.SkipAssignment, r.Members = true, g.roster()
	}
	j.answer.Give(r)
	return []coordinator.Record{g.record(nil)}, nil
}
