package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
)

// groupChange is the outcome of the deletion of one group, as printed with --format json.
type groupChange struct {
	Group  string `json:"group"`
	Result string `json:"result"` // deleted, missing, failed
	Error  string `json:"error,omitempty"`
}

func newGroupDelete() *cobra.Command {
	var conn connection
	var format outputFormat
	var choice groupChoice
	var ifExists bool
	cmd := &cobra.Command{
		Use:               "delete GROUP...",
		Short:             "Delete groups that have no members, and all of their offsets",
		Args:              choice.args,
		ValidArgsFunction: completeGroups(&conn, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			var changes []groupChange
			var failed error
			err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
				names, err := choice.names(ctx, adm, args)
				if err != nil {
					return err
				}
				changes, failed, err = deleteGroups(ctx, adm, names, ifExists)
				return err
			})
			if err != nil {
				return err
			}
			return errors.Join(printGroupChanges(cmd, format, changes), failed)
		},
	}
	choice.addFlag(cmd)
	cmd.Flags().BoolVar(&ifExists, "if-exists", false, "do nothing, successfully, for a group that doesn't exist")
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

// deleteGroups returns what happened to each group; failed: the groups that couldn't be deleted, joined.
func deleteGroups(ctx context.Context, adm adminClient, names []string, ifExists bool) (changes []groupChange, failed, err error) {
	responses, err := adm.DeleteGroups(ctx, names...)
	changes = []groupChange{}
	var errs []error
	for _, name := range names {
		r, answered := responses[name]
		if !answered {
			continue
		}
		c := groupChange{Group: name, Result: "deleted"}
		switch {
		case errors.Is(r.Err, kerr.GroupIDNotFound) && ifExists:
			c.Result = "missing"
		case r.Err != nil:
			r.Err = withMessage(r.Err, r.ErrMessage)
			c.Result, c.Error = "failed", r.Err.Error()
			errs = append(errs, fmt.Errorf("group %s: %w", name, r.Err))
		}
		changes = append(changes, c)
	}
	return changes, errors.Join(errs...), err
}

func printGroupChanges(cmd *cobra.Command, format outputFormat, changes []groupChange) error {
	if format.json() {
		return writeJSON(cmd.OutOrStdout(), changes)
	}
	for _, c := range changes {
		if c.Error != "" {
			continue
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", c.Group, c.Result); err != nil {
			return err
		}
	}
	return nil
}
