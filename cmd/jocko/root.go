package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot builds the command tree. A new subcommand is one line in the list.
func newRoot() *cobra.Command {
	root := group("jocko", "A Kafka broker and its tools in one binary")
	root.Long = `Jocko is a Kafka broker in one binary, with the tools to use and look after it.

The tools speak the Kafka protocol and work against any Kafka. They connect to --bootstrap, which defaults to
$JOCKO_BOOTSTRAP or 127.0.0.1:9092. Exit codes: 0 done, 1 failed, 2 wrong usage.`
	for _, construct := range []func() *cobra.Command{
		newServer,
		newTopic,
		newConfig,
		newCluster,
		newPartition,
		newGroup,
		newTxn,
		newProduce,
		newConsume,
		newPerf,
		newDumpLog,
		newDumpMetadata,
		newVersion,
	} {
		root.AddCommand(construct())
	}
	root.Version = buildVersion().Version
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = false
	markFailures(root)
	return root
}

// group returns a command that only holds others: alone it prints its help, with an unknown word it fails.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return &usageError{unknownCommand(cmd, args[0])}
		},
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(commands...)
	return cmd
}

func unknownCommand(cmd *cobra.Command, word string) error {
	near := cmd.SuggestionsFor(word)
	if len(near) == 0 {
		return fmt.Errorf("unknown command %q for %q", word, cmd.CommandPath())
	}
	slices.Sort(near)
	return fmt.Errorf("unknown command %q for %q: did you mean %s?", word, cmd.CommandPath(), strings.Join(near, " or "))
}

// needs checks that at least the named arguments are there: needs("TOPIC") wants one or more.
func needs(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%s is missing", names[len(args)])
		}
		return nil
	}
}

// usageError is a wrong command line that only the command itself could notice.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// runError is a failure of a command that had begun. What cobra itself refuses isn't one, and so counts as usage.
type runError struct{ err error }

func (e *runError) Error() string { return e.err.Error() }
func (e *runError) Unwrap() error { return e.err }

// markFailures wraps the errors of every command of the tree in runError.
func markFailures(cmd *cobra.Command) {
	if runE := cmd.RunE; runE != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := runE(cmd, args); err != nil {
				return &runError{err}
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		markFailures(child)
	}
}
