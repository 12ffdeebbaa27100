package broker_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/jockotest"
)

// sessionClient is a consumer with a fetch session, as KIP-227 describes it: it
// names its partitions once.
type sessionClient struct {
	t *testing.T
	*script
	req     *protocol.FetchRequest
	answers [8]int // with records
	errors  [8]int
}

func newSessionClient(t *testing.T, maxBytes, partitionBytes int32, partitions int, options ...jockotest.Option) *sessionClient {
	c := &sessionClient{t: t, script: &script{names: make(map[string]string), broker: jockotest.Start(t, options...)}, req: &protocol.FetchRequest{}}
	t.Cleanup(c.hangUp)
	c.req.Default()
	c.req.MinBytes, c.req.MaxBytes, c.req.SessionEpoch = 1, maxBytes, 0
	topic := protocol.FetchRequestFetchTopic{Topic: "t"}
	for i := range partitions {
		topic.Partitions = append(topic.Partitions, fetchPosition(int32(i), partitionBytes))
	}
	c.req.Topics = append(c.req.Topics, topic)
	return c
}

func fetchPosition(i, limit int32) protocol.FetchRequestFetchPartition {
	var p protocol.FetchRequestFetchPartition
	p.Default()
	p.Partition, p.PartitionMaxBytes = i, limit
	return p
}

func (c *sessionClient) create(partitions int32, configs ...protocol.CreateTopicsRequestCreatableTopicConfig) {
	c.t.Helper()
	req := &protocol.CreateTopicsRequest{}
	req.Default()
	req.Topics = []protocol.CreateTopicsRequestCreatableTopic{{Name: "t", NumPartitions: partitions, ReplicationFactor: 1, Configs: configs}}
	c.must(c.send(protocol.CreateTopics, 5, req))
}

func (c *sessionClient) must(m protocol.Message, err error) protocol.Message {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// produce appends a batch of one record of size bytes.
func (c *sessionClient) produce(partition int32, size int) {
	c.t.Helper()
	b := record.NewBuilder(record.None, 0)
	b.Append(time.Now().UnixMilli(), nil, bytes.Repeat([]byte{'v'}, size))
	c.produceBatch(partition, b, nil)
}

func (c *sessionClient) produceBatch(partition int32, b *record.Builder, transactionalID *string) {
	c.t.Helper()
	req := &protocol.ProduceRequest{}
	req.Default()
	req.TransactionalId, req.Acks, req.TimeoutMs = transactionalID, -1, 10_000
	req.TopicData = []protocol.ProduceRequestTopicProduceData{{Name: "t", PartitionData: []protocol.ProduceRequestPartitionProduceData{
		{Index: partition, Records: b.Build()},
	}}}
	c.must(c.send(protocol.Produce, 8, req))
}

// fetch makes one round and returns the partitions that got records.
func (c *sessionClient) fetch() (got []int32) {
	c.t.Helper()
	m := c.must(c.send(protocol.Fetch, 11, c.req)).(*protocol.FetchResponse)
	if m.ErrorCode != 0 {
		c.t.Fatal(protocol.Error(m.ErrorCode))
	}
	c.req.SessionId, c.req.SessionEpoch, c.req.Topics = m.SessionId, c.req.SessionEpoch+1, nil
	for _, t := range m.Responses {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				c.errors[p.PartitionIndex]++
			}
			if n := p.Records.Size(); n > 0 {
				got = append(got, p.PartitionIndex)
				c.answers[p.PartitionIndex]++
			}
		}
	}
	return got
}

// TestSessionGivesEachPartitionItsTurn: an answer has room for one batch, and four partitions have one. None is left out, though
// the client names them once, and none comes again before the others came.
func TestSessionGivesEachPartitionItsTurn(t *testing.T) {
	c := newSessionClient(t, 1, 1<<20, 4)
	c.create(4)
	for i := range int32(4) {
		c.produce(i, 1000)
	}
	for range 3 {
		seen := make(map[int32]bool)
		for range 4 {
			got := c.fetch()
			if len(got) != 1 || seen[got[0]] {
				t.Fatalf("an answer of partitions %v after %v: each has its turn", got, seen)
			}
			seen[got[0]] = true
		}
	}
}

// TestSessionRemembersErrors: a partition that is answered with an error is answered again, until it has records.
func TestSessionRemembersErrors(t *testing.T) {
	c := newSessionClient(t, 1<<20, 1<<20, 2)
	for n := range 3 {
		if c.fetch(); c.errors[0] != n+1 || c.errors[1] != n+1 {
			t.Fatalf("errors after %d fetches: %v", n+1, c.errors[:2])
		}
	}
	c.create(2)
	c.produce(1, 10)
	if got := c.fetch(); len(got) != 1 || got[0] != 1 {
		t.Errorf("once the topic is there, records of %v were answered, want 1", got)
	}
}

// TestMinBytesCountsWhatIsThere: answers that can't become larger by waiting come at once, and not after the minute that the
// client would wait.
func TestMinBytesCountsWhatIsThere(t *testing.T) {
	tests := map[string]struct{ minBytes, maxBytes, partition int32 }{
		"the partition's limit": {100_000, 10_000_000, 100_000},
		"the answer's limit":    {150_000, 70_000, 100_000},
	}
	for name, test := range tests {
		c := newSessionClient(t, test.maxBytes, test.partition, 1)
		c.create(1)
		for range 5 {
			c.produce(0, 30_000)
		}
		c.req.MinBytes, c.req.MaxWaitMs = test.minBytes, 60_000
		if got := c.fetch(); len(got) != 1 {
			t.Errorf("%s: no records", name)
		}
	}
}

// TestMinBytesOfAnEarlierSegment: a fetch from an earlier segment than the partition's end is answered at once, however little it
// reads.
func TestMinBytesOfAnEarlierSegment(t *testing.T) {
	size := "1048576"
	c := newSessionClient(t, 10_000_000, 10_000_000, 1)
	c.create(1, protocol.CreateTopicsRequestCreatableTopicConfig{Name: "segment.bytes", Value: &size})
	for range 2 {
		c.produce(0, 600_000)
	}
	c.req.MinBytes, c.req.MaxWaitMs = 50_000_000, 60_000
	if got := c.fetch(); len(got) != 1 {
		t.Error("no records")
	}
}

// TestMinBytesCountsToTheLastStableOffset: what lies in an open transaction doesn't count for a client that may not read it, nor
// does the segment that it is in.
func TestMinBytesCountsToTheLastStableOffset(t *testing.T) {
	for isolation, wait := range []time.Duration{0, 500 * time.Millisecond} {
		c := newSessionClient(t, 10_000_000, 100_000, 1, jockotest.Config("transaction.partition.verification.enable", "false"))
		id, size := "x", "1048576"
		c.create(1, protocol.CreateTopicsRequestCreatableTopicConfig{Name: "segment.bytes", Value: &size})
		c.produce(0, 10_000)
		for sequence := range int32(2) { // the second is in a new segment
			b := record.NewBuilder(record.None, 0)
			b.SetProducer(1, 0, sequence, true)
			b.Append(time.Now().UnixMilli(), nil, make([]byte, 600_000))
			c.produceBatch(0, b, &id)
		}
		c.req.MinBytes, c.req.MaxWaitMs, c.req.IsolationLevel = 40_000, 60_000, int8(isolation)
		if wait > 0 {
			c.req.MaxWaitMs = int32(wait.Milliseconds())
		}
		begun := time.Now()
		if got := c.fetch(); len(got) != 1 || time.Since(begun) < wait {
			t.Errorf("isolation level %d: records of %v after %v", isolation, got, time.Since(begun))
		}
	}
}
