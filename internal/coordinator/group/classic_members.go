package group

import (
	"bytes"
	"encoding/hex"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// newMemberTimeout is how long a member that has never been in a generation
// waits for one: nobody heartbeats for it, and its client may be gone.
const newMemberTimeout = 5 * time.Minute

// add makes a member, which has at least one protocol of the group's.
func (g *classicGroup) add(mb *classicMember, typ string) {
	if len(g.members) == 0 {
		g.typ = typ
	}
	if g.leader == "" {
		g.leader = mb.id
	}
	g.members[mb.id] = mb
	g.order = append(g.order, mb)
	if mb.instance != nil {
		g.static[*mb.instance] = mb
	}
	g.supports(mb, 1)
	delete(g.pending, mb.id)
	if g.m.loaded && g.m.groups[g.name] == g {
		g.m.options.Metrics.Members(string(classicKind), 1)
	}
}

// remove ends a member. Whoever still waits for an answer of it is told that
// there is no such member any more, and may join again.
func (g *classicGroup) remove(mb *classicMember) {
	g.detach(mb)
	g.order = slices.DeleteFunc(g.order, func(other *classicMember) bool { return other == mb })
	g.chooseLeader()
}

// removeAll removes the members that which picks, in one go.
func (g *classicGroup) removeAll(which func(*classicMember) bool) (removed []string) {
	g.order = slices.DeleteFunc(g.order, func(mb *classicMember) bool {
		if !which(mb) {
			return false
		}
		removed = append(removed, mb.id)
		g.detach(mb)
		return true
	})
	g.chooseLeader()
	return removed
}

// detach takes a member out of everything but order.
func (g *classicGroup) detach(mb *classicMember) {
	g.answerJoin(mb, &protocol.JoinGroupResponse{GenerationId: -1, ErrorCode: int16(protocol.ErrUnknownMemberId)})
	g.answerSync(mb, syncError(protocol.ErrUnknownMemberId))
	g.markSynced(mb)
	delete(g.members, mb.id)
	if mb.instance != nil {
		delete(g.static, *mb.instance)
	}
	g.supports(mb, -1)
	if g.m.loaded {
		g.m.options.Metrics.Members(string(classicKind), -1)
	}
}

// chooseLeader gives the leader's place to the oldest member, if the leader is
// gone.
func (g *classicGroup) chooseLeader() {
	if g.members[g.leader] != nil {
		return
	}
	g.leader = ""
	if len(g.order) > 0 {
		g.leader = g.order[0].id
	}
}

// electJoined makes sure that the leader is one who has joined the next
// generation, and tells whether there is one.
func (g *classicGroup) electJoined() bool {
	if l := g.members[g.leader]; l != nil && l.join != nil {
		return true
	}
	for _, mb := range g.order {
		if mb.join != nil {
			g.leader = mb.id
			return true
		}
	}
	return false
}

// rename gives a static member a new id: a new incarnation has taken its place,
// and the old one is fenced.
func (g *classicGroup) rename(mb *classicMember, id string) {
	fenced := joinError(mb.id, protocol.ErrFencedInstanceId)
	fenced.ProtocolName = nil
	g.answerJoin(mb, fenced)
	g.answerSync(mb, syncError(protocol.ErrFencedInstanceId))
	g.markSynced(mb)
	delete(g.members, mb.id)
	if g.leader == mb.id {
		g.leader = id
	}
	mb.id = id
	g.members[id] = mb
}

// update takes over what a member says of itself when it joins again.
func (g *classicGroup) update(mb *classicMember, rq *protocol.JoinGroupRequest) {
	g.supports(mb, -1)
	mb.protocols, mb.sessionMs, mb.rebalanceMs = rq.Protocols, rq.SessionTimeoutMs, rq.RebalanceTimeoutMs
	g.supports(mb, 1)
}

// supports counts a member's protocols, n times. One named twice counts once.
func (g *classicGroup) supports(mb *classicMember, n int) {
	for i := range mb.protocols {
		name := mb.protocols[i].Name
		if mb.firstOf(name) != i {
			continue
		}
		if g.support[name] += n; g.support[name] == 0 {
			delete(g.support, name)
		}
	}
}

// firstOf is the place of a protocol, -1 for none.
func (mb *classicMember) firstOf(name string) int {
	return slices.IndexFunc(mb.protocols, func(p protocol.JoinGroupRequestProtocol) bool { return p.Name == name })
}

// metadata is what the member says under a protocol.
func (mb *classicMember) metadata(name string) []byte {
	if i := mb.firstOf(name); i >= 0 {
		return mb.protocols[i].Metadata
	}
	return nil
}

// says tells whether a JoinGroup repeats what is known of the member.
func (mb *classicMember) says(protocols []protocol.JoinGroupRequestProtocol) bool {
	return slices.EqualFunc(mb.protocols, protocols, func(a, b protocol.JoinGroupRequestProtocol) bool {
		return a.Name == b.Name && bytes.Equal(a.Metadata, b.Metadata)
	})
}

// accepts tells whether the protocols that a JoinGroup offers go with the
// group's: one of them is supported by all members.
func (g *classicGroup) accepts(rq *protocol.JoinGroupRequest) bool {
	if g.status == classicEmpty {
		return rq.ProtocolType != "" && len(rq.Protocols) > 0
	}
	return rq.ProtocolType == g.typ && slices.ContainsFunc(rq.Protocols, func(p protocol.JoinGroupRequestProtocol) bool {
		return g.support[p.Name] == len(g.members)
	})
}

// vote chooses the protocol of a generation: each member votes for the one it
// likes best of those that all support. Of equal ones the oldest member's choice
// holds.
func (g *classicGroup) vote() string {
	votes := make(map[string]int)
	var best string
	for _, mb := range g.order {
		i := slices.IndexFunc(mb.protocols, func(p protocol.JoinGroupRequestProtocol) bool {
			return g.support[p.Name] == len(g.members)
		})
		if i < 0 {
			continue // only a record that somebody else wrote could say so
		}
		name := mb.protocols[i].Name
		if votes[name]++; votes[name] > votes[best] {
			best = name
		}
	}
	return best
}

// newID makes the id of a member out of the name of its client or its instance.
func (g *classicGroup) newID(cl Client, instance *string) string {
	name := cl.ID
	if instance != nil {
		name = *instance
	}
	u := g.m.options.NewID()
	h := hex.EncodeToString(u[:])
	return name + "-" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// rebalanceTimeout is the longest of the members'.
func (g *classicGroup) rebalanceTimeout() time.Duration {
	var ms int32
	for _, mb := range g.order {
		ms = max(ms, mb.rebalanceMs)
	}
	return time.Duration(ms) * time.Millisecond
}

// allJoined tells that nobody is missing from the next generation.
func (g *classicGroup) allJoined() bool { return g.joining == len(g.members) && len(g.pending) == 0 }

// awaitJoin lets a member's JoinGroup wait. An earlier one of it is nobody's any
// more.
func (g *classicGroup) awaitJoin(mb *classicMember, a *joinAnswer) {
	g.answerJoin(mb, joinError(mb.id, protocol.ErrRebalanceInProgress))
	mb.join = a
	g.joining++
}

func (g *classicGroup) answerJoin(mb *classicMember, r *protocol.JoinGroupResponse) {
	if mb.join != nil {
		mb.join.Give(r)
		mb.join = nil
		g.joining--
	}
}

// answerSync answers a SyncGroup that waits, and tells whether there was one.
func (g *classicGroup) answerSync(mb *classicMember, r *protocol.SyncGroupResponse) bool {
	if mb.sync == nil {
		return false
	}
	mb.sync.Give(r)
	mb.sync = nil
	return true
}

// markSynced notes that a member has sent its SyncGroup, or won't.
func (g *classicGroup) markSynced(mb *classicMember) {
	if mb.unsynced {
		mb.unsynced = false
		g.syncing--
	}
}
