package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/wire"
)

// The paces of heartbeats: while a group rebalances, and while it is at rest. In a consumer group all
// members go on with them during a rebalance, so they are slower.
const (
	classicPace  = 20 * time.Millisecond
	consumerPace = 50 * time.Millisecond
	restingPace  = 3 * time.Second
)

// recruit makes a member of a group that subscribes to topics of as many partitions each.
type recruit struct {
	pace time.Duration
	new  func(c *wire.Conn, p *pace, i int, group string, topics []string, parts int32) member
}

func classic(balancer kgo.GroupBalancer) recruit {
	return recruit{classicPace, func(c *wire.Conn, p *pace, i int, group string, topics []string, parts int32) member {
		counts := map[string]int32{}
		for _, t := range topics {
			counts[t] = parts
		}
		c.Timeout = 2 * time.Minute // a JoinGroup waits for the others
		return &classicMember{c: c, pace: p, index: i, group: group, topics: counts, balancer: balancer, generation: -1}
	}}
}

func consumer() recruit {
	return recruit{consumerPace, func(c *wire.Conn, p *pace, i int, group string, topics []string, _ int32) member {
		return &consumerMember{c: c, pace: p, index: i, group: group, topics: topics, id: fmt.Sprintf("%s-member-%d", group, i)}
	}}
}

// team is the members of one group while they run, each on a connection of its own.
type team struct {
	group   string
	busy    time.Duration // the pace of a rebalance
	pace    *pace
	board   *board
	control *wire.Conn
	conns   []*wire.Conn
	members []member
	cancels []context.CancelFunc
	ended   []chan struct{}
	failed  chan error
}

func newTeam(addr, group string, n int, topics []string, parts int32, r recruit) (*team, error) {
	t := &team{group: group, busy: r.pace, pace: newPace(r.pace), board: newBoard(), failed: make(chan error, n)}
	var err error
	if t.control, err = wire.Dial(addr); err != nil {
		return nil, err
	}
	for i := range n {
		c, err := wire.Dial(addr)
		if err != nil {
			t.close()
			return nil, err
		}
		t.conns = append(t.conns, c)
		t.members = append(t.members, r.new(c, t.pace, i, group, topics, parts))
	}
	return t, nil
}

// start lets all members join.
func (t *team) start(ctx context.Context) {
	for _, m := range t.members {
		own, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		t.cancels, t.ended = append(t.cancels, cancel), append(t.ended, ended)
		go func() {
			defer close(ended)
			if err := m.run(own, t.board); err != nil && own.Err() == nil {
				t.failed <- err
			}
		}()
	}
}

// await waits until the group is as wanted and checks that nothing is held twice.
func (t *team) await(ctx context.Context, met <-chan struct{}) error {
	select {
	case <-met:
		return t.board.verify()
	case err := <-t.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// halt ends a member's loop without a word to the broker.
func (t *team) halt(i int) {
	t.cancels[i]()
	t.conns[i].Close()
	<-t.ended[i]
}

// disband ends all members, lets them leave, and deletes the group.
func (t *team) disband() error {
	defer t.close()
	var errs []error
	for i := range t.cancels {
		t.halt(i)
	}
	for i := range t.cancels {
		if t.members[i] != nil {
			errs = append(errs, t.members[i].leave(t.control))
		}
	}
	return errors.Join(append(errs, deleteGroups(t.control, t.group))...)
}

func (t *team) close() {
	t.control.Close()
	for _, c := range t.conns {
		c.Close()
	}
}

// shares are what makes a group stable when it is whole, and without one member.
type shares struct{ whole, less share }

// rebalance measures a group from the first join until it is stable, and from when one member leaves
// until it is stable again.
func rebalance(r recruit, topics int, parts int32, s shares) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (v values, err error) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
		defer cancel()
		var names []string
		for i := range topics {
			names = append(names, fmt.Sprintf("rebalance-%d", i))
			if err := keepTopic(ctx, e.broker.Addr, names[i], parts); err != nil {
				return nil, err
			}
		}
		if err := findCoordinator(ctx, e.broker.Addr, e.topic); err != nil {
			return nil, err
		}
		t, err := newTeam(e.broker.Addr, e.topic, s.whole.members, names, parts, r)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, t.disband()) }()
		v = values{}
		err = e.timed(v, "join", func() error {
			met := t.board.expect(s.whole)
			t.start(ctx)
			return t.await(ctx, met)
		})
		if err != nil {
			return nil, err
		}
		t.pace.set(restingPace)
		sleepUntil(ctx, time.Now().Add(time.Second))
		return v, e.timed(v, "leave", func() error { return t.dismiss(ctx, s.less) })
	}
}

// dismiss lets the last member leave and waits until the others have what it held.
func (t *team) dismiss(ctx context.Context, less share) error {
	last := len(t.members) - 1
	t.halt(last)
	t.board.remove(last)
	met := t.board.expect(less)
	leaving := t.members[last]
	t.members[last] = nil
	if err := leaving.leave(t.control); err != nil {
		return err
	}
	t.pace.set(t.busy) // all members hear of it now
	return t.await(ctx, met)
}

// timed runs f and adds its seconds, and those of the broker's and of this process's CPU.
func (e *env) timed(v values, name string, f func() error) error {
	m, err := e.meter()
	if err != nil {
		return err
	}
	client := selfCPU()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	cpu, wall, err := m.stop()
	v[name+" s"], v[name+" CPU s"], v[name+" client CPU s"] = wall, cpu, (selfCPU() - client).Seconds()
	return err
}
