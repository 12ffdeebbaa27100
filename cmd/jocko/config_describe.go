package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// configDescription is what `config describe --format json` prints.
type configDescription struct {
	Type    string        `json:"type"`
	Name    string        `json:"name"`
	Configs []configEntry `json:"configs"`
}

type configEntry struct {
	Key       string          `json:"key"`
	Value     *string         `json:"value"` // null: unset, or sensitive
	Type      string          `json:"type"`
	Source    string          `json:"source"`
	ReadOnly  bool            `json:"read_only"`
	Sensitive bool            `json:"sensitive"`
	Synonyms  []configSynonym `json:"synonyms"`
	Doc       string          `json:"doc,omitempty"`
}

type configSynonym struct {
	Key    string  `json:"key"`
	Value  *string `json:"value"`
	Source string  `json:"source"`
}

// isDefault tells that nobody has set the value on the resource itself nor in a broker's file.
func (e *configEntry) isDefault() bool {
	return e.Source == kmsg.ConfigSourceDefaultConfig.String()
}

func (e *configEntry) valueText() string {
	switch {
	case e.Sensitive:
		return "(hidden)"
	case e.Value == nil:
		return ""
	}
	return *e.Value
}

func newConfigDescription(r configResource, configs []kmsg.DescribeConfigsResponseResourceConfig) configDescription {
	d := configDescription{Type: r.word(), Name: r.name, Configs: []configEntry{}}
	for _, c := range configs {
		e := configEntry{
			Key: c.Name, Value: c.Value, Type: c.ConfigType.String(), Source: c.Source.String(),
			ReadOnly: c.ReadOnly, Sensitive: c.IsSensitive, Synonyms: []configSynonym{},
		}
		if c.Documentation != nil {
			e.Doc = *c.Documentation
		}
		for _, s := range c.ConfigSynonyms {
			e.Synonyms = append(e.Synonyms, configSynonym{s.Name, s.Value, s.Source.String()})
		}
		d.Configs = append(d.Configs, e)
	}
	slices.SortFunc(d.Configs, func(a, b configEntry) int { return cmp.Compare(a.Key, b.Key) })
	return d
}

type configDescribe struct {
	conn                connection
	format              outputFormat
	all, synonyms, docs bool
}

func newConfigDescribe() *cobra.Command {
	var c configDescribe
	cmd := &cobra.Command{
		Use:   "describe TYPE [NAME] [KEY...]",
		Short: "Show configs that were set; with --all or a key also defaults",
		Example: `  jocko config describe topic orders
  jocko config describe topic orders retention.ms --synonyms
  jocko config describe broker 1 --all
  jocko config describe cluster`,
		Args:              needs("TYPE"),
		ValidArgsFunction: completeResource(&c.conn, ""),
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.BoolVarP(&c.all, "all", "a", false, "show the defaults as well")
	f.BoolVar(&c.synonyms, "synonyms", false, "show where else a value is looked for, in order")
	f.BoolVar(&c.docs, "docs", false, "show what each key means")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *configDescribe) run(cmd *cobra.Command, args []string) error {
	r, keys, err := parseResource(args)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		keys = nil
	}
	return c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		found, err := describeConfigs(ctx, adm, []configResource{r}, keys, c.docs)
		if err != nil {
			return err
		}
		d := found[0]
		if !c.all && keys == nil {
			d.Configs = slices.DeleteFunc(d.Configs, func(e configEntry) bool { return e.isDefault() })
		}
		if err := missingKeys(r, keys, d.Configs); err != nil {
			return err
		}
		if c.format.json() {
			return writeJSON(cmd.OutOrStdout(), d)
		}
		return c.print(cmd.OutOrStdout(), d)
	})
}

// missingKeys reports the keys that the broker doesn't know for this kind of resource.
func missingKeys(r configResource, keys []string, found []configEntry) error {
	var missing []string
	for _, key := range keys {
		if !slices.ContainsFunc(found, func(e configEntry) bool { return e.Key == key }) {
			missing = append(missing, key)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("%s has no config %s: see `jocko config describe %s --all`", r, strings.Join(missing, ", "), r)
}

func (c *configDescribe) print(w io.Writer, d configDescription) error {
	if len(d.Configs) == 0 {
		_, err := fmt.Fprintln(w, "nothing is set: --all shows the defaults")
		return err
	}
	header := []string{"KEY", "VALUE", "SOURCE"}
	if c.synonyms {
		header = append(header, "SYNONYMS")
	}
	if c.docs {
		header = append(header, "MEANING")
	}
	var rows [][]string
	for _, e := range d.Configs {
		source := strings.ToLower(strings.ReplaceAll(e.Source, "_", " "))
		if e.ReadOnly {
			source += ", read only"
		}
		row := []string{e.Key, oneLine(e.valueText()), source}
		if c.synonyms {
			row = append(row, e.synonymText())
		}
		if c.docs {
			row = append(row, strings.Join(strings.Fields(e.Doc), " "))
		}
		rows = append(rows, row)
	}
	return writeTable(w, header, rows)
}

func (e *configEntry) synonymText() string {
	words := make([]string, len(e.Synonyms))
	for i, s := range e.Synonyms {
		value := "(hidden)"
		if s.Value != nil {
			value = oneLine(*s.Value)
		}
		words[i] = fmt.Sprintf("%s:%s=%s", s.Source, s.Key, value)
	}
	return strings.Join(words, " ")
}
