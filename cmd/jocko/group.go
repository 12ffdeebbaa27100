package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newGroup() *cobra.Command {
	return group("group", "List and describe groups, reset and delete their offsets, delete them",
		newGroupList(), newGroupDescribe(), newGroupLag(), newGroupResetOffsets(), newGroupDeleteOffsets(), newGroupDelete())
}

// The types of groups that have committed offsets, as ListGroups names them.
const (
	groupClassic  = "classic"
	groupConsumer = "consumer" // KIP-848
)

// groupChoice is how a command is told which groups it is about: by name, or all of them.
type groupChoice struct{ all bool }

func (g *groupChoice) addFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&g.all, "all-groups", false, "take every classic and consumer group of the cluster")
}

// args checks that there are names or --all-groups, not both.
func (g *groupChoice) args(_ *cobra.Command, args []string) error {
	switch {
	case g.all && len(args) > 0:
		return fmt.Errorf("--all-groups goes without names")
	case !g.all && len(args) == 0:
		return fmt.Errorf("GROUP is missing: name one or give --all-groups")
	}
	return nil
}

// names returns the groups chosen, each once, in the order given or sorted.
func (g *groupChoice) names(ctx context.Context, adm adminClient, args []string) ([]string, error) {
	if g.all {
		return consumerGroups(ctx, adm)
	}
	var names []string
	for _, name := range args {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// consumerGroups returns the groups of consumers, sorted. Groups of Connect workers, of share consumers and of Streams
// keep no offsets in the way of consumers, and groups of no protocol are those that only ever committed.
func consumerGroups(ctx context.Context, adm adminClient) ([]string, error) {
	groups, err := listGroups(ctx, adm, nil, nil)
	var names []string
	for _, g := range groups {
		if g.holdsOffsets() {
			names = append(names, g.Group)
		}
	}
	return names, err
}

// lookUpGroups describes classic and consumer groups, in the order asked for, without their offsets. The error of a
// group that can't be described is found under its name.
//
// A group is asked for as a consumer group first. One that isn't there, or is of the other type, is then asked for as a
// classic group; so does Kafka's own client.
func lookUpGroups(ctx context.Context, adm adminClient, names []string) (found []groupDescription, failed map[string]error, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	consumer, err := adm.DescribeConsumerGroups(ctx, names...)
	if err != nil && !isTooOld(err) {
		return nil, nil, err
	}
	var rest []string
	for _, name := range names {
		g, ok := consumer[name]
		if !ok || errors.Is(g.Err, kerr.GroupIDNotFound) || errors.Is(g.Err, kerr.UnsupportedVersion) {
			rest = append(rest, name)
		}
	}
	var classic kadm.DescribedGroups
	if len(rest) > 0 {
		if classic, err = adm.DescribeGroups(ctx, rest...); err != nil {
			return nil, nil, err
		}
	}
	failed = map[string]error{}
	for _, name := range names {
		d, err := oneGroup(name, consumer, classic)
		if err != nil {
			failed[name] = fmt.Errorf("group %s: %w", name, err)
			continue
		}
		found = append(found, d)
	}
	return found, failed, nil
}

func oneGroup(name string, consumer kadm.DescribedConsumerGroups, classic kadm.DescribedGroups) (groupDescription, error) {
	if g, ok := classic[name]; ok {
		switch {
		case g.Err != nil:
			return groupDescription{}, withMessage(g.Err, g.ErrMessage)
		case g.State == "Dead": // what brokers before 4.0 say of a group that they don't know
			return groupDescription{}, kerr.GroupIDNotFound
		}
		return newClassicDescription(g), nil
	}
	g := consumer[name]
	if g.Err != nil {
		return groupDescription{}, g.Err
	}
	return newConsumerDescription(g), nil
}

// joinGroupErrors joins the errors of lookUpGroups in the order of names.
func joinGroupErrors(names []string, failed map[string]error) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, failed[name])
	}
	return errors.Join(errs...)
}

// topicScope is what --topic names: a topic, and which of its partitions (nil: all).
type topicScope struct {
	topic      string
	partitions []int32
}

const topicScopeHelp = "`topic`, or topic:0,1,2 for some of its partitions; may be repeated"

func parseTopicScopes(words []string) ([]topicScope, error) {
	var scopes []topicScope
	for _, w := range words {
		topic, list, some := strings.Cut(w, ":")
		s := topicScope{topic: topic}
		if some {
			var err error
			if s.partitions, err = parsePartitions(strings.Split(list, ",")); err != nil {
				return nil, fmt.Errorf("%q: %w", w, err)
			}
		}
		if topic == "" {
			return nil, fmt.Errorf("%q names no topic", w)
		}
		scopes = append(scopes, s)
	}
	return scopes, nil
}

// lookUpScopes returns the partitions of each topic, sorted. A topic or partition that doesn't exist is an error.
func lookUpScopes(ctx context.Context, adm adminClient, scopes []topicScope) (map[string][]int32, error) {
	found := map[string][]int32{}
	for _, s := range scopes {
		_, partitions, err := lookUpTopic(ctx, adm, s.topic, s.partitions)
		if err != nil {
			return nil, err
		}
		all := append(found[s.topic], partitions...)
		slices.Sort(all)
		found[s.topic] = slices.Compact(all)
	}
	return found, nil
}

// completeGroups offers the cluster's groups for the first limit arguments (0: for every one).
func completeGroups(c *connection, limit int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return namesWith(prefix, args, c.groupNames(cmd.Context())), cobra.ShellCompDirectiveNoFileComp
	}
}

// groupNames returns the groups of the cluster, and none when it doesn't answer at once.
func (c *connection) groupNames(ctx context.Context) []string {
	var names []string
	quick := connection{bootstrap: c.bootstrap, timeout: completionTimeout}
	_ = quick.admin(ctx, func(ctx context.Context, adm adminClient) error {
		groups, err := listGroups(ctx, adm, nil, nil)
		for _, g := range groups {
			names = append(names, g.Group)
		}
		return err
	})
	return names
}

// completeTopicFlag offers the cluster's topics for a flag.
func completeTopicFlag(cmd *cobra.Command, c *connection, flag string) {
	complete := func(cmd *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return namesWith(prefix, nil, c.topicNames(cmd.Context())), cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic("BUG: " + err.Error())
	}
}

// listGroups returns the groups of these types and states (nil: any), sorted by name, as an empty list when there is none.
func listGroups(ctx context.Context, adm adminClient, types, states []string) ([]groupSummary, error) {
	req := kmsg.NewPtrListGroupsRequest()
	req.TypesFilter, req.StatesFilter = types, states
	groups := []groupSummary{}
	for _, shard := range adm.wire.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		resp := shard.Resp.(*kmsg.ListGroupsResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return nil, fmt.Errorf("broker %d: %w", shard.Meta.NodeID, err)
		}
		if len(types) > 0 && resp.Version < 5 || len(states) > 0 && resp.Version < 4 {
			return nil, fmt.Errorf("broker %d can't filter groups: %w", shard.Meta.NodeID, kerr.UnsupportedVersion)
		}
		for _, g := range resp.Groups {
			groups = append(groups, groupSummary{g.Group, strings.ToLower(g.GroupType), g.GroupState, g.ProtocolType, shard.Meta.NodeID})
		}
	}
	slices.SortFunc(groups, func(a, b groupSummary) int { return strings.Compare(a.Group, b.Group) })
	return groups, nil
}
