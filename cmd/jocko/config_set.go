package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newConfigSet() *cobra.Command {
	var conn connection
	var format outputFormat
	var appends, removes []string
	var validate bool
	cmd := &cobra.Command{
		Use:   "set TYPE [NAME] KEY=VALUE...",
		Short: "Set configs",
		Example: `  jocko config set topic orders retention.ms=3600000 cleanup.policy=compact
  jocko config set topic orders --append cleanup.policy=delete
  jocko config set cluster log.retention.ms=86400000`,
		Args:              needs("TYPE"),
		ValidArgsFunction: completeResource(&conn, "="),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, words, err := parseResource(args)
			if err != nil {
				return err
			}
			var changes []configChange
			for _, part := range []struct {
				op    kmsg.IncrementalAlterConfigOp
				words []string
			}{
				{kmsg.IncrementalAlterConfigOpSet, words},
				{kmsg.IncrementalAlterConfigOpAppend, appends},
				{kmsg.IncrementalAlterConfigOpSubtract, removes},
			} {
				settings, err := parseSettings(part.words)
				if err != nil {
					return &usageError{err}
				}
				for _, key := range slices.Sorted(maps.Keys(settings)) {
					changes = append(changes, configChange{part.op, key, settings[key]})
				}
			}
			if changes == nil {
				return usagef("say what to set: KEY=VALUE")
			}
			return changeConfigs(cmd, &conn, format, r, changes, validate)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&appends, "append", nil, "add to a list: `key=value`; may be repeated")
	f.StringArrayVar(&removes, "remove", nil, "take out of a list: `key=value`; may be repeated")
	f.BoolVar(&validate, "validate-only", false, "check the request and change nothing")
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}
