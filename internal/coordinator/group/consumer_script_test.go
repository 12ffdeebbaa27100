package group

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Commands of consumer groups:
//
//	topic NAME PARTITIONS    a topic is created, or gets more partitions
//	delete-topic NAME
//	group-config GROUP KEY=VALUE
//	hb GROUP member=a epoch=0 [topics=x,y] [regex=x.*] [owned=x:0,1;y:0] [rebalance=30s] [instance=i] [rack=r]
//	     [assignor=range] [version=1] [full]
//	describe-consumer GROUP
//	check-commit GROUP member=a epoch=1 [partition=x:0] [version=9]
//	old-metadata GROUP       the record that Kafka wrote before 4.1
//
// full stands for a rebalance timeout of 30s and nothing owned.
func init() {
	commands["topic"] = (*rig).topic
	commands["delete-topic"] = func(r *rig, c command) string {
		r.apply(&protocol.RemoveTopicRecord{TopicId: topicID(c.arg(1))})
		return ""
	}
	commands["group-config"] = func(r *rig, c command) string {
		for k, v := range c.opt {
			r.apply(&protocol.ConfigRecord{ResourceType: metadata.GroupResource, ResourceName: c.arg(1), Name: k, Value: &v})
		}
		return ""
	}
	commands["hb"] = (*rig).hb
	commands["describe-consumer"] = (*rig).describeConsumer
	commands["check-commit"] = (*rig).checkCommit
	commands["old-metadata"] = (*rig).oldMetadata
	printers[3] = func(k, v protocol.Record) string {
		id := k.(*protocol.ConsumerGroupMetadataKey).GroupId
		if v == nil {
			return id + " epoch none"
		}
		return fmt.Sprintf("%s epoch %d", id, v.(*protocol.ConsumerGroupMetadataValue).Epoch)
	}
	printers[4] = func(k, v protocol.Record) string {
		return fmt.Sprintf("%s old metadata %t", k.(*protocol.ConsumerGroupPartitionMetadataKey).GroupId, v != nil)
	}
	printers[5] = printMember
	printers[6] = func(k, v protocol.Record) string {
		id := k.(*protocol.ConsumerGroupTargetAssignmentMetadataKey).GroupId
		if v == nil {
			return id + " target epoch none"
		}
		out := fmt.Sprintf("%s target epoch %d", id, v.(*protocol.ConsumerGroupTargetAssignmentMetadataValue).AssignmentEpoch)
		if v.(*protocol.ConsumerGroupTargetAssignmentMetadataValue).AssignmentTimestamp == 0 {
			out += " of no time"
		}
		return out
	}
	printers[7] = printTarget
	printers[8] = printCurrent
	printers[16] = func(k, v protocol.Record) string {
		key := k.(*protocol.ConsumerGroupRegularExpressionKey)
		if v == nil {
			return fmt.Sprintf("%s regex %s none", key.GroupId, key.RegularExpression)
		}
		return fmt.Sprintf("%s regex %s matches %s", key.GroupId, key.RegularExpression, strings.Join(v.(*protocol.ConsumerGroupRegularExpressionValue).Topics, ","))
	}
	states = append(states, showConsumer)
	checks = append(checks, checkEpochs, checkOwners)
}

// topicID is an id that says its topic's name.
func topicID(name string) (id protocol.UUID) {
	copy(id[:], name)
	return id
}

func topicName(id protocol.UUID) string { return strings.TrimRight(string(id[:]), "\x00") }

func (r *rig) topic(c command) string {
	name := c.arg(1)
	n, err := strconv.Atoi(c.arg(2))
	if err != nil {
		r.t.Fatal(err)
	}
	var records []metadata.Record
	have := 0
	if t := r.img.Load().Topic(name); t != nil {
		have = len(t.Partitions)
	} else {
		records = append(records, &protocol.TopicRecord{Name: name, TopicId: topicID(name)})
	}
	for p := have; p < n; p++ {
		records = append(records, &protocol.PartitionRecord{TopicId: topicID(name), PartitionId: int32(p), Replicas: []int32{1}, Isr: []int32{1}, Leader: 1})
	}
	r.apply(records...)
	return ""
}

func (r *rig) hb(c command) string {
	rq := protocol.NewConsumerGroupHeartbeatRequest()
	rq.GroupId, rq.MemberId, rq.MemberEpoch = c.arg(1), c.opt["member"], int32(c.num("epoch", 0))
	rq.InstanceId, rq.RackId, rq.ServerAssignor, rq.SubscribedTopicRegex = c.null("instance"), c.null("rack"), c.null("assignor"), c.null("regex")
	rq.RebalanceTimeoutMs = -1
	if slices.Contains(c.words, "full") {
		rq.RebalanceTimeoutMs, rq.TopicPartitions = 30_000, []protocol.ConsumerGroupHeartbeatRequestTopicPartitions{}
	}
	if c.opt["rebalance"] != "" {
		rq.RebalanceTimeoutMs = c.millis("rebalance", "")
	}
	if names, ok := c.opt["topics"]; ok {
		rq.SubscribedTopicNames = strings.FieldsFunc(names, func(c rune) bool { return c == ',' })
		if rq.SubscribedTopicNames == nil {
			rq.SubscribedTopicNames = []string{}
		}
	}
	if owned, ok := c.opt["owned"]; ok {
		rq.TopicPartitions = parseOwned(owned)
	}
	cl := Client{ID: "client", Host: "/127.0.0.1", Version: int16(c.num("version", 1))}
	return r.later(func() string { return r.sayHeartbeat(rq, r.c.ConsumerGroupHeartbeat(context.Background(), cl, rq)) })
}

func parseOwned(s string) []protocol.ConsumerGroupHeartbeatRequestTopicPartitions {
	out := []protocol.ConsumerGroupHeartbeatRequestTopicPartitions{}
	for tp := range strings.SplitSeq(s, ";") {
		name, indexes, _ := strings.Cut(tp, ":")
		t := protocol.ConsumerGroupHeartbeatRequestTopicPartitions{TopicId: topicID(name)}
		for i := range strings.SplitSeq(indexes, ",") {
			if n, err := strconv.Atoi(i); err == nil {
				t.Partitions = append(t.Partitions, int32(n))
			}
		}
		if len(t.Partitions) > 0 {
			out = append(out, t)
		}
	}
	return out
}

func (r *rig) sayHeartbeat(rq *protocol.ConsumerGroupHeartbeatRequest, resp *protocol.ConsumerGroupHeartbeatResponse) string {
	if resp.ErrorCode != 0 {
		return strings.TrimSpace(fmt.Sprintf("%s: %s %s", rq.MemberId, codeName(resp.ErrorCode), orEmpty(resp.ErrorMessage)))
	}
	key := rq.GroupId + "/" + *resp.MemberId
	r.mu.Lock()
	r.epochs[key] = resp.MemberEpoch
	if resp.MemberEpoch < 0 {
		delete(r.epochs, key)
	}
	r.mu.Unlock()
	out := fmt.Sprintf("%s: epoch %d", *resp.MemberId, resp.MemberEpoch)
	if resp.MemberEpoch >= 0 && resp.HeartbeatIntervalMs != 5000 {
		out += fmt.Sprintf(", heartbeats each %v", time.Duration(resp.HeartbeatIntervalMs)*time.Millisecond)
	}
	if resp.Assignment == nil {
		return out
	}
	a := make(assignment)
	for _, tp := range resp.Assignment.TopicPartitions {
		a[tp.TopicId] = tp.Partitions
	}
	return out + ", has " + printAssignment(a)
}

func printAssignment(a assignment) string {
	var out []string
	for _, id := range sortedTopics(a) {
		out = append(out, topicName(id)+":"+strings.Trim(strings.ReplaceAll(fmt.Sprint(a[id]), " ", ","), "[]"))
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ";")
}

// printOwned prints an epoch behind the partitions that have it.
func printOwned(o owned) string {
	var out []string
	for _, id := range sortedTopics(o) {
		var ps []string
		for i, p := range o[id] {
			s := strconv.Itoa(int(p.index))
			if i == len(o[id])-1 || o[id][i+1].epoch != p.epoch {
				s += fmt.Sprintf("@%d", p.epoch)
			}
			ps = append(ps, s)
		}
		out = append(out, topicName(id)+":"+strings.Join(ps, ","))
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ";")
}

func printMember(k, v protocol.Record) string {
	key := k.(*protocol.ConsumerGroupMemberMetadataKey)
	if v == nil {
		return fmt.Sprintf("%s member %s none", key.GroupId, key.MemberId)
	}
	m := v.(*protocol.ConsumerGroupMemberMetadataValue)
	out := fmt.Sprintf("%s member %s topics=%s", key.GroupId, key.MemberId, strings.Join(m.SubscribedTopicNames, ","))
	for _, f := range []struct {
		name  string
		value *string
	}{{"regex", m.SubscribedTopicRegex}, {"instance", m.InstanceId}, {"rack", m.RackId}, {"assignor", m.ServerAssignor}} {
		if orEmpty(f.value) != "" {
			out += " " + f.name + "=" + *f.value
		}
	}
	if m.ClassicMemberMetadata != nil {
		out += fmt.Sprintf(" classic session=%d", m.ClassicMemberMetadata.SessionTimeoutMs)
		for _, p := range m.ClassicMemberMetadata.SupportedProtocols {
			out += " " + p.Name
		}
	}
	return out
}

func printTarget(k, v protocol.Record) string {
	key := k.(*protocol.ConsumerGroupTargetAssignmentMemberKey)
	if v == nil {
		return fmt.Sprintf("%s target %s none", key.GroupId, key.MemberId)
	}
	a := make(assignment)
	for _, tp := range v.(*protocol.ConsumerGroupTargetAssignmentMemberValue).TopicPartitions {
		a[tp.TopicId] = tp.Partitions
	}
	return fmt.Sprintf("%s target %s %s", key.GroupId, key.MemberId, printAssignment(a))
}

func printCurrent(k, v protocol.Record) string {
	key := k.(*protocol.ConsumerGroupCurrentMemberAssignmentKey)
	if v == nil {
		return fmt.Sprintf("%s current %s none", key.GroupId, key.MemberId)
	}
	c := v.(*protocol.ConsumerGroupCurrentMemberAssignmentValue)
	m := &consumerMember{epoch: c.MemberEpoch, previous: c.PreviousMemberEpoch, state: memberState(c.State)}
	m.assigned, m.revoking = ownedOf(c.AssignedPartitions, c.MemberEpoch), ownedOf(c.PartitionsPendingRevocation, c.MemberEpoch)
	return fmt.Sprintf("%s current %s %s", key.GroupId, key.MemberId, showCurrent(m))
}

func showCurrent(m *consumerMember) string {
	out := fmt.Sprintf("epoch %d<-%d %v has %s", m.epoch, m.previous, m.state, printOwned(m.assigned))
	if len(m.revoking) > 0 {
		out += " revokes " + printOwned(m.revoking)
	}
	return out
}

func showConsumer(m *Machine, id string) []string {
	g, ok := m.groups[id].(*consumerGroup)
	if !ok {
		return nil
	}
	lines := []string{fmt.Sprintf("%s consumer %s epoch=%d target=%d", id, g.state(), g.epoch, g.assignmentEpoch)}
	for _, expr := range slices.Sorted(maps.Keys(g.resolved)) {
		lines = append(lines, fmt.Sprintf("  regex %s matches %s", expr, strings.Join(g.resolved[expr].topics, ",")))
	}
	for _, mid := range slices.Sorted(maps.Keys(g.members)) {
		mb := g.members[mid]
		lines = append(lines, fmt.Sprintf("  %s %s, to have %s", mid, showCurrent(mb), printAssignment(g.target[mid])))
	}
	return lines
}

func (r *rig) describeConsumer(c command) string {
	d := r.c.ConsumerGroupDescribe(context.Background(), c.arg(1))
	if d.ErrorCode != 0 {
		return codeName(d.ErrorCode) + " " + orEmpty(d.ErrorMessage)
	}
	lines := []string{fmt.Sprintf("%s %s epoch=%d target=%d assignor=%s", d.GroupId, d.GroupState, d.GroupEpoch, d.AssignmentEpoch, d.AssignorName)}
	for _, m := range d.Members {
		lines = append(lines, fmt.Sprintf("  %s type=%d epoch=%d client=%s%s instance=%s rack=%s topics=%s regex=%q has %s, to have %s", m.MemberId, m.MemberType,
			m.MemberEpoch, m.ClientId, m.ClientHost, orNull(m.InstanceId), orNull(m.RackId), strings.Join(m.SubscribedTopicNames, ","), orNull(m.SubscribedTopicRegex),
			describedAssignment(m.Assignment), describedAssignment(m.TargetAssignment)))
	}
	return strings.Join(lines, "\n")
}

func describedAssignment(d protocol.ConsumerGroupDescribeResponseAssignment) string {
	a := make(assignment)
	for _, tp := range d.TopicPartitions {
		a[topicID(tp.TopicName)] = tp.Partitions
	}
	return printAssignment(a)
}

func (r *rig) checkCommit(c command) string {
	topic, index, _ := strings.Cut(c.opt["partition"], ":")
	n, _ := strconv.Atoi(index)
	v, err := view(context.Background(), r.c, c.arg(1), func(m *Machine) (string, error) {
		g, err := m.group(c.arg(1))
		if err != nil {
			return "", err
		}
		check, err := g.checkCommit(committer{member: r.id(c.opt["member"]), instance: c.null("instance"), epoch: int32(c.num("epoch", -1)), apiVersion: int16(c.num("version", 9))})
		if err == nil && check != nil {
			err = check(topicID(topic), topic, int32(n))
		}
		return "ok", err
	})
	if err != nil {
		return err.Error()
	}
	return v
}

// oldMetadata lets the next coordinator find an older version's log.
func (r *rig) oldMetadata(c command) string {
	_, err := view(context.Background(), r.c, c.arg(1), func(m *Machine) (bool, error) {
		m.replayConsumer(&protocol.ConsumerGroupPartitionMetadataKey{GroupId: c.arg(1)}, &protocol.ConsumerGroupPartitionMetadataValue{})
		m.groups[c.arg(1)].(*consumerGroup).seen = nil
		return true, nil
	})
	return errorName(err)
}

// checkEpochs: a member's epoch isn't below what it was told.
func checkEpochs(r *rig, m *Machine) string {
	for key, epoch := range r.epochs {
		group, member, _ := strings.Cut(key, "/")
		g, ok := m.groups[group].(*consumerGroup)
		if !ok || g.members[member] == nil || g.members[member].epoch == leaveStaticEpoch {
			continue
		}
		if now := g.members[member].epoch; now < epoch {
			return fmt.Sprintf("member %s was told epoch %d and is at %d", key, epoch, now)
		}
	}
	return ""
}

// checkOwners: no partition has two owners, and what is counted is what the
// members make.
func checkOwners(_ *rig, m *Machine) string {
	for id, g := range m.groups {
		g, ok := g.(*consumerGroup)
		if !ok {
			continue
		}
		owner := make(map[protocol.UUID]map[int32]string)
		for mid, mb := range g.members {
			for _, o := range []owned{mb.assigned, mb.revoking} {
				for topic, ps := range o {
					for _, p := range ps {
						if owner[topic] == nil {
							owner[topic] = make(map[int32]string)
						}
						if other, taken := owner[topic][p.index]; taken {
							return fmt.Sprintf("%s-%d of group %s has two owners: %s, %s", topicName(topic), p.index, id, other, mid)
						}
						owner[topic][p.index] = mid
						if g.holders.free(topic, p.index) {
							return fmt.Sprintf("%s-%d of group %s counts as free and is %s's", topicName(topic), p.index, id, mid)
						}
					}
				}
			}
		}
		for topic, counts := range g.holders {
			for i, n := range counts {
				if _, taken := owner[topic][int32(i)]; n != 0 && !taken {
					return fmt.Sprintf("%s-%d of group %s counts as taken and is nobody's", topicName(topic), i, id)
				}
			}
		}
	}
	return ""
}
