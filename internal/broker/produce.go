package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
	"github.com/travisjeffery/jocko/internal/server"
)

// Produce (key 0)
//
//   - Appends each partition's batch as its leader; partitions fail one by one.
//   - acks=0 has no response; an error then closes the connection, which is the
//     only word the producer can get. acks=1 answers after the append, acks=-1
//     when the high watermark has passed the batch or timeout.ms is over. In
//     durable mode (flush.messages=1) acks=1 waits for this broker's disk.
//   - Batches of idempotent producers are checked against the producer's last
//     five: a known one answers with the offsets it got then, a gap is refused.
//   - A batch that belongs to a transaction is refused: no transaction can be
//     open while there is no transaction coordinator.
//
// v3 batches of magic 2. v5 log start offset. v7 zstd. v8 errors of single
// records. v9 flexible. v10 the leader to go to (KIP-951). v13 topic ids.
type produce struct {
	b       *Broker
	rq      *Request
	request protocol.ProduceRequest
	answer  protocol.ProduceResponse
	pending []pendingAppend
	failed  bool
	finish  server.Finish // finish0, bound once
}

// pendingAppend is a partition whose answer waits for the high watermark, or
// under acks=1 for the disk.
type pendingAppend struct {
	partition *replica.Partition
	appended  replica.Appended
	answer    *protocol.ProduceResponsePartitionProduceResponse
}

var produces sync.Pool

func getProduce() *produce {
	if x, ok := produces.Get().(*produce); ok {
		return x
	}
	x := new(produce)
	x.finish = x.respond
	return x
}

func (b *Broker) produce(rq *Request) (server.Finish, error) {
	p := getProduce()
	p.b, p.rq, p.failed = b, rq, false
	if err := rq.decode(&p.request); err != nil {
		p.release()
		return nil, err
	}
	now := b.Now()
	topics := p.request.TopicData
	p.answer.Responses = grow(p.answer.Responses, len(topics))
	for i := range topics {
		p.topic(&topics[i], &p.answer.Responses[i], now)
	}
	if len(p.pending) == 0 {
		rq.Conn.NoWait()
	}
	return p.finish, nil
}

// topic appends to the partitions of one topic.
func (p *produce) topic(t *protocol.ProduceRequestTopicProduceData, out *protocol.ProduceResponseTopicProduceResponse, now time.Time) {
	out.Name, out.TopicId = t.Name, t.TopicId
	out.PartitionResponses = grow(out.PartitionResponses, len(t.PartitionData))
	for i := range t.PartitionData {
		data, answer := &t.PartitionData[i], &out.PartitionResponses[i]
		answer.Default()
		answer.Index, answer.BaseOffset = data.Index, -1
		if err := p.partition(t, data, answer, now); err != nil {
			p.fail(answer, err)
		}
	}
}

func (p *produce) partition(t *protocol.ProduceRequestTopicProduceData, data *protocol.ProduceRequestPartitionProduceData,
	answer *protocol.ProduceResponsePartitionProduceResponse, now time.Time,
) error {
	if p.request.Acks < -1 || p.request.Acks > 1 {
		return protocol.ErrInvalidRequiredAcks
	}
	var part *replica.Partition
	var err error
	if p.rq.Version() >= 13 {
		part, err = p.b.Replicas.ByID(t.TopicId, data.Index)
	} else {
		part, err = p.b.Replicas.ByName(t.Name, data.Index)
	}
	if err != nil {
		return err
	}
	part.Traffic.BytesIn.Add(len(data.Records))
	a, err := part.Append(data.Records, p.rq.Frame, p.rq.Version(), p.request.Acks == -1, now)
	if err != nil {
		part.Traffic.ProduceFailed.Inc()
		p.leaderHint(part, answer, err)
		return err
	}
	answer.BaseOffset, answer.LogAppendTimeMs, answer.LogStartOffset = int64(a.First), a.AppendTime, int64(a.LogStart)
	if p.request.Acks == -1 && !a.Committed || p.request.Acks == 1 && a.Unflushed {
		p.pending = append(p.pending, pendingAppend{part, a, answer})
	}
	return nil
}

// fail writes an error into a partition's answer.
func (p *produce) fail(answer *protocol.ProduceResponsePartitionProduceResponse, err error) {
	p.failed = true
	answer.ErrorCode = p.b.code(err)
	p.b.byKey[protocol.Produce].metrics.Error(answer.ErrorCode)
	answer.BaseOffset, answer.LogAppendTimeMs, answer.LogStartOffset = -1, -1, -1
	var invalid *record.Error
	if !errors.As(err, &invalid) {
		return
	}
	message := invalid.Error()
	answer.ErrorMessage = &message
	for _, r := range invalid.Records {
		text := r.Message
		answer.RecordErrors = append(answer.RecordErrors, protocol.ProduceResponseBatchIndexAndErrorMessage{
			BatchIndex: int32(r.Index), BatchIndexErrorMessage: &text,
		})
	}
}

// leaderHint says who leads instead (KIP-951).
func (p *produce) leaderHint(part *replica.Partition, answer *protocol.ProduceResponsePartitionProduceResponse, err error) {
	if p.rq.Version() < 10 || !errors.Is(err, protocol.ErrNotLeaderOrFollower) {
		return
	}
	id, epoch := part.Leader()
	answer.CurrentLeader.LeaderId, answer.CurrentLeader.LeaderEpoch = int32(id), int32(epoch)
}

// respond waits for what acks=-1 asks for and writes the response.
func (p *produce) respond(ctx context.Context, out *protocol.Encoder) server.After {
	defer p.release()
	deadline := p.rq.Started.Add(time.Duration(p.request.TimeoutMs) * time.Millisecond)
	for i := range p.pending {
		w := &p.pending[i]
		await := w.partition.AwaitCommitted
		if p.request.Acks == 1 {
			await = w.partition.AwaitFlushed
		}
		if err := await(ctx, w.appended, deadline); err != nil {
			p.fail(w.answer, err)
		}
	}
	if p.request.Acks == 0 {
		p.b.end(p.rq)
		return server.After{Close: p.failed}
	}
	p.b.write(p.rq, &p.answer, out)
	return server.After{}
}

func (p *produce) release() {
	clear(p.pending)
	p.pending = p.pending[:0]
	p.rq = nil
	produces.Put(p)
}

// grow returns s with length n, keeping what its elements hold for reuse.
func grow[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make([]T, n-cap(s))...)
}
