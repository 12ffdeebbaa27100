package group

import (
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// consumerType is the protocol type of consumers; their metadata are
// ConsumerProtocolSubscriptions.
const consumerType = "consumer"

// classicState is where a classic group is between two generations, in Kafka's
// words. A group that is deleted is no state: it is gone.
type classicState string

const (
	// classicEmpty has no members; ids may be pending.
	classicEmpty classicState = "Empty"
	// classicPreparing waits for its members' JoinGroups.
	classicPreparing classicState = "PreparingRebalance"
	// classicCompleting has a generation and waits for its leader's SyncGroup.
	classicCompleting classicState = "CompletingRebalance"
	// classicStable has an assignment, which is recorded.
	classicStable classicState = "Stable"
)

// classicGroup is a group whose members assign partitions among themselves:
// they join, one of them, the leader, makes the assignment, and the coordinator
// hands it out. It implements group.
//
// What a GroupMetadataValue holds is recorded when a generation has its
// assignment, when a generation is empty, when a static member comes back under
// a new id, and when the group is new. Between these the group runs ahead of its
// record, and a restart goes back to it: members find out by UNKNOWN_MEMBER_ID
// or ILLEGAL_GENERATION, and join again.
type classicGroup struct {
	m    *Machine
	name string

	// What the record holds, beside members.
	generation int32
	typ        string  // protocol type, "" for none
	protocol   *string // that the generation uses, nil for none
	leader     string  // "" for none
	since      int64   // when status began, ms; -1: not known

	members map[string]*classicMember
	order   []*classicMember          // members, as they came
	static  map[string]*classicMember // by instance id
	topics  map[string]struct{}       // that members are subscribed to; nil: not known

	// Soft state.
	status  classicState
	initial bool                 // preparing from Empty: the initial delay runs
	grown   bool                 // somebody joined since the initial delay was last looked at
	pending map[string]time.Time // ids given out to members that have yet to join with them (KIP-394), with their deadlines
	support map[string]int       // members that support each protocol
	joining int                  // members whose JoinGroup waits
	syncing int                  // members that have yet to send the generation's SyncGroup
	alarm   time.Time            // when the session timer runs; zero: it doesn't
	began   time.Time            // of the rebalance
}

// classicMember is a member of a classic group.
type classicMember struct {
	id          string
	instance    *string // of a static member (KIP-345)
	clientID    string
	host        string
	sessionMs   int32
	rebalanceMs int32
	// protocols are what the member can use, the one it likes best first. Of a
	// member that was loaded it is the recorded one alone. They are replaced as a
	// whole, never changed: answers alias them.
	protocols  []protocol.JoinGroupRequestProtocol
	assignment []byte // replaced, never changed

	// Soft state.
	join     *joinAnswer // of a JoinGroup that waits for the generation
	sync     *syncAnswer // of a SyncGroup that waits for the leader's
	fresh    bool        // has never been in a generation: nobody heartbeats for it
	unsynced bool        // has yet to send the generation's SyncGroup
	deadline time.Time   // of its session; zero while a waiting answer keeps it alive
}

type (
	joinAnswer = coordinator.Answer[*protocol.JoinGroupResponse]
	syncAnswer = coordinator.Answer[*protocol.SyncGroupResponse]
)

// newClassicGroup returns an empty group, which isn't among the machine's yet.
func (m *Machine) newClassicGroup(name string) *classicGroup {
	return &classicGroup{
		m: m, name: name, status: classicEmpty, since: m.sh.Now().UnixMilli(),
		members: make(map[string]*classicMember), static: make(map[string]*classicMember),
		pending: make(map[string]time.Time), support: make(map[string]int),
	}
}

// addClassic makes a group one of the machine's.
func (m *Machine) addClassic(g *classicGroup) {
	m.groups[g.name] = g
	if m.loaded {
		g.count(1)
	}
}

// removeClassic forgets a group and its timers.
func (m *Machine) removeClassic(g *classicGroup) {
	delete(m.groups, g.name)
	for _, kind := range [...]string{joinTimer, syncTimer, sessionTimer} {
		m.sh.Cancel(g.timer(kind))
	}
	if m.loaded {
		g.count(-1)
	}
}

// count adds the group to the metrics, n times.
func (g *classicGroup) count(n int) {
	g.m.options.Metrics.Groups(string(classicKind), string(g.status), n)
	g.m.options.Metrics.Members(string(classicKind), n*len(g.members))
}

// become changes the state.
func (g *classicGroup) become(s classicState) {
	if g.m.loaded {
		g.m.options.Metrics.Groups(string(classicKind), string(g.status), -1)
		g.m.options.Metrics.Groups(string(classicKind), string(s), 1)
	}
	g.status, g.since = s, g.m.sh.Now().UnixMilli()
}

// simpleGroup makes the group of somebody who commits offsets without being a
// member, if there is none: an empty classic group without a protocol type.
func (m *Machine) simpleGroup(id string) {
	if m.groups[id] == nil {
		m.addClassic(m.newClassicGroup(id))
	}
}

// loadedClassic lets sessions begin anew. A group that is larger than it may be
// now rebalances, so that its members can commit before some are refused.
func (m *Machine) loadedClassic() {
	limit := m.maxSize()
	for _, other := range m.groups {
		g, ok := other.(*classicGroup)
		if !ok {
			continue
		}
		g.count(1)
		g.touchAll()
		if len(g.members) > limit {
			g.prepareRebalance("the group is larger than group.max.size")
		}
	}
}

// unloadedClassic takes back what metrics were told.
func (m *Machine) unloadedClassic() {
	if !m.loaded {
		return
	}
	for _, other := range m.groups {
		if g, ok := other.(*classicGroup); ok {
			g.count(-1)
		}
	}
}

func (g *classicGroup) id() string           { return g.name }
func (g *classicGroup) kind() kind           { return classicKind }
func (g *classicGroup) state() string        { return string(g.status) }
func (g *classicGroup) protocolType() string { return g.typ }
func (g *classicGroup) empty() bool          { return g.status == classicEmpty }

// checkMember tells whether a request is from a member: UNKNOWN_MEMBER_ID, or
// FENCED_INSTANCE_ID when another one has taken the instance's place.
func (g *classicGroup) checkMember(id string, instance *string) (*classicMember, error) {
	if instance != nil {
		switch owner := g.static[*instance]; {
		case owner == nil:
			return nil, protocol.ErrUnknownMemberId
		case owner.id != id:
			return nil, protocol.ErrFencedInstanceId
		}
	}
	if mb := g.members[id]; mb != nil {
		return mb, nil
	}
	return nil, protocol.ErrUnknownMemberId
}

// checkCommit implements group. Who names neither a member nor a generation may
// commit while the group is empty. A transaction's commit isn't held up by a
// rebalance, and older ones name no member (KIP-447).
func (g *classicGroup) checkCommit(c committer) (partitionCheck, error) {
	if c.epoch < 0 && g.status == classicEmpty {
		return nil, nil
	}
	if c.epoch >= 0 || c.member != "" || c.instance != nil {
		if _, err := g.checkMember(c.member, c.instance); err != nil {
			return nil, err
		}
		if c.epoch != g.generation {
			return nil, protocol.ErrIllegalGeneration
		}
	} else if !c.txn && g.status != classicEmpty {
		return nil, protocol.ErrUnknownMemberId
	}
	if !c.txn && g.status == classicCompleting {
		return nil, protocol.ErrRebalanceInProgress
	}
	return nil, nil
}

// checkFetch implements group: anybody may know a classic group's offsets.
func (g *classicGroup) checkFetch(*string, int32) error { return nil }

// checkOffsetDelete implements group: consumers tell which topics they still
// read, other members don't.
func (g *classicGroup) checkOffsetDelete() error {
	if g.status != classicEmpty && g.typ != consumerType {
		return protocol.ErrNonEmptyGroup
	}
	return nil
}

func (g *classicGroup) checkDelete() error {
	if g.status != classicEmpty {
		return protocol.ErrNonEmptyGroup
	}
	return nil
}

func (g *classicGroup) subscribed(topic string) bool {
	if g.topics == nil {
		return g.typ == consumerType
	}
	_, ok := g.topics[topic]
	return ok
}

// expiry implements group. Offsets of an empty group age since it became empty,
// those of a simple group and of topics that a stable group of consumers has
// left since they were committed (KIP-211).
func (g *classicGroup) expiry(o *offset) (since int64, expires bool) {
	switch {
	case g.typ == "":
		return o.committed, true
	case g.status == classicEmpty && g.since >= 0:
		return g.since, true
	case g.status == classicEmpty:
		return o.committed, true
	case g.status == classicStable && g.typ == consumerType && g.topics != nil:
		return o.committed, true
	}
	return 0, false
}

func (g *classicGroup) tombstones() []coordinator.Record {
	return []coordinator.Record{coordinator.Tombstone(&protocol.GroupMetadataKey{Group: g.name})}
}

func (g *classicGroup) committed(member string) {
	if mb := g.members[member]; mb != nil {
		g.touch(mb)
	}
}

// findTopics learns the topics that the members are subscribed to, if they are
// consumers.
func (g *classicGroup) findTopics() {
	g.topics = nil
	if g.typ != consumerType {
		return
	}
	if len(g.members) == 0 {
		g.topics = make(map[string]struct{})
		return
	}
	if g.protocol == nil {
		return
	}
	topics := make(map[string]struct{})
	var s protocol.ConsumerProtocolSubscription
	for _, mb := range g.order {
		if err := readSubscription(mb.metadata(*g.protocol), &s); err != nil {
			g.m.options.Logger.Warn("the topics of a group of consumers aren't known: a member's subscription is malformed",
				"group", g.name, "member", mb.id, "error", err)
			return
		}
		for _, t := range s.Topics {
			topics[t] = struct{}{}
		}
	}
	g.topics = topics
}

// readSubscription reads the topics of a ConsumerProtocolSubscription, which are
// the same in every version.
func readSubscription(b []byte, s *protocol.ConsumerProtocolSubscription) error {
	if len(b) < 2 {
		return protocol.Malformed("a subscription without a version")
	}
	var d protocol.Decoder
	d.Reset(b[2:])
	return s.Decode(&d, 0)
}
