package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// groupConfig lets groups begin at once.
var groupConfig = config.Map{"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "3"}

// member is a member of the group "g" that reads "t", polled until it stops.
type member struct {
	t       *testing.T
	cl      *kgo.Client
	owned   chan int // how many partitions it has, after each change
	records chan string
	stop    func() // without a word to the group if it is static
}

func joinGroup(t *testing.T, addr string, opts ...kgo.Opt) *member {
	t.Helper()
	m := &member{t: t, owned: make(chan int, 100), records: make(chan string, 1000)}
	have := 0
	assigned := func(_ context.Context, _ *kgo.Client, p map[string][]int32) {
		have += len(p["t"])
		m.owned <- have
	}
	revoked := func(ctx context.Context, cl *kgo.Client, p map[string][]int32) {
		have -= len(p["t"])
		m.owned <- have
		if err := cl.CommitUncommittedOffsets(ctx); err != nil {
			t.Error(err)
		}
	}
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.HeartbeatInterval(100 * time.Millisecond), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitInterval(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(assigned), kgo.OnPartitionsRevoked(revoked),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	m.cl = cl
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fetches := cl.PollFetches(ctx)
			fetches.EachError(func(topic string, p int32, err error) {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s/%d: %v", topic, p, err)
				}
			})
			fetches.EachRecord(func(r *kgo.Record) { m.records <- string(r.Value) })
		}
	}()
	m.stop = func() {
		cancel()
		<-done
		if err := cl.CommitUncommittedOffsets(within(t)); err != nil {
			t.Error(err)
		}
		cl.Close()
	}
	return m
}

// has waits until the member has so many partitions.
func (m *member) has(n int) {
	m.t.Helper()
	late := time.After(limit)
	for got := -1; got != n; {
		select {
		case got = <-m.owned:
		case <-late:
			m.t.Fatalf("the member has %d partitions, not %d", got, n)
		}
	}
}

// wants waits for records of any of the members, each of which comes once.
func wants(t *testing.T, want []string, members ...*member) {
	t.Helper()
	var got []string
	late := time.After(limit)
	for len(got) < len(want) {
		select {
		case r := <-members[0].records:
			got = append(got, r)
		case r := <-members[len(members)-1].records:
			got = append(got, r)
		case <-late:
			t.Fatalf("%d of %d records came", len(got), len(want))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// spread writes a record to each of six partitions.
func spread(t *testing.T, cl *kgo.Client, round int) (values []string) {
	t.Helper()
	for p := range int32(6) {
		v := fmt.Sprintf("%d/%d", round, p)
		values = append(values, v)
		if err := cl.ProduceSync(within(t), &kgo.Record{Topic: "t", Partition: p, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

// withTopic starts a node with the topic "t" of six partitions.
func withTopic(t *testing.T, env Env) (*running, *kgo.Client) {
	t.Helper()
	n := run(t, env, groupConfig)
	cl := client(t, n.Addr())
	if _, err := kadm.NewClient(cl).CreateTopic(within(t), 6, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	return n, cl
}

// TestGroups has two members share a topic, one of them leave and come back, and
// counts the records: each comes once.
func TestGroups(t *testing.T) {
	for name, balancer := range map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()} {
		t.Run(name, func(t *testing.T) {
			n, cl := withTopic(t, Env{})
			a := joinGroup(t, n.Addr(), kgo.Balancers(balancer))
			a.has(6)
			wants(t, spread(t, cl, 0), a)
			b := joinGroup(t, n.Addr(), kgo.Balancers(balancer))
			b.has(3)
			a.has(3)
			wants(t, spread(t, cl, 1), a, b)
			b.stop()
			a.has(6)
			wants(t, spread(t, cl, 2), a)
			a.stop()
		})
	}
}

// TestStaticMember restarts one of two static members: it gets its partitions
// back and the other one doesn't notice. The group outlives the broker.
func TestStaticMember(t *testing.T) {
	env := Env{FS: vfs.NewVolatile()}
	n, cl := withTopic(t, env)
	range2 := kgo.Balancers(kgo.RangeBalancer())
	a := joinGroup(t, n.Addr(), range2, kgo.InstanceID("a"))
	a.has(6)
	b := joinGroup(t, n.Addr(), range2, kgo.InstanceID("b"))
	b.has(3)
	a.has(3)
	before := describeGroup(t, cl)
	b.stop()
	b = joinGroup(t, n.Addr(), range2, kgo.InstanceID("b"))
	b.has(3)
	wants(t, spread(t, cl, 0), a, b)
	if len(a.owned) > 0 {
		t.Error("the other member lost its partitions")
	}
	if after := describeGroup(t, cl); after != before {
		t.Errorf("the group was\n%s\nand is\n%s", before, after)
	}
	a.stop()
	b.stop()
	cl.Close()
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	n = run(t, env, groupConfig)
	if after := describeGroup(t, client(t, n.Addr())); after != before {
		t.Errorf("the group was\n%s\nand is, after a restart\n%s", before, after)
	}
}

// TestStopAnswersJoin stops the broker while a member waits for others: it is
// told to look for the coordinator again.
func TestStopAnswersJoin(t *testing.T) {
	n := run(t, Env{}, config.Map{"group.initial.rebalance.delay.ms": "600000", "offsets.topic.num.partitions": "1"})
	cl := client(t, n.Addr(), kgo.RequestRetries(0))
	ready := kmsg.NewPtrJoinGroupRequest() // answered at once
	ready.Group, ready.SessionTimeoutMillis, ready.ProtocolType = "g", 10_000, "consumer"
	ready.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	first, err := ready.RequestWith(within(t), cl)
	if err != nil || first.ErrorCode != kerr.MemberIDRequired.Code {
		t.Fatal(err, first)
	}
	waits := *ready
	waits.MemberID, waits.RebalanceTimeoutMillis = first.MemberID, 600_000
	answer := make(chan int16, 1)
	go func() {
		r, err := cl.SeedBrokers()[0].Request(context.Background(), &waits)
		if err != nil {
			t.Error(err)
			answer <- 0
			return
		}
		answer <- r.(*kmsg.JoinGroupResponse).ErrorCode
	}()
	for state := ""; state != "PreparingRebalance"; {
		groups, err := kadm.NewClient(client(t, n.Addr())).DescribeGroups(within(t), "g")
		if err != nil {
			t.Fatal(err)
		}
		state = groups["g"].State
	}
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if code := <-answer; code != kerr.NotCoordinator.Code {
		t.Errorf("the member was told %d", code)
	}
}

// describeGroup prints the group "g" without the members' ids.
func describeGroup(t *testing.T, cl *kgo.Client) string {
	t.Helper()
	groups, err := kadm.NewClient(cl).DescribeGroups(within(t), "g")
	if err != nil || groups.Error() != nil {
		t.Fatal(err, groups.Error())
	}
	g := groups["g"]
	lines := []string{g.State + " " + g.Protocol}
	for _, m := range g.Members {
		assigned, _ := m.Assigned.AsConsumer()
		lines = append(lines, fmt.Sprintf("%s at %s: %v", *m.InstanceID, m.ClientHost, assigned.Topics))
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}
