package main

import (
	"context"

	"github.com/spf13/cobra"
)

type topicAlter struct {
	conn       connection
	format     outputFormat
	partitions int32
	configs    []string
	unset      []string
	validate   bool
}

func newTopicAlter() *cobra.Command {
	var c topicAlter
	cmd := &cobra.Command{
		Use:   "alter TOPIC...",
		Short: "Add partitions to topics, and change their configs",
		Example: `  jocko topic alter orders --partitions 24
  jocko topic alter orders --config retention.ms=3600000 --unset cleanup.policy`,
		Args:              needs("TOPIC"),
		ValidArgsFunction: completeTopics(&c.conn, 0),
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.Int32VarP(&c.partitions, "partitions", "p", 0, "the new, larger number of partitions")
	f.StringArrayVarP(&c.configs, "config", "c", nil, "topic config to set as `key=value`; may be repeated")
	f.StringArrayVar(&c.unset, "unset", nil, "topic config `key` to take back to its default; may be repeated")
	f.BoolVar(&c.validate, "validate-only", false, "check the request and change nothing")
	cmd.MarkFlagsOneRequired("partitions", "config", "unset")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *topicAlter) run(cmd *cobra.Command, topics []string) error {
	set, err := parseSettings(c.configs)
	if err != nil {
		return usagef("--config: %w", err)
	}
	if cmd.Flags().Changed("partitions") && c.partitions < 1 {
		return usagef("--partitions: want a number above 0")
	}
	failed := map[string]error{}
	err = c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		if len(set)+len(c.unset) > 0 {
			if failed, err = alterTopicConfigs(ctx, adm, topics, set, c.unset, c.validate); err != nil {
				return err
			}
		}
		return c.addPartitions(ctx, adm, topics, failed)
	})
	if err != nil {
		return err
	}
	result := "altered"
	if c.validate {
		result = "valid"
	}
	var changes topicChanges
	for _, t := range topics {
		changes.add(topicChange{Topic: t, Partitions: c.partitions, Result: result}, failed[t])
	}
	return changes.print(cmd, c.format)
}

// addPartitions asks for the new number of partitions of each topic whose config change worked.
func (c *topicAlter) addPartitions(ctx context.Context, adm adminClient, topics []string, failed map[string]error) error {
	if c.partitions == 0 {
		return nil
	}
	var list []string
	for _, t := range topics {
		if failed[t] == nil {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return nil
	}
	update := adm.UpdatePartitions
	if c.validate {
		update = adm.ValidateUpdatePartitions
	}
	responses, err := update(ctx, int(c.partitions), list...)
	if err != nil {
		return err
	}
	for _, r := range responses.Sorted() {
		if r.Err != nil {
			failed[r.Topic] = withMessage(r.Err, r.ErrMessage)
		}
	}
	return nil
}
