package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// consumerMember is a member of a consumer group (KIP-848): the broker assigns, and everything goes
// through ConsumerGroupHeartbeat.
type consumerMember struct {
	c      *wire.Conn
	pace   *pace
	index  int
	group  string
	topics []string
	id     string // the member chooses it itself

	epoch int32
	held  []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic
}

var errReassigned = errors.New("the broker changed the member's assignment")

// run sends heartbeats. What is assigned is taken, and what no longer is is given up, at once; the
// next heartbeat says so and isn't waited for.
func (m *consumerMember) run(ctx context.Context, b *board) error {
	for changed := true; ctx.Err() == nil; {
		err := untilLoaded(ctx, func() error {
			var err error
			changed, err = m.heartbeat(changed)
			return err
		})
		if err != nil {
			return fmt.Errorf("member %d: %w", m.index, err)
		}
		b.report(m.index, m.holding())
		if !changed {
			m.pace.wait(ctx)
		}
	}
	return nil
}

// heartbeat sends one heartbeat, with what the member holds when that is news to the broker. It says
// whether the answer has an assignment.
func (m *consumerMember) heartbeat(tell bool) (assigned bool, err error) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.SetVersion(1)
	req.Group, req.MemberID, req.MemberEpoch = m.group, m.id, m.epoch
	if m.epoch == 0 {
		req.RebalanceTimeoutMillis = 60_000
		req.SubscribedTopicNames, req.ServerAssignor = m.topics, kmsg.StringPtr("uniform")
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	} else if tell {
		req.Topics = m.owned()
	}
	resp, err := m.c.Do(req)
	if err != nil {
		return false, err
	}
	answer := resp.(*kmsg.ConsumerGroupHeartbeatResponse)
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return false, err
	}
	m.epoch = answer.MemberEpoch
	if answer.Assignment == nil {
		return false, nil
	}
	m.held = answer.Assignment.Topics
	return true, nil
}

func (m *consumerMember) owned() []kmsg.ConsumerGroupHeartbeatRequestTopic {
	owned := []kmsg.ConsumerGroupHeartbeatRequestTopic{} // nil would mean unchanged
	for _, t := range m.held {
		o := kmsg.NewConsumerGroupHeartbeatRequestTopic()
		o.TopicID, o.Partitions = t.TopicID, t.Partitions
		owned = append(owned, o)
	}
	return owned
}

func (m *consumerMember) holding() holding {
	h := holding{epoch: m.epoch}
	for _, t := range m.held {
		for _, p := range t.Partitions {
			h.parts = append(h.parts, fmt.Sprintf("%x-%d", t.TopicID, p))
		}
	}
	return h
}

func (m *consumerMember) beat() error {
	assigned, err := m.heartbeat(false)
	if err == nil && assigned {
		return errReassigned
	}
	return err
}

func (m *consumerMember) leave(c *wire.Conn) error {
	if m.epoch == 0 {
		return nil
	}
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.SetVersion(1)
	req.Group, req.MemberID, req.MemberEpoch = m.group, m.id, -1
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(resp.(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode); err != nil {
		return fmt.Errorf("member %d leaves: %w", m.index, err)
	}
	return nil
}
