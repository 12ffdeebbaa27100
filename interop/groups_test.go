package interop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// groupClient is a client library that consumes in groups. A member reads in the background from
// the moment it joined; its name is its client id, by which the broker tells who owns what.
type groupClient interface {
	join(member, group, topic string, s settings) error
	// read returns what the member has read since it was last asked.
	read(member string) ([]placed, error)
	// commit commits the offsets of all that the member has read.
	commit(member string) error
	leave(member string) error
}

// settings choose how a member joins: protocol (classic, consumer), assignor, instance (the static
// member's id), pattern (true: the topic is a regular expression).
type settings map[string]string

// placed is a record and where it was read.
type placed struct {
	topic     string
	partition int32
	offset    int64
	value     string
}

const (
	groupPartitions = 4
	// groupDeadline bounds each step of a group: a rebalance of a loaded machine's JVMs.
	groupDeadline = 30 * time.Second
)

// sharing is a group whose two members share the partitions of a topic.
type sharing struct {
	t       *testing.T
	c       groupClient
	group   string
	topics  []string
	adm     *kadm.Client
	cl      *kgo.Client
	joins   map[string]settings
	written map[string]bool // values that no member has read yet
	next    int
}

// share puts a client's groups through a life: two members own the partitions between them and read
// each record once, one leaves and the other goes on where it stopped, and another run of the
// application sees what is new alone. The members a, b and c join by the settings of their place.
func share(t *testing.T, c groupClient, each ...settings) {
	t.Helper()
	s := newSharing(t, c, newTopic(t, groupPartitions))
	s.settle(each)
	s.life()
}

func newSharing(t *testing.T, c groupClient, topics ...string) *sharing {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(target(t).Addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	s := &sharing{
		t: t, c: c, group: topicName(t) + "-group", topics: topics, adm: kadm.NewClient(cl), cl: cl,
		joins: map[string]settings{}, written: map[string]bool{},
	}
	t.Cleanup(func() {
		for m := range s.joins {
			if err := c.leave(m); err != nil {
				t.Errorf("%s leaves: %v", m, err)
			}
		}
		cl.Close()
	})
	return s
}

// settle sets how the members a, b and c join; the last settings hold for the rest.
func (s *sharing) settle(each []settings) {
	for i, m := range []string{"a", "b", "c"} {
		st := settings{}
		if len(each) > 0 {
			st = each[min(i, len(each)-1)]
		}
		s.joins[s.group+"-"+m] = st
	}
}

func (s *sharing) life() {
	s.t.Helper()
	a, b, c := s.group+"-a", s.group+"-b", s.group+"-c"
	how := maps.Clone(s.joins)
	clear(s.joins)
	s.join(a, how[a])
	s.join(b, how[b])
	s.owned(a, b)
	s.write(25)
	s.readAll(a, b)
	s.commit(a, b)
	s.leave(b)
	s.owned(a)
	s.write(10)
	s.readAll(a)
	s.commit(a)
	s.committed(35)
	s.leave(a)
	s.join(c, how[c])
	s.owned(c)
	s.write(1)
	s.readAll(c)
}

func (s *sharing) join(member string, st settings) {
	s.t.Helper()
	topic := s.topics[0]
	if st["pattern"] != "" {
		topic = st["pattern"]
	}
	if err := s.c.join(member, s.group, topic, st); err != nil {
		s.t.Fatalf("%s joins: %v", member, err)
	}
	s.joins[member] = st
}

func (s *sharing) leave(member string) {
	s.t.Helper()
	delete(s.joins, member)
	if err := s.c.leave(member); err != nil {
		s.t.Fatalf("%s leaves: %v", member, err)
	}
}

func (s *sharing) commit(members ...string) {
	s.t.Helper()
	for _, m := range members {
		if err := s.c.commit(m); err != nil {
			s.t.Fatalf("%s commits: %v", m, err)
		}
	}
}

// write adds n records to each partition.
func (s *sharing) write(n int) {
	s.t.Helper()
	var recs []*kgo.Record
	for range n {
		for _, topic := range s.topics {
			for p := range int32(groupPartitions) {
				v := fmt.Sprintf("value-%d", s.next)
				s.next++
				s.written[v] = true
				recs = append(recs, &kgo.Record{Topic: topic, Partition: p, Value: []byte(v)})
			}
		}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), groupDeadline)
	defer cancel()
	if err := s.cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// readAll waits until the members have read all that was written, each record once and by the
// partition's owner.
func (s *sharing) readAll(members ...string) {
	s.t.Helper()
	owner := map[string]string{} // topic/partition -> who read there
	within(s.t, groupDeadline, func() error {
		for _, m := range members {
			recs, err := s.c.read(m)
			if err != nil {
				s.t.Fatalf("%s reads: %v", m, err)
			}
			for _, r := range recs {
				s.take(m, r, owner)
			}
		}
		if len(s.written) > 0 {
			return fmt.Errorf("%d records are not read yet, one is %s", len(s.written), first(s.written))
		}
		return nil
	})
	for _, m := range members {
		if !slices.Contains(slices.Collect(maps.Values(owner)), m) {
			s.t.Errorf("%s has read nothing", m)
		}
	}
}

func (s *sharing) take(member string, r placed, owner map[string]string) {
	s.t.Helper()
	if !s.written[r.value] {
		s.t.Fatalf("%s read %+v, which was read before", member, r)
	}
	delete(s.written, r.value)
	tp := fmt.Sprintf("%s/%d", r.topic, r.partition)
	if o, ok := owner[tp]; ok && o != member {
		s.t.Fatalf("both %s and %s read %s", o, member, tp)
	}
	owner[tp] = member
}

func first(m map[string]bool) string {
	for k := range m {
		return k
	}
	return ""
}

// committed fails the test unless the group has committed the offset in every partition.
func (s *sharing) committed(offset int64) {
	s.t.Helper()
	got, err := s.adm.FetchOffsets(s.t.Context(), s.group)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, topic := range s.topics {
		for p := range int32(groupPartitions) {
			if r, ok := got.Lookup(topic, p); !ok || r.Err != nil || r.At != offset {
				s.t.Errorf("%s/%d: committed %d, %v; want %d", topic, p, r.At, r.Err, offset)
			}
		}
	}
}

// owned waits until the broker says that the group is stable, and that its members are these and
// own all partitions between them, each its fair part.
func (s *sharing) owned(members ...string) map[string][]string {
	s.t.Helper()
	var got map[string][]string
	within(s.t, groupDeadline, func() error {
		for m := range s.joins {
			if recs, err := s.c.read(m); err != nil || len(recs) > 0 {
				s.t.Fatalf("%s reads %d records where there is nothing new, %v", m, len(recs), err)
			}
		}
		state, owns, err := s.describe()
		if err != nil {
			return err
		}
		got = owns
		if state != "Stable" || !fair(owns, members, len(s.topics)*groupPartitions) {
			return fmt.Errorf("the group is %s and its members own %v, not yet shared by %q", state, owns, members)
		}
		return nil
	})
	return got
}

// fair says whether the members, and no others, own all partitions, and none twice.
func fair(owns map[string][]string, members []string, partitions int) bool {
	all := map[string]bool{}
	n := 0
	for _, tps := range owns {
		n += len(tps)
		for _, tp := range tps {
			all[tp] = true
		}
	}
	if len(owns) != len(members) || n != partitions || len(all) != partitions {
		return false
	}
	for _, m := range members {
		if len(owns[m]) != partitions/len(members) {
			return false
		}
	}
	return true
}

// describe returns the group's state and the partitions of each client id, as the broker tells.
func (s *sharing) describe() (string, map[string][]string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	owns := map[string][]string{}
	if s.byEpoch() {
		gs, err := s.adm.DescribeConsumerGroups(ctx, s.group)
		if err != nil {
			return "", nil, err
		}
		g := gs[s.group]
		for _, m := range g.Members {
			owns[m.ClientID] = partitionNames(m.Assignment)
		}
		return g.State, owns, g.Err
	}
	gs, err := s.adm.DescribeGroups(ctx, s.group)
	if err != nil {
		return "", nil, err
	}
	g := gs[s.group]
	for _, m := range g.Members {
		set := kadm.TopicsSet{}
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range a.Topics {
				set.Add(t.Topic, t.Partitions...)
			}
		}
		owns[m.ClientID] = partitionNames(set)
	}
	return g.State, owns, g.Err
}

// byEpoch says whether the group is one of the consumer protocol: it is while it has a member that
// is.
func (s *sharing) byEpoch() bool {
	for _, st := range s.joins {
		if st["protocol"] == "consumer" {
			return true
		}
	}
	return false
}

func partitionNames(set kadm.TopicsSet) []string {
	out := []string{}
	for _, ps := range set.Sorted() {
		for _, p := range ps.Partitions {
			out = append(out, fmt.Sprintf("%s/%d", ps.Topic, p))
		}
	}
	slices.Sort(out)
	return out
}

// within tries f again until it succeeds; past the deadline its error ends the test.
func within(t *testing.T, d time.Duration, f func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(d)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", d, err)
		}
		<-tick.C
	}
}

// inbox keeps what a member of a Go client has read, and how its reading ended.
type inbox struct {
	mu   sync.Mutex
	recs []placed
	err  error
}

func (b *inbox) add(r placed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recs = append(b.recs, r)
}

func (b *inbox) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

func (b *inbox) take() ([]placed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	recs := b.recs
	b.recs = nil
	return recs, b.err
}

// processGroups is a groupClient that runs in a process, by these commands:
//
//	join MEMBER GROUP TOPIC K=V,...
//	read MEMBER                        -> placed TOPIC PARTITION OFFSET VALUE ...
//	commit MEMBER
//	leave MEMBER
type processGroups struct{ *process }

func (p processGroups) join(member, group, topic string, s settings) error {
	return p.run("join %s %s %s %s", member, group, topic, pairs(s))
}

func (p processGroups) read(member string) ([]placed, error) {
	lines, err := p.do("read %s", member)
	if err != nil {
		return nil, err
	}
	var out []placed
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] != "placed" {
			return nil, fmt.Errorf("unexpected answer %q", line)
		}
		partition, err := strconv.ParseInt(f[2], 10, 32)
		if err != nil {
			return nil, err
		}
		offset, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, placed{f[1], int32(partition), offset, f[4]})
	}
	return out, nil
}

func (p processGroups) commit(member string) error { return p.run("commit %s", member) }
func (p processGroups) leave(member string) error  { return p.run("leave %s", member) }
