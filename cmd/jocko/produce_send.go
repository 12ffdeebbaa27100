package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sendBackoff is the pause before batches are sent again.
const sendBackoff = 100 * time.Millisecond

// batchSender sends the batches of one partition in order, several at a time, and again after a failure. An idempotent
// producer's batches carry sequence numbers, so the broker keeps their order and drops those it already has. Without
// them only one request may be under way, or a batch sent again could end up behind its successor.
type batchSender struct {
	client    *kgo.Client
	topic     string
	topicID   [16]byte
	partition int32
	acks      int16
	inFlight  int           // requests under way at a time
	deadline  time.Duration // how long a batch may fail without progress
	timeout   time.Duration // of one request
	leader    int32
	in        <-chan *batch
	results   chan sendResult
	acked     func(*batch)

	unacked []*batch  // in order; all were sent at least once
	waiting int       // how many of them have a request under way
	failure error     // what made sending stop; nil: it goes on
	since   time.Time // of the first failure that no success followed
}

type sendResult struct {
	batch *batch
	err   error
}

// run sends until in is closed and everything is acknowledged, or until a batch can't be sent.
func (s *batchSender) run(ctx context.Context) error {
	s.results = make(chan sendResult, s.inFlight)
	in := s.in
	for in != nil || len(s.unacked) > 0 {
		next := in
		if len(s.unacked) >= s.inFlight || s.failure != nil {
			next = nil
		}
		select {
		case b, ok := <-next:
			if !ok {
				in = nil
				continue
			}
			<-b.sealed
			s.unacked = append(s.unacked, b)
			s.send(ctx, b)
		case r := <-s.results:
			s.waiting--
			if err := s.take(r); err != nil {
				return fmt.Errorf("partition %d: %w", s.partition, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if s.failure != nil && s.waiting == 0 {
			if err := s.again(ctx); err != nil {
				return fmt.Errorf("partition %d: %w", s.partition, err)
			}
		}
	}
	return nil
}

// take notes the outcome of one request. An error is one that sending again won't cure.
func (s *batchSender) take(r sendResult) error {
	if r.err == nil || errors.Is(r.err, kerr.DuplicateSequenceNumber) {
		s.finish(r.batch)
		return nil
	}
	first := r.batch == s.unacked[0]
	follows := errors.Is(r.err, kerr.OutOfOrderSequenceNumber) && (!first || s.failure != nil)
	if !follows && !retriable(r.err) {
		return r.err
	}
	if s.failure == nil {
		s.failure = r.err
	}
	return nil
}

// finish drops an acknowledged batch.
func (s *batchSender) finish(b *batch) {
	for i, u := range s.unacked {
		if u == b {
			s.unacked = append(s.unacked[:i], s.unacked[i+1:]...)
			break
		}
	}
	s.since = time.Time{}
	s.acked(b)
}

// again sends everything that isn't acknowledged once more, to whoever leads now.
func (s *batchSender) again(ctx context.Context) error {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	for {
		if time.Since(s.since) > s.deadline {
			return fmt.Errorf("gave up after %v: %w", s.deadline, s.failure)
		}
		select {
		case <-time.After(sendBackoff):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		leader, err := s.findLeader(ctx)
		if err == nil {
			s.leader, s.failure = leader, nil
			break
		}
		s.failure = err
	}
	for _, b := range s.unacked {
		s.send(ctx, b)
	}
	return nil
}

func (s *batchSender) findLeader(ctx context.Context) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	t, err := requestTopic(ctx, s.client, s.topic, false)
	if err != nil {
		return -1, err
	}
	for _, p := range t.Partitions {
		if p.Partition == s.partition && p.Leader >= 0 {
			return p.Leader, nil
		}
	}
	return -1, kerr.LeaderNotAvailable
}

// retriable tells whether a failed produce request may work later. What isn't a code is a connection's fault.
func retriable(err error) bool {
	var code *kerr.Error
	if errors.As(err, &code) {
		return code.Retriable
	}
	return !errors.Is(err, context.Canceled)
}

// orderedProduce tells when its bytes were made for the connection: requests made in turn are sent in turn.
type orderedProduce struct {
	*kmsg.ProduceRequest
	once  sync.Once
	began chan struct{}
}

func (r *orderedProduce) AppendTo(dst []byte) []byte {
	dst = r.ProduceRequest.AppendTo(dst)
	r.once.Do(func() { close(r.began) })
	return dst
}

// send starts a request and returns when it has its place in the connection's order. Its result arrives in results.
func (s *batchSender) send(ctx context.Context, b *batch) {
	s.waiting++
	req := s.request(b)
	broker := s.client.Broker(int(s.leader))
	if s.acks == 0 {
		// No response comes: kgo returns when the bytes were written.
		_, err := broker.Request(ctx, req)
		s.results <- sendResult{b, err}
		return
	}
	ordered := &orderedProduce{ProduceRequest: req, began: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err := broker.Request(ctx, ordered)
		if err == nil {
			err = produceError(resp)
		}
		s.results <- sendResult{b, err}
	}()
	select {
	case <-ordered.began:
	case <-done:
	}
}

func (s *batchSender) request(b *batch) *kmsg.ProduceRequest {
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = s.partition, b.buf
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID, t.Partitions = s.topic, s.topicID, append(t.Partitions, p)
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis, req.Topics = s.acks, int32(s.timeout.Milliseconds()), append(req.Topics, t)
	return req
}

// produceError returns the error of the one partition that was asked for.
func produceError(resp kmsg.Response) error {
	r, ok := resp.(*kmsg.ProduceResponse)
	if !ok || len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return errors.New("the broker's answer doesn't fit the request")
	}
	p := &r.Topics[0].Partitions[0]
	message := p.ErrorMessage
	if message == nil && len(p.ErrorRecords) > 0 {
		message = p.ErrorRecords[0].ErrorMessage
	}
	return codeError(p.ErrorCode, message)
}

// requestTopic asks for a topic's metadata, and creates the topic if allowed to and if the cluster does such things.
func requestTopic(ctx context.Context, client *kgo.Client, topic string, create bool) (*kmsg.MetadataResponseTopic, error) {
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = create
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 {
		return nil, errors.New("the broker's answer doesn't fit the request")
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	return &resp.Topics[0], nil
}
