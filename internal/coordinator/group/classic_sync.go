package group

import (
	"context"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// noAssignment is an empty one: the field isn't nullable.
var noAssignment = []byte{}

// SyncGroup hands in the leader's assignment and answers with the member's own,
// when it is recorded. The request's assignments are kept: they are nobody
// else's.
func (c *Coordinator) SyncGroup(ctx context.Context, rq *protocol.SyncGroupRequest) *protocol.SyncGroupResponse {
	if rq.GroupId == "" {
		return syncError(protocol.ErrInvalidGroupId)
	}
	r, err := ask(ctx, c, rq.GroupId, func(m *Machine, a *syncAnswer) ([]coordinator.Record, error) {
		return m.sync(rq, a)
	})
	if err != nil {
		return syncError(err)
	}
	return r
}

// syncError is the answer to a SyncGroup that is refused.
func syncError(err error) *protocol.SyncGroupResponse {
	return &protocol.SyncGroupResponse{ErrorCode: protocol.CodeOf(err), Assignment: noAssignment}
}

func (m *Machine) sync(rq *protocol.SyncGroupRequest, a *syncAnswer) ([]coordinator.Record, error) {
	if g, ok := m.groups[rq.GroupId].(*consumerGroup); ok {
		return nil, m.syncConsumer(g, rq, a)
	}
	g, ok := m.groups[rq.GroupId].(*classicGroup)
	if !ok || g.empty() {
		return nil, protocol.ErrUnknownMemberId
	}
	mb, err := g.checkSync(rq)
	if err != nil {
		return nil, err
	}
	if g.markSynced(mb); g.syncing == 0 {
		g.m.sh.Cancel(g.timer(syncTimer))
	}
	if g.status == classicStable {
		a.Give(g.synced(mb, mb.assignment))
		return nil, nil
	}
	g.answerSync(mb, syncError(protocol.ErrRebalanceInProgress)) // an earlier one is nobody's any more
	mb.sync = a
	if g.leader != mb.id {
		return nil, nil
	}
	return g.assign(rq), nil
}

// checkSync tells whether a SyncGroup is a member's, and of this generation.
func (g *classicGroup) checkSync(rq *protocol.SyncGroupRequest) (*classicMember, error) {
	mb, err := g.checkMember(rq.MemberId, rq.GroupInstanceId)
	switch {
	case err != nil:
		return nil, err
	case rq.GenerationId != g.generation:
		return nil, protocol.ErrIllegalGeneration
	case rq.ProtocolType != nil && *rq.ProtocolType != g.typ,
		rq.ProtocolName != nil && (g.protocol == nil || *rq.ProtocolName != *g.protocol):
		return nil, protocol.ErrInconsistentGroupProtocol
	case g.status == classicPreparing:
		return nil, protocol.ErrRebalanceInProgress
	}
	return mb, nil
}

// synced is the answer to a member's SyncGroup.
func (g *classicGroup) synced(mb *classicMember, assignment []byte) *protocol.SyncGroupResponse {
	typ := g.typ
	if assignment == nil {
		assignment = noAssignment
	}
	return &protocol.SyncGroupResponse{ProtocolType: &typ, ProtocolName: g.protocol, Assignment: assignment}
}

// assign records the leader's assignment; members that it doesn't name get an
// empty one. What the log refuses is answered to everybody who waits for it, and
// the group rebalances.
func (g *classicGroup) assign(rq *protocol.SyncGroupRequest) []coordinator.Record {
	assignment := make(map[string][]byte, len(g.members))
	for i := range rq.Assignments {
		assignment[rq.Assignments[i].MemberId] = rq.Assignments[i].Assignment
	}
	records := []coordinator.Record{g.record(assignment)}
	if err := g.m.sh.Check(records); err != nil {
		g.failSyncs(err)
		return g.prepareRebalance("the assignment could not be recorded: " + err.Error())
	}
	for _, mb := range g.order {
		if g.answerSync(mb, g.synced(mb, assignment[mb.id])) {
			g.touch(mb)
		}
	}
	g.m.options.Metrics.Rebalances.Observe(time.Since(g.began))
	return records
}

// failSyncs answers everybody who waits for an assignment. Nobody has one any
// more.
func (g *classicGroup) failSyncs(err error) {
	for _, mb := range g.order {
		mb.assignment = nil
		if g.answerSync(mb, syncError(err)) {
			g.touch(mb)
		}
	}
}
