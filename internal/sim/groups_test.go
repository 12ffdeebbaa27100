package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// groupsRun is a campaign of groups: members join, leave, are killed and paused, and the broker is killed and started, in
// rounds; after each round everything must come to rest in time (R7).
type groupsRun struct {
	t       *testing.T
	rnd     *rand.Rand
	target  *target
	trace   *groupTrace
	topic   groupTopic
	begin   time.Time
	session time.Duration
	groups  []*groupRun
	wg      sync.WaitGroup // of members that are ending

	settled []time.Duration
	done    map[string]int
	stop    context.CancelFunc
}

// groupRun is one group.
type groupRun struct {
	name    string
	kind    protocolKind
	members []*groupMember
}

const groupPartitions = 12

// TestGroups is short: a few groups, some tens of rebalances.
func TestGroups(t *testing.T) {
	t.Parallel()
	groups, rebalances := 6, 40
	if testing.Short() {
		groups, rebalances = 3, 10
	}
	runGroups(t, 1, groups, rebalances, 2*time.Second, 1500*time.Millisecond)
}

// TestGroupsCampaign is TestGroups for long, with 50 groups at once.
func TestGroupsCampaign(t *testing.T) {
	if *rebalanceFlag == 0 {
		t.Skip("campaign: -faults.rebalances=2000")
	}
	runGroups(t, *seedFlag, 50, *rebalanceFlag, 3*time.Second, 10*time.Second)
}

// runGroups disturbs groups in rounds of a length until they went through so many rebalances.
func runGroups(t *testing.T, seed uint64, groups, rebalances int, session, round time.Duration) {
	t.Logf("seed %d", seed)
	r := &groupsRun{t: t, rnd: rand.New(rand.NewPCG(seed, 9)), target: newTarget(t), begin: time.Now(), session: session, done: map[string]int{}}
	r.trace = newGroupTrace(session, 2*session)
	if t.Failed() {
		return
	}
	r.setUp(groups)
	defer r.tearDown()
	r.settle("the first members joined")
	for i := 0; r.trace.rebalances() < rebalances && !t.Failed(); i++ {
		what := r.disturb(round, i%2 == 1)
		r.settle(what)
		r.judge()
		if i%10 == 9 {
			t.Logf("%d rebalances; %v", r.trace.rebalances(), r.done)
		}
	}
	r.report()
}

// setUp makes the topic, sets the consumer groups' time-outs, and starts three members in each group.
func (r *groupsRun) setUp(groups int) {
	t := r.t
	run := fmt.Sprintf("%x", time.Now().UnixNano()&0xffffff)
	r.topic.name = "work-" + run
	c, err := connect(tcp(r.target.addr))
	ok(t, err)
	defer c.close()
	ok(t, c.createTopic(r.topic.name, groupPartitions, nil))
	r.target.await(r.topic.name)
	topics, err := c.topics()
	ok(t, err)
	r.topic.id = topics[r.topic.name].id
	for i := range groups {
		g := &groupRun{kind: protocolKind(i % int(protocolKinds))}
		g.name = fmt.Sprintf("%v-%s-%d", g.kind, run, i)
		if g.kind == consumerGroup {
			ok(t, c.setGroupConfig(g.name, "consumer.session.timeout.ms", fmt.Sprint(r.session.Milliseconds())))
			ok(t, c.setGroupConfig(g.name, "consumer.heartbeat.interval.ms", fmt.Sprint((r.session/10).Milliseconds())))
		}
		for range 3 {
			r.join(g)
		}
		r.groups = append(r.groups, g)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.wg.Go(func() { r.feed(ctx) })
	r.wg.Go(func() { r.describe(ctx) })
}

const groupResource = 32

func (c *client) setGroupConfig(group, key, value string) error {
	var rs protocol.IncrementalAlterConfigsResponse
	rq := protocol.IncrementalAlterConfigsRequest{Resources: []protocol.IncrementalAlterConfigsRequestAlterConfigsResource{{
		ResourceType: groupResource, ResourceName: group,
		Configs: []protocol.IncrementalAlterConfigsRequestAlterableConfig{{Name: key, Value: &value}},
	}}}
	if err := c.call(&rq, 1, &rs); err != nil {
		return err
	}
	return code(rs.Responses[0].ErrorCode)
}

// feed writes a few records to every partition, again and again.
func (r *groupsRun) feed(ctx context.Context) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.target.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	if err != nil {
		r.t.Error(err)
		return
	}
	defer cl.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for p := range int32(groupPartitions) {
			cl.TryProduce(ctx, &kgo.Record{Topic: r.topic.name, Partition: p, Value: []byte("work")}, nil)
		}
	}
}

func (r *groupsRun) join(g *groupRun) {
	g.members = append(g.members, startMember(r.t, r.target, r.trace, r.begin, g.name, r.topic, g.kind, r.session))
}

// disturb changes groups for a while, and with bounce kills the broker in the midst of it. It names what it did last.
func (r *groupsRun) disturb(d time.Duration, bounce bool) string {
	end := time.Now().Add(d)
	half := time.Now().Add(d / 2)
	var last string
	for time.Now().Before(end) {
		g := r.groups[r.rnd.IntN(len(r.groups))]
		last = r.change(g)
		r.done[last]++
		if bounce && time.Now().After(half) {
			bounce = false
			last = "the broker was killed"
			r.target.bounce()
			r.done[last]++
		}
		timer := time.NewTimer(time.Duration(r.rnd.Int64N(int64(2 * d / time.Duration(2*len(r.groups))))))
		<-timer.C
	}
	for _, g := range r.groups {
		for _, m := range g.members {
			m.pause(false)
		}
		for len(g.members) < 2 {
			r.join(g)
		}
	}
	return last
}

// change does something to a group.
func (r *groupsRun) change(g *groupRun) string {
	n := r.rnd.IntN(10)
	if len(g.members) == 0 || n < 3 && len(g.members) < 5 {
		r.join(g)
		return "joined"
	}
	i := r.rnd.IntN(len(g.members))
	m := g.members[i]
	switch {
	case n < 5 && !m.paused:
		g.members = slices.Delete(g.members, i, i+1)
		r.wg.Go(m.leave)
		return "left"
	case n < 8:
		g.members = slices.Delete(g.members, i, i+1)
		r.wg.Go(m.kill)
		return "killed"
	case n < 9:
		m.pause(!m.paused)
		return "paused or resumed"
	default:
		m.proxy.cut()
		return "cut off"
	}
}

// settle waits until every group is stable, its members are all there and each partition is one member's.
func (r *groupsRun) settle(after string) {
	t := r.t
	t.Helper()
	begin := time.Now()
	limit := time.NewTimer(2 * r.session)
	defer limit.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		restless := r.restless()
		if restless == "" {
			r.settled = append(r.settled, time.Since(begin))
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Errorf("%v %v after the last change (%s): %s\n%s", diverged, time.Since(begin), after, restless, r.trace.tail(strings.Fields(restless)[0]))
			return
		}
	}
}

// restless names a group that is not at rest, and why; nothing if all are.
func (r *groupsRun) restless() string {
	c, err := connect(tcp(r.target.addr))
	if err != nil {
		return err.Error()
	}
	defer c.close()
	for _, g := range r.groups {
		v, err := c.describeGroup(g)
		if err != nil {
			return fmt.Sprintf("%s: %v", g.name, err)
		}
		if why := v.restless(len(g.members)); why != "" {
			return fmt.Sprintf("%s %s", g.name, why)
		}
	}
	return ""
}

// describe asks the coordinator for its view of each consumer group all the time, and has it judged.
func (r *groupsRun) describe(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c, err := connect(tcp(r.target.addr))
		if err != nil {
			continue
		}
		for _, g := range r.groups {
			if g.kind != consumerGroup {
				continue
			}
			if err := r.view(c, g.name); err != nil {
				break
			}
		}
		c.close()
	}
}

func (r *groupsRun) view(c *client, group string) error {
	asked := &step{at: time.Since(r.begin), group: group, what: describes}
	r.trace.take(asked)
	v, err := c.describeConsumer(group)
	if err != nil {
		return err
	}
	r.trace.take(&step{at: time.Since(r.begin), group: group, what: describes, epoch: v.epoch, of: asked})
	r.trace.described(group, v.epoch, v.members)
	return nil
}

// judge reads back what was committed and tells what the trace showed.
func (r *groupsRun) judge() {
	c, err := connect(tcp(r.target.addr))
	ok(r.t, err)
	defer c.close()
	for _, g := range r.groups {
		asked := &step{at: time.Since(r.begin), group: g.name, what: reads}
		r.trace.take(asked)
		offsets, err := c.committed(g.name, r.topic.name, groupPartitions)
		if err != nil {
			r.t.Errorf("%s: the committed offsets: %v", g.name, err)
			continue
		}
		s := &step{at: time.Since(r.begin), group: g.name, what: reads, of: asked, offsets: map[int32]int64{}}
		for p, offset := range offsets {
			s.offsets[int32(p)] = offset
		}
		r.trace.take(s)
	}
	for _, p := range r.trace.problems() {
		r.t.Error(p)
	}
	if r.t.Failed() {
		r.t.Logf("the broker's log:\n%s", r.target.log())
	}
}

func (r *groupsRun) tearDown() {
	r.stop()
	for _, g := range r.groups {
		for _, m := range g.members {
			m.pause(false)
			r.wg.Go(m.kill)
		}
	}
	r.wg.Wait()
}

func (r *groupsRun) report() {
	slices.Sort(r.settled)
	r.t.Logf("%d groups, %d rebalances in %v; %v; %d rounds came to rest in %v (median) to %v after the last change; answers: %v",
		len(r.groups), r.trace.rebalances(), time.Since(r.begin).Round(time.Second), r.done, len(r.settled),
		percentile(r.settled, 50).Round(time.Millisecond), percentile(r.settled, 100).Round(time.Millisecond), r.trace.counts)
}
