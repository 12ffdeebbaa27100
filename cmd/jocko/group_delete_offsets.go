package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

// offsetDeletion is one answer of `group delete-offsets --format json`.
type offsetDeletion struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Result    string `json:"result"` // deleted, failed
	Error     string `json:"error,omitempty"`
}

func newGroupDeleteOffsets() *cobra.Command {
	var conn connection
	var format outputFormat
	var topics []string
	cmd := &cobra.Command{
		Use:   "delete-offsets GROUP",
		Short: "Delete a group's offsets of topics that it isn't subscribed to",
		Example: `  jocko group delete-offsets payments --topic orders
  jocko group delete-offsets payments --topic orders:0,3`,
		Args:              cobra.MatchAll(needs("GROUP"), cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeGroups(&conn, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			scopes, err := parseTopicScopes(topics)
			if err != nil {
				return usagef("--topic: %w", err)
			}
			if len(scopes) == 0 {
				return usagef("say which offsets: --topic")
			}
			var done []offsetDeletion
			err = conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
				done, err = deleteOffsets(ctx, adm, args[0], scopes)
				return err
			})
			if err != nil {
				return err
			}
			return printDeletions(cmd, format, done)
		},
	}
	cmd.Flags().StringArrayVar(&topics, "topic", nil, topicScopeHelp)
	completeTopicFlag(cmd, &conn, "topic")
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

// deleteOffsets deletes a group's offsets. The partitions of a topic that is named alone are looked up; those that are
// named are sent as they are, so that offsets of partitions that are gone can be deleted where the broker allows it.
func deleteOffsets(ctx context.Context, adm adminClient, group string, scopes []topicScope) ([]offsetDeletion, error) {
	set := kadm.TopicsSet{}
	for _, s := range scopes {
		partitions := s.partitions
		if partitions == nil {
			var err error
			if _, partitions, err = lookUpTopic(ctx, adm, s.topic, nil); err != nil {
				return nil, err
			}
		}
		set.Add(s.topic, partitions...)
	}
	responses, err := adm.DeleteOffsets(ctx, group, set)
	if err != nil {
		return nil, fmt.Errorf("group %s: %w", group, err)
	}
	var done []offsetDeletion
	for topic, partitions := range responses {
		for p, err := range partitions {
			d := offsetDeletion{Group: group, Topic: topic, Partition: p, Result: "deleted"}
			if err != nil {
				d.Result, d.Error = "failed", err.Error()
			}
			done = append(done, d)
		}
	}
	slices.SortFunc(done, func(a, b offsetDeletion) int {
		return compareTopicPartitions(a.Topic, a.Partition, b.Topic, b.Partition)
	})
	return done, nil
}

func printDeletions(cmd *cobra.Command, format outputFormat, done []offsetDeletion) error {
	var rows [][]string
	var errs []error
	for _, d := range done {
		rows = append(rows, []string{d.Topic, strconv.Itoa(int(d.Partition)), d.Result})
		if d.Error != "" {
			errs = append(errs, fmt.Errorf("%s/%d: %s", d.Topic, d.Partition, d.Error))
		}
	}
	var err error
	if format.json() {
		err = writeJSON(cmd.OutOrStdout(), done)
	} else {
		err = writeTable(cmd.OutOrStdout(), []string{"TOPIC", "PARTITION", "RESULT"}, rows)
	}
	return errors.Join(append(errs, err)...)
}
