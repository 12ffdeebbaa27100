// Command gen writes docs/config.md: every config key with its type, default,
// bounds and meaning, out of the declarations in package config. Its invariant:
// the page says nothing that isn't declared there.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const intro = `# Configuration

<!-- Written by go generate ./internal/config from the declarations there. -->

` + "`jocko server [FILE]`" + ` reads FILE as Java reads a ` + "`server.properties`" + `: a KRaft broker's file works as it is. Over the file go
variables (` + "`JOCKO_LOG_DIRS`" + ` is ` + "`log.dirs`" + `), and over those ` + "`--override key=value`" + `. Without a file every key has its default.

A key that is set and has no effect, or that nobody knows, is named at start. A value out of range, or a key that it would
be dangerous to ignore, stops the start.

Keys that are *cluster-wide* can be changed while the broker runs, for one broker or as the default of all (` + "`jocko config`" + `, or
any Kafka tool); *read-only* ones need a restart. A topic's own config goes over the broker's dynamic one, over the
cluster's dynamic default, over the file, over the default.
`

// page is the whole document.
func page() string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString(differences())
	section(&b, "Broker", config.Brokers, func(k *config.Key) bool { return k.Status == config.Supported && !k.Ours })
	section(&b, "Broker: keys that Kafka doesn't have", config.Brokers, func(k *config.Key) bool { return k.Status == config.Supported && k.Ours })
	section(&b, "Topic", config.Topics, func(k *config.Key) bool { return k.Status == config.Supported })
	section(&b, "Client metrics subscription", config.Clients, func(*config.Key) bool { return true })
	b.WriteString("\n## Keys without effect\n\nTheir types and defaults are Kafka's; they are accepted, shown by DescribeConfigs, and named at start.\n")
	byReason(&b, "Broker", config.Brokers, config.Unsupported)
	byReason(&b, "Topic", config.Topics, config.Unsupported)
	byReason(&b, "Group", config.Groups, config.Unsupported)
	b.WriteString("\n## Keys that aren't needed\n\nNothing in Jocko corresponds to them, and nothing is missing without them.\n")
	byReason(&b, "Broker", config.Brokers, config.NotNeeded)
	b.WriteString("\n## Keys that are refused\n\nA broker doesn't start with one of these set.\n")
	byReason(&b, "Broker", config.Brokers, config.Refused)
	return b.String()
}

// differences lists the defaults that aren't Kafka's.
func differences() string {
	var b strings.Builder
	b.WriteString("\n## Defaults that differ from Kafka's\n\n")
	for k := range config.Brokers.All() {
		if k.Differs != "" {
			fmt.Fprintf(&b, "- `%s`: %s\n", k.Name, k.Differs)
		}
	}
	return b.String()
}

// section is a table of the keys that want says.
func section(b *strings.Builder, title string, s *config.Set, want func(*config.Key) bool) {
	fmt.Fprintf(b, "\n## %s\n\n| key | type | default | valid | change | |\n|---|---|---|---|---|---|\n", title)
	for k := range s.All() {
		if want(k) {
			row(b, s, k)
		}
	}
}

func row(b *strings.Builder, s *config.Set, k *config.Key) {
	mode := ""
	if s == config.Brokers {
		mode = k.Mode.String()
	}
	doc := k.Doc
	if len(k.Synonyms) > 0 && s != config.Brokers {
		doc += " Broker: `" + k.Synonyms[0].Name + "`."
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", k.Name, strings.ToLower(k.Type.String()), value(k), cell(k.Valid()), mode, cell(doc))
}

func value(k *config.Key) string {
	switch {
	case k.Null:
		return "null"
	case k.Default == "":
		return ""
	}
	return "`" + k.Default + "`"
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// byReason lists the keys of a status under the reason they have in common.
func byReason(b *strings.Builder, title string, s *config.Set, status config.Status) {
	var reasons []string
	keys := make(map[string][]string)
	for k := range s.All() {
		if k.Status != status || k.Internal {
			continue
		}
		if keys[k.Why] == nil {
			reasons = append(reasons, k.Why)
		}
		keys[k.Why] = append(keys[k.Why], "`"+k.Name+"`")
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		fmt.Fprintf(b, "\n**%s.** %s\n\n%s\n", title, why, strings.Join(keys[why], ", "))
	}
}
