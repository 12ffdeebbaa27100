package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The timestamps by which ListOffsets asks for an offset that isn't found by time.
const (
	atLatest       int64 = -1
	atEarliest     int64 = -2
	atMaxTimestamp int64 = -3
)

// readCommitted is the isolation level that hides open and aborted transactions.
const readCommitted int8 = 1

// parseAt reads the name of a special offset, or a time, as ListOffsets wants it.
func parseAt(s string, now time.Time) (int64, error) {
	switch s {
	case "earliest":
		return atEarliest, nil
	case "latest":
		return atLatest, nil
	case "max-timestamp":
		return atMaxTimestamp, nil
	}
	return parseTime(s, now)
}

// lookUpTopic returns a topic's id and those of its partitions that are wanted (only nil: all), sorted.
func lookUpTopic(ctx context.Context, adm adminClient, topic string, only []int32) (kadm.TopicID, []int32, error) {
	meta, err := adm.Metadata(ctx, topic)
	if err != nil {
		return kadm.TopicID{}, nil, err
	}
	t := meta.Topics[topic]
	if t.Err != nil {
		return t.ID, nil, fmt.Errorf("topic %s: %w", topic, t.Err)
	}
	for _, p := range only {
		if _, ok := t.Partitions[p]; !ok {
			return t.ID, nil, fmt.Errorf("topic %s has %s, not one with the number %d: %w",
				topic, plural(int64(len(t.Partitions)), "partition"), p, kerr.UnknownTopicOrPartition)
		}
	}
	if only == nil {
		only = slices.Sorted(maps.Keys(t.Partitions))
	}
	return t.ID, only, nil
}

// listOffsets asks the partitions' leaders for the offset at a timestamp, or at one of the special ones. The answers
// are sorted by partition; each has an error of its own.
func listOffsets(ctx context.Context, client *kgo.Client, topic string, partitions []int32, timestamp int64, isolation int8) ([]partitionOffset, error) {
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for _, id := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = id, timestamp
		t.Partitions = append(t.Partitions, p)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = isolation
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	var list []partitionOffset
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			o := partitionOffset{Topic: t.Topic, Partition: p.Partition, Offset: p.Offset, Timestamp: p.Timestamp, LeaderEpoch: p.LeaderEpoch}
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				o.Error = err.Error()
			}
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b partitionOffset) int { return cmp.Compare(a.Partition, b.Partition) })
	return list, nil
}

// offsetsOf returns the offsets by partition, if none of them is an error.
func offsetsOf(listed []partitionOffset) (map[int32]int64, error) {
	found := make(map[int32]int64, len(listed))
	var errs []error
	for _, o := range listed {
		found[o.Partition] = o.Offset
		if o.Error != "" {
			errs = append(errs, fmt.Errorf("%s/%d: %s", o.Topic, o.Partition, o.Error))
		}
	}
	return found, errors.Join(errs...)
}
