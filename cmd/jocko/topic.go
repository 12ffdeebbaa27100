package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newTopic() *cobra.Command {
	return group("topic", "Create, list, describe, alter and delete topics",
		newTopicCreate(), newTopicList(), newTopicDescribe(), newTopicAlter(), newTopicDelete())
}

// topicChange is the outcome of a change to one topic, as printed with --format json.
type topicChange struct {
	Topic      string `json:"topic"`
	ID         string `json:"id,omitempty"`
	Partitions int32  `json:"partitions,omitempty"`
	Replicas   int16  `json:"replicas,omitempty"`
	Result     string `json:"result"` // created, exists, altered, deleted, missing, valid, failed
	Error      string `json:"error,omitempty"`
}

// topicChanges collects what happened to each topic named on the command line.
type topicChanges struct {
	list []topicChange
	errs []error
}

func (t *topicChanges) add(c topicChange, err error) {
	if err != nil {
		c.Result, c.Error = "failed", err.Error()
		t.errs = append(t.errs, fmt.Errorf("topic %s: %w", c.Topic, err))
	}
	t.list = append(t.list, c)
}

// print shows the changes made, and returns what failed.
func (t *topicChanges) print(cmd *cobra.Command, format outputFormat) error {
	if format.json() {
		if err := writeJSON(cmd.OutOrStdout(), t.list); err != nil {
			return err
		}
		return errors.Join(t.errs...)
	}
	for _, c := range t.list {
		if c.Error != "" {
			continue
		}
		var detail string
		if c.Partitions > 0 && c.Replicas > 0 {
			detail = fmt.Sprintf(" (%s, %s each)", plural(int64(c.Partitions), "partition"), plural(int64(c.Replicas), "replica"))
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s%s\n", c.Topic, c.Result, detail); err != nil {
			return err
		}
	}
	return errors.Join(t.errs...)
}

// topicID prints a topic id as Kafka does, and nothing for the id of clusters that have none.
func topicID(id [16]byte) string {
	if id == ([16]byte{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// parseSettings reads key=value words. A key may be given once.
func parseSettings(words []string) (map[string]string, error) {
	settings := make(map[string]string, len(words))
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, fmt.Errorf("%q is not of the form key=value", w)
		}
		if _, twice := settings[key]; twice {
			return nil, fmt.Errorf("%s is set twice", key)
		}
		settings[key] = value
	}
	return settings, nil
}

// alterTopicConfigs sends set and unset as one incremental change, and returns each topic's error.
func alterTopicConfigs(ctx context.Context, adm adminClient, topics []string, set map[string]string, unset []string, validate bool) (map[string]error, error) {
	var changes []configChange
	for _, key := range slices.Sorted(maps.Keys(set)) {
		changes = append(changes, configChange{op: kmsg.IncrementalAlterConfigOpSet, key: key, value: set[key]})
	}
	for _, key := range unset {
		changes = append(changes, configChange{op: kmsg.IncrementalAlterConfigOpDelete, key: key})
	}
	var resources []configResource
	for _, t := range topics {
		resources = append(resources, configResource{kmsg.ConfigResourceTypeTopic, t})
	}
	return alterConfigs(ctx, adm, resources, changes, validate)
}
