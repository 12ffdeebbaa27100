package group

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeGroup describes a classic group. One that isn't there, or is of
// another kind, is dead, and GROUP_ID_NOT_FOUND for those who can be told
// (KIP-1043).
func (c *Coordinator) DescribeGroup(ctx context.Context, id string) (protocol.DescribeGroupsResponseDescribedGroup, error) {
	out, err := view(ctx, c, id, func(m *Machine) (protocol.DescribeGroupsResponseDescribedGroup, error) {
		g, err := m.group(id)
		if err != nil {
			return protocol.DescribeGroupsResponseDescribedGroup{}, err
		}
		classic, ok := g.(*classicGroup)
		if !ok {
			return protocol.DescribeGroupsResponseDescribedGroup{}, protocol.Refuse(protocol.ErrGroupIdNotFound, "Group "+id+" is not a classic group.")
		}
		return classic.describe(), nil
	})
	out.GroupId = id
	if errors.Is(err, protocol.ErrGroupIdNotFound) {
		out.GroupState = "Dead"
	}
	return out, err
}

// describe says what members say and have once the group is stable.
func (g *classicGroup) describe() protocol.DescribeGroupsResponseDescribedGroup {
	d := protocol.DescribeGroupsResponseDescribedGroup{
		GroupState: string(g.status), ProtocolType: g.typ,
		Members: make([]protocol.DescribeGroupsResponseDescribedGroupMember, 0, len(g.order)),
	}
	stable := g.status == classicStable && g.protocol != nil
	if stable {
		d.ProtocolData = *g.protocol
	}
	for _, mb := range g.order {
		out := protocol.DescribeGroupsResponseDescribedGroupMember{
			MemberId: mb.id, GroupInstanceId: mb.instance, ClientId: mb.clientID, ClientHost: mb.host, MemberAssignment: mb.assignment,
		}
		if stable {
			out.MemberMetadata = mb.metadata(*g.protocol)
		}
		d.Members = append(d.Members, out)
	}
	return d
}

// Listed is a group in a list.
type Listed struct {
	ID           string
	ProtocolType string
	State        string
	Kind         string
}

// List lists the groups of all shards that are in one of the states and of one
// of the kinds; none stands for all. Upper and lower case are the same. A shard
// that isn't loaded fails the whole list: COORDINATOR_LOAD_IN_PROGRESS.
func (c *Coordinator) List(ctx context.Context, states, kinds []string) ([]Listed, error) {
	in := func(list []string, s string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(strings.TrimSpace(l), s) })
	}
	if err := c.Started(); err != nil {
		return nil, err
	}
	var out []Listed
	for _, sh := range c.Shards() {
		groups, err := coordinator.Read(ctx, sh, func() (found []Listed) {
			for id, g := range sh.Machine().(*Machine).groups {
				if in(states, g.state()) && in(kinds, string(g.kind())) {
					found = append(found, Listed{id, g.protocolType(), g.state(), string(g.kind())})
				}
			}
			return found
		})
		if errors.Is(err, protocol.ErrNotCoordinator) {
			continue // led by another broker now, which lists them
		}
		if err != nil {
			return nil, err
		}
		out = append(out, groups...)
	}
	slices.SortFunc(out, func(a, b Listed) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}
