//go:build differential

package interop

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupScenes are those of administrators: they find, list, describe, configure and delete groups.
var groupScenes = []scene{
	{"find", groupFind},
	{"list", groupList},
	{"describe", groupDescribe},
	{"delete", groupDelete},
	{"configs", groupConfigs},
	{"config-effect", groupConfigEffect},
}

func groupFind(p *player) {
	names := []string{p.own("g"), "", "a b", strings.Repeat("n", 300), "t:1:0", "AAAAAAAAAAAAAAAAAAAAAQ:x:0"}
	for _, kind := range []int8{0, 1, 0, 1, 2, 3, -1} {
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.CoordinatorKey, req.CoordinatorType = oneOf(p, names...), kind
		for range p.rnd.IntN(4) {
			req.CoordinatorKeys = append(req.CoordinatorKeys, oneOf(p, names...))
		}
		if kind == 2 && p.rnd.IntN(2) == 0 {
			req.CoordinatorKeys = []string{p.own("g") + ":AAAAAAAAAAAAAAAAAAAAAQ"}
		}
		p.tell(anyVersion(p, req))
	}
}

// groupList lists groups in several states and of both types by every filter.
func groupList(p *player) {
	m := p.newMember(p.own("stable"))
	m.stable()
	p.newMember(p.own("joining")).join()
	p.tell(p.commitOf(p.own("simple"), "alpha", 0, 1))
	c := p.newConsumer(p.own("consumer"))
	c.join("alpha")
	gone := p.newConsumer(p.own("consumer-empty"))
	gone.join("beta")
	gone.leave(-1)
	for _, states := range [][]string{nil, {"Stable"}, {"Empty", "CompletingRebalance"}, {"stable"}, {"EMPTY"}, {"nonsense"}, {""}, {"Assigning", "Reconciling"}, {"Dead", "PreparingRebalance"}} {
		types := oneOf(p, nil, []string{"classic"}, []string{"consumer"}, []string{"Consumer", "CLASSIC"}, []string{"share"}, []string{"nonsense"}, []string{""})
		p.tell(p.listing(states, types))
	}
	p.tell(at(p, p.listing(nil, []string{"consumer"}), 5, 5))
	p.tell(at(p, p.listing(nil, []string{"classic"}), 5, 5))
}

func groupDescribe(p *player) {
	m := p.newMember(p.own("stable"))
	m.stable()
	p.tell(p.commitOf(p.own("simple"), "alpha", 0, 1))
	c := p.newConsumer(p.own("consumer"))
	c.join("alpha")
	names := []string{m.group, p.own("simple"), c.group, p.own("none"), ""}
	req := p.describing(names...)
	req.IncludeAuthorizedOperations = true
	p.tell(req)
	p.tell(p.describing(names...))
	p.tell(p.describing(m.group, m.group))
	p.tell(p.describing())
	p.tell(p.consumerDescribing(names...))
	with := p.consumerDescribing(c.group, c.group)
	with.IncludeAuthorizedOperations = true
	p.tell(with)
	p.tell(p.consumerDescribing())
}

func groupDelete(p *player) {
	m := p.newMember(p.own("stable"))
	m.stable()
	c := p.newConsumer(p.own("consumer"))
	c.join("alpha")
	simple := p.own("simple")
	p.tell(p.commitOf(simple, "alpha", 0, 1))
	p.tell(p.deleting(m.group, c.group, p.own("none"), "", simple))
	p.readBack(simple)
	p.readBack(m.group)
	p.tell(p.deleting())
	p.tell(p.deleting(simple, simple))
	m.leave()
	c.leave(-1)
	p.tell(p.deleting(m.group, c.group, m.group))
	p.readBack(m.group)
	p.tell(p.consumerDescribing(c.group))
	p.tell(p.listing(nil, nil))
}

// groupResource is the type of config resource that a group is.
const groupResource = kmsg.ConfigResourceType(32)

func (p *player) setting(group, name string, value *string, op kmsg.IncrementalAlterConfigOp) *kmsg.IncrementalAlterConfigsRequest {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = groupResource, group
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value, c.Op = name, value, op
	r.Configs = append(r.Configs, c)
	req.Resources = append(req.Resources, r)
	return anyVersion(p, req)
}

// settings reads a group's configs that the tests set; all of them, with the versions' synonyms, when
// none is named.
func (p *player) settings(group string, names ...string) *kmsg.DescribeConfigsRequest {
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = groupResource, group, names
	req.Resources = append(req.Resources, r)
	req.IncludeSynonyms = p.rnd.IntN(2) == 0
	return anyVersion(p, req)
}

func groupConfigs(p *player) {
	group := p.own("g")
	keys := []string{"consumer.session.timeout.ms", "consumer.heartbeat.interval.ms", "consumer.assignment.interval.ms", "share.session.timeout.ms", "unknown.key", "", "retention.ms"}
	values := []string{"50000", "5000", "1", "0", "-1", "abc", "", "60001", "299", "15001"}
	p.tell(p.settings(group))
	for range 10 {
		op := oneOf(p, kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpSet,
			kmsg.IncrementalAlterConfigOpDelete, kmsg.IncrementalAlterConfigOpAppend)
		req := p.setting(oneOf(p, group, group, group, ""), oneOf(p, keys[:3]...), kmsg.StringPtr(oneOf(p, values...)), op)
		if p.rnd.IntN(4) == 0 {
			req.Resources[0].Configs[0].Name = oneOf(p, keys...)
		}
		req.ValidateOnly = p.rnd.IntN(5) == 0
		p.tell(req)
		p.settled(group)
	}
	p.tell(p.setting(group, keys[0], nil, kmsg.IncrementalAlterConfigOpSet))
	p.tell(p.settings("", keys[0]))
	p.tell(p.settings(group, "unknown.key", keys[1]))
}

// settled reads a group's configs some time after they were changed: a broker learns them from its
// controller.
func (p *player) settled(group string) {
	pause(100 * time.Millisecond)
	p.tell(p.settings(group))
}

// shortSession gives a member's group the shortest session that it may have, with a heartbeat interval
// below it, and heartbeats until the member hears of it.
func (c *consumer) shortSession() {
	set := kmsg.IncrementalAlterConfigOpSet
	req := c.p.setting(c.group, "consumer.session.timeout.ms", kmsg.StringPtr("300"), set)
	interval := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	interval.Name, interval.Value, interval.Op = "consumer.heartbeat.interval.ms", kmsg.StringPtr("100"), set
	req.Resources[0].Configs = append(req.Resources[0].Configs, interval)
	c.p.tell(req)
	until(c.p, c.beating(), func(r *kmsg.ConsumerGroupHeartbeatResponse) bool { return r.HeartbeatIntervalMillis == 100 })
}

// groupConfigEffect changes a consumer group's heartbeat interval, which its members hear of.
func groupConfigEffect(p *player) {
	c := p.newConsumer(p.own("g"))
	c.join("alpha")
	p.tell(p.setting(c.group, "consumer.heartbeat.interval.ms", kmsg.StringPtr("777"), kmsg.IncrementalAlterConfigOpSet))
	until(p, c.beating(), func(r *kmsg.ConsumerGroupHeartbeatResponse) bool { return r.HeartbeatIntervalMillis == 777 })
	p.tell(p.setting(c.group, "consumer.heartbeat.interval.ms", nil, kmsg.IncrementalAlterConfigOpDelete))
	until(p, c.beating(), func(r *kmsg.ConsumerGroupHeartbeatResponse) bool { return r.HeartbeatIntervalMillis != 777 })
	c.shortSession()
	until(p, p.consumerDescribing(c.group), func(r *kmsg.ConsumerGroupDescribeResponse) bool {
		return len(r.Groups) == 1 && len(r.Groups[0].Members) == 0
	})
	c.beat()
}
