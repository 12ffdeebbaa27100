package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

// groupDescription is one group of `group describe --format json`.
type groupDescription struct {
	Group           string           `json:"group"`
	Type            string           `json:"type"` // classic or consumer
	State           string           `json:"state"`
	Coordinator     int32            `json:"coordinator"`
	ProtocolType    string           `json:"protocol_type"`
	Assignor        string           `json:"assignor"`
	Epoch           *int32           `json:"epoch"`            // null: not a consumer group
	AssignmentEpoch *int32           `json:"assignment_epoch"` // of the target; null: not a consumer group
	Members         []groupMember    `json:"members"`
	Partitions      []groupPartition `json:"partitions"`
}

type groupMember struct {
	Member     string            `json:"member"`
	Instance   *string           `json:"instance"` // group.instance.id; null: not a static member
	Client     string            `json:"client"`
	Host       string            `json:"host"`
	Protocol   string            `json:"protocol"` // classic or consumer: in a consumer group there may be both
	Epoch      *int32            `json:"epoch"`    // null: not in a consumer group
	Topics     []string          `json:"topics"`   // subscribed
	TopicRegex *string           `json:"topic_regex"`
	Assignment []topicPartitions `json:"assignment"`
	Target     []topicPartitions `json:"target"` // where the assignment is going; the same as that in a classic group
}

type topicPartitions struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

func newGroupDescribe() *cobra.Command {
	var conn connection
	var format outputFormat
	var choice groupChoice
	cmd := &cobra.Command{
		Use:   "describe GROUP...",
		Short: "Show groups with their state, members, assignments, offsets and lag",
		Example: `  jocko group describe payments
  jocko group describe --all-groups --format json`,
		Args:              choice.args,
		ValidArgsFunction: completeGroups(&conn, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			found := []groupDescription{}
			var failed error
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
				names, err := choice.names(ctx, adm, args)
				if err != nil {
					return err
				}
				described, errs, err := lookUpGroups(ctx, adm, names)
				found = append(found, described...)
				failed = joinGroupErrors(names, errs)
				return errors.Join(err, addGroupOffsets(ctx, adm, found))
			})
			if err != nil {
				return err
			}
			if err := printGroups(cmd.OutOrStdout(), format, found); err != nil {
				return err
			}
			return failed
		},
	}
	choice.addFlag(cmd)
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

func newClassicDescription(g kadm.DescribedGroup) groupDescription {
	d := groupDescription{
		Group: g.Group, Type: groupClassic, State: g.State, Coordinator: g.Coordinator.NodeID, ProtocolType: g.ProtocolType,
		Assignor: g.Protocol, Members: []groupMember{},
	}
	for _, m := range g.Members {
		member := groupMember{
			Member: m.MemberID, Instance: m.InstanceID, Client: m.ClientID, Host: hostText(m.ClientHost), Protocol: groupClassic, Topics: []string{},
		}
		if join, ok := m.Join.AsConsumer(); ok {
			member.Topics = slices.Sorted(slices.Values(join.Topics))
		}
		assigned := kadm.TopicsSet{}
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range a.Topics {
				assigned.Add(t.Topic, t.Partitions...)
			}
		}
		member.Assignment = sortedPartitions(assigned)
		member.Target = member.Assignment
		d.Members = append(d.Members, member)
	}
	return d
}

// The types of the members of a consumer group (ConsumerGroupDescribe 1, KIP-1099).
const memberTypeClassic int8 = 0

func newConsumerDescription(g kadm.DescribedConsumerGroup) groupDescription {
	d := groupDescription{
		Group: g.Group, Type: groupConsumer, State: g.State, Coordinator: g.Coordinator.NodeID, ProtocolType: "consumer",
		Assignor: g.AssignorName, Epoch: &g.Epoch, AssignmentEpoch: &g.AssignmentEpoch, Members: []groupMember{},
	}
	for _, m := range g.Members {
		member := groupMember{
			Member: m.MemberID, Instance: m.InstanceID, Client: m.ClientID, Host: hostText(m.ClientHost), Protocol: groupConsumer,
			Epoch: new(m.MemberEpoch), Topics: []string{}, TopicRegex: m.SubscribedTopicRegex,
			Assignment: sortedPartitions(m.Assignment), Target: sortedPartitions(m.TargetAssignment),
		}
		if m.MemberType == memberTypeClassic {
			member.Protocol = groupClassic
		}
		if m.SubscribedTopicRegex != nil && *m.SubscribedTopicRegex == "" {
			member.TopicRegex = nil
		}
		member.Topics = append(member.Topics, slices.Sorted(slices.Values(m.SubscribedTopics))...)
		d.Members = append(d.Members, member)
	}
	return d
}

// hostText drops the slash that a Java broker prints before an address.
func hostText(host string) string { return strings.TrimPrefix(host, "/") }

func sortedPartitions(set kadm.TopicsSet) []topicPartitions {
	list := []topicPartitions{}
	for _, topic := range slices.Sorted(maps.Keys(set)) {
		list = append(list, topicPartitions{topic, slices.Sorted(maps.Keys(set[topic]))})
	}
	return list
}

func printGroups(out io.Writer, format outputFormat, groups []groupDescription) error {
	if format.json() {
		return writeJSON(out, groups)
	}
	for i := range groups {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := groups[i].print(out); err != nil {
			return err
		}
	}
	return nil
}

func (d *groupDescription) print(w io.Writer) error {
	fmt.Fprintf(w, "group        %s\ntype         %s\nstate        %s\ncoordinator  %d\nassignor     %s\n",
		oneLine(d.Group), d.Type, d.State, d.Coordinator, orDash(d.Assignor))
	if d.Epoch != nil {
		fmt.Fprintf(w, "epoch        %d, of the assignment %d\n", *d.Epoch, *d.AssignmentEpoch)
	}
	fmt.Fprintf(w, "members      %d\n", len(d.Members))
	if len(d.Members) > 0 {
		if err := writeTable(w, []string{"MEMBER", "INSTANCE", "CLIENT", "HOST", "PROTOCOL", "EPOCH", "SUBSCRIBED", "ASSIGNED"}, d.memberRows()); err != nil {
			return err
		}
	}
	if len(d.Partitions) == 0 {
		return nil
	}
	var rows [][]string
	for _, p := range d.Partitions {
		rows = append(rows, append(p.cells(), orDash(p.Member)))
	}
	return writeTable(w, []string{"TOPIC", "PARTITION", "CURRENT", "END", "LAG", "MEMBER"}, rows)
}

func (d *groupDescription) memberRows() [][]string {
	var rows [][]string
	for _, m := range d.Members {
		epoch, instance := "-", "-"
		if m.Epoch != nil {
			epoch = strconv.Itoa(int(*m.Epoch))
		}
		if m.Instance != nil {
			instance = oneLine(*m.Instance)
		}
		rows = append(rows, []string{
			oneLine(m.Member), instance, orDash(oneLine(m.Client)), m.Host, m.Protocol, epoch, m.subscription(), m.assignmentText(),
		})
	}
	return rows
}

func (m *groupMember) subscription() string {
	words := m.Topics
	if m.TopicRegex != nil {
		words = append(slices.Clone(words), "/"+oneLine(*m.TopicRegex)+"/")
	}
	return orDash(strings.Join(words, ","))
}

// assignmentText prints what the member has, and what it is still to get or give up when that is something else.
func (m *groupMember) assignmentText() string {
	have, target := partitionsText(m.Assignment), partitionsText(m.Target)
	if have == target {
		return have
	}
	return have + " -> " + target
}

func partitionsText(list []topicPartitions) string {
	words := make([]string, 0, len(list))
	for _, t := range list {
		words = append(words, t.Topic+":"+joinIDs(t.Partitions))
	}
	return orDash(strings.Join(words, " "))
}

// compareTopicPartitions orders by topic, then by partition.
func compareTopicPartitions(topicA string, a int32, topicB string, b int32) int {
	return cmp.Or(cmp.Compare(topicA, topicB), cmp.Compare(a, b))
}
