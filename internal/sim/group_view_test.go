package sim

import (
	"fmt"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// groupView is a group as the coordinator describes it.
type groupView struct {
	state   string
	epoch   int32 // -1: a classic group, which tells none
	members []groupMemberView
}

func (v groupView) restless(members int) string {
	if v.state != "Stable" || len(v.members) != members {
		return fmt.Sprintf("is %s with %d of %d members", v.state, len(v.members), members)
	}
	owned := map[int32]int{}
	for _, m := range v.members {
		if v.epoch >= 0 && m.epoch != v.epoch {
			return fmt.Sprintf("is at epoch %d and has a member at %d", v.epoch, m.epoch)
		}
		for _, p := range m.partitions {
			owned[p]++
		}
	}
	for p := range int32(groupPartitions) {
		if owned[p] != 1 {
			return fmt.Sprintf("has %d members with partition %d: %v", owned[p], p, v.members)
		}
	}
	return ""
}

func (c *client) describeGroup(g *groupRun) (groupView, error) {
	if g.kind == consumerGroup {
		return c.describeConsumer(g.name)
	}
	return c.describeClassic(g.name)
}

func (c *client) describeClassic(group string) (groupView, error) {
	var rs protocol.DescribeGroupsResponse
	if err := c.call(&protocol.DescribeGroupsRequest{Groups: []string{group}}, 5, &rs); err != nil {
		return groupView{}, err
	}
	g := rs.Groups[0]
	v := groupView{state: g.GroupState, epoch: -1}
	for _, m := range g.Members {
		v.members = append(v.members, groupMemberView{id: m.MemberId, partitions: classicAssignment(m.MemberAssignment)})
	}
	return v, code(g.ErrorCode)
}

func (c *client) describeConsumer(group string) (groupView, error) {
	var rs protocol.ConsumerGroupDescribeResponse
	if err := c.call(&protocol.ConsumerGroupDescribeRequest{GroupIds: []string{group}}, 0, &rs); err != nil {
		return groupView{}, err
	}
	g := rs.Groups[0]
	v := groupView{state: g.GroupState, epoch: g.GroupEpoch}
	for _, m := range g.Members {
		w := groupMemberView{id: m.MemberId, epoch: m.MemberEpoch}
		for _, t := range m.Assignment.TopicPartitions {
			w.partitions = append(w.partitions, t.Partitions...)
		}
		v.members = append(v.members, w)
	}
	return v, code(g.ErrorCode)
}

// described judges a whole answer of ConsumerGroupDescribe, or of DescribeGroups when epoch is below 0: of each member what
// it has and its epoch.
func (g *groupTrace) described(group string, epoch int32, members []groupMemberView) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.groups[group]
	if h == nil {
		return
	}
	owners := map[int32]string{}
	for _, m := range members {
		if epoch >= 0 && m.epoch > epoch {
			g.report(h, malformed, "member %s has epoch %d in group epoch %d", short(m.id), m.epoch, epoch)
		}
		for _, p := range m.partitions {
			if other := owners[p]; other != "" {
				g.report(h, twoOwners, "partition %d in one description: %s and %s", p, short(other), short(m.id))
			}
			owners[p] = m.id
		}
	}
}

// groupMemberView is a member in a description.
type groupMemberView struct {
	id         string
	epoch      int32
	partitions []int32
}
