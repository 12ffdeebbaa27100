package group

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// Commands of classic groups. A client is called by its name; the member ids it
// gets are that name and a number.
//
//	join GROUP client=a [member=a-1] [instance=i] [version=9] [type=consumer] [protocols=range:x,sticky:y]
//	     [session=10s] [rebalance=30s] [reason=why]
//	sync GROUP member=a-1 generation=1 [instance=i] [type=] [protocol=] [assign=a-1:x,b-2:y]
//	heartbeat GROUP member=a-1 generation=1 [instance=i]
//	leave GROUP a-1 [a-1/i] [/i]
//	describe GROUP
//	list [states=Stable,Empty] [types=classic]
//	metrics
//
// Where a protocol's metadata is a word in brackets, range:[a+b], it is a
// ConsumerProtocolSubscription to those topics; a number, range:1000, is so many
// bytes.
func init() {
	commands["join"] = (*rig).join
	commands["sync"] = (*rig).sync
	commands["heartbeat"] = func(r *rig, c command) string {
		rq := &protocol.HeartbeatRequest{
			GroupId: c.arg(1), MemberId: r.id(c.opt["member"]), GenerationId: int32(c.num("generation", 0)), GroupInstanceId: c.null("instance"),
		}
		return r.later(func() string { return c.opt["member"] + ": " + errorName(r.c.Heartbeat(context.Background(), rq)) })
	}
	commands["leave"] = (*rig).leave
	commands["describe"] = (*rig).describe
	commands["list"] = (*rig).list
	commands["metrics"] = func(r *rig, c command) string { return r.metrics() }
	printers[2] = func(k, v protocol.Record) string {
		value, _ := v.(*protocol.GroupMetadataValue)
		return printGroup(k.(*protocol.GroupMetadataKey).Group, value)
	}
	states = append(states, showClassic)
	checks = append(checks, func(r *rig, m *Machine) string {
		for id, generation := range r.done {
			g, ok := m.groups[id].(*classicGroup)
			if !ok || g.generation < generation {
				return fmt.Sprintf("the assignment of generation %d of group %s was answered and is lost", generation, id)
			}
		}
		return ""
	})
}

// bytesOf is the metadata that a word of a script stands for.
func bytesOf(word string) []byte {
	var n int
	if topics, ok := strings.CutPrefix(word, "["); ok {
		s := &protocol.ConsumerProtocolSubscription{Topics: strings.Split(strings.TrimSuffix(topics, "]"), "+")}
		e := protocol.NewEncoder()
		e.Int16(3)
		s.Encode(e, 3)
		return slices.Clone(e.Bytes())
	}
	if _, err := fmt.Sscanf(word, "%d", &n); err == nil {
		return make([]byte, n)
	}
	return []byte(word)
}

// shown is what a script says of some bytes.
func shown(b []byte) string {
	var s protocol.ConsumerProtocolSubscription
	switch {
	case len(b) == 0:
		return "-"
	case b[0] == 0 && readSubscription(b, &s) == nil && len(s.Topics) > 0:
		return "[" + strings.Join(s.Topics, "+") + "]"
	case len(b) > 30, !utf8.Valid(b) || strings.ContainsFunc(string(b), unicode.IsControl):
		return fmt.Sprintf("%d bytes", len(b))
	}
	return string(b)
}

func (r *rig) join(c command) string {
	rq := &protocol.JoinGroupRequest{
		GroupId: c.arg(1), MemberId: r.id(c.opt["member"]), GroupInstanceId: c.null("instance"),
		SessionTimeoutMs: c.millis("session", "10s"), RebalanceTimeoutMs: c.millis("rebalance", "30s"), Reason: c.null("reason"),
		ProtocolType: "consumer",
	}
	if typ, ok := c.opt["type"]; ok {
		rq.ProtocolType = typ
	}
	protocols, ok := c.opt["protocols"]
	if !ok {
		protocols = "range:x"
	}
	for _, p := range strings.Split(protocols, ",") {
		if name, data, _ := strings.Cut(p, ":"); name != "" {
			rq.Protocols = append(rq.Protocols, protocol.JoinGroupRequestProtocol{Name: name, Metadata: bytesOf(data)})
		}
	}
	cl := Client{ID: c.opt["client"], Host: "/127.0.0.1", Version: int16(c.num("version", 9))}
	return r.later(func() string { return printJoin(cl.ID, r.c.JoinGroup(context.Background(), cl, rq)) })
}

func printJoin(client string, a *protocol.JoinGroupResponse) string {
	out := fmt.Sprintf("%s: join %s", client, codeName(a.ErrorCode))
	if a.MemberId != "" {
		out += " member=" + a.MemberId
	}
	if a.ErrorCode != 0 && a.GenerationId < 0 {
		return out
	}
	out += fmt.Sprintf(" generation=%d %s/%s leader=%s", a.GenerationId, orNull(a.ProtocolType), orNull(a.ProtocolName), a.Leader)
	if a.SkipAssignment {
		out += " skip-assignment"
	}
	for _, m := range a.Members {
		out += " " + m.MemberId + ":" + shown(m.Metadata)
	}
	return out
}

func (r *rig) sync(c command) string {
	rq := &protocol.SyncGroupRequest{
		GroupId: c.arg(1), MemberId: r.id(c.opt["member"]), GenerationId: int32(c.num("generation", 0)), GroupInstanceId: c.null("instance"),
		ProtocolType: c.null("type"), ProtocolName: c.null("protocol"),
	}
	for _, w := range strings.Split(c.opt["assign"], ",") {
		if member, data, ok := strings.Cut(w, ":"); ok {
			rq.Assignments = append(rq.Assignments, protocol.SyncGroupRequestAssignment{MemberId: r.id(member), Assignment: bytesOf(data)})
		}
	}
	return r.later(func() string {
		a := r.c.SyncGroup(context.Background(), rq)
		out := fmt.Sprintf("%s: sync %s", c.opt["member"], codeName(a.ErrorCode))
		if a.ErrorCode != 0 {
			return out
		}
		r.mu.Lock()
		r.done[rq.GroupId] = max(r.done[rq.GroupId], rq.GenerationId)
		r.mu.Unlock()
		return fmt.Sprintf("%s %s/%s %s", out, orNull(a.ProtocolType), orNull(a.ProtocolName), shown(a.Assignment))
	})
}

func (r *rig) leave(c command) string {
	var who []protocol.LeaveGroupRequestMemberIdentity
	for _, w := range c.words[2:] {
		member, instance, ok := strings.Cut(w, "/")
		id := protocol.LeaveGroupRequestMemberIdentity{MemberId: r.id(member)}
		if ok {
			id.GroupInstanceId = &instance
		}
		who = append(who, id)
	}
	return r.later(func() string {
		members, err := r.c.LeaveGroup(context.Background(), c.arg(1), who)
		out := "leave " + errorName(err)
		for _, m := range members {
			out += fmt.Sprintf(" %s/%s:%s", m.MemberId, orNull(m.GroupInstanceId), codeName(m.ErrorCode))
		}
		return out
	})
}

func (r *rig) describe(c command) string {
	return r.later(func() string {
		d, err := r.c.DescribeGroup(context.Background(), c.arg(1))
		out := fmt.Sprintf("describe %s %s state=%s type=%s data=%s", d.GroupId, errorName(err), d.GroupState, d.ProtocolType, d.ProtocolData)
		if text, ok := protocol.TextOf(err); ok {
			out += " " + text
		}
		for _, m := range d.Members {
			out += fmt.Sprintf("\n  %s/%s client=%s host=%s says=%s has=%s", m.MemberId, orNull(m.GroupInstanceId), m.ClientId, m.ClientHost, shown(m.MemberMetadata), shown(m.MemberAssignment))
		}
		return out
	})
}

func (r *rig) list(c command) string {
	split := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, ",")
	}
	return r.later(func() string {
		groups, err := r.c.List(context.Background(), split(c.opt["states"]), split(c.opt["types"]))
		out := "list " + errorName(err)
		for _, g := range groups {
			out += fmt.Sprintf(" %s/%s/%s/%s", g.ID, g.ProtocolType, g.State, g.Kind)
		}
		return out
	})
}

func printGroup(group string, v *protocol.GroupMetadataValue) string {
	if v == nil {
		return group + " tombstone"
	}
	out := fmt.Sprintf("%s generation=%d type=%s protocol=%s leader=%s", group, v.Generation, v.ProtocolType, orNull(v.Protocol), orNull(v.Leader))
	for _, m := range v.Members {
		out += fmt.Sprintf(" %s/%s:%s:%s", m.MemberId, orNull(m.GroupInstanceId), shown(m.Subscription), shown(m.Assignment))
	}
	return out
}

// showClassic prints a classic group, beside its deadlines.
func showClassic(m *Machine, id string) []string {
	g, ok := m.groups[id].(*classicGroup)
	if !ok {
		return nil
	}
	topics := "unknown"
	if g.topics != nil {
		var names []string
		for t := range g.topics {
			names = append(names, t)
		}
		slices.Sort(names)
		topics = "[" + strings.Join(names, "+") + "]"
	}
	out := []string{fmt.Sprintf("%s %s generation=%d type=%s protocol=%s leader=%s topics=%s pending=%d",
		id, g.status, g.generation, g.typ, orNull(g.protocol), g.leader, topics, len(g.pending))}
	for _, mb := range g.order {
		line := fmt.Sprintf("  %s/%s says=%s has=%s", mb.id, orNull(mb.instance), saying(mb), shown(mb.assignment))
		if mb.join != nil {
			line += " joining"
		}
		if mb.sync != nil {
			line += " syncing"
		}
		out = append(out, line)
	}
	return out
}

func saying(mb *classicMember) string {
	var out []string
	for _, p := range mb.protocols {
		out = append(out, p.Name+":"+shown(p.Metadata))
	}
	return strings.Join(out, ",")
}

// metrics prints what the coordinator counts and isn't zero.
func (r *rig) metrics() string {
	families, err := r.gather.Gather()
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			v := m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if v == 0 || !strings.HasPrefix(f.GetName(), "jocko_group") {
				continue
			}
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out = append(out, fmt.Sprintf("%s %g", name, v))
		}
	}
	return strings.Join(out, "\n")
}
