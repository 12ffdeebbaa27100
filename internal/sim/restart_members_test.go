package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinClassic adds a member to a classic group, and lets all join again.
func (w *workload) joinClassic() error {
	name := fmt.Sprint("classic-", w.rnd.IntN(3))
	g := w.m.group(name, "classic")
	if len(g.members) > 2 {
		return errNothing
	}
	w.ordinal++
	m := &memberModel{client: fmt.Sprint("client-", w.ordinal), metadata: subscription(w.text(20))}
	m.line = newSpeaker(w.dial, m.client)
	w.touched = "group " + name
	w.note("%s joins %s", m.client, name)
	rs, err := m.line.call(joinRequest(name, m))
	if err != nil {
		return err
	}
	m.id = rs.(*kmsg.JoinGroupResponse).MemberID
	g.members = append(g.members, m)
	return w.rebalance(name, g)
}

// subscription is what a member of a classic group of consumers says of itself.
func subscription(user string) []byte {
	m := kmsg.NewConsumerMemberMetadata()
	m.Topics, m.UserData = []string{membersTopic}, []byte(user)
	return m.AppendTo(nil)
}

func joinRequest(group string, m *memberModel) *kmsg.JoinGroupRequest {
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", m.metadata
	rq := kmsg.NewPtrJoinGroupRequest()
	rq.Version, rq.Group, rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis = 9, group, 300_000, 30_000
	rq.MemberID, rq.ProtocolType, rq.Protocols = m.id, "consumer", append(rq.Protocols, p)
	return rq
}

// rebalance lets all members of a classic group join, the last one first, and share out something.
func (w *workload) rebalance(name string, g *groupModel) error {
	answers := make([]*kmsg.JoinGroupResponse, len(g.members))
	failed := make(chan error, len(g.members))
	join := func(i int) {
		rs, err := ask[*kmsg.JoinGroupResponse](g.members[i].line, joinRequest(name, g.members[i]))
		answers[i] = rs
		failed <- err
	}
	last := len(g.members) - 1
	go join(last)
	if last > 0 {
		if err := w.awaitState(name, "PreparingRebalance"); err != nil {
			return err
		}
	}
	for i := range last {
		go join(i)
	}
	var err error
	for range g.members {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return fmt.Errorf("join %s: %w", name, err)
	}
	g.epoch = answers[0].Generation
	return w.share(name, g, answers)
}

// share gives every member of a classic group an assignment, the leader first.
func (w *workload) share(name string, g *groupModel, answers []*kmsg.JoinGroupResponse) error {
	var given []kmsg.SyncGroupRequestGroupAssignment
	for _, m := range g.members {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		m.assigned = []byte(w.text(15))
		a.MemberID, a.MemberAssignment = m.id, m.assigned
		given = append(given, a)
	}
	for _, leader := range []bool{true, false} {
		for i, m := range g.members {
			if (answers[i].LeaderID == m.id) != leader {
				continue
			}
			rq := kmsg.NewPtrSyncGroupRequest()
			rq.Version, rq.Group, rq.Generation, rq.MemberID, rq.ProtocolType, rq.Protocol = 5, name, answers[i].Generation, m.id, ref("consumer"), ref("range")
			if leader {
				rq.GroupAssignment = given
			}
			if _, err := ask[*kmsg.SyncGroupResponse](m.line, rq); err != nil {
				return fmt.Errorf("sync %s: %w", name, err)
			}
		}
	}
	return nil
}

// awaitState waits until a classic group is in a state.
func (w *workload) awaitState(name, state string) error {
	rq := kmsg.NewPtrDescribeGroupsRequest()
	rq.Version, rq.Groups = 5, []string{name}
	for deadline := time.Now().Add(patience); ; {
		rs, err := ask[*kmsg.DescribeGroupsResponse](w.s, rq)
		if err != nil {
			return fmt.Errorf("describe %s: %w", name, err)
		}
		if rs.Groups[0].State == state {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is %s, not %s", name, rs.Groups[0].State, state)
		}
	}
}

func (w *workload) leaveClassic() error {
	name, g, m, err := w.member("classic")
	if err != nil {
		return err
	}
	w.touched = "group " + name
	w.note("%s leaves %s", m.client, name)
	lm := kmsg.NewLeaveGroupRequestMember()
	lm.MemberID = m.id
	rq := kmsg.NewPtrLeaveGroupRequest()
	rq.Version, rq.Group, rq.Members = 5, name, append(rq.Members, lm)
	if _, err := ask[*kmsg.LeaveGroupResponse](w.s, rq); err != nil {
		return fmt.Errorf("leave %s: %w", name, err)
	}
	m.line.close()
	g.members = slices.DeleteFunc(g.members, func(o *memberModel) bool { return o == m })
	if len(g.members) == 0 {
		return nil
	}
	return w.rebalance(name, g)
}

// beat sends a member's heartbeat, by which it keeps, gets and gives up partitions.
func (w *workload) beat(name string, m *memberModel, epoch int32) (*kmsg.ConsumerGroupHeartbeatResponse, error) {
	rq := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	rq.Version, rq.Group, rq.MemberID, rq.MemberEpoch = 1, name, m.id, epoch
	if epoch == 0 {
		rq.RebalanceTimeoutMillis, rq.SubscribedTopicNames, rq.Topics = 30_000, []string{membersTopic}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	} else if epoch > 0 {
		t := kmsg.NewConsumerGroupHeartbeatRequestTopic()
		t.TopicID, t.Partitions = w.m.topics[membersTopic].id, m.owned[membersTopic]
		rq.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		if len(t.Partitions) > 0 {
			rq.Topics = append(rq.Topics, t)
		}
	}
	rs, err := ask[*kmsg.ConsumerGroupHeartbeatResponse](m.line, rq)
	if err != nil {
		return rs, fmt.Errorf("heartbeat of %s in %s at epoch %d: %w", m.id, name, epoch, err)
	}
	m.epoch = rs.MemberEpoch
	if rs.Assignment != nil {
		m.owned = map[string][]int32{}
		for _, t := range rs.Assignment.Topics {
			m.owned[membersTopic] = slices.Sorted(slices.Values(t.Partitions))
		}
	}
	return rs, nil
}

// settle sends heartbeats until a consumer group is at rest.
func (w *workload) settle(name string, g *groupModel) error {
	for range 200 {
		if len(g.members) == 0 {
			return nil
		}
		for _, m := range g.members {
			if _, err := w.beat(name, m, m.epoch); err != nil {
				return err
			}
		}
		rq := kmsg.NewPtrConsumerGroupDescribeRequest()
		rq.Version, rq.Groups = 1, []string{name}
		rs, err := ask[*kmsg.ConsumerGroupDescribeResponse](w.s, rq)
		if err != nil {
			return fmt.Errorf("describe %s: %w", name, err)
		}
		if d := rs.Groups[0]; d.State == "Stable" && len(d.Members) == len(g.members) {
			return nil
		}
	}
	return fmt.Errorf("%s doesn't come to rest", name)
}

func (w *workload) joinConsumer() error {
	name := fmt.Sprint("consumer-", w.rnd.IntN(3))
	g := w.m.group(name, "consumer")
	if len(g.members) > 2 {
		return errNothing
	}
	w.ordinal++
	m := &memberModel{id: fmt.Sprint("member-", w.ordinal), client: fmt.Sprint("client-", w.ordinal), owned: map[string][]int32{}}
	m.line = newSpeaker(w.dial, m.client)
	w.touched = "group " + name
	w.note("%s joins %s", m.id, name)
	if _, err := w.beat(name, m, 0); err != nil {
		return err
	}
	g.members = append(g.members, m)
	return w.settle(name, g)
}

func (w *workload) leaveConsumer() error {
	name, g, m, err := w.member("consumer")
	if err != nil {
		return err
	}
	w.touched = "group " + name
	w.note("%s leaves %s", m.id, name)
	if _, err := w.beat(name, m, -1); err != nil {
		return err
	}
	m.line.close()
	g.members = slices.DeleteFunc(g.members, func(o *memberModel) bool { return o == m })
	return w.settle(name, g)
}

// stillMembers sends a heartbeat of every member: none may have to join again.
func (w *workload) stillMembers() error {
	for _, name := range slices.Sorted(maps.Keys(w.m.groups)) {
		g := w.m.groups[name]
		for _, m := range g.members {
			if g.kind == "consumer" {
				before := m.epoch
				if _, err := w.beat(name, m, m.epoch); err != nil || m.epoch != before {
					return fmt.Errorf("after the restart, at epoch %d: %w", m.epoch, err)
				}
				continue
			}
			rq := kmsg.NewPtrHeartbeatRequest()
			rq.Version, rq.Group, rq.Generation, rq.MemberID = 4, name, g.epoch, m.id
			if _, err := ask[*kmsg.HeartbeatResponse](m.line, rq); err != nil {
				return fmt.Errorf("heartbeat of %s in %s after the restart: %w", m.client, name, err)
			}
		}
	}
	return nil
}
