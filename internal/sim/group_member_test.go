package sim

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// protocolKind is how a group assigns its partitions.
type protocolKind int

const (
	classicRange protocolKind = iota
	classicCooperative
	consumerGroup
	protocolKinds
)

func (p protocolKind) String() string {
	return [protocolKinds]string{"range", "cooperative", "consumer"}[p]
}

// groupMember is a consumer behind a proxy of its own. It commits what it polls before it lets a rebalance go on.
type groupMember struct {
	group  string
	topic  groupTopic
	trace  *groupTrace
	begin  time.Time
	proxy  *proxy
	client *kgo.Client
	cancel context.CancelFunc // of everything the client does
	stop   context.CancelFunc // of the polling
	done   chan struct{}

	mu     sync.Mutex
	dead   bool
	paused bool
}

// groupTopic is the topic of all groups.
type groupTopic struct {
	name string
	id   protocol.UUID
}

// startMember begins a member. session is its session time-out.
func startMember(t *testing.T, b *target, trace *groupTrace, begin time.Time, group string, topic groupTopic, kind protocolKind, session time.Duration) *groupMember {
	m := &groupMember{group: group, topic: topic, trace: trace, begin: begin, done: make(chan struct{})}
	m.proxy = newProxy(t, tcp(b.addr), nil, (&groupTap{trace, begin}).see)
	life, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	opts := []kgo.Opt{
		kgo.WithContext(life), kgo.SeedBrokers(b.addr), dialOnly(m.proxy.addr()),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic.name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.SessionTimeout(session), kgo.RebalanceTimeout(2 * session), kgo.HeartbeatInterval(session / 10),
		kgo.RetryBackoffFn(func(n int) time.Duration { return time.Duration(min(n, 10)*20) * time.Millisecond }),
		kgo.MetadataMinAge(200 * time.Millisecond),
		kgo.OnPartitionsAssigned(m.told(taken)), kgo.OnPartitionsRevoked(m.told(given)), kgo.OnPartitionsLost(m.told(lostAll)),
	}
	switch kind {
	case classicRange:
		opts = append(opts, kgo.Balancers(kgo.RangeBalancer()))
	case classicCooperative:
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	case consumerGroup:
		opts = append(opts, kgo.ServerSideBalancer())
	}
	cl, err := kgo.NewClient(opts...)
	ok(t, err)
	m.client = cl
	polls, stop := context.WithCancel(life)
	m.stop = stop
	go m.work(polls)
	return m
}

// told is a callback of the client, which takes a step of the trace.
func (m *groupMember) told(what stepKind) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, cl *kgo.Client, parts map[string][]int32) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.dead {
			return
		}
		id, epoch := cl.GroupMetadata()
		s := &step{at: time.Since(m.begin), group: m.group, member: id, what: what, epoch: epoch, told: true}
		for _, p := range parts {
			s.partitions = append(s.partitions, p...)
		}
		m.trace.take(s)
	}
}

// work polls a little, commits, and lets rebalances go on.
func (m *groupMember) work(ctx context.Context) {
	defer close(m.done)
	pace := time.NewTicker(250 * time.Millisecond)
	defer pace.Stop()
	for ctx.Err() == nil {
		member, generation := m.client.GroupMetadata()
		wait, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		fetches := m.client.PollRecords(wait, 20)
		cancel()
		if records := fetches.Records(); len(records) > 0 {
			m.commit(ctx, member, generation, records)
		}
		m.client.AllowRebalance()
		select {
		case <-pace.C:
		case <-ctx.Done():
		}
	}
}

// commit commits as the member that polled: the client's own commits are those of the member it is when they leave, and
// after it was fenced and joined again it has forgotten whose records they were.
func (m *groupMember) commit(ctx context.Context, member string, generation int32, records []*kgo.Record) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	next := map[int32]int64{}
	for _, r := range records {
		next[r.Partition] = max(next[r.Partition], r.Offset+1)
	}
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.TopicID = m.topic.name, m.topic.id
	for p, offset := range next {
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset = p, offset
		t.Partitions = append(t.Partitions, part)
	}
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Group, rq.MemberID, rq.Generation = m.group, member, generation
	rq.Topics = append(rq.Topics, t)
	_, _ = rq.RequestWith(ctx, m.client) // the trace has what came of it
}

// leave ends the member in an orderly way.
func (m *groupMember) leave() {
	m.stop()
	<-m.done
	m.client.CloseAllowingRebalance()
	m.end()
}

// kill ends the member as if its machine was gone.
func (m *groupMember) kill() {
	m.mu.Lock()
	m.dead = true
	m.mu.Unlock()
	m.proxy.close()
	m.cancel()
	<-m.done
	m.client.CloseAllowingRebalance()
	id, _ := m.client.GroupMetadata()
	m.trace.forget(m.group, id, time.Since(m.begin))
}

func (m *groupMember) end() {
	m.cancel()
	m.proxy.close()
}

// pause cuts the member off without closing its connections: it goes on in the belief that it is a member.
func (m *groupMember) pause(paused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case paused == m.paused:
	case paused:
		m.proxy.pause()
	default:
		m.proxy.resume()
	}
	m.paused = paused
}
