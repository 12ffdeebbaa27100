package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaderEpochs asks where each leader epoch that batches bear ended.
func (o *observer) leaderEpochs() error {
	highest := int32(0)
	for _, tp := range o.tps {
		highest = max(highest, o.parts[tp].epoch)
	}
	for epoch := max(0, highest-8); epoch <= highest+1; epoch++ {
		rq := kmsg.NewPtrOffsetForLeaderEpochRequest()
		rq.Version, rq.ReplicaID = 4, -1
		for _, tp := range o.tps {
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition, p.LeaderEpoch = tp.index, epoch
			t := kmsg.NewOffsetForLeaderEpochRequestTopic()
			t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
			rq.Topics = append(rq.Topics, t)
		}
		if len(rq.Topics) == 0 {
			return nil
		}
		rs, err := ask[*kmsg.OffsetForLeaderEpochResponse](o.s, rq)
		if err != nil {
			return fmt.Errorf("offset for leader epoch: %w", err)
		}
		for _, t := range rs.Topics {
			for _, p := range t.Partitions {
				o.d.lines[fmt.Sprintf("log %s-%d epoch %d", t.Topic, p.Partition, epoch)] = fmt.Sprintf("%d ends at %d", p.LeaderEpoch, p.EndOffset)
			}
		}
	}
	return nil
}

// expectEpochs adds what the answers about leader epochs must be, for the epochs that were asked for.
func (d *dump) expectEpochs(seen *dump, leaders map[partition]int32) {
	for tp, l := range d.logs {
		epochs := led(l.epochs, leaders[tp], l.end)
		for name := range seen.lines {
			var asked int32
			if n, _ := fmt.Sscanf(name, fmt.Sprintf("log %v epoch %%d", tp), &asked); n == 1 {
				epoch, end := endOf(epochs, asked, l.end)
				d.lines[name] = fmt.Sprintf("%d ends at %d", epoch, end)
			}
		}
	}
}

// activeProducers asks each partition for the producers it remembers.
func (o *observer) activeProducers() error {
	rq := kmsg.NewPtrDescribeProducersRequest()
	for _, tp := range o.tps {
		t := kmsg.NewDescribeProducersRequestTopic()
		t.Topic, t.Partitions = tp.topic, append(t.Partitions, tp.index)
		rq.Topics = append(rq.Topics, t)
	}
	if len(rq.Topics) == 0 {
		return nil
	}
	rs, err := ask[*kmsg.DescribeProducersResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("describe producers: %w", err)
	}
	for _, t := range rs.Topics {
		for _, p := range t.Partitions {
			tp := partition{t.Topic, p.Partition}
			for _, a := range p.ActiveProducers {
				if a.CurrentTxnStartOffset >= 0 {
					o.d.lines[fmt.Sprintf("log %v open %d", tp, a.ProducerID)] = fmt.Sprint("from ", a.CurrentTxnStartOffset)
				}
				if a.LastTimestamp < time.Now().UnixMilli()-producerMemory {
					continue // may be forgotten when the log is opened
				}
				o.d.extra[fmt.Sprintf("log %v producer %d", tp, a.ProducerID)] = fmt.Sprintf("epoch %d seq %d at %d coordinator %d", a.ProducerEpoch, a.LastSequence, a.LastTimestamp, a.CoordinatorEpoch)
			}
		}
	}
	return nil
}

// dirs asks where replicas lie.
func (o *observer) dirs() error {
	rq := kmsg.NewPtrDescribeLogDirsRequest()
	rq.Version = 4
	rs, err := ask[*kmsg.DescribeLogDirsResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("describe log dirs: %w", err)
	}
	for _, dir := range rs.Dirs {
		for _, t := range dir.Topics {
			for _, p := range t.Partitions {
				tp := partition{t.Topic, p.Partition}
				if o.parts[tp] == nil {
					continue
				}
				name := fmt.Sprintf("log %v dir", tp)
				if p.IsFuture {
					name += " to be"
				}
				if other, twice := o.d.lines[name]; twice {
					o.problem("%s is %s and %s", name, other, dir.Dir)
				}
				o.d.lines[name] = dir.Dir
			}
		}
	}
	return nil
}

// groups takes all groups, their members and offsets.
func (o *observer) groups() error {
	list := kmsg.NewPtrListGroupsRequest()
	list.Version = 5
	rs, err := ask[*kmsg.ListGroupsResponse](o.s, list)
	if err != nil {
		return fmt.Errorf("list groups: %w", err)
	}
	var classic, consumer []string
	for _, g := range rs.Groups {
		if g.GroupType == "consumer" {
			consumer = append(consumer, g.Group)
		} else {
			classic = append(classic, g.Group)
		}
		o.ids[g.Group] = g.GroupType == "consumer"
	}
	if err := o.classicGroups(classic); err != nil {
		return err
	}
	if err := o.consumerGroups(consumer); err != nil {
		return err
	}
	if err := o.offsets(false); err != nil {
		return err
	}
	return o.offsets(true)
}

func (o *observer) classicGroups(names []string) error {
	if len(names) == 0 {
		return nil
	}
	rq := kmsg.NewPtrDescribeGroupsRequest()
	rq.Version, rq.Groups = 5, names
	rs, err := ask[*kmsg.DescribeGroupsResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("describe groups: %w", err)
	}
	for _, g := range rs.Groups {
		if len(g.Members) == 0 {
			continue
		}
		o.d.lines["group "+g.Group] = fmt.Sprintf("classic %s, %d members", g.State, len(g.Members))
		o.d.extra["group "+g.Group] = fmt.Sprint(g.ProtocolType, " ", g.Protocol)
		for _, m := range g.Members {
			o.d.lines[fmt.Sprintf("group %s member %s", g.Group, m.MemberID)] = fmt.Sprintf("client %s metadata %s assigned %s", m.ClientID, brief(m.ProtocolMetadata), brief(m.MemberAssignment))
		}
	}
	return nil
}

func (o *observer) consumerGroups(names []string) error {
	if len(names) == 0 {
		return nil
	}
	rq := kmsg.NewPtrConsumerGroupDescribeRequest()
	rq.Version, rq.Groups = 1, names
	rs, err := ask[*kmsg.ConsumerGroupDescribeResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("describe consumer groups: %w", err)
	}
	for _, g := range rs.Groups {
		if len(g.Members) == 0 {
			continue
		}
		o.d.lines["group "+g.Group] = fmt.Sprintf("consumer %s, %d members", g.State, len(g.Members))
		o.d.extra["group "+g.Group] = fmt.Sprint(g.Epoch, g.AssignmentEpoch, g.AssignorName)
		for _, m := range g.Members {
			owned := map[string][]int32{}
			for _, t := range m.Assignment.TopicPartitions {
				owned[t.Topic] = slices.Sorted(slices.Values(t.Partitions))
			}
			name := fmt.Sprintf("group %s member %s", g.Group, m.MemberID)
			o.d.lines[name] = fmt.Sprintf("client %s epoch %d owns %v", m.ClientID, m.MemberEpoch, owned)
			o.d.extra[name] = fmt.Sprint(m.SubscribedTopics, m.TargetAssignment, m.MemberType)
		}
	}
	return nil
}

// offsets fetches all committed offsets of all groups; or, if stable ones are asked for, those of every partition there is,
// and notes which of them open transactions are about to change.
func (o *observer) offsets(stable bool) error {
	if len(o.ids) == 0 {
		return nil
	}
	rq := kmsg.NewPtrOffsetFetchRequest()
	rq.Version, rq.RequireStable = 8, stable
	for _, name := range slices.Sorted(maps.Keys(o.ids)) {
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = name
		if stable {
			for _, tp := range o.tps {
				t := kmsg.NewOffsetFetchRequestGroupTopic()
				t.Topic, t.Partitions = tp.topic, append(t.Partitions, tp.index)
				g.Topics = append(g.Topics, t)
			}
		}
		rq.Groups = append(rq.Groups, g)
	}
	rs, err := ask[*kmsg.OffsetFetchResponse](o.s, rq)
	if rs == nil {
		return fmt.Errorf("offset fetch: %w", err)
	}
	for _, g := range rs.Groups {
		if g.ErrorCode != 0 {
			return fmt.Errorf("offset fetch of %s: %w", g.Group, err)
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				o.offset(g.Group, partition{t.Topic, p.Partition}, p, stable)
			}
		}
	}
	return nil
}

func (o *observer) offset(group string, tp partition, p kmsg.OffsetFetchResponseGroupTopicPartition, stable bool) {
	name := fmt.Sprintf("group %s offset %v", group, tp)
	c := committed{offset: p.Offset, leaderEpoch: p.LeaderEpoch}
	if p.Metadata != nil {
		c.metadata = *p.Metadata
	}
	switch {
	case p.ErrorCode == unstableCode:
		o.d.lines[fmt.Sprintf("group %s unstable %v", group, tp)] = "pending"
	case p.ErrorCode != 0:
		o.problem("%s: code %d", name, p.ErrorCode)
	case !stable:
		o.d.lines[name] = c.String()
	case p.Offset >= 0 && o.d.lines[name] != c.String():
		o.problem("%s: %v with stable offsets asked for", name, c)
	}
}
