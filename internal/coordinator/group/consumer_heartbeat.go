package group

import (
	"context"
	"fmt"
	"strings"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// ConsumerGroupHeartbeat is the whole of the consumer protocol (KIP-848): a
// member joins, says what it subscribes to and what it owns, is told what it is
// to own, and leaves.
func (c *Coordinator) ConsumerGroupHeartbeat(ctx context.Context, cl Client, req *protocol.ConsumerGroupHeartbeatRequest) *protocol.ConsumerGroupHeartbeatResponse {
	if err := checkHeartbeat(req, cl.Version, c.options.Config()); err != nil {
		return heartbeatError(err)
	}
	resp, err := ask(ctx, c, req.GroupId, func(m *Machine, a *coordinator.Answer[*protocol.ConsumerGroupHeartbeatResponse]) ([]coordinator.Record, error) {
		if req.MemberEpoch < 0 {
			return m.leaveConsumer(req, a)
		}
		return m.heartbeatConsumer(cl, req, a)
	})
	if err != nil {
		return heartbeatError(err)
	}
	return resp
}

func heartbeatError(err error) *protocol.ConsumerGroupHeartbeatResponse {
	resp := protocol.NewConsumerGroupHeartbeatResponse()
	resp.ErrorCode, resp.ErrorMessage, resp.MemberId, resp.Assignment = protocol.CodeOf(err), nil, nil, nil
	if text, ok := protocol.TextOf(err); ok {
		resp.ErrorMessage = &text
	}
	return resp
}

// checkHeartbeat tells what is wrong with a request whatever the group's state.
// From version 1 on members choose their ids.
func checkHeartbeat(req *protocol.ConsumerGroupHeartbeatRequest, version int16, cfg *config.Broker) error {
	joins := req.MemberEpoch == 0
	switch {
	case blank(req.MemberId) && (version >= 1 || req.MemberEpoch > 0 || req.MemberEpoch == leaveEpoch):
		return invalid("MemberId can't be empty.")
	case blank(req.GroupId):
		return invalid("GroupId can't be empty.")
	case isEmpty(req.InstanceId):
		return invalid("InstanceId can't be empty.")
	case isEmpty(req.RackId):
		return invalid("RackId can't be empty.")
	case joins && req.RebalanceTimeoutMs == -1:
		return invalid("RebalanceTimeoutMs must be provided in first request.")
	case joins && (req.TopicPartitions == nil || len(req.TopicPartitions) > 0):
		return invalid("TopicPartitions must be empty when (re-)joining.")
	case joins && req.SubscribedTopicNames == nil && req.SubscribedTopicRegex == nil:
		return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	case req.MemberEpoch == leaveStaticEpoch && req.InstanceId == nil:
		return invalid("InstanceId can't be null.")
	case req.MemberEpoch < leaveStaticEpoch:
		return invalid("MemberEpoch is invalid.")
	}
	return checkAssignor(req.ServerAssignor, cfg)
}

func checkAssignor(name *string, cfg *config.Broker) error {
	if name == nil {
		return nil
	}
	allowed := config.GroupConsumerAssignors.In(cfg)
	for _, a := range allowed {
		if a == *name {
			return nil
		}
	}
	return protocol.Refuse(protocol.ErrUnsupportedAssignor,
		fmt.Sprintf("ServerAssignor %s is not supported. Supported assignors: %s.", *name, strings.Join(allowed, ", ")))
}

func invalid(text string) error { return protocol.Refuse(protocol.ErrInvalidRequest, text) }

func isEmpty(s *string) bool { return s != nil && blank(*s) }

// blank tells whether a string counts as empty: nothing in it but spaces and
// control characters.
func blank(s string) bool {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) == ""
}

// heartbeat is one heartbeat on its way through a group.
type heartbeat struct {
	m   *Machine
	g   *consumerGroup
	req *protocol.ConsumerGroupHeartbeatRequest
	img *metadata.Image

	member   *consumerMember  // as it was, or new
	updated  *consumerMember  // as it is to be
	replaced string           // the member whose instance id, target and partitions it takes over, "" for none
	upgraded *classicGroup    // whose place the group takes, nil for none
	classic  *classicMetadata // of a member that uses the classic protocol
	epoch    int32            // of the group, with this heartbeat
	regexes  regexUpdate
	records  []coordinator.Record
}

// heartbeatConsumer decides on a heartbeat. The member is created or updated,
// which may bump the group's epoch; an epoch above that of the target assignment
// asks for another one; the member is brought closer to it.
func (m *Machine) heartbeatConsumer(cl Client, req *protocol.ConsumerGroupHeartbeatRequest, a *coordinator.Answer[*protocol.ConsumerGroupHeartbeatResponse]) ([]coordinator.Record, error) {
	h := &heartbeat{m: m, req: req, img: m.options.Image()}
	if err := h.find(); err != nil {
		return nil, err
	}
	if err := h.join(); err != nil {
		return nil, err
	}
	if err := h.update(cl); err != nil {
		return nil, err
	}
	before := h.updated
	if err := h.reconcile(); err != nil {
		return nil, err
	}
	if len(h.records) > 0 {
		if err := m.sh.Check(h.records); err != nil {
			return nil, err
		}
	}
	h.soft(before)
	a.Give(h.response())
	return h.records, nil
}

// find finds the group. A member that joins makes one, in the place of an empty
// classic group too.
func (h *heartbeat) find() (err error) {
	if g, ok := h.m.groups[h.req.GroupId].(*classicGroup); ok && h.req.MemberEpoch == 0 && !g.empty() {
		h.upgraded = g
		h.g, h.records, err = h.m.upgrade(g)
	} else {
		h.g, h.records, err = h.m.consumerToJoin(h.req.GroupId, h.req.MemberEpoch == 0)
	}
	if err != nil {
		return err
	}
	h.epoch = h.g.epoch
	return h.m.checkSize(h.g, h.req.MemberId, orEmpty(h.req.InstanceId))
}

// checkSize refuses a member that the group has no room for.
func (m *Machine) checkSize(g *consumerGroup, member, instance string) error {
	limit := config.GroupConsumerMaxSize.In(m.options.Config())
	if len(g.members) < limit || g.members[member] != nil || instance != "" && g.static(instance) != nil {
		return nil
	}
	return protocol.Refuse(protocol.ErrGroupMaxSizeReached, fmt.Sprintf("The consumer group has reached its maximum capacity of %d members.", limit))
}

// join finds the member, or makes one.
func (h *heartbeat) join() (err error) {
	id := h.req.MemberId
	if id == "" {
		id = h.m.options.NewID().String()
	}
	switch {
	case h.req.InstanceId != nil:
		return h.joinStatic(id, *h.req.InstanceId)
	case h.req.MemberEpoch == 0 && h.g.members[id] == nil:
		h.member = newConsumerMember(id)
		return nil
	}
	if h.member, err = h.g.member(id); err != nil {
		return err
	}
	return h.checkEpoch()
}

// checkEpoch accepts the member's epoch, and the one before when the client owns
// no more than the coordinator knows: then the last answer was lost. Epoch 0
// begins anew.
func (h *heartbeat) checkEpoch() error {
	got, known := h.req.MemberEpoch, h.member.epoch
	word := "smaller"
	switch {
	case got == 0 || got == known:
		return nil
	case got > known:
		word = "greater"
	case got == h.member.previous && h.ownsSubset():
		return nil
	}
	return protocol.Refuse(protocol.ErrFencedMemberEpoch, fmt.Sprintf("The consumer group member has a %s member epoch (%d) "+
		"than the one known by the group coordinator (%d). The member must abandon all its partitions and rejoin.", word, got, known))
}

func (h *heartbeat) ownsSubset() bool {
	if h.req.TopicPartitions == nil {
		return false
	}
	for _, tp := range h.req.TopicPartitions {
		if h.member.assigned[tp.TopicId] == nil {
			return false
		}
		for _, index := range tp.Partitions {
			if !h.member.assigned.has(tp.TopicId, index) {
				return false
			}
		}
	}
	return true
}

// joinStatic finds the member of an instance id. One that joins under another
// member id takes the place of a member that left for a while.
func (h *heartbeat) joinStatic(id, instance string) error {
	known := h.g.static(instance)
	switch {
	case h.req.MemberEpoch != 0 && known == nil:
		return protocol.Refuse(protocol.ErrUnknownMemberId, "Instance id "+instance+" is unknown.")
	case h.req.MemberEpoch != 0 && known.id != id:
		return fencedInstance(id, instance, known)
	case h.req.MemberEpoch != 0:
		h.member = known
		return h.checkEpoch()
	case known == nil:
		if h.member = h.g.members[id]; h.member == nil {
			h.member = newConsumerMember(id)
		}
		return nil
	case known.epoch != leaveStaticEpoch && known.classic == nil:
		return protocol.Refuse(protocol.ErrUnreleasedInstanceId, fmt.Sprintf(
			"Static member %s with instance id %s cannot join the group because the instance id is owned by %s member.", id, instance, known.id))
	}
	h.replace(known, id)
	return nil
}

// replace lets a member take over what another had.
func (h *heartbeat) replace(known *consumerMember, id string) {
	next := *known
	next.id, next.epoch, next.previous = id, 0, 0
	h.member, h.replaced = &next, known.id
	h.records = append(h.records, removal(h.g.groupID, known.id)...)
	h.records = append(h.records, memberRecord(h.g.groupID, &next),
		targetRecord(h.g.groupID, id, h.g.target[known.id]), currentRecord(h.g.groupID, &next))
}

func fencedInstance(id, instance string, known *consumerMember) error {
	return protocol.Refuse(protocol.ErrFencedInstanceId, fmt.Sprintf("Static member %s with instance id %s was fenced by member %s.", id, instance, known.id))
}

// reconcile brings the member closer to the group's target assignment, after it
// has computed another one if it is time.
func (h *heartbeat) reconcile() error {
	epoch, target := h.g.assignmentEpoch, h.g.targetOf(h.updated)
	if h.epoch > epoch && h.m.mayAssign(h.g) {
		own, records, err := h.m.assign(h.g, h.epoch, h.updated, h.replaced, h.img)
		if err != nil {
			return err
		}
		epoch, target = h.epoch, own
		h.records = append(h.records, records...)
	}
	changed := h.regexes.changed || h.namesChanged()
	if !changed && h.updated.reconciledTo(epoch) {
		return nil
	}
	r := reconciliation{
		member: h.updated, epoch: epoch, target: target, changed: changed, free: h.g.holders.free,
		subscribed:  func(topic protocol.UUID) bool { return h.g.subscribes(h.updated, topic, h.img) },
		ownedIsSent: h.req.TopicPartitions != nil, owned: h.req.TopicPartitions,
	}
	next, err := r.next()
	if err != nil {
		return err
	}
	if !next.sameState(h.updated) {
		h.records = append(h.records, currentRecord(h.g.groupID, next))
		h.updated = next
	}
	return nil
}

// response tells the member its assignment if it may not know it: when it sent
// everything, or when it changed.
func (h *heartbeat) response() *protocol.ConsumerGroupHeartbeatResponse {
	resp := &protocol.ConsumerGroupHeartbeatResponse{
		MemberId: &h.updated.id, MemberEpoch: h.updated.epoch, // which never change
		HeartbeatIntervalMs: int32(config.GroupConsumerHeartbeatIntervalMs.In(h.m.options.groupConfig(h.g.groupID)).Milliseconds()),
	}
	full := h.req.RebalanceTimeoutMs != -1 && h.req.TopicPartitions != nil && (h.req.SubscribedTopicNames != nil || h.req.SubscribedTopicRegex != nil)
	if full || h.req.MemberEpoch == 0 || !h.member.assigned.equal(h.updated.assigned) {
		resp.Assignment = &protocol.ConsumerGroupHeartbeatResponseAssignment{TopicPartitions: h.updated.assigned.response()}
	}
	return resp
}

func (o owned) response() []protocol.ConsumerGroupHeartbeatResponseTopicPartitions {
	out := make([]protocol.ConsumerGroupHeartbeatResponseTopicPartitions, 0, len(o))
	for _, topic := range sortedTopics(o) {
		tp := protocol.ConsumerGroupHeartbeatResponseTopicPartitions{TopicId: topic}
		for _, p := range o[topic] {
			tp.Partitions = append(tp.Partitions, p.index)
		}
		out = append(out, tp)
	}
	return out
}
