package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// doctored writes the steps of a doctored trace.
type doctored struct {
	steps []*step
	at    time.Duration
}

const (
	testSession   = 3 * time.Second
	testRebalance = 6 * time.Second
)

// wait lets time pass.
func (s *doctored) wait(d time.Duration) { s.at += d }

func (s *doctored) add(x *step) *step {
	s.at += 10 * time.Millisecond
	x.at, x.group = s.at, "g"
	s.steps = append(s.steps, x)
	return x
}

func (s *doctored) answer(rq *step, x *step) {
	x.of, x.what = rq, rq.what
	if x.member == "" {
		x.member = rq.member
	}
	s.add(x)
}

// join is a classic member that is in a generation with what it was assigned.
func (s *doctored) join(member string, generation int32, partitions ...int32) {
	s.answer(s.add(&step{what: joins, member: member}), &step{epoch: generation})
	s.answer(s.add(&step{what: syncs, member: member, epoch: generation}), &step{epoch: generation, told: true, partitions: partitions})
	s.add(&step{what: taken, member: member, epoch: generation, partitions: partitions})
}

func (s *doctored) revoke(member string, partitions ...int32) {
	s.add(&step{what: given, member: member, partitions: partitions})
}

// beat is a consumer group's heartbeat: what the member says it has, nil for as before, and what it is given, likewise.
func (s *doctored) beat(member string, sent, got int32, has, is []int32) {
	rq := s.add(&step{what: beats, member: member, epoch: sent, told: has != nil, partitions: has})
	s.answer(rq, &step{epoch: got, told: is != nil, partitions: is})
}

// commit is one of a partition, with its answer.
func (s *doctored) commit(member string, epoch, partition int32, offset int64) {
	s.committed(s.commits(member, epoch, partition, offset))
}

func (s *doctored) commits(member string, epoch, partition int32, offset int64) *step {
	return s.add(&step{what: commits, member: member, epoch: epoch, offsets: map[int32]int64{partition: offset}})
}

func (s *doctored) committed(rq *step) { s.answer(rq, &step{offsets: rq.offsets}) }

func (s *doctored) read(partition int32, offset int64) {
	s.answer(s.add(&step{what: reads}), &step{offsets: map[int32]int64{partition: offset}})
}

func (s *doctored) groupEpoch(epoch int32) {
	s.answer(s.add(&step{what: describes}), &step{epoch: epoch})
}

// some is a list that is told and may be empty.
func some(partitions ...int32) []int32 {
	if partitions == nil {
		return []int32{}
	}
	return partitions
}

// classicStart and consumerStart are two members with two partitions each, and some commits.
func classicStart(s *doctored) {
	s.join("a", 1, 0, 1)
	s.join("b", 1, 2, 3)
	s.commit("a", 1, 0, 10)
	s.commit("b", 1, 2, 20)
	s.read(0, 10)
}

func consumerStart(s *doctored) {
	s.beat("a", 0, 1, some(), some(0, 1, 2, 3))
	s.beat("b", 0, 2, some(), some())
	s.beat("a", 1, 1, some(0, 1, 2, 3), some(0, 1))
	s.beat("a", 1, 2, some(0, 1), some(0, 1))
	s.beat("b", 2, 2, nil, some(2, 3))
	s.commit("a", 2, 0, 10)
	s.commit("b", 2, 2, 20)
	s.groupEpoch(2)
}

// groupCases are ends of traces and what is to be found in them, nothing when they are right.
var groupCases = []struct {
	name  string
	start func(*doctored)
	kind  anomaly
	end   func(*doctored)
}{
	{"two members of a generation are assigned a partition", classicStart, twoOwners, func(s *doctored) {
		s.join("c", 2, 0, 1)
		s.join("b", 2, 1, 2)
	}},
	{"a partition is taken before it is given up", classicStart, twoOwners, func(s *doctored) {
		s.join("c", 2, 1)
	}},
	{"a partition is taken after it was given up", classicStart, "", func(s *doctored) {
		s.revoke("a", 0, 1)
		s.join("a", 2, 0)
		s.join("c", 2, 1)
	}},
	{"a partition is taken from a member that is out of touch", classicStart, "", func(s *doctored) {
		s.wait(testSession)
		s.join("c", 2, 0, 1)
	}},
	{"a generation is given a second time after a restart", classicStart, backEpoch, func(s *doctored) {
		s.revoke("a", 0, 1)
		s.join("a", 3, 0, 1)
		s.revoke("b", 2, 3)
		s.join("b", 2, 2, 3)
	}},
	{"a commit of a generation that is over is taken", classicStart, stale, func(s *doctored) {
		s.revoke("a", 0, 1)
		s.join("a", 2, 0, 1)
		s.commit("b", 1, 2, 21)
	}},
	{"a commit of a generation that is over is refused", classicStart, "", func(s *doctored) {
		s.revoke("a", 0, 1)
		s.join("a", 2, 0, 1)
		s.answer(s.commits("b", 1, 2, 21), &step{code: 22})
	}},
	{"a commit was under way when the generation ended", classicStart, "", func(s *doctored) {
		rq := s.commits("b", 1, 2, 21)
		s.revoke("a", 0, 1)
		s.join("a", 2, 0, 1)
		s.committed(rq)
	}},
	{"a committed offset went back by a commit", classicStart, backwards, func(s *doctored) { s.commit("a", 1, 0, 9) }},
	{"a committed offset is read lower after a restart", classicStart, backwards, func(s *doctored) { s.read(0, 9) }},
	{"a committed offset is gone after a restart", classicStart, backwards, func(s *doctored) { s.read(0, -1) }},
	{"a commit that nobody answered is read", classicStart, "", func(s *doctored) {
		s.commits("a", 1, 0, 15)
		s.read(0, 15)
		s.read(0, 15)
	}},
	{"a commit that nobody answered is read, and then no longer", classicStart, backwards, func(s *doctored) {
		s.commits("a", 1, 0, 15)
		s.read(0, 15)
		s.read(0, 10)
	}},
	{"a read overtakes a commit", classicStart, "", func(s *doctored) {
		rq := s.add(&step{what: reads})
		s.commit("a", 1, 0, 15)
		s.answer(rq, &step{offsets: map[int32]int64{0: 10}})
	}},
	{"a partition is given before it is given up", consumerStart, twoOwners, func(s *doctored) {
		s.beat("c", 0, 3, some(), some(1))
	}},
	{"a partition is given when its member was asked for it and has not answered", consumerStart, twoOwners, func(s *doctored) {
		s.beat("a", 2, 2, nil, some(0))
		s.beat("c", 0, 3, some(), some(1))
	}},
	{"a partition is given after it was given up", consumerStart, "", func(s *doctored) {
		s.beat("a", 2, 2, nil, some(0))
		s.beat("a", 2, 3, some(0), some(0))
		s.beat("c", 0, 3, some(), some(1))
	}},
	{"a partition is given after its member left", consumerStart, "", func(s *doctored) {
		s.beat("a", -1, -1, nil, nil)
		s.beat("c", 0, 3, some(), some(0, 1))
	}},
	{"a partition is given when its member's session is over", consumerStart, "", func(s *doctored) {
		s.wait(testSession)
		s.beat("c", 0, 3, some(), some(0, 1))
	}},
	{"a partition is given when its member took too long to give it up", consumerStart, "", func(s *doctored) {
		s.beat("a", 2, 2, nil, some(0))
		for range 3 {
			s.wait(testRebalance / 3)
			s.beat("a", 2, 2, nil, nil)
		}
		s.beat("c", 0, 3, some(), some(1))
	}},
	{"a partition is given after its member was fenced", consumerStart, "", func(s *doctored) {
		s.answer(s.add(&step{what: beats, member: "a", epoch: 2}), &step{code: 110})
		s.beat("c", 0, 3, some(), some(0, 1))
	}},
	{"a member's epoch falls", consumerStart, backEpoch, func(s *doctored) { s.beat("a", 2, 1, nil, nil) }},
	{"a group's epoch falls", consumerStart, backEpoch, func(s *doctored) { s.groupEpoch(1) }},
	{"a commit of a member that lost the partition is taken", consumerStart, stale, func(s *doctored) {
		s.wait(testSession)
		s.beat("c", 0, 3, some(), some(0, 1))
		s.commit("a", 2, 0, 12)
	}},
	{"a commit went back", consumerStart, backwards, func(s *doctored) { s.commit("b", 2, 2, 19) }},
}

func TestTheGroupTraceFinds(t *testing.T) {
	for _, c := range groupCases {
		t.Run(c.name, func(t *testing.T) {
			var s doctored
			c.start(&s)
			begin := len(s.steps)
			c.end(&s)
			g := newGroupTrace(testSession, testRebalance)
			for i, x := range s.steps {
				g.take(x)
				if i < begin && len(g.found) > 0 {
					t.Fatalf("the start is right: %v", g.found)
				}
			}
			found := g.problems()
			switch {
			case c.kind == "" && len(found) > 0:
				t.Errorf("it is right: %v", found)
			case c.kind != "" && !slices.ContainsFunc(found, func(p problem) bool { return p.kind == c.kind }):
				t.Errorf("%s is not found: %v", c.kind, found)
			}
		})
	}
}

// TestTheDescriptionsAreJudged gives views of a coordinator that can't be.
func TestTheDescriptionsAreJudged(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 10))
		good := []groupMemberView{{"a", 4, []int32{0, 1}}, {"b", 5, []int32{2, 3}}, {"c", 5, nil}}
		judged := func(members []groupMemberView) []problem {
			g := newGroupTrace(testSession, testRebalance)
			g.take(&step{group: "g", what: describes})
			g.described("g", 5, members)
			return g.problems()
		}
		if p := judged(good); len(p) > 0 {
			t.Fatalf("it is right: %v", p)
		}
		twice := slices.Clone(good)
		twice[2].partitions = []int32{rnd.Int32N(4)}
		if p := judged(twice); len(p) != 1 || p[0].kind != twoOwners {
			t.Errorf("seed %d: two owners: %v", seed, p)
		}
		ahead := slices.Clone(good)
		ahead[rnd.IntN(3)].epoch = 6
		if p := judged(ahead); len(p) != 1 || p[0].kind != malformed {
			t.Errorf("seed %d: an epoch ahead of the group's: %v", seed, p)
		}
	}
}

// TestRestIsJudged tells groups at rest from others.
func TestRestIsJudged(t *testing.T) {
	all := []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	for _, c := range []struct {
		name string
		v    groupView
		rest bool
	}{
		{"at rest", groupView{"Stable", 3, []groupMemberView{{"a", 3, all[:6]}, {"b", 3, all[6:]}}}, true},
		{"a classic group at rest", groupView{"Stable", -1, []groupMemberView{{"a", 0, all[:5]}, {"b", 0, all[5:]}}}, true},
		{"not stable", groupView{"Reconciling", 3, []groupMemberView{{"a", 3, all[:6]}, {"b", 3, all[6:]}}}, false},
		{"a member is missing", groupView{"Stable", 3, []groupMemberView{{"a", 3, all}}}, false},
		{"a partition is missing", groupView{"Stable", 3, []groupMemberView{{"a", 3, all[:6]}, {"b", 3, all[7:]}}}, false},
		{"a partition has two members", groupView{"Stable", -1, []groupMemberView{{"a", 3, all[:7]}, {"b", 3, all[6:]}}}, false},
		{"a member is behind", groupView{"Stable", 3, []groupMemberView{{"a", 2, all[:6]}, {"b", 3, all[6:]}}}, false},
	} {
		if why := c.v.restless(2); (why == "") != c.rest {
			t.Errorf("%s: %q", c.name, why)
		}
	}
}
