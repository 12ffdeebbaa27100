package group

import (
	"fmt"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// mayAssign tells whether the group's next target assignment may be computed
// now. Between two of them lies an interval, so that many members who join at
// once cost few of them (KIP-1263).
func (m *Machine) mayAssign(g *consumerGroup) bool {
	interval := config.GroupConsumerAssignmentIntervalMs.In(m.options.groupConfig(g.groupID)).Milliseconds()
	return g.assignedAt == 0 || interval == 0 || m.sh.Now().UnixMilli() >= g.assignedAt+interval
}

// assign computes the target assignment of an epoch, with one member as it is to
// be: in the place of replaced, if that isn't "". It returns the member's target
// and the records of all that changed, that of the epoch last.
func (m *Machine) assign(g *consumerGroup, epoch int32, member *consumerMember, replaced string, img *metadata.Image) (assignment, []coordinator.Record, error) {
	members := maps.Clone(g.members)
	delete(members, replaced)
	members[member.id] = member
	in := assignorInput{Partitions: func(id protocol.UUID) int32 { return partitionsOf(img, id) }}
	var last *consumerMember
	for _, id := range slices.Sorted(maps.Keys(members)) {
		mb := members[id]
		am := assignorMember{ID: id, InstanceID: mb.instance, Rack: mb.rack, Assigned: g.targetOfMember(mb, member, replaced)}
		if last != nil && last.regex == mb.regex && slices.Equal(last.topics, mb.topics) {
			am.Topics = in.Members[len(in.Members)-1].Topics
		} else {
			am.Topics = g.topicIDs(mb, img)
		}
		in.Members = append(in.Members, am)
		last = mb
	}
	a, _ := assignorByName(g.preferredAssignor(g.votesWith(member, replaced), m.options.Config()))
	targets, err := a.assign(&in)
	if err != nil {
		return nil, nil, protocol.Refuse(protocol.ErrUnknownServerError, fmt.Sprintf("Failed to compute a new target assignment for epoch %d: %v", epoch, err))
	}
	var own assignment
	var records []coordinator.Record
	for i, t := range targets {
		id := in.Members[i].ID
		if id == member.id {
			own = t.Assignment
		}
		if _, known := g.target[id]; t.Changed || !known && !(id == member.id && replaced != "") {
			records = append(records, targetRecord(g.groupID, id, t.Assignment))
		}
	}
	return own, append(records, assignmentEpochRecord(g.groupID, epoch, m.sh.Now().UnixMilli())), nil
}

func partitionsOf(img *metadata.Image, id protocol.UUID) int32 {
	if t := img.TopicByID(id); t != nil {
		return int32(len(t.Partitions))
	}
	return 0
}

// targetOfMember is the target of a member until now. The member that takes
// another one's place has that one's.
func (g *consumerGroup) targetOfMember(m, member *consumerMember, replaced string) assignment {
	if m == member && replaced != "" {
		return g.target[replaced]
	}
	return g.target[m.id]
}

// votesWith counts the members that want an assignor, with one as it is to be.
func (g *consumerGroup) votesWith(member *consumerMember, replaced string) map[string]int {
	before := g.members[member.id]
	if replaced != "" {
		before = g.members[replaced]
	}
	if before != nil && before.assignor == member.assignor || before == nil && member.assignor == "" {
		return g.votes
	}
	votes := maps.Clone(g.votes)
	if before != nil && before.assignor != "" {
		count(votes, []string{before.assignor}, -1)
	}
	if member.assignor != "" {
		count(votes, []string{member.assignor}, 1)
	}
	return votes
}

// preferredAssignor is the assignor that most members ask for, the broker's first one
// if none does.
func (g *consumerGroup) preferredAssignor(votes map[string]int, cfg config.Lookup) string {
	best := ""
	for _, a := range assignors { // of two that have the same number, Kafka takes the same one always
		if votes[a.name] > votes[best] {
			best = a.name
		}
	}
	if best != "" {
		return best
	}
	return defaultAssignor(cfg)
}

func defaultAssignor(cfg config.Lookup) string {
	for _, name := range config.GroupConsumerAssignors.In(cfg) {
		if _, ok := assignorByName(name); ok {
			return name
		}
	}
	return assignors[0].name
}
