package group

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// TestConsumerGroupProperty drives a group by members that come, go, subscribe,
// fall silent, lose answers and begin anew, while topics change and the log
// fails. After every step: no partition has two owners, no epoch falls, the
// state is what the log says. In the end, when all members behave, the group
// reaches its target, which gives every partition to one member.
func TestConsumerGroupProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// All is drawn before: a failure in a bubble would be rapid's panic there.
		g := &groupModel{clients: make(map[string]*clientModel), floor: make(map[string]int32)}
		g.draws = rapid.SliceOfN(rapid.IntRange(0, 1<<16), 100, 400).Draw(rt, "draws")
		synctest.Test(t, func(t *testing.T) { g.run(newRig(t)) })
		if g.wrong != "" {
			rt.Fatal(g.wrong)
		}
	})
}

// groupModel is the group as its clients see it.
type groupModel struct {
	r       *rig
	draws   []int  // what is left of them
	wrong   string // the first thing that is
	told    []string
	clients map[string]*clientModel
	floor   map[string]int32 // the epoch that the log had for a member last
	made    int
}

// clientModel is a consumer that does what Kafka's does.
type clientModel struct {
	id, instance string
	epoch        int32
	owned        map[protocol.UUID][]int32
	topics       []string
	regex        string
	full         bool // the next heartbeat says everything
}

func (g *groupModel) run(r *rig) {
	g.r = r
	defer func() { r.stop() }()
	r.run("topic x 3")
	r.run("topic y 2")
	for i := 0; len(g.draws) > 0 && g.wrong == ""; i++ {
		g.step()
		g.check(i%8 == 0)
	}
	if g.wrong == "" {
		g.settle()
	}
}

// draw is the next choice among n. rapid likes small numbers, so it is scrambled:
// all choices are equal.
func (g *groupModel) draw(n int) int {
	if len(g.draws) == 0 {
		return 0
	}
	d := g.draws[0]
	g.draws = g.draws[1:]
	return int(uint32(d) * 2654435761 >> 12 % uint32(n))
}

func (g *groupModel) fail(format string, args ...any) {
	if g.wrong == "" {
		g.wrong = fmt.Sprintf(format, args...) + "\nafter\n" + strings.Join(g.told, "\n")
	}
}

func (g *groupModel) tell(format string, args ...any) {
	g.told = append(g.told, fmt.Sprintf(format, args...))
}

func (g *groupModel) step() {
	switch g.draw(12) {
	case 0, 1:
		g.join()
	case 2, 3, 4, 5:
		if c := g.pick(); c != nil {
			g.heartbeat(c, g.draw(4) == 3)
		}
	case 6:
		g.leave()
	case 7:
		if c := g.pick(); c != nil {
			c.subscribe(g)
		}
	case 8:
		ms := g.draw(2_000)
		if g.draw(4) == 0 {
			ms = g.draw(50_000)
		}
		g.tell("%d ms pass", ms)
		time.Sleep(time.Duration(ms) * time.Millisecond)
	case 9:
		g.metadata()
	case 10:
		if c := g.pick(); c != nil { // it forgets all
			c.epoch, c.owned, c.full = 0, nil, true
		}
	case 11:
		n := g.r.log.Appends() + 1 + g.draw(3)
		g.tell("append %d fails", n)
		g.r.log.SetFail(func(i int, _ record.Batch) error {
			if i == n {
				return protocol.ErrKafkaStorageError
			}
			return nil
		})
	}
	synctest.Wait()
}

func (g *groupModel) metadata() {
	what := []string{"topic x 4", "topic y 3", "topic z 2", "delete-topic z", "group-config g consumer.session.timeout.ms=46000"}[g.draw(5)]
	g.tell("%s", what)
	if what != "delete-topic z" || g.r.img.Load().Topic("z") != nil {
		g.r.run(what)
	}
}

func (g *groupModel) pick() *clientModel {
	if len(g.clients) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(g.clients))
	return g.clients[ids[g.draw(len(ids))]]
}

func (g *groupModel) join() {
	g.made++
	c := &clientModel{id: fmt.Sprintf("m%d", g.made), full: true}
	if g.draw(2) == 1 {
		c.instance = []string{"i", "j"}[g.draw(2)]
		for id, other := range g.clients { // a second process of the instance: the first is gone
			if other.instance == c.instance {
				if g.draw(2) == 1 {
					g.send(other, -2, false)
				}
				delete(g.clients, id)
			}
		}
	}
	c.subscribe(g)
	g.clients[c.id] = c
	g.heartbeat(c, false)
}

func (c *clientModel) subscribe(g *groupModel) {
	c.topics = [][]string{{"x"}, {"x", "y"}, {"y", "z"}, {}}[g.draw(4)]
	c.regex = []string{"", "", "x|z", "[yz]"}[g.draw(4)]
	c.full = true
}

func (g *groupModel) leave() {
	c := g.pick()
	if c == nil {
		return
	}
	delete(g.clients, c.id)
	if g.draw(2) == 1 {
		g.send(c, -1, false)
	}
}

func (g *groupModel) send(c *clientModel, epoch int32, full bool) *protocol.ConsumerGroupHeartbeatResponse {
	rq := protocol.NewConsumerGroupHeartbeatRequest()
	rq.GroupId, rq.MemberId, rq.MemberEpoch, rq.RebalanceTimeoutMs = "g", c.id, epoch, -1
	rq.InstanceId, rq.SubscribedTopicNames, rq.TopicPartitions, rq.SubscribedTopicRegex = orNil(c.instance), nil, nil, nil
	rq.RackId, rq.ServerAssignor = nil, nil
	if full {
		rq.RebalanceTimeoutMs, rq.SubscribedTopicNames, rq.SubscribedTopicRegex = 30_000, c.topics, &c.regex
	}
	if epoch >= 0 {
		rq.TopicPartitions = []protocol.ConsumerGroupHeartbeatRequestTopicPartitions{}
		for _, topic := range sortedTopics(c.owned) {
			rq.TopicPartitions = append(rq.TopicPartitions, protocol.ConsumerGroupHeartbeatRequestTopicPartitions{TopicId: topic, Partitions: c.owned[topic]})
		}
	}
	resp := g.r.c.ConsumerGroupHeartbeat(context.Background(), Client{ID: "c", Host: "/h", Version: 1}, rq)
	g.tell("%s instance=%s epoch=%d full=%t topics=%v regex=%s owned=%s -> %s", c.id, c.instance, epoch, full, c.topics, c.regex, printAssignment(c.owned), g.r.sayHeartbeat(rq, resp))
	return resp
}

// heartbeat sends one and does what it is told, unless the answer is lost.
func (g *groupModel) heartbeat(c *clientModel, lost bool) {
	resp := g.send(c, c.epoch, c.full || c.epoch == 0)
	if lost {
		c.full = true
		return
	}
	switch protocol.Error(resp.ErrorCode) {
	case 0:
	case protocol.ErrFencedMemberEpoch, protocol.ErrUnknownMemberId, protocol.ErrGroupIdNotFound:
		c.epoch, c.owned, c.full = 0, nil, true
		return
	case protocol.ErrFencedInstanceId:
		delete(g.clients, c.id)
		return
	case protocol.ErrUnreleasedInstanceId, protocol.ErrCoordinatorLoadInProgress, protocol.ErrNotCoordinator:
		return
	default:
		g.fail("%s: %s %s", c.id, codeName(resp.ErrorCode), orEmpty(resp.ErrorMessage))
	}
	if resp.MemberEpoch < c.epoch {
		g.fail("%s: epoch %d after %d", c.id, resp.MemberEpoch, c.epoch)
	}
	c.epoch, c.full = resp.MemberEpoch, false
	if resp.Assignment != nil {
		c.owned = make(map[protocol.UUID][]int32)
		for _, tp := range resp.Assignment.TopicPartitions {
			c.owned[tp.TopicId] = tp.Partitions
		}
	}
}

// check looks at the machine, and compares it with the log if it is to.
func (g *groupModel) check(log bool) {
	var wrong, state string
	s := g.r.shard()
	_, err := coordinator.Read(context.Background(), s, func() bool {
		m := s.Machine().(*Machine)
		wrong = checkOwners(g.r, m)
		state = strings.Join(stateOf(m, "g"), "\n")
		floor := make(map[string]int32)
		if cg, ok := m.groups["g"].(*consumerGroup); ok {
			wrong = cmp.Or(wrong, g.twoOwners(cg))
			for id, mb := range cg.members {
				if floor[id] = mb.epoch; mb.epoch >= 0 && mb.epoch < g.floor[id] {
					wrong = fmt.Sprintf("the epoch of %s fell from %d to %d", id, g.floor[id], mb.epoch)
				}
			}
		}
		g.floor = floor
		return true
	})
	if err != nil {
		return // it is being loaded
	}
	if wrong != "" {
		g.fail("%s\n%s", wrong, state)
	}
	if !log {
		return
	}
	other, stop, _ := g.r.coordinator()
	defer stop()
	if want := g.r.state(other, "g"); want != state {
		g.fail("the log says\n%s\nthe state is\n%s", want, state)
	}
}

// twoOwners looks for a partition that two clients think they have. One that was
// fenced may think so until it is told.
func (g *groupModel) twoOwners(cg *consumerGroup) string {
	owner := make(map[string]string)
	for _, id := range slices.Sorted(maps.Keys(g.clients)) {
		if cg.members[id] == nil {
			continue
		}
		for topic, ps := range g.clients[id].owned {
			for _, p := range ps {
				name := fmt.Sprintf("%s-%d", topicName(topic), p)
				if owner[name] != "" {
					return name + " is owned by the clients " + owner[name] + " and " + id
				}
				owner[name] = id
			}
		}
	}
	return ""
}

// settle lets everybody heartbeat until all is quiet.
func (g *groupModel) settle() {
	g.r.log.SetFail(nil)
	for round := range 40 {
		time.Sleep(5 * time.Second)
		for _, id := range slices.Sorted(maps.Keys(g.clients)) {
			if c := g.clients[id]; c != nil {
				g.heartbeat(c, false)
			}
		}
		synctest.Wait()
		g.check(round == 39)
	}
	s := g.r.shard()
	_, err := coordinator.Read(context.Background(), s, func() bool {
		cg, ok := s.Machine().(*Machine).groups["g"].(*consumerGroup)
		if !ok {
			return true
		}
		state := strings.Join(stateOf(s.Machine().(*Machine), "g"), "\n")
		if st := cg.state(); st != consumerStable && st != consumerEmpty {
			g.fail("the group is not stable in the end:\n%s", state)
		}
		g.complete(cg, state)
		return true
	})
	if err != nil {
		g.fail("%v", err)
	}
}

// complete tells whether every partition has an owner that subscribes to it, and
// the clients know of theirs.
func (g *groupModel) complete(cg *consumerGroup, state string) {
	if len(cg.members) != len(g.clients) {
		g.fail("%d members, %d clients:\n%s", len(cg.members), len(g.clients), state)
	}
	img := g.r.img.Load()
	taken := make(map[string]bool)
	for id, mb := range cg.members {
		if got, want := printAssignment(g.clients[id].owned), printAssignment(cg.target[id]); got != want {
			g.fail("client %s has %s, not %s:\n%s", id, got, want, state)
		}
		for topic, ps := range mb.assigned {
			if !cg.subscribes(mb, topic, img) {
				g.fail("%s has partitions of %s:\n%s", id, topicName(topic), state)
			}
			for _, p := range ps {
				taken[fmt.Sprint(topicName(topic), p.index)] = true
			}
		}
	}
	for name := range cg.topics {
		if t := img.Topic(name); t != nil {
			for p := range t.Partitions {
				if !taken[fmt.Sprint(name, p)] {
					g.fail("%s-%d is nobody's:\n%s", name, p, state)
				}
			}
		}
	}
}
