package group

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"pgregory.net/rapid"
)

// shape is how the subscriptions of a generated group relate.
type shape string

const (
	oneSubscription  shape = "homogeneous"
	twoCohorts       shape = "cohorts"
	anySubscriptions shape = "any"
)

// TestAssignorProperties takes groups through joins, leaves and other changes, and checks the targets after each.
func TestAssignorProperties(t *testing.T) {
	for _, a := range assignors {
		for _, sh := range []shape{oneSubscription, twoCohorts, anySubscriptions} {
			t.Run(a.name+"/"+string(sh), rapid.MakeCheck(func(t *rapid.T) {
				h := newHistory(t, a, sh)
				for range rapid.IntRange(1, 6).Draw(t, "steps") {
					before := h.group.input()
					targets := h.step(before)
					h.checkOwners(before, targets)
					h.checkMaps(before, targets)
					h.checkSettled(before, targets)
					h.checkBalance(before, targets)
					h.checkStickiness(before, targets)
					h.checkRanges(before, targets)
					h.change()
				}
			}))
		}
	}
}

// history is a group and what happens to it.
type history struct {
	*rapid.T
	assignor assignor
	shape    shape
	topics   []protocol.UUID
	split    int // number of topics of the first of two cohorts
	group    *assignorGroup
	ids      int
}

func newHistory(t *rapid.T, a assignor, sh shape) *history {
	h := &history{T: t, assignor: a, shape: sh, group: newAssignorGroup()}
	for n := range rapid.IntRange(2, 6).Draw(t, "topics") {
		id := assignorTopic('a' + n)
		h.topics = append(h.topics, id)
		h.group.partitions[id] = rapid.Int32Range(1, 12).Draw(t, "partitions")
	}
	h.split = len(h.topics) / 2
	for range rapid.IntRange(1, 8).Draw(t, "members") {
		h.join()
	}
	if rapid.Bool().Draw(t, "had targets") {
		h.spoil()
	}
	return h
}

func (h *history) join() {
	h.ids++
	id := fmt.Sprintf("%c%d", rapid.RuneFrom([]rune("abc")).Draw(h.T, "prefix"), h.ids)
	m := assignorMember{ID: id, Topics: h.subscription()}
	if rapid.Bool().Draw(h.T, "static") {
		m.InstanceID = fmt.Sprintf("i%d", 100-h.ids)
	}
	h.group.members[id] = m
}

func (h *history) subscription() []protocol.UUID {
	switch h.shape {
	case oneSubscription:
		return h.topics
	case twoCohorts:
		cohorts := [][]protocol.UUID{h.topics[:h.split], h.topics[h.split:]}
		return rapid.SampledFrom(cohorts).Draw(h.T, "cohort")
	}
	var out []protocol.UUID
	for _, id := range h.topics {
		if rapid.Bool().Draw(h.T, "subscribes") {
			out = append(out, id)
		}
	}
	return out
}

// spoil gives members targets out of balance, among them partitions that don't exist or that another member has too.
func (h *history) spoil() {
	for _, m := range h.group.input().Members {
		m.Assigned = make(assignment)
		for _, id := range append([]protocol.UUID{assignorTopic('z')}, h.topics...) {
			partitions := rapid.SliceOfNDistinct(rapid.Int32Range(0, 14), 0, 6, rapid.ID).Draw(h.T, "target")
			if len(partitions) > 0 {
				slices.Sort(partitions)
				m.Assigned[id] = partitions
			}
		}
		h.group.members[m.ID] = m
	}
}

// change does one thing to the group.
func (h *history) change() {
	ids := slices.Sorted(maps.Keys(h.group.members))
	id := rapid.SampledFrom(ids).Draw(h.T, "member")
	m := h.group.members[id]
	switch rapid.IntRange(0, 4).Draw(h.T, "change") {
	case 0:
		h.join()
	case 1:
		if len(ids) > 1 {
			delete(h.group.members, id)
		}
	case 2:
		h.group.partitions[rapid.SampledFrom(h.topics).Draw(h.T, "topic")] += rapid.Int32Range(1, 5).Draw(h.T, "more")
	case 3:
		m.Topics = h.subscription()
		h.group.members[id] = m
	case 4:
		if len(h.topics) > h.split+1 {
			h.dropTopic()
		}
	}
}

// dropTopic deletes the last topic.
func (h *history) dropTopic() {
	last := len(h.topics) - 1
	gone := h.topics[last]
	h.topics = h.topics[:last]
	h.group.partitions[gone] = 0
	for id, m := range h.group.members {
		m.Topics = slices.DeleteFunc(slices.Clone(m.Topics), func(t protocol.UUID) bool { return t == gone })
		h.group.members[id] = m
	}
}

// step assigns twice, the second time to a copy with maps of another order, and wants the same.
func (h *history) step(in *assignorInput) []assignorTarget {
	twin := &assignorInput{Partitions: in.Partitions}
	for _, m := range in.Members {
		m.Assigned, m.Topics = cloneAssignment(m.Assigned), slices.Clone(m.Topics)
		twin.Members = append(twin.Members, m)
	}
	again, err := h.assignor.assign(twin)
	if err != nil {
		h.Fatal(err)
	}
	targets, err := h.group.assign(h.assignor.name)
	if err != nil {
		h.Fatal(err)
	}
	for i := range targets {
		if targets[i].Changed != again[i].Changed || !sameAssignment(targets[i].Assignment, again[i].Assignment) {
			h.Fatalf("%s got %v, and from the same input %v", in.Members[i].ID, targets[i], again[i])
		}
		if !sameAssignment(twin.Members[i].Assigned, in.Members[i].Assigned) {
			h.Fatalf("the input of %s was changed", in.Members[i].ID)
		}
	}
	return targets
}

func cloneAssignment(a assignment) assignment {
	out := make(assignment)
	for _, id := range slices.Backward(slices.Collect(maps.Keys(a))) {
		out[id] = slices.Clone(a[id])
	}
	return out
}

// checkOwners wants each partition of a topic that is subscribed to at exactly one member, which subscribes to it.
func (h *history) checkOwners(in *assignorInput, targets []assignorTarget) {
	type partition struct {
		topic protocol.UUID
		n     int32
	}
	owners := make(map[partition]string)
	for i, target := range targets {
		for id, partitions := range target.Assignment {
			if !slices.Contains(in.Members[i].Topics, id) {
				h.Fatalf("%s doesn't subscribe to %v", in.Members[i].ID, id)
			}
			for _, n := range partitions {
				if other, owned := owners[partition{id, n}]; owned {
					h.Fatalf("%v-%d has the owners %s and %s", id, n, other, in.Members[i].ID)
				}
				owners[partition{id, n}] = in.Members[i].ID
			}
		}
	}
	want := 0
	for id, n := range subscribedTopics(in) {
		want += int(n)
		for p := range n {
			if owners[partition{id, p}] == "" {
				h.Fatalf("%v-%d has no owner", id, p)
			}
		}
	}
	if len(owners) != want {
		h.Fatalf("%d partitions are assigned, of %d", len(owners), want)
	}
}

// subscribedTopics returns the number of partitions of each topic that a member subscribes to.
func subscribedTopics(in *assignorInput) map[protocol.UUID]int32 {
	out := make(map[protocol.UUID]int32)
	for _, m := range in.Members {
		for _, id := range m.Topics {
			out[id] = in.Partitions(id)
		}
	}
	return out
}

// checkMaps wants ascending partitions, no empty topics, and Changed exactly where something changed.
func (h *history) checkMaps(in *assignorInput, targets []assignorTarget) {
	for i, target := range targets {
		for id, partitions := range target.Assignment {
			if len(partitions) == 0 || !slices.IsSorted(partitions) {
				h.Fatalf("%s has %v-%v", in.Members[i].ID, id, partitions)
			}
		}
		if target.Changed == sameAssignment(target.Assignment, in.Members[i].Assigned) {
			h.Fatalf("%s had %v and has %v, changed: %v", in.Members[i].ID, in.Members[i].Assigned, target.Assignment, target.Changed)
		}
	}
}

// checkSettled wants no change when nothing happened.
func (h *history) checkSettled(in *assignorInput, targets []assignorTarget) {
	again, err := h.assignor.assign(h.group.input())
	if err != nil {
		h.Fatal(err)
	}
	for i := range again {
		if again[i].Changed {
			h.Fatalf("%s got %v, and then %v", in.Members[i].ID, targets[i].Assignment, again[i].Assignment)
		}
	}
}

// checkBalance wants no partition that another subscriber could take to be closer to its owner.
func (h *history) checkBalance(in *assignorInput, targets []assignorTarget) {
	if h.assignor.name != "uniform" {
		return
	}
	for _, target := range targets {
		for k, m := range in.Members {
			if partitionCount(target.Assignment)-partitionCount(targets[k].Assignment) <= 1 {
				continue
			}
			for id := range target.Assignment {
				if slices.Contains(m.Topics, id) {
					h.Fatalf("%s should have one of %v: %v %v", m.ID, id, targets[k], target)
				}
			}
		}
	}
}

func partitionCount(a assignment) int32 {
	n := 0
	for _, partitions := range a {
		n += len(partitions)
	}
	return int32(n)
}

// checkStickiness wants that members with the same subscription, whose topics nobody else subscribes to, give up no more
// partitions than balance takes: what they have beyond the even share, but for one more at as many members as must have
// it. Where nothing has to move, nothing does.
func (h *history) checkStickiness(in *assignorInput, targets []assignorTarget) {
	if h.assignor.name != "uniform" || h.shape == anySubscriptions {
		return
	}
	cohorts := make(map[protocol.UUID][]int)
	for i, m := range in.Members {
		if len(m.Topics) > 0 {
			cohorts[m.Topics[0]] = append(cohorts[m.Topics[0]], i)
		}
	}
	valid := validTargets(in)
	for _, members := range cohorts {
		total, moved := int32(0), 0
		for _, id := range in.Members[members[0]].Topics {
			total += in.Partitions(id)
		}
		var had []int32
		for _, i := range members {
			had = append(had, partitionCount(valid[i]))
			moved += partitionsLost(valid[i], targets[i].Assignment)
		}
		least := fewestMoves(had, total)
		if moved < least || moved > least*h.excess() {
			h.Fatalf("%d partitions moved, %d had to: %v of %d", moved, least, had, total)
		}
	}
}

// excess is how many times the fewest moves a group may make. A heterogeneous group is balanced topic by topic, as in
// Kafka: a member may have to replace a partition that it gave up because who has more has none of that topic. No
// generated group came to more than two moves for one.
func (h *history) excess() int {
	if h.shape == twoCohorts {
		return 2
	}
	return 1
}

// validTargets leaves out of the old targets what their members can't keep.
func validTargets(in *assignorInput) []assignment {
	taken := make(map[protocol.UUID][]int32)
	out := make([]assignment, len(in.Members))
	for i, m := range in.Members {
		out[i] = make(assignment)
		for _, id := range m.Topics {
			for _, p := range m.Assigned[id] {
				if p < in.Partitions(id) && !slices.Contains(taken[id], p) {
					taken[id] = append(taken[id], p)
					out[i][id] = append(out[i][id], p)
				}
			}
		}
	}
	return out
}

// fewestMoves returns how many partitions members must give up that are to share total evenly.
func fewestMoves(had []int32, total int32) int {
	share, more := total/int32(len(had)), total%int32(len(had))
	moves := int32(0)
	for _, n := range had {
		if n <= share {
			continue
		}
		moves += n - share
		if more > 0 {
			moves--
			more--
		}
	}
	return int(moves)
}

// checkRanges wants the subscribers of a topic, static members first, to have ranges one after the other, the larger
// ones first. Co-partitioning follows.
func (h *history) checkRanges(in *assignorInput, targets []assignorTarget) {
	if h.assignor.name != "range" {
		return
	}
	for id, n := range subscribedTopics(in) {
		var order []int
		for i, m := range in.Members {
			if slices.Contains(m.Topics, id) {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(rangeKey(in, a), rangeKey(in, b)) })
		next := int32(0)
		for k, i := range order {
			want := n / int32(len(order))
			if int32(k) < n%int32(len(order)) {
				want++
			}
			got := targets[i].Assignment[id]
			if int32(len(got)) != want || want > 0 && (got[0] != next || got[want-1] != next+want-1) {
				h.Fatalf("%s has %v of %v, want %d from %d on", in.Members[i].ID, got, id, want, next)
			}
			next += want
		}
	}
}

// rangeKey sorts static members, by instance id, before the others, by member id.
func rangeKey(in *assignorInput, i int) []string {
	if m := in.Members[i]; m.InstanceID != "" {
		return []string{"0 static", m.InstanceID}
	}
	return []string{"1 dynamic", in.Members[i].ID}
}
