package node

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// consumerConfig makes members of the consumer protocol heartbeat often.
var consumerConfig = config.Map{
	"offsets.topic.num.partitions":             "3",
	"group.consumer.min.heartbeat.interval.ms": "50", "group.consumer.heartbeat.interval.ms": "50",
	"group.consumer.assignment.interval.ms": "50", "group.initial.rebalance.delay.ms": "0",
}

// withConsumerTopic is withTopic for the consumer protocol.
func withConsumerTopic(t *testing.T, env Env) (*running, *kgo.Client) {
	t.Helper()
	n := run(t, env, consumerConfig)
	cl := client(t, n.Addr())
	if _, err := kadm.NewClient(cl).CreateTopic(within(t), 6, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	return n, cl
}

func serverSide(opts ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}, opts...)
}

// TestConsumerGroups has two members of the consumer protocol share a topic, one
// of them leave and come back, and counts the records: each comes once.
func TestConsumerGroups(t *testing.T) {
	env := Env{FS: vfs.NewVolatile()}
	n, cl := withConsumerTopic(t, env)
	a := joinGroup(t, n.Addr(), serverSide()...)
	a.has(6)
	wants(t, spread(t, cl, 0), a)
	b := joinGroup(t, n.Addr(), serverSide()...)
	b.has(3)
	a.has(3)
	wants(t, spread(t, cl, 1), a, b)
	groups, err := kadm.NewClient(cl).DescribeConsumerGroups(within(t), "g")
	if g := groups["g"]; err != nil || g.Err != nil || g.State != "Stable" || len(g.Members) != 2 {
		t.Errorf("%+v, %v", g, err)
	}
	b.stop()
	a.has(6)
	wants(t, spread(t, cl, 2), a)
	a.stop()
}

// TestConsumerRegex subscribes by an expression, which the broker resolves.
func TestConsumerRegex(t *testing.T) {
	n, cl := withConsumerTopic(t, Env{})
	a := joinGroup(t, n.Addr(), serverSide(kgo.ConsumeRegex(), kgo.ConsumeTopics("^(t|nothing.*)$"), kgo.MetadataMinAge(100*time.Millisecond))...)
	a.has(6)
	wants(t, spread(t, cl, 0), a)
	a.stop()
}

// TestGroupMigration lets a member of the consumer protocol join a classic group
// and leave it again: the partitions are shared all the while, and each record
// comes once.
func TestGroupMigration(t *testing.T) {
	for name, balancer := range map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()} {
		t.Run(name, func(t *testing.T) {
			n, cl := withConsumerTopic(t, Env{})
			a := joinGroup(t, n.Addr(), kgo.Balancers(balancer))
			a.has(6)
			wants(t, spread(t, cl, 0), a)
			b := joinGroup(t, n.Addr(), serverSide()...)
			b.has(3)
			a.has(3)
			wants(t, spread(t, cl, 1), a, b)
			if k := kindOf(t, cl); k != "consumer" {
				t.Errorf("the group is of the kind %s", k)
			}
			b.stop()
			a.has(6)
			wants(t, spread(t, cl, 2), a)
			if k := kindOf(t, cl); k != "classic" {
				t.Errorf("the group is of the kind %s", k)
			}
			a.stop()
		})
	}
}

// kindOf is the kind of the group "g".
func kindOf(t *testing.T, cl *kgo.Client) string {
	t.Helper()
	rq := kmsg.NewPtrListGroupsRequest()
	resp, err := rq.RequestWith(within(t), cl)
	if err != nil || len(resp.Groups) != 1 {
		t.Fatalf("%+v, %v", resp, err)
	}
	return resp.Groups[0].GroupType
}
