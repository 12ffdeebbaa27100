package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/travisjeffery/jocko/interop/wire"
)

// idleMembers is how many members, and partitions to share, an idle group has.
const idleMembers = 3

// crew is a share of the idle groups. Their first members are on its first connection, their second
// on its second, and so on: a JoinGroup holds its connection up until the other members have joined.
type crew struct {
	conns   []*wire.Conn
	members [][]member // by connection
}

func newCrew(addr string) (*crew, error) {
	cr := &crew{members: make([][]member, idleMembers)}
	for range idleMembers {
		c, err := wire.Dial(addr)
		if err != nil {
			cr.close()
			return nil, err
		}
		cr.conns = append(cr.conns, c)
	}
	return cr, nil
}

func (cr *crew) close() {
	for _, c := range cr.conns {
		c.Close()
	}
}

// form brings a group together and ends its members' loops once it is stable.
func (cr *crew) form(ctx context.Context, group, topic string, r recruit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, p := newBoard(), newPace(r.pace)
	met := b.expect(share{idleMembers, idleMembers, 1})
	errs := make(chan error, idleMembers)
	for i, c := range cr.conns {
		m := r.new(c, p, i, group, []string{topic}, idleMembers)
		cr.members[i] = append(cr.members[i], m)
		go func() { errs <- m.run(ctx, b) }()
	}
	var err error
	ended := 0
	select {
	case <-met:
	case err = <-errs:
		ended = 1
		cr.close() // the others may wait for this member
	case <-ctx.Done():
		cr.close()
	}
	cancel()
	for range idleMembers - ended {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return fmt.Errorf("group %s: %w", group, err)
	}
	return b.verify()
}

// keepAlive sends the heartbeats of the members of each connection, evenly over the interval, until
// the context ends.
func (cr *crew) keepAlive(ctx context.Context, interval time.Duration) error {
	errs := make(chan error)
	for _, members := range cr.members {
		go func() { errs <- beatInTurn(ctx, members, interval/time.Duration(len(members))) }()
	}
	var err error
	for range cr.members {
		err = errors.Join(err, <-errs)
	}
	return err
}

func beatInTurn(ctx context.Context, members []member, every time.Duration) error {
	due := time.Now().Add(rand.N(every)) // not at once with the other connections
	for i := 0; ; i++ {
		due = due.Add(every)
		sleepUntil(ctx, due)
		if ctx.Err() != nil {
			return nil
		}
		if err := members[i%len(members)].beat(); err != nil {
			return fmt.Errorf("heartbeat of an idle member: %w", err)
		}
	}
}

// idleGroups measures what many groups cost whose members do nothing but send heartbeats. Their
// 3,000 members share 120 connections, so that the client costs little and connections, which F17
// measures, nothing.
func idleGroups(groups int, r recruit, interval time.Duration) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		const crews = 40
		b, err := startOwn(ctx, e)
		if err != nil {
			return nil, err
		}
		defer b.Kill()
		if err := wire.CreateTopic(ctx, b.Addr, e.topic, idleMembers, nil); err != nil {
			return nil, err
		}
		if err := findCoordinator(ctx, b.Addr, e.topic); err != nil {
			return nil, err
		}
		began := time.Now()
		all, err := formCrews(ctx, b.Addr, e.topic, crews, groups/crews, r)
		defer func() {
			for _, cr := range all {
				cr.close()
			}
		}()
		if err != nil {
			return nil, err
		}
		formed := time.Since(began)
		length := 60 * time.Second
		if e.short {
			length /= 3
		}
		v, err := idleWith(ctx, all, interval, func(ctx context.Context) (values, error) {
			return idle(ctx, b, length/2, length)
		})
		if err != nil {
			return nil, err
		}
		v["form s"] = formed.Seconds()
		return v, nil
	}
}

// formCrews makes the crews, and lets them form their groups at the same time.
func formCrews(ctx context.Context, addr, topic string, n, groups int, r recruit) ([]*crew, error) {
	var all []*crew
	for range n {
		cr, err := newCrew(addr)
		if err != nil {
			return all, err
		}
		all = append(all, cr)
	}
	errs := make(chan error)
	for i, cr := range all {
		go func() {
			var err error
			for g := 0; g < groups && err == nil; g++ {
				err = cr.form(ctx, fmt.Sprintf("idle-%d-%d", i, g), topic, r)
			}
			errs <- err
		}()
	}
	var err error
	for range all {
		err = errors.Join(err, <-errs)
	}
	return all, err
}

// idleWith calls f while all members send heartbeats. The first error of either ends both.
func idleWith(ctx context.Context, all []*crew, interval time.Duration, f func(context.Context) (values, error)) (values, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error)
	for _, cr := range all {
		go func() {
			err := cr.keepAlive(ctx, interval)
			if err != nil {
				cancel()
			}
			errs <- err
		}()
	}
	client := selfCPU()
	began := time.Now()
	v, err := f(ctx)
	if err == nil {
		v["client CPU %"] = (selfCPU() - client).Seconds() / time.Since(began).Seconds() * 100
	}
	cancel()
	for range all {
		err = errors.Join(err, <-errs)
	}
	return v, err
}
