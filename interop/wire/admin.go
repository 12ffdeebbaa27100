package wire

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreateTopic creates a topic with replication factor 1 and waits until every partition answers. It
// tries again while the broker is not ready, until the context ends.
func CreateTopic(ctx context.Context, addr, topic string, partitions int32, configs map[string]string) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(5)
	req.TimeoutMillis = 60_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, 1
	for _, k := range slices.Sorted(maps.Keys(configs)) {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = k, kmsg.StringPtr(configs[k])
		t.Configs = append(t.Configs, c)
	}
	req.Topics = append(req.Topics, t)
	tried := 0
	err := Retry(ctx, addr, func(c *Conn) (bool, error) {
		c.Timeout = time.Minute
		resp, err := c.Do(req)
		if err != nil {
			return true, err
		}
		tried++
		rt := resp.(*kmsg.CreateTopicsResponse).Topics[0]
		if rt.ErrorCode == kerr.TopicAlreadyExists.Code && tried > 1 {
			return false, nil
		}
		return kerr.IsRetriable(kerr.ErrorForCode(rt.ErrorCode)), kerr.ErrorForCode(rt.ErrorCode)
	})
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	_, err = EndOffsets(ctx, addr, topic, partitions)
	return err
}

// DeleteTopic deletes a topic.
func DeleteTopic(ctx context.Context, addr, topic string) error {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.SetVersion(4)
	req.TimeoutMillis = 60_000
	req.TopicNames = []string{topic}
	return Retry(ctx, addr, func(c *Conn) (bool, error) {
		resp, err := c.Do(req)
		if err != nil {
			return true, err
		}
		err = kerr.ErrorForCode(resp.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode)
		return kerr.IsRetriable(err), err
	})
}

// EndOffsets returns the end offset of the partitions 0 to n-1, and waits until each has one.
func EndOffsets(ctx context.Context, addr, topic string, n int32) ([]int64, error) {
	return Offsets(ctx, addr, topic, n, -1)
}

// Offsets asks ListOffsets for a timestamp, or one of its special values, of the partitions 0 to n-1.
func Offsets(ctx context.Context, addr, topic string, n int32, timestamp int64) ([]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(7)
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for i := range n {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = i, timestamp, -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	ends := make([]int64, n)
	err := Retry(ctx, addr, func(c *Conn) (bool, error) {
		resp, err := c.Do(req)
		if err != nil {
			return true, err
		}
		for _, p := range resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return kerr.IsRetriable(err), err
			}
			ends[p.Partition] = p.Offset
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	return ends, nil
}

// Retry runs f on a connection until it succeeds, says that trying again is no use, or the context
// ends. A connection that fails is replaced.
func Retry(ctx context.Context, addr string, f func(c *Conn) (again bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var c *Conn
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for {
		var err error
		again := true
		if c == nil {
			c, err = Dial(addr)
		}
		if err == nil {
			if again, err = f(c); err == nil {
				return nil
			}
		}
		if !again {
			return err
		}
		if c != nil && kerr.TypedErrorForCode(codeOf(err)) == nil {
			c.Close()
			c = nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the last try: %w", ctx.Err(), err)
		case <-pause.C:
		}
	}
}

// codeOf returns the Kafka error code err is, 0 when it is another error.
func codeOf(err error) int16 {
	if ke, ok := err.(*kerr.Error); ok { //nolint:errorlint // kerr's errors are never wrapped here
		return ke.Code
	}
	return 0
}
