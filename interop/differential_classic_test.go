//go:build differential

package interop

import (
	"bytes"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// classicScenes are those of groups whose members assign partitions themselves.
var classicScenes = []scene{
	{"life", classicLife},
	{"first-join", classicFirstJoin},
	{"strangers", classicStrangers},
	{"stale-generations", classicStaleGenerations},
	{"two-members", classicTwoMembers},
	{"rejoins", classicRejoins},
	{"silent", classicSilent},
	{"expired", classicExpired},
	{"protocols", classicProtocols},
	{"timeouts", classicTimeouts},
	{"enormous", classicEnormous},
	{"full", classicFull},
	{"sync-states", classicSyncStates},
	{"static", classicStatic},
	{"static-fenced", classicStaticFenced},
	{"static-leaves", classicStaticLeaves},
	{"batch-leave", classicBatchLeave},
}

func classicLife(p *player) {
	group := p.own("g")
	m := p.newMember(group)
	m.join()
	p.tell(p.describing(group))
	m.syncAll()
	m.beat()
	p.tell(m.committing("alpha", 0, 10))
	p.tell(m.committing("alpha", 2, 12))
	p.tell(p.offsets(group, true, "alpha"))
	p.tell(p.describing(group))
	m.leave()
	p.readBack(group)
	p.tell(p.listing(nil, nil))
	p.tell(p.deleting(group))
	p.readBack(group)
}

// classicFirstJoin joins an empty group at the versions before and after member ids were required.
func classicFirstJoin(p *player) {
	for i := range 5 {
		m := p.newMember(p.own(fmt.Sprint("g", i)))
		req := m.joining()
		req.RebalanceTimeoutMillis = 5_000
		at(p, req, int16(2*i), int16(2*i+1))
		if req.Version >= 8 {
			req.Reason = kmsg.StringPtr("because")
		}
		resp := m.joined(ask[*kmsg.JoinGroupResponse](p, req))
		if resp.ErrorCode == 79 {
			req.MemberID = m.id
			m.joined(ask[*kmsg.JoinGroupResponse](p, req))
		}
		m.syncAll()
		p.tell(p.describing(m.group))
		m.leave()
	}
}

// classicStrangers speaks for members that don't exist, and of groups that don't.
func classicStrangers(p *player) {
	m := p.newMember(p.own("g"))
	m.stable()
	for _, id := range []string{"", "nobody", m.id + "x", string(bytes.Repeat([]byte("y"), 3000))} {
		for _, group := range []string{m.group, p.own("none"), ""} {
			other := *m
			other.id, other.group = id, group
			switch p.rnd.IntN(6) {
			case 0:
				if id != "" {
					p.tell(other.joining())
				}
			case 1:
				p.tell(other.syncing(map[string][]byte{id: {1}}))
			case 2:
				other.leave()
			case 3:
				p.tell(other.committing("alpha", 0, 1))
			default:
				other.beat()
			}
		}
	}
	m.beat()
	p.readBack(m.group)
}

func classicStaleGenerations(p *player) {
	m := p.newMember(p.own("g"))
	m.stable()
	for _, generation := range []int32{0, -1, -2, m.generation + 1, m.generation - 1, 1<<31 - 1} {
		other := *m
		other.generation = generation
		other.beat()
		p.tell(other.committing("alpha", 1, int64(generation)&0xff))
		p.tell(other.syncing(nil))
	}
	m.instance = kmsg.StringPtr("not-static")
	m.beat()
	p.tell(m.committing("alpha", 1, 9))
	m.instance = nil
	p.readBack(m.group)
	m.leave()
	m.beat()
}

// classicTwoMembers lets a second member join, and leave.
func classicTwoMembers(p *player) {
	a, b := p.newMember(p.own("g")), p.newMember(p.own("g"))
	a.stable()
	joinB := b.beginJoin()
	a.beatUntilRebalance()
	p.tell(p.describing(a.group))
	p.tell(a.committing("alpha", 0, 7))
	p.tell(a.syncing(nil))
	a.join()
	b.joined(end[*kmsg.JoinGroupResponse](joinB))
	p.tell(a.committing("alpha", 0, 8))
	a.beat()
	syncB := p.begin(b.syncing(nil))
	p.tell(a.syncing(map[string][]byte{a.id: assignment("alpha", 0, 1), b.id: assignment("alpha", 2)}))
	end[*kmsg.SyncGroupResponse](syncB)
	a.beat()
	b.beat()
	p.tell(p.describing(a.group))
	p.tell(b.committing("alpha", 2, 9))
	p.tell(p.deleting(a.group))
	oneOf(p, a, b).leave()
	p.tell(p.describing(a.group))
	a.beat()
	b.beat()
	p.readBack(a.group)
}

// classicRejoins lets the only member join again, with the same and with other metadata.
func classicRejoins(p *player) {
	m := p.newMember(p.own("g"))
	m.stable()
	m.join()
	m.beat()
	m.syncAll()
	m.protocols = protocolsOf(subscription("alpha", "beta"), "range")
	m.join()
	p.tell(m.syncing(map[string][]byte{m.id: assignment("beta", 0), "nobody": assignment("alpha", 0)}))
	p.tell(m.syncing(nil))
	m.join()
	m.join()
	p.readBack(m.group)
	m.leave()
	m.id = ""
	m.join()
	p.readBack(m.group)
}

// classicSilent lets a member miss a rebalance.
func classicSilent(p *player) {
	a, b := p.newMember(p.own("g")), p.newMember(p.own("g"))
	a.rebalance, b.rebalance = 400, 400
	a.stable()
	b.joined(end[*kmsg.JoinGroupResponse](b.beginJoin()))
	a.beat()
	p.tell(a.committing("alpha", 0, 3))
	p.tell(b.syncing(map[string][]byte{b.id: assignment("alpha", 0)}))
	b.beat()
	p.readBack(a.group)
}

// classicExpired lets a member's session end.
func classicExpired(p *player) {
	m := p.newMember(p.own("g"))
	m.session, m.rebalance = 150, 5_000
	m.stable()
	until(p, p.describing(m.group), func(r *kmsg.DescribeGroupsResponse) bool { return r.Groups[0].State == "Empty" })
	m.beat()
	p.tell(m.committing("alpha", 0, 3))
	p.tell(m.joining())
	p.readBack(m.group)
}

func classicProtocols(p *player) {
	a := p.newMember(p.own("g"))
	a.stable()
	for _, names := range [][]string{{"sticky"}, {}, {""}, {"sticky", "range"}} {
		b := p.newMember(a.group)
		b.protocols = protocolsOf(subscription("alpha"), names...)
		req := b.joining()
		if p.rnd.IntN(3) == 0 {
			req.ProtocolType = oneOf(p, "connect", "", "Consumer")
		}
		if len(names) < 2 || req.ProtocolType != "consumer" {
			p.tell(req)
		}
	}
	sync := a.syncing(nil)
	sync.ProtocolType = oneOf(p, nil, kmsg.StringPtr("connect"), kmsg.StringPtr(""))
	p.tell(at(p, sync, 5, 5))
	sync = a.syncing(nil)
	sync.Protocol = oneOf(p, nil, kmsg.StringPtr("roundrobin"), kmsg.StringPtr(""))
	p.tell(at(p, sync, 5, 5))
	for _, kind := range []string{"", "connect"} {
		c := p.newMember(p.own("of-" + kind))
		req := c.joining()
		req.ProtocolType = kind
		if c.joined(ask[*kmsg.JoinGroupResponse](p, req)).ErrorCode != 79 {
			p.tell(p.describing(c.group))
		}
	}
	p.tell(p.commitOf(p.own("simple"), "alpha", 0, 4))
	p.tell(p.listing(nil, nil))
	a.beat()
}

// classicTimeouts joins with session and rebalance time-outs that are too small, too large or none.
func classicTimeouts(p *player) {
	for i, ms := range []int32{0, -1, 99, 100, 1_800_000, 1_800_001, -1 << 31, 1<<31 - 1} {
		m := p.newMember(p.own(fmt.Sprint("g", i)))
		m.session = ms
		if i%2 == 0 {
			m.rebalance = oneOf[int32](p, 0, -1, 1<<31-1, 10)
		}
		resp := ask[*kmsg.JoinGroupResponse](p, m.joining())
		// A group is described once its first record is committed, which no id that is asked for waits for;
		// and a member may be gone by now that has little time.
		if resp.ErrorCode != 79 && i != 3 && m.rebalance >= 8_000 {
			p.tell(p.describing(m.group))
		}
	}
}

// classicEnormous has metadata and assignments up to and above what a group's record may hold.
func classicEnormous(p *player) {
	size := oneOf(p, 1000, 300_000, 500_000)
	m := p.newMember(p.own("g"))
	m.protocols = protocolsOf(bytes.Repeat([]byte{7}, size), "range")
	m.join()
	p.tell(m.syncing(map[string][]byte{m.id: bytes.Repeat([]byte{9}, oneOf(p, 1000, 400_000))}))
	m.beat()
	p.tell(p.describing(m.group))
	m.join()
	p.tell(m.syncing(map[string][]byte{m.id: bytes.Repeat([]byte{9}, 1_100_000)}))
	m.beat()
	p.tell(p.describing(m.group))
	var names []string
	for i := range 2000 {
		names = append(names, fmt.Sprintf("protocol-%d", i))
	}
	many := p.newMember(p.own("many"))
	many.protocols = protocolsOf([]byte("meta"), names...)
	many.stable()
	p.tell(p.describing(many.group))
}

// classicFull goes beyond group.max.size.
func classicFull(p *player) {
	first := p.newMember(p.own("g"))
	first.rebalance = 5_000
	first.stable()
	var waiting []*pending
	var members []*classicMember
	for range 3 {
		m := p.newMember(first.group)
		waiting = append(waiting, m.beginJoin())
		members = append(members, m)
		until(p, p.describing(first.group), func(r *kmsg.DescribeGroupsResponse) bool {
			return len(r.Groups[0].Members) == len(members)+1
		})
	}
	first.join()
	for i, w := range waiting {
		members[i].joined(end[*kmsg.JoinGroupResponse](w))
	}
	fifth := p.newMember(first.group)
	fifth.join()
	p.tell(p.describing(first.group))
	fifth.beat()
}

// classicSyncStates asks for everything between a join and its sync.
func classicSyncStates(p *player) {
	m := p.newMember(p.own("g"))
	p.tell(m.syncing(nil))
	m.join()
	m.beat()
	p.tell(m.committing("alpha", 0, 1))
	p.tell(p.commitOf(m.group, "alpha", 0, 1))
	p.tell(p.deleting(m.group))
	p.tell(p.offsetDeleting(m.group, "alpha", 0, 1))
	p.readBack(m.group)
	p.tell(m.syncing(nil))
	p.readBack(m.group)
	m.join()
	m.leave()
	p.tell(m.syncing(nil))
	p.readBack(m.group)
}
