//go:build differential

package interop

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// classicStatic replaces a static member by one with the same instance id (KIP-345).
func classicStatic(p *player) {
	group := p.own("g")
	a := p.newStatic(group, "one")
	a.stable()
	a.beat()
	p.tell(p.describing(group))
	again := p.newStatic(group, "one")
	if p.rnd.IntN(2) == 0 {
		again.protocols = protocolsOf(subscription("beta"), "range") // this rebalances
	}
	again.join()
	again.beat()
	p.tell(p.describing(group))
	again.syncAll()
	again.beat()
	a.beat()
	p.tell(a.committing("alpha", 0, 1))
	p.tell(a.syncing(nil))
	p.tell(again.committing("alpha", 0, 2))
	p.readBack(group)
	a.leave()
	again.leave()
	p.readBack(group)
}

// classicStaticFenced uses instance ids with the ids of other members.
func classicStaticFenced(p *player) {
	group := p.own("g")
	a := p.newStatic(group, "one")
	a.stable()
	for _, wrong := range []struct {
		id       string
		instance *string
	}{
		{"nobody", a.instance},
		{a.id, kmsg.StringPtr("two")},
		{a.id, kmsg.StringPtr("")},
		{"", a.instance},
		{a.id, nil},
	} {
		m := *a
		m.id, m.instance = wrong.id, wrong.instance
		m.beat()
		p.tell(m.committing("alpha", 0, 5))
		p.tell(m.syncing(nil))
		if wrong.id != "" {
			m.rebalance = 300
			if m.instance != nil && p.rnd.IntN(2) == 0 {
				p.tell(m.joining())
			} else {
				m.leave()
			}
		}
	}
	a.beat()
	p.readBack(group)
}

// classicStaticLeaves lets static members leave by instance id alone, as an administrator does.
func classicStaticLeaves(p *player) {
	group := p.own("g")
	a := p.newStatic(group, "one")
	a.stable()
	byInstance := func(id string, instance *string) {
		m := *a
		m.id, m.instance = id, instance
		p.tell(at(p, m.leaving(), 3, 5))
	}
	byInstance("", kmsg.StringPtr("two"))
	byInstance("nobody", kmsg.StringPtr("one"))
	byInstance(a.id, kmsg.StringPtr("two"))
	p.readBack(group)
	byInstance("", kmsg.StringPtr("one"))
	p.readBack(group)
	a.beat()
	byInstance("", kmsg.StringPtr("one"))
	b := p.newStatic(group, "one")
	b.stable()
	p.readBack(group)
}

// classicBatchLeave names several members in one LeaveGroup, and the same one twice.
func classicBatchLeave(p *player) {
	group := p.own("g")
	a := p.newStatic(group, "one")
	a.stable()
	b := p.newStatic(group, "two")
	joinB := b.beginJoin()
	a.beatUntilRebalance()
	a.join()
	b.joined(end[*kmsg.JoinGroupResponse](joinB))
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	for _, m := range []struct {
		id       string
		instance *string
	}{{"", a.instance}, {"nobody", nil}, {a.id, nil}, {"", kmsg.StringPtr("three")}, {b.id, b.instance}} {
		one := kmsg.NewLeaveGroupRequestMember()
		one.MemberID, one.InstanceID, one.Reason = m.id, m.instance, kmsg.StringPtr("batch")
		req.Members = append(req.Members, one)
	}
	p.tell(at(p, req, 3, 5))
	p.readBack(group)
	for _, name := range []string{group, p.own("none")} {
		nobody := kmsg.NewPtrLeaveGroupRequest()
		nobody.Group = name
		p.tell(at(p, nobody, 3, 5))
	}
}
