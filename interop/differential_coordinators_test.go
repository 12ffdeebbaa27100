//go:build differential

package interop

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

var (
	coordinatorRequests = flag.Int("differential.coordinator-requests", 3200, "how many requests TestDifferentialCoordinators sends at least")
	coordinatorTrace    = flag.Bool("differential.trace", false, "log every step that TestDifferentialCoordinators takes")
)

// TestDifferentialCoordinators plays the same scenes of group members, producers and administrators
// against Apache Kafka and the broker under test and compares every answer. A scene is a short
// sequence of requests, right and wrong ones, over groups and transactional ids of its own. What a
// broker makes itself (member ids, producer ids, epochs, topic ids) is carried into the requests that
// follow on that broker, and is compared by the name it gets when it is first seen. Effects are read
// back by the scene itself. After a request that only one of the brokers took, the rest of a scene is
// not compared: it would differ for that reason alone.
//
// Against Apache Kafka itself (INTEROP_TARGET=kafka) it shows what differs from run to run.
func TestDifferentialCoordinators(t *testing.T) {
	d := &differential{t: t, found: map[string]*difference{}, took: map[int16]time.Duration{}, least: *coordinatorRequests}
	d.theirs = startCoordinators(t, "kafka", brokers.Kafka)
	d.ours = startCoordinators(t, "ours", kind())
	d.apis = d.theirs.served(t)
	d.prepare()
	d.findCoordinators()
	defer d.report()
	c := &coordinators{differential: d, asked: map[version]int{}}
	played := c.scenes()
	for round := 0; d.sent < *coordinatorRequests; round++ {
		if end, ok := t.Deadline(); ok && time.Until(end) < time.Minute {
			t.Errorf("stopped after %d requests: no time is left for more", d.sent)
			break
		}
		c.round(round, played)
	}
	c.coverage()
}

// startCoordinators starts a broker on which nothing waits longer than a scene lasts.
func startCoordinators(t *testing.T, name string, kind brokers.Kind) *side {
	t.Helper()
	return startSideWith(t, name, kind, map[string]string{
		"group.initial.rebalance.delay.ms":                            "0",
		"group.min.session.timeout.ms":                                "100",
		"group.max.size":                                              "4",
		"group.consumer.max.size":                                     "4",
		"group.consumer.min.session.timeout.ms":                       "300",
		"group.consumer.min.heartbeat.interval.ms":                    "100",
		"group.consumer.assignment.interval.ms":                       "0",
		"group.consumer.assignor.offload.enable":                      "false",
		"transaction.state.log.min.isr":                               "1",
		"offsets.topic.num.partitions":                                "3",
		"transaction.state.log.num.partitions":                        "3",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
		"auto.create.topics.enable":                                   "false",
	})
}

// findCoordinators makes both brokers create their internal topics, and waits until these are led.
func (d *differential) findCoordinators() {
	for _, s := range []*side{d.theirs, d.ours} {
		p := &player{s: s, apis: d.apis, name: "first", rnd: rand.New(rand.NewPCG(0, 0)), carried: newCarried()}
		for kind := range int8(2) {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.SetVersion(3)
			req.CoordinatorKey, req.CoordinatorType = "first", kind
			for tries := 0; ask[*kmsg.FindCoordinatorResponse](p, req).ErrorCode != 0 && tries < 5; tries++ {
				continue
			}
		}
		p.newProducer("t").init()
		p.close()
	}
}

// version is an API at one of its versions.
type version struct{ key, version int16 }

type coordinators struct {
	*differential
	asked  map[version]int
	played int
	cut    int // steps that were not compared
}

// scene is one kind of scene. How it goes follows from the player's random numbers alone, so that it
// goes alike against both brokers for as long as they answer alike.
type scene struct {
	name string
	play func(p *player)
}

// alone says whether a scene is played while no other of its kind is: Kafka verifies the partitions of
// several producers in one request at once, by the version of the first of them.
func (s scene) alone() bool { return strings.HasPrefix(s.name, "txn-") }

func (c *coordinators) scenes() []scene {
	all := slices.Concat(classicScenes, offsetScenes, consumerScenes, transactionScenes, groupScenes, oddScenes)
	if *differentialOnly == "" {
		return all
	}
	all = slices.DeleteFunc(all, func(s scene) bool { return s.name != *differentialOnly })
	if len(all) == 0 {
		c.t.Skipf("no scene %q", *differentialOnly)
	}
	return all
}

// atOnce is how many scenes are played at a time beside one of transactions: many only wait for a
// time-out.
const atOnce = 3

// round plays every scene once, on partitions of a topic of their own, and compares them in order.
func (c *coordinators) round(round int, scenes []scene) {
	ledger := fmt.Sprintf("ledger-%d", round)
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	for _, s := range []*side{c.theirs, c.ours} {
		if err := wire.CreateTopic(ctx, s.broker.Addr, ledger, int32(len(scenes)), nil); err != nil {
			c.t.Fatal(err)
		}
	}
	c.settle(ledger)
	pairs := make([][2]*player, len(scenes))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	all.Go(func() {
		for i, sc := range scenes {
			if sc.alone() {
				pairs[i] = c.perform(sc, round, ledger, int32(i))
			}
		}
	})
	for i, sc := range scenes {
		if sc.alone() {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			pairs[i] = c.perform(sc, round, ledger, int32(i))
		})
	}
	all.Wait()
	for i, pair := range pairs {
		c.compareScenes(scenes[i].name, round, pair[0], pair[1])
	}
}

// perform plays a scene against both brokers at the same time.
func (c *coordinators) perform(sc scene, round int, ledger string, partition int32) [2]*player {
	var pair [2]*player
	var both sync.WaitGroup
	for i, s := range []*side{c.theirs, c.ours} {
		both.Go(func() {
			p := &player{
				s: s, apis: c.apis, name: fmt.Sprintf("%s-%d", sc.name, round), round: round, ledger: ledger, partition: partition,
				rnd: rand.New(rand.NewPCG(*differentialSeed, uint64(round)<<32|uint64(checksum(sc.name)))), carried: newCarried(),
			}
			defer p.close()
			sc.play(p)
			pair[i] = p
		})
	}
	both.Wait()
	return pair
}

// compareScenes compares two recordings of a scene, up to a request that one broker took and the other
// did not.
func (c *coordinators) compareScenes(name string, round int, theirs, ours *player) {
	c.played++
	found := total(c.found)
	c.sent += len(theirs.steps)
	for _, st := range theirs.steps {
		c.asked[version{st.req.Key(), st.req.GetVersion()}]++
		c.took[st.req.Key()] += st.took
	}
	for i, st := range theirs.steps {
		api, v := kmsg.NameForKey(st.req.Key()), st.req.GetVersion()
		label := fmt.Sprintf("%s/%d (seed %d), step %d: %s v%d", name, round, *differentialSeed, i, api, v)
		if st.got.what == "closed" {
			c.closed++
		}
		if i >= len(ours.steps) || ours.steps[i].req.Key() != st.req.Key() {
			if total(c.found) == found {
				c.differ(api, v, false, "", "this request", "another request", label, st.req)
			}
			c.cut += len(theirs.steps) - i
			return
		}
		if *coordinatorTrace {
			c.t.Logf("%s: %.500s\n  Kafka: %s\n  ours:  %s", label, requestText(st.req), st, ours.steps[i])
		}
		before := c.diverged
		c.compare(planned{key: st.req.Key(), version: v}, label, st.req, st.got, ours.steps[i].got)
		if c.diverged > before {
			c.cut += len(theirs.steps) - i - 1
			return
		}
	}
}

// total is how often anything has differed.
func total(found map[string]*difference) int {
	n := 0
	for _, f := range found {
		n += f.count
	}
	return n
}

func requestText(req kmsg.Request) string {
	text, err := json.Marshal(req)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// coverage fails the test for a version of the coordinators' APIs that no scene has asked for.
func (c *coordinators) coverage() {
	c.t.Logf("%d scenes played; %d requests in them not compared, behind one that only one broker took", c.played, c.cut)
	if *differentialOnly != "" {
		return
	}
	for _, key := range coordinatorAPIs {
		total := 0
		for v := c.apis[key][0]; v <= c.apis[key][1]; v++ {
			if c.asked[version{key, v}] == 0 {
				c.t.Errorf("no scene has sent %s v%d", kmsg.NameForKey(key), v)
			}
			total += c.asked[version{key, v}]
		}
		c.t.Logf("%s v%d to %d: %d requests", kmsg.NameForKey(key), c.apis[key][0], c.apis[key][1], total)
	}
}

// coordinatorAPIs are those that must be asked at every version that Kafka and kmsg have.
var coordinatorAPIs = keysOf(
	kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.LeaveGroup, kmsg.OffsetCommit, kmsg.OffsetFetch,
	kmsg.OffsetDelete, kmsg.DeleteGroups, kmsg.DescribeGroups, kmsg.ListGroups, kmsg.ConsumerGroupHeartbeat,
	kmsg.ConsumerGroupDescribe, kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit,
	kmsg.EndTxn, kmsg.WriteTxnMarkers, kmsg.DescribeTransactions, kmsg.ListTransactions, kmsg.DescribeProducers,
)
