package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

const groupResetLong = `Change the committed offsets of groups that have no members.

Without --execute nothing is changed: the plan is printed, and --export prints it as a file that --from-file takes. Its
lines are topic,partition,offset for one group, and group,topic,partition,offset for several. An offset that is outside of
the log becomes the log's first or last one. Where no record is as late as the time asked for, the end is taken. A group
that doesn't exist is created by its first offset.`

type groupReset struct {
	conn      connection
	format    outputFormat
	choice    groupChoice
	to        resetFlags
	topics    []string
	allTopics bool
	execute   bool
	export    bool
}

func newGroupResetOffsets() *cobra.Command {
	var c groupReset
	cmd := &cobra.Command{
		Use:   "reset-offsets GROUP...",
		Short: "Change the committed offsets of groups that have no members",
		Long:  groupResetLong,
		Example: `  jocko group reset-offsets payments --all-topics --to-earliest
  jocko group reset-offsets payments --topic orders --topic refunds:0,3 --shift-by -100 --execute
  jocko group reset-offsets payments --topic orders --to-datetime 2026-01-02T15:04:05.000 --export > plan.csv
  jocko group reset-offsets payments --from-file plan.csv --execute`,
		Args:              c.choice.args,
		ValidArgsFunction: completeGroups(&c.conn, 0),
		RunE:              c.run,
	}
	f := cmd.Flags()
	c.choice.addFlag(cmd)
	c.to.addFlags(cmd)
	f.StringArrayVar(&c.topics, "topic", nil, topicScopeHelp)
	f.BoolVar(&c.allTopics, "all-topics", false, "every partition that the group has committed")
	f.BoolVar(&c.execute, "execute", false, "commit the new offsets")
	f.Bool("dry-run", false, "change nothing, which is the default")
	f.BoolVar(&c.export, "export", false, "print the plan as CSV, for --from-file")
	cmd.MarkFlagsMutuallyExclusive("execute", "dry-run")
	cmd.MarkFlagsMutuallyExclusive("topic", "all-topics", "from-file")
	cmd.MarkFlagsOneRequired("topic", "all-topics", "from-file")
	completeTopicFlag(cmd, &c.conn, "topic")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("export", "format")
	return cmd
}

func (c *groupReset) run(cmd *cobra.Command, args []string) error {
	target, err := c.to.target(cmd.Flags(), time.Now())
	if err != nil {
		return &usageError{err}
	}
	scopes, err := parseTopicScopes(c.topics)
	if err != nil {
		return usagef("--topic: %w", err)
	}
	var file resetPlan
	if target.kind == resetFromFile {
		if file, err = readResetPlan(c.to.file, args); err != nil {
			return err
		}
	}
	resets := []offsetReset{}
	var failed error
	err = c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		names, err := c.choice.names(ctx, adm, args)
		if err != nil {
			return err
		}
		found, missing, err := lookUpGroups(ctx, adm, names)
		if err != nil {
			return err
		}
		members := map[string]*groupDescription{}
		for i := range found {
			members[found[i].Group] = &found[i]
		}
		for _, name := range names {
			r := resetter{adm: adm, group: name, target: target, scopes: scopes, file: file[name]}
			list, err := r.run(ctx, members[name], missing[name], c.execute)
			resets = append(resets, list...)
			failed = errors.Join(failed, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(c.print(cmd, resets, len(args) == 1), failed)
}

// print shows the plan, or what was done, and on the error stream what is worth knowing about it.
// one: only one group was named.
func (c *groupReset) print(cmd *cobra.Command, resets []offsetReset, one bool) error {
	for _, r := range resets {
		if r.Note != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s/%d: %s\n", r.Group, r.Topic, r.Partition, r.Note)
		}
	}
	switch {
	case c.export:
		return writeResetPlan(cmd.OutOrStdout(), resets, one)
	case c.format.json():
		return writeJSON(cmd.OutOrStdout(), resets)
	case len(resets) == 0:
		return nil
	}
	var rows [][]string
	for _, r := range resets {
		rows = append(rows, []string{
			oneLine(r.Group), r.Topic, strconv.Itoa(int(r.Partition)), offsetOrDash(r.Current), strconv.FormatInt(r.Offset, 10), r.Result,
		})
	}
	if err := writeTable(cmd.OutOrStdout(), []string{"GROUP", "TOPIC", "PARTITION", "CURRENT", "NEW", "RESULT"}, rows); err != nil {
		return err
	}
	if !c.execute {
		fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was changed: --execute does it.")
	}
	return nil
}
