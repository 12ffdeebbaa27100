package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

// groupPartition is where a group stands in one partition: of those that are assigned, and of those it has committed.
type groupPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Current   *int64 `json:"current"` // the committed offset; null: none
	End       *int64 `json:"end"`     // the high watermark; null: the leader didn't tell, or the topic is gone
	Lag       *int64 `json:"lag"`     // null: one of the two is missing
	Metadata  string `json:"metadata"`
	Member    string `json:"member"` // that it is assigned to; empty: nobody
	Error     string `json:"error,omitempty"`
}

// groupLag is one answer of `group lag --format json`. What is summed up has no topic, or no partition.
type groupLag struct {
	Group     string `json:"group"`
	Topic     string `json:"topic,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Current   *int64 `json:"current,omitempty"`
	End       *int64 `json:"end,omitempty"`
	Lag       *int64 `json:"lag"` // null: unknown; a sum leaves out the partitions of which it is
}

func newGroupLag() *cobra.Command {
	var conn connection
	var format outputFormat
	var by string
	var choice groupChoice
	cmd := &cobra.Command{
		Use:   "lag [GROUP...]",
		Short: "Show how many records groups have still to read (without names: all groups)",
		Example: `  jocko group lag payments
  jocko group lag --by group`,
		ValidArgsFunction: completeGroups(&conn, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(lagWords, by) {
				return usagef("--by %s: want partition, topic or group", by)
			}
			choice.all = len(args) == 0
			var found []groupDescription
			var failed error
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
				names, err := choice.names(ctx, adm, args)
				if err != nil {
					return err
				}
				var errs map[string]error
				found, errs, err = lookUpGroups(ctx, adm, names)
				failed = joinGroupErrors(names, errs)
				return errors.Join(err, addGroupOffsets(ctx, adm, found))
			})
			if err != nil {
				return err
			}
			return errors.Join(printLags(cmd.OutOrStdout(), format, by, lagsBy(by, found)), failed)
		},
	}
	cmd.Flags().StringVar(&by, "by", "partition", "a line for each `partition`, or the sums: topic or group")
	completeWords(cmd, "by", lagWords...)
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

var lagWords = []string{"partition", "topic", "group"}

// addGroupOffsets finds out where each group stands: in its committed partitions, and in those its members have.
func addGroupOffsets(ctx context.Context, adm adminClient, groups []groupDescription) error {
	if len(groups) == 0 {
		return nil
	}
	names := make([]string, len(groups))
	for i := range groups {
		names[i] = groups[i].Group
	}
	committed := adm.FetchManyOffsets(ctx, names...)
	topics := kadm.TopicsSet{}
	for i := range groups {
		g := &groups[i]
		fetched := committed[g.Group]
		if fetched.Err != nil {
			return fmt.Errorf("group %s: %w", g.Group, fetched.Err)
		}
		g.Partitions = standings(fetched.Fetched, g.Members)
		for _, p := range g.Partitions {
			topics.Add(p.Topic, p.Partition)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	ends, err := adm.ListEndOffsets(ctx, topics.Topics()...)
	if err != nil && len(ends) == 0 {
		return err
	}
	for i := range groups {
		for j := range groups[i].Partitions {
			groups[i].Partitions[j].addEnd(ends)
		}
	}
	return nil
}

// standings lists the partitions that are committed or assigned, sorted, without their ends.
func standings(committed kadm.OffsetResponses, members []groupMember) []groupPartition {
	owners := map[string]map[int32]string{}
	for _, m := range members {
		for _, t := range m.Assignment {
			if owners[t.Topic] == nil {
				owners[t.Topic] = map[int32]string{}
			}
			for _, p := range t.Partitions {
				owners[t.Topic][p] = m.Member
			}
		}
	}
	list := []groupPartition{}
	committed.Each(func(o kadm.OffsetResponse) {
		p := groupPartition{Topic: o.Topic, Partition: o.Partition, Metadata: o.Metadata, Member: owners[o.Topic][o.Partition]}
		switch {
		case o.Err != nil:
			p.Error = o.Err.Error()
		case o.At >= 0:
			p.Current = new(o.At)
		}
		delete(owners[o.Topic], o.Partition)
		list = append(list, p)
	})
	for topic, partitions := range owners {
		for partition, member := range partitions {
			list = append(list, groupPartition{Topic: topic, Partition: partition, Member: member})
		}
	}
	slices.SortFunc(list, func(a, b groupPartition) int {
		return compareTopicPartitions(a.Topic, a.Partition, b.Topic, b.Partition)
	})
	return list
}

func (p *groupPartition) addEnd(ends kadm.ListedOffsets) {
	end, ok := ends.Lookup(p.Topic, p.Partition)
	if !ok || end.Err != nil {
		return
	}
	p.End = new(end.Offset)
	if p.Current != nil {
		p.Lag = new(end.Offset - *p.Current)
	}
}

// cells are the columns that describe and lag share.
func (p *groupPartition) cells() []string {
	return []string{p.Topic, strconv.Itoa(int(p.Partition)), offsetOrDash(p.Current), offsetOrDash(p.End), offsetOrDash(p.Lag)}
}

func offsetOrDash(o *int64) string {
	if o == nil {
		return "-"
	}
	return strconv.FormatInt(*o, 10)
}

// lagsBy returns the lag of each partition, or the sums by topic or by group.
func lagsBy(by string, groups []groupDescription) []groupLag {
	lags := []groupLag{}
	for i := range groups {
		g := &groups[i]
		for j := range g.Partitions {
			p := &g.Partitions[j]
			switch last := len(lags) - 1; {
			case by == "partition":
				lags = append(lags, groupLag{g.Group, p.Topic, &p.Partition, p.Current, p.End, p.Lag})
			case by == "topic" && (last < 0 || lags[last].Group != g.Group || lags[last].Topic != p.Topic):
				lags = append(lags, groupLag{Group: g.Group, Topic: p.Topic, Lag: addLag(nil, p.Lag)})
			case by == "group" && j == 0:
				lags = append(lags, groupLag{Group: g.Group, Lag: addLag(nil, p.Lag)})
			default:
				lags[last].Lag = addLag(lags[last].Lag, p.Lag)
			}
		}
	}
	return lags
}

func addLag(sum, lag *int64) *int64 {
	switch {
	case lag == nil:
		return sum
	case sum == nil:
		return new(*lag)
	}
	return new(*sum + *lag)
}

func printLags(out io.Writer, format outputFormat, by string, lags []groupLag) error {
	if format.json() {
		return writeJSON(out, lags)
	}
	var rows [][]string
	header := []string{"GROUP", "LAG"}
	switch by {
	case "partition":
		header = []string{"GROUP", "TOPIC", "PARTITION", "CURRENT", "END", "LAG"}
	case "topic":
		header = []string{"GROUP", "TOPIC", "LAG"}
	}
	for _, l := range lags {
		row := []string{oneLine(l.Group)}
		switch by {
		case "partition":
			row = append(row, l.Topic, strconv.Itoa(int(*l.Partition)), offsetOrDash(l.Current), offsetOrDash(l.End))
		case "topic":
			row = append(row, l.Topic)
		}
		rows = append(rows, append(row, offsetOrDash(l.Lag)))
	}
	return writeTable(out, header, rows)
}
