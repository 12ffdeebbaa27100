package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
)

func newTopicDelete() *cobra.Command {
	var conn connection
	var format outputFormat
	var ifExists bool
	cmd := &cobra.Command{
		Use:               "delete TOPIC...",
		Short:             "Delete topics and all of their records",
		Args:              needs("TOPIC"),
		ValidArgsFunction: completeTopics(&conn, 0),
		RunE: func(cmd *cobra.Command, topics []string) error {
			var changes topicChanges
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
				responses, err := adm.DeleteTopics(ctx, topics...)
				for _, r := range responses.Sorted() {
					change := topicChange{Topic: r.Topic, Result: "deleted"}
					if errors.Is(r.Err, kerr.UnknownTopicOrPartition) && ifExists {
						change.Result, r.Err = "missing", nil
					}
					changes.add(change, withMessage(r.Err, r.ErrMessage))
				}
				return err
			})
			if err != nil {
				return err
			}
			return changes.print(cmd, format)
		},
	}
	cmd.Flags().BoolVar(&ifExists, "if-exists", false, "do nothing, successfully, for a topic that doesn't exist")
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}
