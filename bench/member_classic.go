package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// classicMember is a member of a classic group: JoinGroup, SyncGroup, Heartbeat. The leader assigns
// with one of kgo's balancers.
type classicMember struct {
	c        *wire.Conn
	pace     *pace
	index    int
	group    string
	topics   map[string]int32 // what it subscribes to, with the number of partitions
	balancer kgo.GroupBalancer

	id         string
	generation int32
	held       map[string][]int32
}

func (m *classicMember) run(ctx context.Context, b *board) error {
	for ctx.Err() == nil {
		assigned, err := m.rejoin(ctx)
		if errors.Is(err, kerr.RebalanceInProgress) {
			continue
		}
		if err != nil {
			return fmt.Errorf("member %d: %w", m.index, err)
		}
		lost := m.take(assigned)
		b.report(m.index, m.holding())
		if lost && m.balancer.IsCooperative() {
			continue // so that others get what it gave up
		}
		if err := m.stay(ctx); err != nil {
			return fmt.Errorf("member %d: %w", m.index, err)
		}
	}
	return nil
}

// rejoin goes through JoinGroup and SyncGroup once.
func (m *classicMember) rejoin(ctx context.Context) (assigned map[string][]int32, err error) {
	var joined *kmsg.JoinGroupResponse
	err = untilLoaded(ctx, func() error {
		joined, err = m.join()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	m.generation = joined.Generation
	req := kmsg.NewPtrSyncGroupRequest()
	req.SetVersion(5)
	req.Group, req.Generation, req.MemberID = m.group, m.generation, m.id
	req.ProtocolType, req.Protocol = joined.ProtocolType, joined.Protocol
	if joined.LeaderID == m.id && !joined.SkipAssignment {
		if req.GroupAssignment, err = m.assign(joined.Members); err != nil {
			return nil, fmt.Errorf("assign: %w", err)
		}
	}
	resp, err := m.c.Do(req)
	if err != nil {
		return nil, err
	}
	synced := resp.(*kmsg.SyncGroupResponse)
	if err := kerr.ErrorForCode(synced.ErrorCode); err != nil {
		return nil, fmt.Errorf("sync: %w", err)
	}
	return m.balancer.ParseSyncAssignment(synced.MemberAssignment)
}

// join sends JoinGroup, twice when the broker first gives the member an id.
func (m *classicMember) join() (*kmsg.JoinGroupResponse, error) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.SetVersion(9)
	req.Group, req.ProtocolType = m.group, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 45_000, 60_000
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name = m.balancer.ProtocolName()
	p.Metadata = m.balancer.JoinGroupMetadata(m.subscription(), m.held, m.generation)
	req.Protocols = append(req.Protocols, p)
	for {
		req.MemberID = m.id
		resp, err := m.c.Do(req)
		if err != nil {
			return nil, err
		}
		joined := resp.(*kmsg.JoinGroupResponse)
		err = kerr.ErrorForCode(joined.ErrorCode)
		if err == nil || errors.Is(err, kerr.MemberIDRequired) {
			m.id = joined.MemberID
		}
		if !errors.Is(err, kerr.MemberIDRequired) {
			return joined, err
		}
	}
}

func (m *classicMember) subscription() []string {
	var topics []string
	for t := range m.topics {
		topics = append(topics, t)
	}
	slices.Sort(topics)
	return topics
}

func (m *classicMember) assign(members []kmsg.JoinGroupResponseMember) ([]kmsg.SyncGroupRequestGroupAssignment, error) {
	b, _, err := m.balancer.MemberBalancer(members)
	if err != nil {
		return nil, err
	}
	plan, err := b.(kgo.GroupMemberBalancerOrError).BalanceOrError(m.topics)
	if err != nil {
		return nil, err
	}
	return plan.IntoSyncAssignment(), nil
}

// take makes what was assigned what the member holds, and says whether it lost something by it.
func (m *classicMember) take(assigned map[string][]int32) (lost bool) {
	for t, parts := range m.held {
		for _, p := range parts {
			lost = lost || !slices.Contains(assigned[t], p)
		}
	}
	m.held = assigned
	return lost
}

func (m *classicMember) holding() holding {
	h := holding{epoch: m.generation}
	for t, parts := range m.held {
		for _, p := range parts {
			h.parts = append(h.parts, fmt.Sprintf("%s-%d", t, p))
		}
	}
	return h
}

// stay sends heartbeats until the group rebalances or the context ends.
func (m *classicMember) stay(ctx context.Context) error {
	for {
		m.pace.wait(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := m.beat(); errors.Is(err, kerr.RebalanceInProgress) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (m *classicMember) beat() error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.SetVersion(4)
	req.Group, req.Generation, req.MemberID = m.group, m.generation, m.id
	resp, err := m.c.Do(req)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.(*kmsg.HeartbeatResponse).ErrorCode)
}

func (m *classicMember) leave(c *wire.Conn) error {
	if m.id == "" {
		return nil
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.SetVersion(5)
	req.Group = m.group
	lm := kmsg.NewLeaveGroupRequestMember()
	lm.MemberID = m.id
	req.Members = append(req.Members, lm)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	left := resp.(*kmsg.LeaveGroupResponse)
	if err := kerr.ErrorForCode(left.ErrorCode); err != nil {
		return err
	}
	for _, lm := range left.Members {
		if err := kerr.ErrorForCode(lm.ErrorCode); err != nil {
			return fmt.Errorf("member %d leaves: %w", m.index, err)
		}
	}
	return nil
}
