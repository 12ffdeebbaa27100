package group

import (
	"context"
	"errors"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Heartbeat lets a member's session begin anew: REBALANCE_IN_PROGRESS tells it
// to join again. While the group is loaded nobody's session ends, and nobody is
// told anything.
func (c *Coordinator) Heartbeat(ctx context.Context, rq *protocol.HeartbeatRequest) error {
	if rq.GroupId == "" {
		return protocol.ErrInvalidGroupId
	}
	_, err := view(ctx, c, rq.GroupId, func(m *Machine) (struct{}, error) {
		return struct{}{}, m.heartbeat(rq)
	})
	if errors.Is(err, protocol.ErrCoordinatorLoadInProgress) {
		return nil
	}
	return err
}

func (m *Machine) heartbeat(rq *protocol.HeartbeatRequest) error {
	if g, ok := m.groups[rq.GroupId].(*consumerGroup); ok {
		return m.heartbeatClassic(g, rq)
	}
	g, ok := m.groups[rq.GroupId].(*classicGroup)
	if !ok {
		return protocol.ErrUnknownMemberId
	}
	mb, err := g.checkMember(rq.MemberId, rq.GroupInstanceId)
	if err != nil {
		return err
	}
	if rq.GenerationId != g.generation {
		return protocol.ErrIllegalGeneration
	}
	g.touch(mb)
	if g.status == classicPreparing {
		return protocol.ErrRebalanceInProgress
	}
	return nil
}

// LeaveGroup removes members, by their ids or by their instances' alone, and
// answers for each. An error is the whole answer.
func (c *Coordinator) LeaveGroup(ctx context.Context, group string, who []protocol.LeaveGroupRequestMemberIdentity) ([]protocol.LeaveGroupResponseMemberResponse, error) {
	if group == "" {
		return nil, protocol.ErrInvalidGroupId
	}
	return ask(ctx, c, group, func(m *Machine, a *coordinator.Answer[[]protocol.LeaveGroupResponseMemberResponse]) ([]coordinator.Record, error) {
		if g, ok := m.groups[group].(*consumerGroup); ok {
			return m.leaveClassic(g, who, a)
		}
		g, ok := m.groups[group].(*classicGroup)
		if !ok {
			a.Give(leaveAnswers(who, func(*protocol.LeaveGroupRequestMemberIdentity) error { return protocol.ErrUnknownMemberId }))
			return nil, nil
		}
		return g.leave(who, a), nil
	})
}

// leaveAnswers asks for each of those who leave.
func leaveAnswers(who []protocol.LeaveGroupRequestMemberIdentity, leave func(*protocol.LeaveGroupRequestMemberIdentity) error) []protocol.LeaveGroupResponseMemberResponse {
	out := make([]protocol.LeaveGroupResponseMemberResponse, 0, len(who))
	for i := range who {
		out = append(out, protocol.LeaveGroupResponseMemberResponse{
			MemberId: who[i].MemberId, GroupInstanceId: who[i].GroupInstanceId, ErrorCode: protocol.CodeOf(leave(&who[i])),
		})
	}
	return out
}

func (g *classicGroup) leave(who []protocol.LeaveGroupRequestMemberIdentity, a *coordinator.Answer[[]protocol.LeaveGroupResponseMemberResponse]) []coordinator.Record {
	left := false
	a.Give(leaveAnswers(who, func(id *protocol.LeaveGroupRequestMemberIdentity) error {
		err := g.leaveOne(id)
		left = left || err == nil
		return err
	}))
	switch {
	case !left:
		return nil
	case g.status == classicStable || g.status == classicCompleting:
		return g.prepareRebalance("members leave")
	}
	return g.completeIfJoined()
}

// leaveOne removes one member. Who names an instance without a member is an
// administrator.
func (g *classicGroup) leaveOne(id *protocol.LeaveGroupRequestMemberIdentity) error {
	if _, ok := g.pending[id.MemberId]; ok {
		delete(g.pending, id.MemberId)
		return nil
	}
	var mb *classicMember
	var err error
	if id.MemberId != "" {
		mb, err = g.checkMember(id.MemberId, id.GroupInstanceId)
	} else if id.GroupInstanceId != nil {
		mb = g.static[*id.GroupInstanceId]
	}
	switch {
	case err != nil:
		return err
	case mb == nil:
		return protocol.ErrUnknownMemberId
	}
	reason := "not provided"
	if id.Reason != nil && *id.Reason != "" {
		reason = *id.Reason
	}
	g.m.options.Logger.Info("a member leaves", "group", g.name, "member", mb.id, "reason", reason)
	g.remove(mb)
	return nil
}
