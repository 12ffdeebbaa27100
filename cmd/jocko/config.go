package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newConfig() *cobra.Command {
	cmd := group("config", "Describe and change the configs of topics, brokers, groups and client metrics",
		newConfigDescribe(), newConfigSet(), newConfigUnset())
	cmd.Long = cmd.Short + `.

TYPE NAME says whose configs: topic NAME, broker ID, broker-logger ID, group NAME, client-metrics NAME. The type
cluster has no name: it is the default of all brokers.`
	return cmd
}

// configKinds are the words for the things that have configs. "cluster" is a broker resource with an empty name.
var configKinds = map[string]kmsg.ConfigResourceType{
	"topic":          kmsg.ConfigResourceTypeTopic,
	"broker":         kmsg.ConfigResourceTypeBroker,
	"cluster":        kmsg.ConfigResourceTypeBroker,
	"broker-logger":  kmsg.ConfigResourceTypeBrokerLogger,
	"group":          kmsg.ConfigResourceTypeGroupConfig,
	"client-metrics": kmsg.ConfigResourceTypeClientMetrics,
}

// configResource names one thing that has configs.
type configResource struct {
	kind kmsg.ConfigResourceType
	name string
}

// word is the resource's type as the command line spells it.
func (r configResource) word() string {
	if r.kind == kmsg.ConfigResourceTypeBroker && r.name == "" {
		return "cluster"
	}
	for word, kind := range configKinds {
		if kind == r.kind && word != "cluster" {
			return word
		}
	}
	return r.kind.String()
}

func (r configResource) String() string { return strings.TrimSpace(r.word() + " " + r.name) }

// parseResource reads TYPE [NAME] from the front of args and returns what follows.
func parseResource(args []string) (configResource, []string, error) {
	if len(args) == 0 {
		return configResource{}, nil, usagef("say whose configs: TYPE NAME")
	}
	kind, ok := configKinds[args[0]]
	if !ok {
		return configResource{}, nil, usagef("unknown type %q: want one of %s", args[0], strings.Join(kindWords(), ", "))
	}
	if args[0] == "cluster" {
		return configResource{kind, ""}, args[1:], nil
	}
	if len(args) == 1 || args[1] == "" || strings.Contains(args[1], "=") {
		return configResource{}, nil, usagef("%s needs a name", args[0])
	}
	return configResource{kind, args[1]}, args[2:], nil
}

func kindWords() []string {
	var words []string
	for w := range configKinds {
		words = append(words, w)
	}
	slices.Sort(words)
	return words
}

// completeResource offers types, then topics' names, then the keys of the resource.
func completeResource(conn *connection, suffix string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		none := cobra.ShellCompDirectiveNoFileComp
		if len(args) == 0 {
			return namesWith(prefix, nil, kindWords()), none
		}
		r, given, err := parseResource(args)
		if err != nil {
			if len(args) == 1 && args[0] == "topic" {
				return namesWith(prefix, nil, conn.topicNames(cmd.Context())), none
			}
			return nil, none
		}
		if suffix != "" {
			none |= cobra.ShellCompDirectiveNoSpace
		}
		return namesWith(prefix, given, conn.configKeys(cmd.Context(), r, suffix)), none
	}
}

// configKeys returns the keys of a resource, each with a suffix, and none when the cluster doesn't answer at once.
func (c *connection) configKeys(ctx context.Context, r configResource, suffix string) []string {
	var keys []string
	quick := connection{bootstrap: c.bootstrap, timeout: completionTimeout}
	_ = quick.admin(ctx, func(ctx context.Context, adm adminClient) error {
		found, err := describeConfigs(ctx, adm, []configResource{r}, nil, false)
		for _, d := range found {
			for _, e := range d.Configs {
				keys = append(keys, e.Key+suffix)
			}
		}
		return err
	})
	return keys
}

// configChange is one operation on one key.
type configChange struct {
	op         kmsg.IncrementalAlterConfigOp
	key, value string
}

// alterConfigs makes the same changes to each resource. The error of a resource is found under its name.
func alterConfigs(ctx context.Context, adm adminClient, resources []configResource, changes []configChange, validate bool) (map[string]error, error) {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.ValidateOnly = validate
	for _, r := range resources {
		rr := kmsg.NewIncrementalAlterConfigsRequestResource()
		rr.ResourceType, rr.ResourceName = r.kind, r.name
		for _, c := range changes {
			rc := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			rc.Name, rc.Op = c.key, c.op
			if c.op != kmsg.IncrementalAlterConfigOpDelete {
				rc.Value = kmsg.StringPtr(c.value)
			}
			rr.Configs = append(rr.Configs, rc)
		}
		req.Resources = append(req.Resources, rr)
	}
	resp, err := req.RequestWith(ctx, adm.wire)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", resources[0], err)
	}
	failed := map[string]error{}
	for _, r := range resp.Resources {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			failed[r.ResourceName] = err
		}
	}
	return failed, nil
}

// changeConfigs is the common part of set and unset.
func changeConfigs(cmd *cobra.Command, conn *connection, format outputFormat, r configResource, changes []configChange, validate bool) error {
	err := conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		failed, err := alterConfigs(ctx, adm, []configResource{r}, changes, validate)
		if err != nil {
			return err
		}
		for _, err := range failed {
			return fmt.Errorf("%s: %w", r, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return printChanges(cmd, format, r, changes, validate)
}

// configResult is what `config set` and `config unset` print with --format json.
type configResult struct {
	Type    string            `json:"type"`
	Name    string            `json:"name"`
	Result  string            `json:"result"` // altered or valid
	Changes []configOperation `json:"changes"`
}

type configOperation struct {
	Op    string `json:"op"` // set, delete, append or subtract
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

func printChanges(cmd *cobra.Command, format outputFormat, r configResource, changes []configChange, validate bool) error {
	result := configResult{Type: r.word(), Name: r.name, Result: "altered"}
	if validate {
		result.Result = "valid"
	}
	for _, c := range changes {
		result.Changes = append(result.Changes, configOperation{strings.ToLower(c.op.String()), c.key, c.value})
	}
	if format.json() {
		return writeJSON(cmd.OutOrStdout(), result)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", r, result.Result)
	return err
}

// describeConfigs returns the configs of each resource, in the order asked for; keys nil: all of them.
func describeConfigs(ctx context.Context, adm adminClient, resources []configResource, keys []string, docs bool) ([]configDescription, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.IncludeSynonyms, req.IncludeDocumentation = true, docs
	for _, r := range resources {
		rr := kmsg.NewDescribeConfigsRequestResource()
		rr.ResourceType, rr.ResourceName, rr.ConfigNames = r.kind, r.name, keys
		req.Resources = append(req.Resources, rr)
	}
	resp, err := req.RequestWith(ctx, adm.wire)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", resources[0], err)
	}
	byResource := map[configResource]configDescription{}
	var errs []error
	for i := range resp.Resources {
		r := &resp.Resources[i]
		id := configResource{r.ResourceType, r.ResourceName}
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
		}
		byResource[id] = newConfigDescription(id, r.Configs)
	}
	found := make([]configDescription, len(resources))
	for i, r := range resources {
		found[i] = byResource[r]
	}
	return found, errors.Join(errs...)
}
