package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestDescribeProducersRequests cuts many partitions into requests, none of them lost, none too large.
func TestDescribeProducersRequests(t *testing.T) {
	partitions := map[string][]int32{}
	for topic, n := range map[string]int32{"a": 1203, "b": 1, "c": 297, "d": 0} {
		for p := range n {
			partitions[topic] = append(partitions[topic], p)
		}
	}
	total := map[string]int{}
	requests := describeProducersRequests(partitions)
	for _, req := range requests {
		size := 0
		for _, topic := range req.Topics {
			size += len(topic.Partitions)
			total[topic.Topic] += len(topic.Partitions)
		}
		if size == 0 || size > describeProducersBatch {
			t.Errorf("a request for %d partitions", size)
		}
	}
	if len(requests) != 4 || total["a"] != 1203 || total["b"] != 1 || total["c"] != 297 || total["d"] != 0 {
		t.Errorf("%d requests: %v", len(requests), total)
	}
}

func TestOpenTransactions(t *testing.T) {
	producers := []kmsg.DescribeProducersResponseTopicPartitionActiveProducer{
		{ProducerID: 1, LastTimestamp: 99, CurrentTxnStartOffset: 5},
		{ProducerID: 2, LastTimestamp: 100, CurrentTxnStartOffset: 6},
		{ProducerID: 3, LastTimestamp: 1, CurrentTxnStartOffset: -1},
	}
	open, err := openTransactions([]partitionProducers{{topic: "t", partition: 3, producers: producers}}, 100)
	if err != nil || len(open) != 1 || open[0].ProducerID != 1 || open[0].StartOffset != 5 || open[0].Partition != 3 {
		t.Errorf("got %+v, %v", open, err)
	}
	_, err = openTransactions([]partitionProducers{{topic: "t", partition: 3, broker: 1, err: kerr.NotLeaderForPartition}}, 100)
	if !errors.Is(err, kerr.NotLeaderForPartition) || !strings.HasPrefix(err.Error(), "t/3 on broker 1: ") {
		t.Errorf("got %v", err)
	}
}

func TestWordsOf(t *testing.T) {
	if got, err := wordsOf([]string{"stable", " EMPTY"}, groupStates); err != nil || strings.Join(got, " ") != "Stable Empty" {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := wordsOf([]string{"stabel"}, groupStates); err == nil {
		t.Errorf("got %v", got)
	}
}
