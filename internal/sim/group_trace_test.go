package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kinds of wrong histories of groups.
const (
	twoOwners anomaly = "two owners"     // a partition is two members' in one generation, or given away before it was given up
	backEpoch anomaly = "epoch fell"     // a generation, group epoch or member epoch below one seen before
	backwards anomaly = "offset fell"    // a committed offset below one that was acknowledged before
	stale     anomaly = "stale commit"   // a commit was taken from a member that no longer owns the partition
	diverged  anomaly = "not converged"  // a group is not stable, or its partitions not all assigned once, in time
	malformed anomaly = "malformed view" // a description that can't be: a member's epoch above its group's
)

// stepKind is what a step of a trace tells.
type stepKind string

const (
	joins     stepKind = "JoinGroup"
	syncs     stepKind = "SyncGroup"
	heartbeat stepKind = "Heartbeat"
	beats     stepKind = "ConsumerGroupHeartbeat"
	commits   stepKind = "OffsetCommit"
	reads     stepKind = "OffsetFetch"
	describes stepKind = "ConsumerGroupDescribe" // of one member, or with no member of the group
	taken     stepKind = "assigned"              // what the member itself was told by its client
	given     stepKind = "revoked"
	lostAll   stepKind = "lost" // its client found that it is no longer a member, or it was killed
)

// step is one line of a trace: a request as it left for the broker, its answer as it came back (of is its request then),
// or what a member knows of itself. Steps are taken in the order of real time.
type step struct {
	at         time.Duration
	group      string
	member     string
	what       stepKind
	epoch      int32 // generation or member epoch: sent in a request, given in an answer; a described group's
	partitions []int32
	told       bool // partitions are told: nil means none then
	offsets    map[int32]int64
	code       int16
	of         *step

	floor        int32           // of a request: the largest epoch seen when it left
	floorOffsets map[int32]int64 // of a request: the offsets acknowledged when it left
	since        int             // of a request: how many changes of owners there had been
}

func (s *step) String() string {
	arrow := "->"
	if s.of != nil {
		arrow = "<-"
	}
	out := fmt.Sprintf("%10.3f %s %s %s %s epoch %d", s.at.Seconds(), s.group, short(s.member), arrow, s.what, s.epoch)
	if s.told {
		out += fmt.Sprint(" ", s.partitions)
	}
	if len(s.offsets) > 0 {
		out += fmt.Sprint(" ", s.offsets)
	}
	if s.code != 0 {
		out += fmt.Sprint(" ", code(s.code))
	}
	return out
}

// short is the end of a member id, which begins with what all have in common.
func short(member string) string { return member[max(0, len(member)-8):] }

// groupTrace is the checker of groups. It judges each step as it comes and keeps the last of each group.
type groupTrace struct {
	session   time.Duration // the members' session time-out
	rebalance time.Duration // their rebalance time-out

	mu     sync.Mutex
	groups map[string]*groupHistory
	found  []problem
	counts map[stepKind]int
}

// groupHistory is what is known of one group.
type groupHistory struct {
	name        string
	first, last int32                      // generations, or group and member epochs, seen in answers
	inEpoch     map[int32]map[int32]string // classic: generation, partition -> member
	members     map[string]*memberHistory
	holders     map[int32]*holder // consumer: who was given a partition and hasn't given it up
	own         map[int32]*holder // who believes to have a partition
	changes     int               // of holders
	offsets     map[int32]int64   // acknowledged, or read
	recent      []*step
}

// memberHistory is what is known of a member.
type memberHistory struct {
	epoch int32         // its last
	heard time.Duration // when the last request left that the coordinator answered without an error
	gone  bool          // it left
}

// holder is a member that has a partition.
type holder struct {
	member string
	change int           // number of the change that made it so
	asked  time.Duration // when it was first told to give the partition up, 0 if it wasn't
}

func newGroupTrace(session, rebalance time.Duration) *groupTrace {
	return &groupTrace{session: session, rebalance: rebalance, groups: map[string]*groupHistory{}, counts: map[stepKind]int{}}
}

// recentSteps is how much of a group's trace is shown with a problem.
const recentSteps = 60

// take judges a step.
func (g *groupTrace) take(s *step) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.groups[s.group]
	if h == nil {
		h = &groupHistory{name: s.group, inEpoch: map[int32]map[int32]string{}, members: map[string]*memberHistory{}, holders: map[int32]*holder{}, own: map[int32]*holder{}, offsets: map[int32]int64{}}
		g.groups[s.group] = h
	}
	h.recent = append(h.recent[max(0, len(h.recent)-recentSteps):], s)
	if s.of != nil {
		g.counts[s.what]++
		if s.code != 0 {
			g.counts["refused "+s.what]++
		}
	}
	m := h.member(s.member)
	switch {
	case s.what == taken || s.what == given || s.what == lostAll:
		g.believe(h, s)
	case s.of == nil:
		g.asked(h, m, s)
	case s.code != 0:
		h.refused(m, s)
	default:
		g.answered(h, m, s)
	}
}

func (h *groupHistory) member(id string) *memberHistory {
	m := h.members[id]
	if m == nil {
		m = &memberHistory{}
		h.members[id] = m
	}
	return m
}

func (g *groupTrace) report(h *groupHistory, kind anomaly, format string, args ...any) {
	if len(g.found) >= maxProblems {
		return
	}
	text := h.name + ": " + fmt.Sprintf(format, args...)
	if len(g.found) < 3 {
		for _, s := range h.recent {
			text += "\n" + s.String()
		}
	}
	g.found = append(g.found, problem{kind, text})
}

// asked remembers what was known when a request left.
func (g *groupTrace) asked(h *groupHistory, m *memberHistory, s *step) {
	s.floor, s.since, s.floorOffsets = h.last, h.changes, maps.Clone(h.offsets)
	switch s.what {
	case beats:
		s.floor = m.epoch
		h.giveUp(s)
	case describes:
		s.floor = m.epoch
		if s.member == "" {
			s.floor = h.last
		}
	}
}

// giveUp takes from a member of a consumer group what its heartbeat says it no longer has.
func (h *groupHistory) giveUp(s *step) {
	for p, holder := range h.holders {
		if holder.member == s.member && (s.epoch <= 0 || s.told && !slices.Contains(s.partitions, p)) {
			delete(h.holders, p)
		}
	}
}

// refused: the coordinator doesn't know the member, or not with this epoch. It has nothing then.
func (h *groupHistory) refused(m *memberHistory, s *step) {
	const fencedMemberEpoch, unknownMemberID, unreleased = 110, 25, 111
	if s.what != beats || s.code != fencedMemberEpoch && s.code != unknownMemberID && s.code != unreleased {
		return
	}
	m.epoch = 0
	for p, holder := range h.holders {
		if holder.member == s.member {
			delete(h.holders, p)
		}
	}
}

func (g *groupTrace) answered(h *groupHistory, m *memberHistory, s *step) {
	switch s.what {
	case joins:
		if s.epoch < s.of.floor {
			g.report(h, backEpoch, "generation %d was given after %d: %v", s.epoch, s.of.floor, s)
		}
		h.reach(s.epoch)
		m.heard = max(m.heard, s.of.at)
	case syncs:
		g.checkGeneration(h, s)
		m.heard = max(m.heard, s.of.at)
	case heartbeat:
		m.heard = max(m.heard, s.of.at)
	case beats:
		g.checkBeat(h, m, s)
		m.heard = max(m.heard, s.of.at)
	case commits:
		g.checkCommit(h, s)
	case reads:
		g.checkRead(h, s)
	case describes:
		g.checkDescribed(h, m, s)
	}
}

func (h *groupHistory) reach(epoch int32) {
	if h.first == 0 {
		h.first = epoch
	}
	h.last = max(h.last, epoch)
}

// checkGeneration: in one generation of a classic group a partition is one member's.
func (g *groupTrace) checkGeneration(h *groupHistory, s *step) {
	owners := h.inEpoch[s.of.epoch]
	if owners == nil {
		owners = map[int32]string{}
		h.inEpoch[s.of.epoch] = owners
		delete(h.inEpoch, s.of.epoch-5)
	}
	for _, p := range s.partitions {
		if other := owners[p]; other != "" && other != s.member {
			g.report(h, twoOwners, "partition %d in generation %d: %s and %s", p, s.of.epoch, short(other), short(s.member))
		}
		owners[p] = s.member
	}
}

// checkBeat: a member's epoch doesn't fall, and what it is given nobody else has.
func (g *groupTrace) checkBeat(h *groupHistory, m *memberHistory, s *step) {
	if s.of.epoch < 0 { // it left
		m.epoch, m.gone = 0, true
		return
	}
	if s.epoch < s.of.floor {
		g.report(h, backEpoch, "member %s had epoch %d: %v", short(s.member), s.of.floor, s)
	}
	m.epoch = max(m.epoch, s.epoch)
	h.reach(s.epoch)
	if !s.told {
		return
	}
	for p, holder := range h.holders {
		if holder.member == s.member && !slices.Contains(s.partitions, p) && holder.asked == 0 {
			holder.asked = s.at
		}
	}
	for _, p := range s.partitions {
		g.give(h, p, s)
	}
}

func (g *groupTrace) give(h *groupHistory, p int32, s *step) {
	old := h.holders[p]
	if old != nil && old.member == s.member {
		old.asked = 0
		return
	}
	if old != nil && !g.expired(h, old, s.at) {
		g.report(h, twoOwners, "partition %d was given to %s while %s had it: %v", p, short(s.member), short(old.member), s)
	}
	h.changes++
	h.holders[p] = &holder{member: s.member, change: h.changes}
}

// slack is how much earlier than a time-out as the members count it the coordinator may count it.
const slack = 50 * time.Millisecond

// expired: the coordinator may have given up waiting for a member.
func (g *groupTrace) expired(h *groupHistory, old *holder, at time.Duration) bool {
	m := h.member(old.member)
	return m.gone || at-m.heard >= g.session-slack || old.asked > 0 && at-old.asked >= g.rebalance-slack
}

// checkCommit: offsets are taken from a partition's owner only, and don't fall.
func (g *groupTrace) checkCommit(h *groupHistory, s *step) {
	rq := s.of
	for p, offset := range s.offsets {
		if floor, any := rq.floorOffsets[p]; any && offset < floor {
			g.report(h, backwards, "partition %d: %d was committed after %d: %v", p, offset, floor, rq)
		}
		h.offsets[p] = max(h.offsets[p], offset)
		if holder := h.holders[p]; holder != nil && holder.member != s.member && holder.change <= rq.since {
			g.report(h, stale, "partition %d is %s's: %v", p, short(holder.member), rq)
		}
	}
	if len(h.inEpoch) > 0 && rq.epoch < rq.floor {
		g.report(h, stale, "generation %d had begun: %v", rq.floor, rq)
	}
}

// checkRead: what was acknowledged is there.
func (g *groupTrace) checkRead(h *groupHistory, s *step) {
	for p, offset := range s.offsets {
		if floor, any := s.of.floorOffsets[p]; any && offset < floor {
			g.report(h, backwards, "partition %d: %d is committed, and %d was", p, offset, floor)
		}
		if offset >= 0 {
			h.offsets[p] = max(h.offsets[p], offset)
		}
	}
}

// checkDescribed judges one member, or the epoch of the group, in the coordinator's own words.
func (g *groupTrace) checkDescribed(h *groupHistory, m *memberHistory, s *step) {
	if s.epoch < s.of.floor {
		g.report(h, backEpoch, "described with epoch %d after %d: %v", s.epoch, s.of.floor, s)
	}
	if s.member == "" {
		h.reach(s.epoch)
	} else {
		m.epoch = max(m.epoch, s.epoch)
	}
}

// believe judges what members are told by their clients: none takes a partition before the one that had it gives it up,
// unless that one is out of touch with the coordinator.
func (g *groupTrace) believe(h *groupHistory, s *step) {
	for _, p := range s.partitions {
		old := h.own[p]
		switch {
		case s.what != taken:
			if old != nil && old.member == s.member {
				delete(h.own, p)
			}
		case old != nil && old.member != s.member:
			if m := h.member(old.member); s.at-m.heard < g.session-slack {
				g.report(h, twoOwners, "partition %d is taken by %s, and %s has not given it up", p, short(s.member), short(old.member))
			}
			fallthrough
		default:
			h.own[p] = &holder{member: s.member}
		}
	}
}

// rebalances is how many generations or epochs all groups went through.
func (g *groupTrace) rebalances() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	var n int32
	for _, h := range g.groups {
		n += h.last - h.first
	}
	return int(n)
}

// forget drops what a killed member believes.
func (g *groupTrace) forget(group, member string, at time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.groups[group]
	if h == nil {
		return
	}
	for p, o := range h.own {
		if o.member == member {
			delete(h.own, p)
		}
	}
	h.recent = append(h.recent, &step{at: at, group: group, member: member, what: "killed"})
}

// problems are those found since the last call.
func (g *groupTrace) problems() []problem {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := g.found
	g.found = nil
	return out
}

// tail is the end of a group's trace.
func (g *groupTrace) tail(group string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.groups[group]
	if h == nil {
		return ""
	}
	var b strings.Builder
	for _, s := range h.recent {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}
