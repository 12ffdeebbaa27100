package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// groupSummary is one group of `group list --format json`.
type groupSummary struct {
	Group        string `json:"group"`
	Type         string `json:"type"` // classic, consumer, share or streams; empty: the cluster is too old to tell
	State        string `json:"state"`
	ProtocolType string `json:"protocol_type"` // consumer, connect, ...; empty: nobody ever joined
	Coordinator  int32  `json:"coordinator"`
}

// holdsOffsets tells whether this is a group of consumers that commit offsets.
func (g *groupSummary) holdsOffsets() bool {
	return (g.Type == "" || g.Type == groupClassic || g.Type == groupConsumer) && (g.ProtocolType == "" || g.ProtocolType == "consumer")
}

// The words that --state and --type take, as Kafka spells them.
var (
	groupStates = []string{"Assigning", "CompletingRebalance", "Dead", "Empty", "NotReady", "PreparingRebalance", "Reconciling", "Stable"}
	groupTypes  = []string{groupClassic, groupConsumer, "share", "streams"}
)

type groupList struct {
	conn          connection
	format        outputFormat
	states, types []string
	long          bool
}

func newGroupList() *cobra.Command {
	var c groupList
	cmd := &cobra.Command{
		Use:   "list [PATTERN]",
		Short: "List groups, one name a line",
		Example: `  jocko group list
  jocko group list --long 'payments-*'
  jocko group list --state empty,dead --type consumer`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeGroups(&c.conn, 1),
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.StringSliceVar(&c.states, "state", nil, "only groups in these `states`: "+strings.Join(groupStates, ", "))
	f.StringSliceVar(&c.types, "type", nil, "only groups of these `types`: "+strings.Join(groupTypes, ", "))
	f.BoolVarP(&c.long, "long", "l", false, "print a table with type, state, protocol type and coordinator")
	completeWords(cmd, "state", groupStates...)
	completeWords(cmd, "type", groupTypes...)
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *groupList) run(cmd *cobra.Command, args []string) error {
	pattern := "*"
	if len(args) > 0 {
		pattern = args[0]
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return usagef("PATTERN %q: %w", pattern, err)
	}
	states, err := wordsOf(c.states, groupStates)
	if err != nil {
		return usagef("--state: %w", err)
	}
	types, err := wordsOf(c.types, groupTypes)
	if err != nil {
		return usagef("--type: %w", err)
	}
	var groups []groupSummary
	err = c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) (err error) {
		groups, err = listGroups(ctx, adm, types, states)
		return err
	})
	if err != nil {
		return err
	}
	groups = slices.DeleteFunc(groups, func(g groupSummary) bool {
		ok, _ := path.Match(pattern, g.Group)
		return !ok
	})
	return c.print(cmd, groups)
}

// wordsOf finds each given word among the known ones, whatever its case, and returns it as Kafka spells it.
func wordsOf(given, known []string) ([]string, error) {
	var words []string
	for _, g := range given {
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, strings.TrimSpace(g)) })
		if i < 0 {
			return nil, fmt.Errorf("unknown word %q: want %s", g, strings.Join(known, ", "))
		}
		words = append(words, known[i])
	}
	return words, nil
}

func (c *groupList) print(cmd *cobra.Command, groups []groupSummary) error {
	out := cmd.OutOrStdout()
	if c.format.json() {
		return writeJSON(out, groups)
	}
	var rows [][]string
	for _, g := range groups {
		if !c.long {
			if _, err := fmt.Fprintln(out, g.Group); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{oneLine(g.Group), orDash(g.Type), orDash(g.State), orDash(g.ProtocolType), strconv.Itoa(int(g.Coordinator))})
	}
	if !c.long {
		return nil
	}
	return writeTable(out, []string{"GROUP", "TYPE", "STATE", "PROTOCOL", "COORDINATOR"}, rows)
}
