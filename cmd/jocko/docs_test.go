package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests got over what they want")

const docsFile = "../../docs/cli.md"

const docsPreface = `# The command line

Written by ` + "`go test ./cmd/jocko -run TestDocs -rewrite`" + ` from what each command says with --help.

All but ` + "`server`, `dump-log`, `dump-metadata` and `version`" + ` speak the Kafka protocol to ` + "`--bootstrap`" + ` (or
` + "`$JOCKO_BOOTSTRAP`" + `, or 127.0.0.1:9092), so they work against any Kafka. Results go to standard output, what is said to a
person goes to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage. Tab completion, of topics too:
` + "`source <(jocko completion bash)`" + `, or zsh, fish, powershell.
`

// TestDocs holds docs/cli.md to what the commands say.
func TestDocs(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(docsPreface)
	documentCommand(&b, newRoot())
	if *rewrite {
		if err := os.WriteFile(docsFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is old: go test ./cmd/jocko -run TestDocs -rewrite", docsFile)
	}
}

func documentCommand(b *bytes.Buffer, cmd *cobra.Command) {
	if !cmd.HasSubCommands() {
		fmt.Fprintf(b, "\n## %s\n\n", cmd.CommandPath())
		about := cmd.Long
		if about == "" {
			about = cmd.Short + "."
		}
		fmt.Fprintf(b, "    %s\n\n%s\n", cmd.UseLine(), strings.TrimSpace(about))
		if cmd.Example != "" {
			fmt.Fprintf(b, "\n```\n%s\n```\n", cmd.Example)
		}
		if cmd.Flags().HasAvailableFlags() {
			fmt.Fprintf(b, "\n```\n%s```\n", cmd.Flags().FlagUsagesWrapped(120))
		}
		return
	}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() && child.Name() != "help" && child.Name() != "completion" {
			documentCommand(b, child)
		}
	}
}
