package group

import (
	"fmt"
	"strings"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// migration tells whether group.consumer.migration.policy allows a change of
// groups: "upgrade" or "downgrade".
func (m *Machine) migration(what string) bool {
	policy := strings.ToLower(config.GroupConsumerMigrationPolicy.In(m.options.Config()))
	return policy == what || policy == "bidirectional"
}

// checkUpgrade tells why a classic group can't become a consumer group.
func (m *Machine) checkUpgrade(g *classicGroup) error {
	why := ""
	switch {
	case !m.migration("upgrade"):
		why = "online upgrade is disabled."
	case g.typ != consumerType:
		why = "the group does not use the consumer embedded protocol."
	case len(g.members) > config.GroupConsumerMaxSize.In(m.options.Config()):
		why = "the group size exceeds the consumer group maximum size."
	default:
		return nil
	}
	return cannotUpgrade(g.name, why)
}

func cannotUpgrade(group, why string) error {
	return protocol.Refuse(protocol.ErrGroupIdNotFound, fmt.Sprintf("Cannot upgrade classic group %s to consumer group because %s", group, why))
}

// upgrade makes a consumer group out of a classic one, and the records that do
// so: its members are at the epoch of the generation, and have what the last
// assignment gave them.
func (m *Machine) upgrade(g *classicGroup) (*consumerGroup, []coordinator.Record, error) {
	if err := m.checkUpgrade(g); err != nil {
		return nil, nil, err
	}
	img := m.options.Image()
	next := newConsumerGroup(g.name)
	next.epoch, next.assignmentEpoch = g.generation, g.generation
	for _, mb := range g.order {
		member, err := g.upgradeMember(mb, img)
		if err != nil {
			return nil, nil, err
		}
		next.put(member)
		next.target[mb.id] = member.assigned.partitions()
	}
	next.metadataHash = m.topicHashes.of(next.topicsWith(nil, nil, nil), img)
	records := g.tombstones()
	for _, mb := range g.order {
		records = append(records, memberRecord(g.name, next.members[mb.id]))
	}
	records = append(records, consumerGroupRecord(g.name, next.epoch, next.metadataHash))
	for _, mb := range g.order {
		records = append(records, targetRecord(g.name, mb.id, next.target[mb.id]))
	}
	records = append(records, assignmentEpochRecord(g.name, next.epoch, 0))
	for _, mb := range g.order {
		records = append(records, currentRecord(g.name, next.members[mb.id]))
	}
	return next, records, nil
}

func (g *classicGroup) upgradeMember(mb *classicMember, img *metadata.Image) (*consumerMember, error) {
	if len(mb.protocols) == 0 {
		return nil, cannotUpgrade(g.name, "the embedded consumer protocol is malformed.")
	}
	subscription := mb.protocols[0].Metadata
	if g.protocol != nil && mb.firstOf(*g.protocol) >= 0 {
		subscription = mb.metadata(*g.protocol)
	}
	s, err := readClassicSubscription(subscription)
	if err != nil {
		return nil, cannotUpgrade(g.name, "the embedded consumer protocol is malformed.")
	}
	a, err := readClassicAssignment(mb.assignment)
	switch {
	case err != nil:
		return nil, cannotUpgrade(g.name, "the embedded consumer protocol is malformed.")
	case len(a.UserData) > 0: // which would be lost
		return nil, cannotUpgrade(g.name, "an unsupported custom assignor is in use. "+
			"Please refer to the documentation or switch to a default assignor before re-attempting the upgrade.")
	}
	member := newConsumerMember(mb.id)
	member.instance, member.rack = orEmpty(mb.instance), orEmpty(s.RackId)
	member.clientID, member.clientHost, member.rebalanceTimeoutMs = mb.clientID, mb.host, mb.rebalanceMs
	member.topics = sortedNames(s.Topics)
	member.classic = classicMetadataOf(mb.sessionMs, mb.protocols)
	member.epoch, member.previous = g.generation, g.generation
	member.assigned = make(owned)
	for _, tp := range a.AssignedPartitions {
		if t := img.Topic(tp.Topic); t != nil && len(tp.Partitions) > 0 {
			for _, index := range sortedPartitions(tp.Partitions) {
				member.assigned[t.ID] = append(member.assigned[t.ID], ownedPartition{index, g.generation})
			}
		}
	}
	return member, nil
}

func classicMetadataOf(sessionMs int32, protocols []protocol.JoinGroupRequestProtocol) *classicMetadata {
	c := &classicMetadata{SessionTimeoutMs: sessionMs}
	for _, p := range protocols {
		c.SupportedProtocols = append(c.SupportedProtocols, protocol.ConsumerGroupMemberMetadataValueClassicProtocol(p))
	}
	return c
}

// abandon answers everybody who waits in a classic group that has become a
// consumer group, and lets the members' sessions go on in that.
func (m *Machine) abandon(g *classicGroup) {
	for _, mb := range g.order {
		g.answerJoin(mb, joinError(mb.id, protocol.ErrRebalanceInProgress))
		g.answerSync(mb, syncError(protocol.ErrRebalanceInProgress))
		m.touch(g.name, mb.id, time.Duration(mb.sessionMs)*time.Millisecond)
	}
}
