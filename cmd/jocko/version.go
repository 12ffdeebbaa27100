package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/travisjeffery/jocko/internal/node"
)

// kafkaVersion is the Apache Kafka release whose protocol and behaviour the broker follows.
const kafkaVersion = "4.4"

type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Kafka   string `json:"kafka"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersion() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := buildVersion()
			if format.json() {
				return writeJSON(cmd.OutOrStdout(), v)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "jocko %s (Kafka %s, %s, %s/%s)\n", v.Version, v.Kafka, v.Go, v.OS, v.Arch)
			return err
		},
	}
	format.addFlag(cmd)
	return cmd
}

// buildVersion reads what the build, or the Go tool, stamped into the binary.
func buildVersion() versionInfo {
	v := versionInfo{Version: node.Version, Kafka: kafkaVersion, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if tag := info.Main.Version; node.Version == "dev" && tag != "" && tag != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
