package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionTimeout bounds how long a press of the tab key waits for the cluster.
const completionTimeout = time.Second

// completeTopics offers the cluster's topics for the first limit arguments (0: for every one).
func completeTopics(c *connection, limit int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return namesWith(prefix, args, c.topicNames(cmd.Context())), cobra.ShellCompDirectiveNoFileComp
	}
}

// topicNames returns the topics of the cluster, and none when it doesn't answer at once.
func (c *connection) topicNames(ctx context.Context) []string {
	var names []string
	quick := connection{bootstrap: c.bootstrap, timeout: completionTimeout}
	_ = quick.admin(ctx, func(ctx context.Context, adm adminClient) error {
		topics, err := adm.ListTopics(ctx)
		names = topics.Names()
		return err
	})
	return names
}

// namesWith returns the names that begin with prefix and weren't given yet.
func namesWith(prefix string, given, names []string) []string {
	seen := make(map[string]bool, len(given))
	for _, g := range given {
		seen[g] = true
	}
	var found []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && !seen[name] {
			found = append(found, name)
		}
	}
	return found
}

// completeWords offers fixed words for a flag.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("BUG: " + err.Error())
	}
}
