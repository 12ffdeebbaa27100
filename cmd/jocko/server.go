package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/node"
)

// newServer is the broker itself.
func newServer() *cobra.Command {
	var overrides []string
	cmd := &cobra.Command{
		Use:   "server [FILE]",
		Short: "Run a broker",
		Long: `Runs a broker until it is interrupted. Without a file everything has its default: Kafka on 127.0.0.1:9092, the admin
endpoint on 127.0.0.1:8080, data in ./jocko-data. FILE is a server.properties as Kafka reads it. A key is also a variable,
JOCKO_LOG_DIRS for log.dirs, and --override goes over both. All keys are in docs/config.md, what stops a start in
docs/refused-starts.md. SIGINT and SIGTERM stop it in order, and so does SIGHUP, with exit code 129.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := config.Input{Environ: serverEnviron(), Overrides: overrides}
			if len(args) == 1 {
				file, err := os.ReadFile(args[0])
				if err != nil {
					return err
				}
				in.File, in.FileName = file, args[0]
			}
			static, notices, err := config.Load(in)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), static, notices, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringArrayVar(&overrides, "override", nil, "set a key, `key=value`; may be repeated")
	return cmd
}

// serverEnviron is the environment without the variables of the client commands
// and of their tests, which are no configs of a broker.
func serverEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "JOCKO_") && strings.HasSuffix(name, "BOOTSTRAP")
	})
}

// serve runs a broker until ctx ends.
func serve(ctx context.Context, static config.Map, notices []config.Notice, out, log io.Writer) error {
	level := new(slog.LevelVar)
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))
	for _, notice := range notices {
		logger.Warn("this config has no effect", "key", notice.Key, "from", notice.From, "why", notice.Text)
	}
	node.TuneRuntime()
	n, err := node.New(static, node.Env{Logger: logger, Level: level})
	if err != nil {
		return err
	}
	go func() {
		select {
		case <-n.Ready():
			banner(out, n)
		case <-ctx.Done():
		}
	}()
	return n.Run(ctx)
}

// banner says what listens where.
func banner(out io.Writer, n *node.Node) {
	fmt.Fprintf(out, "Jocko %s is ready.\n", node.Version)
	fmt.Fprintf(out, "  Kafka    %s\n", n.Addr())
	if addr := n.AdminAddr(); addr != "" {
		fmt.Fprintf(out, "  metrics  http://%s/metrics\n", addr)
	}
	fmt.Fprintf(out, "  cluster  %s\n", n.ClusterID())
}
