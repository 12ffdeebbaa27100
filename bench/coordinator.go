package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// coordinatorConfig gives both brokers internal topics of the default size: the harness makes them
// small, which would leave Kafka's coordinators one thread each.
var coordinatorConfig = map[string]string{
	"offsets.topic.num.partitions":         "50",
	"transaction.state.log.num.partitions": "50",
	"group.initial.rebalance.delay.ms":     "0",
}

// findCoordinator asks for a group's coordinator until there is one. The first such request makes
// the broker create its internal topic.
func findCoordinator(ctx context.Context, addr, group string) error {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.SetVersion(4)
	req.CoordinatorKeys = []string{group}
	return wire.Retry(ctx, addr, func(c *wire.Conn) (bool, error) {
		resp, err := c.Do(req)
		if err != nil {
			return true, err
		}
		found := resp.(*kmsg.FindCoordinatorResponse).Coordinators
		if len(found) != 1 {
			return false, fmt.Errorf("%d coordinators of one group", len(found))
		}
		err = kerr.ErrorForCode(found[0].ErrorCode)
		return kerr.IsRetriable(err), err
	})
}

// untilLoaded repeats do while it says that the coordinator isn't ready yet.
func untilLoaded(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !loading(err) || ctx.Err() != nil {
			return err
		}
		sleepUntil(ctx, time.Now().Add(5*time.Millisecond))
	}
}

func loading(err error) bool {
	return errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator) ||
		errors.Is(err, kerr.CoordinatorNotAvailable)
}

// keepTopic creates a topic unless it is there: for topics that all runs share.
func keepTopic(ctx context.Context, addr, topic string, parts int32) error {
	err := wire.CreateTopic(ctx, addr, topic, parts, nil)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// commitRequest makes an OffsetCommit of a consumer outside any group's membership, for the first
// parts partitions of a topic.
func commitRequest(group, topic string, parts int32) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(9)
	req.Group, req.Generation = group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = topic
	for i := range parts {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Metadata = i, kmsg.StringPtr("")
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req
}

// setOffset sets the offset of every partition of a commit.
func setOffset(req *kmsg.OffsetCommitRequest, offset int64) {
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			req.Topics[i].Partitions[j].Offset = offset
		}
	}
}

// commitOK looks for errors in the answer to a commit.
func commitOK(req *kmsg.OffsetCommitRequest, frame []byte) error {
	resp, err := wire.Decode(req, frame)
	if err != nil {
		return err
	}
	for _, t := range resp.(*kmsg.OffsetCommitResponse).Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("commit of %s for %s/%d: %w", req.Group, t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}

// committed asks for all offsets of a group and calls each with them.
func committed(c *wire.Conn, group string, each func(topic string, partition int32, offset int64) error) error {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.SetVersion(9)
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	req.Groups = append(req.Groups, g)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	groups := resp.(*kmsg.OffsetFetchResponse).Groups
	if len(groups) != 1 {
		return fmt.Errorf("offsets of %d groups, want one", len(groups))
	}
	if err := kerr.ErrorForCode(groups[0].ErrorCode); err != nil {
		return err
	}
	for _, t := range groups[0].Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
			if err := each(t.Topic, p.Partition, p.Offset); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteGroups deletes groups that have no members any more.
func deleteGroups(c *wire.Conn, groups ...string) error {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.SetVersion(2)
	req.Groups = groups
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	for _, g := range resp.(*kmsg.DeleteGroupsResponse).Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return fmt.Errorf("delete group %s: %w", g.Group, err)
		}
	}
	return nil
}
