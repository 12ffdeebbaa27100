package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	commitInterval = 5 * time.Second        // Kafka's own auto.commit.interval.ms
	othersInterval = 500 * time.Millisecond // how often to look how far the other members are

	epochStaticLeave int32 = -2 // the member epoch of a static member that goes for a while
)

// member reads the partitions of one topic that a group gives it. Whenever they change, reading stops, and starts anew
// with the new ones where printing was.
type member struct {
	client    *kgo.Client // that reads
	flags     groupFlags
	topic     string
	topicID   [16]byte
	reset     startPoint // where to begin without a committed offset
	isolation int8
	maxWait   time.Duration
	timeout   time.Duration
	starts    map[int32]int64 // at the start; only with ends
	ends      map[int32]int64 // where reading stops; nil: never

	changed chan struct{} // capacity 1: reading ended, or the assignment changed
	result  chan error    // capacity 1: reading is over

	changing   sync.Mutex  // held by one change of the assignment, or one commit, at a time; guards what follows
	membership *kgo.Client // that is in the group; nil: nothing was heard of it yet
	joined     bool        // an assignment has come
	reading    *reading    // nil: nothing is read

	printing  sync.Mutex // guards what follows
	printer   printer
	ended     bool                      // nothing more is to be printed
	positions map[int32]*memberPosition // of the partitions that this member has
}

// memberPosition is how far a partition was printed.
type memberPosition struct {
	next      int64 // the offset after the last one printed
	committed int64 // -1: none
}

// reading is the reading of one assignment.
type reading struct {
	stop  context.CancelFunc
	ended chan struct{}
}

func newMember(client *kgo.Client, flags groupFlags, topic string, reset startPoint) *member {
	return &member{
		client: client, flags: flags, topic: topic, reset: reset,
		changed: make(chan struct{}, 1), result: make(chan error, 1),
		positions: map[int32]*memberPosition{},
	}
}

// callbacks make a client tell this member what it is given and what is taken away.
func (m *member) callbacks() []kgo.Opt {
	return []kgo.Opt{
		kgo.OnPartitionsAssigned(func(ctx context.Context, membership *kgo.Client, added map[string][]int32) {
			m.give(ctx, membership, added[m.topic])
		}),
		kgo.OnPartitionsRevoked(func(ctx context.Context, membership *kgo.Client, lost map[string][]int32) {
			m.take(ctx, membership, lost[m.topic], true)
		}),
		kgo.OnPartitionsLost(func(ctx context.Context, membership *kgo.Client, lost map[string][]int32) {
			m.take(ctx, membership, lost[m.topic], false)
		}),
	}
}

// run reads until it is interrupted, fails, or has read what it was to, then commits and leaves the group.
func (m *member) run(ctx context.Context, membership *kgo.Client) error {
	membership.PauseFetchTopics(m.topic)
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	go m.watch(watching, membership)

	err := m.wait(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // an interrupt is how following ends
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.timeout)
	defer cancel()
	m.changing.Lock()
	m.halt()
	m.end()
	committed := m.commit(ending, nil)
	m.changing.Unlock()
	left := m.leave(ending, membership)
	if err = errors.Join(err, committed); err != nil {
		return err // and nobody needs to know how leaving went
	}
	return left
}

// leave leaves the group. A static member goes for a while only: its partitions wait for it. In a consumer group it has
// to say so itself, for the client (franz-go 1.22) forgets to say who it is, and is refused.
func (m *member) leave(ctx context.Context, membership *kgo.Client) error {
	id, _ := membership.GroupMetadata()
	err := membership.LeaveGroupContext(ctx)
	if m.flags.instance != "" && m.flags.protocol == groupConsumer && errors.Is(err, kerr.InvalidRequest) {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Group, req.MemberID, req.InstanceID, req.MemberEpoch = m.flags.id, id, &m.flags.instance, epochStaticLeave
		var resp *kmsg.ConsumerGroupHeartbeatResponse
		if resp, err = req.RequestWith(ctx, membership); err == nil {
			err = codeError(resp.ErrorCode, resp.ErrorMessage)
		}
	}
	if err != nil && !rejoins(err) {
		return fmt.Errorf("group %s: leaving: %w", m.flags.id, err)
	}
	return nil
}

// wait commits from time to time, and returns when reading is over.
func (m *member) wait(ctx context.Context) error {
	commits := time.NewTicker(commitInterval)
	defer commits.Stop()
	others := time.NewTicker(othersInterval)
	defer others.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-m.result:
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		case <-commits.C:
			if err := m.commitNow(ctx); err != nil {
				return err
			}
			continue
		case <-m.changed:
		case <-others.C:
		}
		if over, err := m.over(ctx); over || err != nil {
			return err
		}
	}
}

// finish ends the member with what went wrong, or errStop.
func (m *member) finish(err error) {
	select {
	case m.result <- err:
	default:
	}
}

// give stops reading, takes partitions in, and reads on.
func (m *member) give(ctx context.Context, membership *kgo.Client, added []int32) {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.membership, m.joined = membership, true
	m.halt()
	if len(added) > 0 {
		if err := m.locate(ctx, added); err != nil {
			m.finish(err)
			return
		}
	}
	m.read(ctx)
	m.signal()
}

// take stops reading, lets partitions go, and reads on. What was printed of them is committed unless they are lost
// already.
func (m *member) take(ctx context.Context, membership *kgo.Client, lost []int32, commit bool) {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.membership = membership
	m.halt()
	if commit && len(lost) > 0 {
		if err := m.commit(ctx, lost); err != nil && !rejoins(err) {
			m.finish(err)
		}
	}
	m.printing.Lock()
	for _, p := range lost {
		delete(m.positions, p)
	}
	m.printing.Unlock()
	m.read(ctx)
	m.signal()
}

func (m *member) signal() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// halt ends reading and waits until nothing more is printed.
func (m *member) halt() {
	if m.reading != nil {
		m.reading.stop()
		<-m.reading.ended
		m.reading = nil
	}
}

// read begins to read what the member has, from where it was printed.
func (m *member) read(ctx context.Context) {
	f := &fetcher{
		client: m.client, topic: m.topic, topicID: m.topicID, isolation: m.isolation, maxWait: m.maxWait, timeout: m.timeout,
		out: make(chan fetched, fetchQueueBatches),
	}
	m.printing.Lock()
	for id, p := range m.positions {
		f.positions = append(f.positions, &position{id, p.next, m.endOf(id)})
	}
	ended := m.ended
	m.printing.Unlock()
	if ended || len(f.positions) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	m.reading = &reading{cancel, make(chan struct{})}
	go func(r *reading) {
		defer close(r.ended)
		defer cancel()
		if err := m.print(ctx, f); err != nil && ctx.Err() == nil {
			m.finish(err)
		}
		m.signal()
	}(m.reading)
}

// end lets nothing more be printed.
func (m *member) end() {
	m.printing.Lock()
	defer m.printing.Unlock()
	m.ended = true
}

// endOf returns where to stop in a partition. Partitions that are added to the topic later have no records to wait for.
func (m *member) endOf(partition int32) int64 {
	if m.ends == nil {
		return -1
	}
	return m.ends[partition]
}

// print runs the fetcher and writes what it brings, until it ends or ctx does.
func (m *member) print(ctx context.Context, f *fetcher) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- f.run(ctx) }()
	for in := range f.out {
		if ctx.Err() != nil {
			break // what waits is read again by whoever has the partition next
		}
		if err := m.printBatches(in, len(f.out) == 0); err != nil {
			cancel()
			<-failed
			return err
		}
	}
	return <-failed
}

func (m *member) printBatches(in fetched, flush bool) error {
	m.printing.Lock()
	defer m.printing.Unlock()
	end := m.endOf(in.partition)
	err := m.printer.print(in, end, flush)
	m.ended = err != nil
	switch p := m.positions[in.partition]; {
	case errors.Is(err, errStop):
		p.next = m.printer.decoder.record.offset + 1
	case err == nil && end >= 0:
		p.next = min(in.next, end)
	case err == nil:
		p.next = in.next
	}
	return err
}

// watch looks for errors of the membership that it doesn't get over by itself.
func (m *member) watch(ctx context.Context, membership *kgo.Client) {
	var since time.Time
	for ctx.Err() == nil {
		for _, e := range membership.PollFetches(ctx).Errors() {
			var session *kgo.ErrGroupSession
			if !errors.As(e.Err, &session) {
				continue
			}
			var code *kerr.Error
			if errors.As(e.Err, &code) && !code.Retriable && !rejoins(code) || isTooOld(e.Err) {
				m.finish(fmt.Errorf("group %s: %w", m.flags.id, session.Err))
				return
			}
			if now := time.Now(); since.IsZero() || now.Sub(since) > 2*fetchPatience {
				since = now
			} else if now.Sub(since) > fetchPatience {
				m.finish(fmt.Errorf("group %s: gave up after %v: %w", m.flags.id, fetchPatience, session.Err))
				return
			}
		}
	}
}

// rejoins tells that the group goes on without this member, or in another generation: the client joins again.
func rejoins(err error) bool {
	for _, code := range []*kerr.Error{
		kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress, kerr.FencedMemberEpoch, kerr.StaleMemberEpoch,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
