package group

import (
	"bytes"
	"slices"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// consumerToJoin returns the group that a member joins, and what is to be
// recorded first. It need not be among the machine's groups yet: its first
// record makes it.
func (m *Machine) consumerToJoin(id string, create bool) (*consumerGroup, []coordinator.Record, error) {
	g := m.groups[id]
	switch {
	case g == nil && create:
		return newConsumerGroup(id), nil, nil
	case g == nil:
		return nil, nil, protocol.Refuse(protocol.ErrGroupIdNotFound, "Consumer group "+id+" not found.")
	case create && g.kind() == classicKind && g.empty():
		return newConsumerGroup(id), g.tombstones(), nil
	}
	if g, ok := g.(*consumerGroup); ok {
		return g, nil, nil
	}
	return nil, nil, notConsumer(id)
}

func notConsumer(id string) error {
	return protocol.Refuse(protocol.ErrGroupIdNotFound, "Group "+id+" is not a consumer group.")
}

// consumer returns a consumer group, or GROUP_ID_NOT_FOUND.
func (m *Machine) consumer(id string) (*consumerGroup, error) {
	g, err := m.group(id)
	if err != nil {
		return nil, err
	}
	if g, ok := g.(*consumerGroup); ok {
		return g, nil
	}
	return nil, notConsumer(id)
}

// update makes the member what the request says. What the request leaves out
// stays as it was.
func (h *heartbeat) update(cl Client) error {
	next := *h.member
	next.clientID, next.clientHost, next.classic = cl.ID, cl.Host, h.classic
	set(&next.instance, h.req.InstanceId)
	set(&next.rack, h.req.RackId)
	set(&next.assignor, h.req.ServerAssignor)
	set(&next.regex, h.req.SubscribedTopicRegex)
	if h.req.RebalanceTimeoutMs != -1 {
		next.rebalanceTimeoutMs = h.req.RebalanceTimeoutMs
	}
	if h.req.SubscribedTopicNames != nil {
		next.topics = sortedNames(h.req.SubscribedTopicNames)
	}
	h.updated = h.member
	if known := h.g.members[h.member.id]; known == nil && h.replaced == "" || !next.sameMetadata(h.member) {
		changed := next // a heartbeat that changes nothing leaves next on the stack
		h.updated = &changed
		h.records = append(h.records, memberRecord(h.g.groupID, h.updated))
	}
	if err := h.updateRegex(); err != nil {
		return err
	}
	h.bump()
	return nil
}

func set(s *string, v *string) {
	if v != nil {
		*s = *v
	}
}

// sameMetadata tells whether two states of a member have the same metadata.
func (m *consumerMember) sameMetadata(o *consumerMember) bool {
	return m.instance == o.instance && m.rack == o.rack && m.clientID == o.clientID && m.clientHost == o.clientHost &&
		m.rebalanceTimeoutMs == o.rebalanceTimeoutMs && slices.Equal(m.topics, o.topics) && m.regex == o.regex &&
		m.assignor == o.assignor && sameClassic(m.classic, o.classic)
}

func sameClassic(a, b *classicMetadata) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.SessionTimeoutMs == b.SessionTimeoutMs && slices.EqualFunc(a.SupportedProtocols, b.SupportedProtocols, func(x, y protocol.ConsumerGroupMemberMetadataValueClassicProtocol) bool {
		return x.Name == y.Name && bytes.Equal(x.Metadata, y.Metadata)
	})
}

func (h *heartbeat) namesChanged() bool {
	return h.updated != h.member && !slices.Equal(h.updated.topics, h.member.topics)
}

// bump raises the group's epoch when the member subscribes to something else,
// when the topics that the group subscribes to have changed, or when it is to
// have another assignor.
func (h *heartbeat) bump() {
	g := h.g
	bump := h.namesChanged() || h.regexes.resolved || h.classic != nil && h.regexes.changed || h.assignorChanged()
	if !bump && g.seen == h.img {
		return
	}
	hash := h.m.topicHashes.of(g.topicsWith(h.before(), []*consumerMember{h.updated}, h.regexes.ended), h.img)
	if bump || hash != g.metadataHash {
		h.epoch++
		h.records = append(h.records, consumerGroupRecord(g.groupID, h.epoch, hash))
	}
	if g.oldMetadata {
		h.records = append(h.records, oldMetadataTombstone(g.groupID))
	}
}

// assignorChanged tells whether the group is to have another assignor.
func (h *heartbeat) assignorChanged() bool {
	if h.updated == h.member && h.replaced == "" {
		return false
	}
	cfg := h.m.options.Config()
	return h.g.preferredAssignor(h.g.votes, cfg) != h.g.preferredAssignor(h.g.votesWith(h.updated, h.replaced), cfg)
}

// before is the state of the group that the member's new one takes the place of.
func (h *heartbeat) before() []*consumerMember {
	id := h.member.id
	if h.replaced != "" {
		id = h.replaced
	}
	if m := h.g.members[id]; m != nil {
		return []*consumerMember{m}
	}
	return nil
}
