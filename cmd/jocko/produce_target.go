package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// defaultMaxMessage is a topic's max.message.bytes when the cluster doesn't tell it; largestBatch bounds what it tells.
const (
	defaultMaxMessage = 1048588
	largestBatch      = 64 << 20
)

// produceTarget is what must be known about a topic before records can be sent to it.
type produceTarget struct {
	topic    string
	id       [16]byte
	leaders  []int32 // by partition
	maxBytes int     // of a batch
	identity producerIdentity
}

func (c *produce) findTarget(ctx context.Context, client *kgo.Client, topic string) (*produceTarget, error) {
	ctx, cancel := context.WithTimeout(ctx, c.conn.timeout)
	defer cancel()
	t, err := awaitTopic(ctx, client, topic)
	if err != nil {
		return nil, err
	}
	if len(t.Partitions) == 0 {
		return nil, fmt.Errorf("topic %s has no partitions", topic)
	}
	if int(c.partition) >= len(t.Partitions) {
		return nil, fmt.Errorf("topic %s has %s: there is no partition %d", topic, plural(int64(len(t.Partitions)), "partition"), c.partition)
	}
	target := &produceTarget{topic: topic, id: t.TopicID, leaders: make([]int32, len(t.Partitions)), identity: producerIdentity{-1, -1}}
	for _, p := range t.Partitions {
		target.leaders[p.Partition] = p.Leader
	}
	if target.maxBytes = c.batchBytes; target.maxBytes == 0 {
		target.maxBytes = maxMessageBytes(ctx, adminClient{kadm.NewClient(client), client}, topic)
	}
	if c.idempotent {
		target.identity, err = initProducer(ctx, client)
	}
	return target, err
}

// creationPatience is how long to wait for a topic that the cluster may be about to create because it was asked for.
const creationPatience = 2 * time.Second

// awaitTopic returns a topic that has a leader for each partition. The request may be what creates it.
func awaitTopic(ctx context.Context, client *kgo.Client, topic string) (*kmsg.MetadataResponseTopic, error) {
	began := time.Now()
	var last error
	for {
		t, err := requestTopic(ctx, client, topic, true)
		if err == nil {
			slices.SortFunc(t.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
			if !slices.ContainsFunc(t.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader < 0 }) {
				return t, nil
			}
			err = fmt.Errorf("topic %s: %w", topic, kerr.LeaderNotAvailable)
		}
		if ctx.Err() != nil && last != nil {
			return nil, last
		}
		if last = err; !retriable(err) || errors.Is(err, kerr.UnknownTopicOrPartition) && time.Since(began) > creationPatience {
			return nil, err
		}
		select {
		case <-time.After(sendBackoff):
		case <-ctx.Done():
			return nil, last
		}
	}
}

// maxMessageBytes returns how large a batch the topic takes. Not being allowed to ask isn't a failure.
func maxMessageBytes(ctx context.Context, adm adminClient, topic string) int {
	const key = "max.message.bytes"
	found, err := describeConfigs(ctx, adm, topicResources([]string{topic}), []string{key}, false)
	if err == nil {
		for _, e := range found[0].Configs {
			if n, err := strconv.Atoi(e.valueText()); e.Key == key && err == nil && n > 0 {
				return min(n, largestBatch)
			}
		}
	}
	return defaultMaxMessage
}

func initProducer(ctx context.Context, client *kgo.Client) (producerIdentity, error) {
	for {
		resp, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err == nil {
			return producerIdentity{resp.ProducerID, resp.ProducerEpoch}, nil
		}
		if ctx.Err() != nil || !retriable(err) {
			return producerIdentity{}, fmt.Errorf("getting a producer id (not needed with --idempotent=false): %w", err)
		}
		select {
		case <-time.After(sendBackoff):
		case <-ctx.Done():
		}
	}
}
