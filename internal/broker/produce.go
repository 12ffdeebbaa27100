package broker

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/poison"
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
//   - A batch that belongs to a transaction is appended if its partition is part
//     of it, see verifyTxn.
//   - Topics of coordinators are theirs alone: INVALID_TOPIC_EXCEPTION.
//
// v3 batches of magic 2, transactional id. v5 log start offset. v7 zstd. v8 errors
// of single records. v9 flexible. v10 the leader to go to (KIP-951). v11
// TRANSACTION_ABORTABLE. v12 partitions are added to the transaction (KIP-890).
// v13 topic ids.
type produce struct {
	b       *Broker
	rq      *Request
	request protocol.ProduceRequest
	answer  protocol.ProduceResponse
	pending []pendingAppend
	checks  []txnCheck // of the partitions in order; none without a transaction
	next    int        // in checks
	refused error      // for all partitions
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

var produces = poison.NewPool(nil, func(x *produce) {
	x.b = nil
	poison.Fields(&x.request)
	poison.Fields(x.answer.Responses)
})

func getProduce() *produce {
	x := produces.Get()
	if x.finish == nil {
		x.finish = x.respond
	}
	return x
}

func (b *Broker) produce(rq *Request) (server.Finish, error) {
	p := getProduce()
	p.b, p.rq, p.failed = b, rq, false
	if err := rq.decode(&p.request); err != nil {
		p.release()
		return nil, err
	}
	p.refused = p.verifyTxn()
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
		check := txnCheck{verified: commitlog.NotOngoing, err: p.refused}
		if len(p.checks) > 0 {
			check = p.checks[p.next]
			p.next++
		}
		if err := p.partition(t, data, &check, answer, now); err != nil {
			p.fail(answer, err)
		}
	}
}

func (p *produce) partition(t *protocol.ProduceRequestTopicProduceData, data *protocol.ProduceRequestPartitionProduceData, check *txnCheck,
	answer *protocol.ProduceResponsePartitionProduceResponse, now time.Time,
) error {
	if check.err != nil {
		return check.err
	}
	part, err := p.find(t, data.Index)
	if err != nil {
		return corruptOr(err, data.Records)
	}
	if p.request.Acks < -1 || p.request.Acks > 1 {
		return cmp.Or(record.CheckShape(data.Records), error(protocol.ErrInvalidRequiredAcks))
	}
	part.Traffic.BytesIn.Add(len(data.Records))
	a, err := part.AppendVerified(data.Records, p.rq.Frame, p.rq.Version(), p.request.Acks == -1, now, check.verified)
	if err != nil {
		part.Traffic.ProduceFailed.Inc()
		p.leaderHint(part, answer, err)
		if outOfTurn(err) || judged(err, data.Records) {
			start, _ := part.Bounds()
			answer.LogStartOffset = int64(start)
		}
		return err
	}
	answer.BaseOffset, answer.LogAppendTimeMs, answer.LogStartOffset = int64(a.First), a.AppendTime, int64(a.LogStart)
	if p.request.Acks == -1 && !a.Committed || p.request.Acks == 1 && a.Unflushed {
		p.pending = append(p.pending, pendingAppend{part, a, answer})
	}
	return nil
}

// outOfTurn tells of a batch that the log refused because of what its producer
// wrote before: the answer says where the log starts, which may be why.
func outOfTurn(err error) bool {
	return errors.Is(err, protocol.ErrOutOfOrderSequenceNumber) || errors.Is(err, protocol.ErrInvalidProducerEpoch) || errors.Is(err, protocol.ErrInvalidTxnState)
}

// judged tells of a batch whose records the partition refused; Kafka says where
// the log starts then too. Bytes that are no single batch don't come that far.
func judged(err error, records []byte) bool {
	var e *record.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case record.InvalidRecord, record.InvalidTimestamp, record.Undecodable:
		return record.CheckShape(records) == nil
	}
	return false
}

// corruptOr returns why a partition can't be written to, unless the bytes meant
// for it can't be a batch: that comes first.
func corruptOr(err error, records []byte) error {
	var e *record.Error
	if shape := record.CheckShape(records); errors.As(shape, &e) && e.Kind == record.Corrupt {
		return shape
	}
	return err
}

// find looks a partition up that a client may write to.
func (p *produce) find(t *protocol.ProduceRequestTopicProduceData, index int32) (*replica.Partition, error) {
	var part *replica.Partition
	var err error
	if p.rq.Version() >= 13 {
		part, err = p.b.Replicas.ByID(t.TopicId, index)
	} else {
		part, err = p.b.Replicas.ByName(t.Name, index)
	}
	if err == nil {
		err = p.checkInternal(part)
	}
	return part, err
}

// fail writes an error into a partition's answer, but for the log start offset.
func (p *produce) fail(answer *protocol.ProduceResponsePartitionProduceResponse, err error) {
	p.failed = true
	answer.ErrorCode = p.b.code(err)
	p.b.byKey[protocol.Produce].metrics.Error(answer.ErrorCode)
	answer.BaseOffset, answer.LogAppendTimeMs = -1, -1
	if text, ok := protocol.TextOf(err); ok {
		answer.ErrorMessage = &text
	}
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
			w.answer.LogStartOffset = -1
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
	clear(p.checks)
	p.checks, p.next = p.checks[:0], 0
	p.rq, p.refused = nil, nil
	produces.Put(p)
}

// grow returns s with length n, keeping what its elements hold for reuse.
func grow[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make([]T, n-cap(s))...)
}
