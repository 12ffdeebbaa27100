package main

import (
	"context"
	"fmt"
	"path"
	"strconv"

	"github.com/spf13/cobra"
)

// topicSummary is one topic of `topic list --format json`.
type topicSummary struct {
	Topic      string `json:"topic"`
	ID         string `json:"id"`
	Partitions int    `json:"partitions"`
	Replicas   int    `json:"replicas"` // of the partition that has the fewest
	Internal   bool   `json:"internal"`
}

func newTopicList() *cobra.Command {
	var conn connection
	var format outputFormat
	var internal, long bool
	cmd := &cobra.Command{
		Use:   "list [PATTERN]",
		Short: "List topics, one name a line",
		Example: `  jocko topic list
  jocko topic list --long 'orders-*'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeTopics(&conn, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := "*"
			if len(args) > 0 {
				pattern = args[0]
			}
			if _, err := path.Match(pattern, ""); err != nil {
				return usagef("PATTERN %q: %w", pattern, err)
			}
			var topics []topicSummary
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) (err error) {
				topics, err = listTopics(ctx, adm, pattern, internal)
				return err
			})
			if err != nil {
				return err
			}
			return printTopics(cmd, format, long, topics)
		},
	}
	cmd.Flags().BoolVar(&internal, "internal", false, "list the cluster's own topics as well")
	cmd.Flags().BoolVarP(&long, "long", "l", false, "print a table with partitions, replicas and topic id")
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

// listTopics returns the topics whose names match a shell pattern, sorted by name, as an empty list when none does.
func listTopics(ctx context.Context, adm adminClient, pattern string, internal bool) ([]topicSummary, error) {
	details, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	topics := []topicSummary{}
	for _, t := range details.Sorted() {
		if ok, _ := path.Match(pattern, t.Topic); !ok || t.IsInternal && !internal {
			continue
		}
		if t.Err != nil {
			return nil, fmt.Errorf("topic %s: %w", t.Topic, t.Err)
		}
		topics = append(topics, topicSummary{
			Topic: t.Topic, ID: topicID(t.ID), Partitions: len(t.Partitions), Replicas: t.Partitions.NumReplicas(), Internal: t.IsInternal,
		})
	}
	return topics, nil
}

func printTopics(cmd *cobra.Command, format outputFormat, long bool, topics []topicSummary) error {
	out := cmd.OutOrStdout()
	if format.json() {
		return writeJSON(out, topics)
	}
	var rows [][]string
	for _, t := range topics {
		if !long {
			if _, err := fmt.Fprintln(out, t.Topic); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{t.Topic, strconv.Itoa(t.Partitions), strconv.Itoa(t.Replicas), t.ID})
	}
	if !long {
		return nil
	}
	return writeTable(out, []string{"TOPIC", "PARTITIONS", "REPLICAS", "ID"}, rows)
}
