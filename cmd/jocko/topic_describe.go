package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicDescription is one topic of `topic describe --format json`.
type topicDescription struct {
	Topic      string                 `json:"topic"`
	ID         string                 `json:"id"`
	Internal   bool                   `json:"internal"`
	Configs    map[string]string      `json:"configs"` // set on the topic itself
	Partitions []partitionDescription `json:"partitions"`
}

type partitionDescription struct {
	Partition   int32   `json:"partition"`
	Leader      int32   `json:"leader"` // -1: none
	LeaderEpoch int32   `json:"leader_epoch"`
	Replicas    []int32 `json:"replicas"`
	ISR         []int32 `json:"isr"`
	Offline     []int32 `json:"offline"`
	Start       *int64  `json:"start"` // the log start offset; null when the leader didn't tell
	End         *int64  `json:"end"`   // the high watermark; null when the leader didn't tell
	Error       string  `json:"error,omitempty"`
}

func newTopicDescribe() *cobra.Command {
	var conn connection
	var format outputFormat
	cmd := &cobra.Command{
		Use:               "describe TOPIC...",
		Short:             "Show topics with their partitions, replicas, offsets and configs",
		Args:              needs("TOPIC"),
		ValidArgsFunction: completeTopics(&conn, 0),
		RunE: func(cmd *cobra.Command, names []string) error {
			var found []topicDescription
			var failed error
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) (err error) {
				found, failed, err = describeTopics(ctx, adm, names)
				return err
			})
			if err != nil {
				return err
			}
			if err := printDescriptions(cmd, format, found); err != nil {
				return err
			}
			return failed
		},
	}
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

// describeTopics returns what it learnt about the topics, failed: the topics that couldn't be described, joined.
func describeTopics(ctx context.Context, adm adminClient, names []string) (found []topicDescription, failed, err error) {
	meta, err := adm.Metadata(ctx, names...)
	if err != nil {
		return nil, nil, err
	}
	var exist []string
	var errs []error
	found = []topicDescription{}
	for _, name := range names {
		t, ok := meta.Topics[name]
		if !ok {
			t.Err = kerr.UnknownTopicOrPartition
		}
		if t.Err != nil {
			errs = append(errs, fmt.Errorf("topic %s: %w", name, t.Err))
			continue
		}
		exist = append(exist, name)
		found = append(found, describePartitions(t))
	}
	if len(exist) == 0 {
		return found, errors.Join(errs...), nil
	}
	configs, err := describeConfigs(ctx, adm, topicResources(exist), nil, false)
	if err != nil {
		return nil, nil, err
	}
	starts, _ := adm.ListStartOffsets(ctx, exist...)
	ends, _ := adm.ListEndOffsets(ctx, exist...)
	for i := range found {
		found[i].addOffsets(starts, ends)
		found[i].Configs = map[string]string{}
		for _, e := range configs[i].Configs {
			if e.Source == kmsg.ConfigSourceDynamicTopicConfig.String() {
				found[i].Configs[e.Key] = e.valueText()
			}
		}
	}
	return found, errors.Join(errs...), nil
}

func topicResources(names []string) []configResource {
	resources := make([]configResource, len(names))
	for i, name := range names {
		resources[i] = configResource{kmsg.ConfigResourceTypeTopic, name}
	}
	return resources
}

func describePartitions(t kadm.TopicDetail) topicDescription {
	d := topicDescription{Topic: t.Topic, ID: topicID(t.ID), Internal: t.IsInternal, Partitions: []partitionDescription{}}
	for _, p := range t.Partitions.Sorted() {
		pd := partitionDescription{
			Partition: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
			Replicas: orEmpty(p.Replicas), ISR: orEmpty(p.ISR), Offline: orEmpty(p.OfflineReplicas),
		}
		if p.Err != nil {
			pd.Error = p.Err.Error()
		}
		d.Partitions = append(d.Partitions, pd)
	}
	return d
}

// orEmpty makes a list print as [] in JSON, not as null.
func orEmpty(ids []int32) []int32 {
	if ids == nil {
		return []int32{}
	}
	return ids
}

func (d *topicDescription) addOffsets(starts, ends kadm.ListedOffsets) {
	for i := range d.Partitions {
		p := &d.Partitions[i]
		if o, ok := starts.Lookup(d.Topic, p.Partition); ok && o.Err == nil {
			p.Start = &o.Offset
		}
		if o, ok := ends.Lookup(d.Topic, p.Partition); ok && o.Err == nil {
			p.End = &o.Offset
		}
	}
}

func printDescriptions(cmd *cobra.Command, format outputFormat, topics []topicDescription) error {
	out := cmd.OutOrStdout()
	if format.json() {
		return writeJSON(out, topics)
	}
	for i, t := range topics {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "topic    %s\nid       %s\nconfigs  %s\n", t.Topic, t.ID, orDash(joinConfigs(t.Configs)))
		if err := writeTable(out, []string{"PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "START", "END", "STATE"}, t.rows()); err != nil {
			return err
		}
	}
	return nil
}

func (d *topicDescription) rows() [][]string {
	var rows [][]string
	for _, p := range d.Partitions {
		rows = append(rows, []string{
			strconv.Itoa(int(p.Partition)), strconv.Itoa(int(p.Leader)), strconv.Itoa(int(p.LeaderEpoch)),
			joinIDs(p.Replicas), joinIDs(p.ISR), offsetText(p.Start), offsetText(p.End), p.state(),
		})
	}
	return rows
}

// state names what is wrong with a partition, if anything.
func (p *partitionDescription) state() string {
	switch {
	case p.Leader < 0:
		return "no leader"
	case p.Error != "":
		return p.Error
	case len(p.ISR) < len(p.Replicas):
		return "under-replicated"
	}
	return "ok"
}

func offsetText(o *int64) string {
	if o == nil {
		return "?"
	}
	return strconv.FormatInt(*o, 10)
}

func joinConfigs(configs map[string]string) string {
	words := make([]string, 0, len(configs))
	for k, v := range configs {
		words = append(words, k+"="+oneLine(v))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
