package main

import (
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newConfigUnset() *cobra.Command {
	var conn connection
	var format outputFormat
	var validate bool
	cmd := &cobra.Command{
		Use:               "unset TYPE [NAME] KEY...",
		Short:             "Take configs back to their defaults",
		Example:           "  jocko config unset topic orders retention.ms",
		Args:              needs("TYPE"),
		ValidArgsFunction: completeResource(&conn, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, keys, err := parseResource(args)
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				return usagef("say what to unset: KEY")
			}
			var changes []configChange
			for _, key := range keys {
				changes = append(changes, configChange{op: kmsg.IncrementalAlterConfigOpDelete, key: key})
			}
			return changeConfigs(cmd, &conn, format, r, changes, validate)
		},
	}
	cmd.Flags().BoolVar(&validate, "validate-only", false, "check the request and change nothing")
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}
