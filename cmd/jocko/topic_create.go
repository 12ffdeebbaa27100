package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type topicCreate struct {
	conn        connection
	format      outputFormat
	partitions  int32
	replicas    int16
	assignment  string
	configs     []string
	ifNotExists bool
	validate    bool
}

func newTopicCreate() *cobra.Command {
	var c topicCreate
	cmd := &cobra.Command{
		Use:   "create TOPIC...",
		Short: "Create topics",
		Example: `  jocko topic create orders
  jocko topic create orders --partitions 12 --replicas 3 --config retention.ms=86400000 --config cleanup.policy=compact
  jocko topic create orders --assign 1,2:2,3`,
		Args:              needs("TOPIC"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.Int32VarP(&c.partitions, "partitions", "p", -1, "number of partitions (-1: the cluster's num.partitions)")
	f.Int16VarP(&c.replicas, "replicas", "r", -1, "replicas of each partition (-1: the cluster's default.replication.factor)")
	f.StringVar(&c.assignment, "assign", "", "`brokers` that hold each partition: 1,2:2,3 puts partition 0 on 1 and 2, partition 1 on 2 and 3")
	f.StringArrayVarP(&c.configs, "config", "c", nil, "topic config as `key=value`; may be repeated")
	f.BoolVar(&c.ifNotExists, "if-not-exists", false, "do nothing, successfully, for a topic that exists")
	f.BoolVar(&c.validate, "validate-only", false, "check the request and change nothing")
	cmd.MarkFlagsMutuallyExclusive("assign", "partitions")
	cmd.MarkFlagsMutuallyExclusive("assign", "replicas")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *topicCreate) run(cmd *cobra.Command, topics []string) error {
	req, err := c.request(topics)
	if err != nil {
		return &usageError{err}
	}
	var changes topicChanges
	err = c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		resp, err := req.RequestWith(ctx, adm.wire)
		if err != nil {
			return err
		}
		for i := range resp.Topics {
			changes.add(c.outcome(&resp.Topics[i]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return changes.print(cmd, c.format)
}

func (c *topicCreate) request(topics []string) (*kmsg.CreateTopicsRequest, error) {
	configs, err := parseSettings(c.configs)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	assignment, err := parseAssignment(c.assignment)
	if err != nil {
		return nil, fmt.Errorf("--assign: %w", err)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = c.conn.timeoutMillis()
	req.ValidateOnly = c.validate
	for _, name := range topics {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, c.partitions, c.replicas
		t.ReplicaAssignment = assignment
		for _, key := range slices.Sorted(maps.Keys(configs)) {
			e := kmsg.NewCreateTopicsRequestTopicConfig()
			e.Name, e.Value = key, kadm.StringPtr(configs[key])
			t.Configs = append(t.Configs, e)
		}
		req.Topics = append(req.Topics, t)
	}
	return req, nil
}

func (c *topicCreate) outcome(t *kmsg.CreateTopicsResponseTopic) (topicChange, error) {
	err := codeError(t.ErrorCode, t.ErrorMessage)
	change := topicChange{Topic: t.Topic, Result: "created"}
	if errors.Is(err, kerr.TopicAlreadyExists) && c.ifNotExists {
		change.Result = "exists"
		return change, nil
	}
	if c.validate {
		change.Result = "valid"
	}
	if err == nil {
		change.Partitions, change.Replicas = max(t.NumPartitions, 0), max(t.ReplicationFactor, 0)
		change.ID = topicID(t.TopicID)
	}
	return change, err
}

// parseAssignment reads brokers of partitions 0, 1, 2...: brokers are parted by commas, partitions by colons.
func parseAssignment(s string) ([]kmsg.CreateTopicsRequestTopicReplicaAssignment, error) {
	if s == "" {
		return nil, nil
	}
	var partitions []kmsg.CreateTopicsRequestTopicReplicaAssignment
	for brokers := range strings.SplitSeq(s, ":") {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition = int32(len(partitions))
		for word := range strings.SplitSeq(brokers, ",") {
			id, err := strconv.ParseInt(strings.TrimSpace(word), 10, 32)
			if err != nil || id < 0 {
				return nil, fmt.Errorf("%q is not a broker id", word)
			}
			a.Replicas = append(a.Replicas, int32(id))
		}
		partitions = append(partitions, a)
	}
	return partitions, nil
}
