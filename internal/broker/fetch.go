package broker

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
	"github.com/travisjeffery/jocko/internal/server"
)

// Fetch (key 1)
//
//   - Reads up to the high watermark, or to the last stable offset with
//     isolation level read_committed, which also gets the aborted transactions.
//   - Answers when min.bytes are there, a partition has an error, or max.wait.ms
//     is over. At least one batch comes whole, however small the limits.
//   - min.bytes counts what is there to read, not the whole batches that fit: up
//     to its limit for each partition, and all of it where the answer is as large
//     as max.bytes allows, or a position lies below the last segment.
//   - Inside a session (KIP-227) only partitions that moved are looked at. One
//     that got records goes behind all others, so that each has its turn.
//   - The log is read when it is the request's turn to answer, so that a
//     response that waited never holds stale file ranges.
//
// v7 sessions. v9 leader epochs. v11 rack and preferred replica. v12 flexible,
// diverging epoch. v13 topic ids. v15 replica state. v16 the leader to go to
// (KIP-951). v17 replica directory. v18 high watermark of the follower.
type fetch struct {
	b          *Broker
	rq         *Request
	request    protocol.FetchRequest
	answer     protocol.FetchResponse
	session    *fetchSession
	temporary  bool // the session is this request's own
	full       bool // every partition is answered, moved or not
	looked     bool // the results are those of the look that Start took
	sessionErr error

	watches    []*replica.Watch
	candidates []*fetchPartition
	results    []fetchResult
	finish     server.Finish // respond, bound once
}

// fetchResult is what reading one candidate gave.
type fetchResult struct {
	replica.ReadResult
	partition *replica.Partition // nil where it wasn't found
	err       error
	limited   bool // by what was left of the answer, below the partition's own limit
}

var fetches = poison.NewPool(nil, func(x *fetch) {
	x.b = nil
	poison.Fields(&x.request)
	poison.Fields(x.answer.Responses)
})

func getFetch() *fetch {
	x := fetches.Get()
	if x.finish == nil {
		x.finish = x.respond
	}
	return x
}

const (
	initialFetchEpoch = 0
	finalFetchEpoch   = -1
)

func (b *Broker) fetch(rq *Request) (server.Finish, error) {
	f := getFetch()
	f.b, f.rq = b, rq
	if err := rq.decode(&f.request); err != nil {
		f.release()
		return nil, err
	}
	f.openSession()
	if rq.Conn.Idle() && f.ready() {
		rq.Conn.NoWait()
	}
	return f.finish, nil
}

// ready takes the first look at once, where it is the request's turn to answer
// anyway, and tells whether it was enough.
func (f *fetch) ready() bool {
	if f.sessionErr == nil {
		if f.looked = f.look(); !f.looked {
			f.drop()
		}
	}
	return f.looked || f.sessionErr != nil
}

// openSession finds or makes the session the request belongs to and enters what
// the request says into it.
func (f *fetch) openSession() {
	if !isolationKnown(f.request.IsolationLevel) { // every partition is refused; no session hears of it
		f.request.SessionId, f.request.SessionEpoch = 0, finalFetchEpoch
	}
	id, epoch := f.request.SessionId, f.request.SessionEpoch
	usesIDs := f.rq.Version() >= 13
	if epoch == initialFetchEpoch || epoch == finalFetchEpoch {
		if id != 0 {
			f.b.sessions.remove(id)
		}
		s := newFetchSession(usesIDs)
		f.session, f.temporary, f.full = s, true, true
		f.enter(s)
		if epoch == initialFetchEpoch && f.b.sessions.add(s, f.rq.Started) {
			f.temporary, s.epoch = false, 1
		}
		return
	}
	s := f.b.sessions.use(id, f.rq.Started)
	if s == nil {
		f.sessionErr = protocol.ErrFetchSessionIdNotFound
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		f.sessionErr = protocol.ErrFetchSessionIdNotFound
		return
	case s.epoch != epoch:
		f.sessionErr = protocol.ErrInvalidFetchSessionEpoch
		return
	case s.usesIDs != usesIDs:
		f.sessionErr = protocol.ErrFetchSessionTopicIdError
		return
	}
	if s.epoch++; s.epoch < 0 {
		s.epoch = 1
	}
	f.session = s
	f.enter(s)
	f.forget(s)
	f.b.sessions.resize(s, s.partitions)
}

func (f *fetch) enter(s *fetchSession) {
	for i := range f.request.Topics {
		t := &f.request.Topics[i]
		key := f.key(t.Topic, t.TopicId)
		for j := range t.Partitions {
			s.put(key, &t.Partitions[j])
		}
	}
}

// forget drops what the request names as forgotten. A full fetch has nothing to
// forget.
func (f *fetch) forget(s *fetchSession) {
	for i := range f.request.ForgottenTopicsData {
		t := &f.request.ForgottenTopicsData[i]
		key := f.key(t.Topic, t.TopicId)
		for _, index := range t.Partitions {
			s.forget(key, index)
		}
	}
}

func (f *fetch) key(name string, id protocol.UUID) topicKey {
	if f.rq.Version() >= 13 {
		return topicKey{id: id}
	}
	return topicKey{name: name}
}

func readParams(fp *protocol.FetchRequestFetchPartition) replica.ReadParams {
	return replica.ReadParams{
		Offset:           record.Offset(fp.FetchOffset),
		MaxBytes:         int(fp.PartitionMaxBytes),
		CurrentEpoch:     record.LeaderEpoch(max(fp.CurrentLeaderEpoch, -1)), // others below 0 fence only other APIs
		LastFetchedEpoch: record.LeaderEpoch(fp.LastFetchedEpoch),
	}
}

// respond looks, waits and looks again until there is an answer.
func (f *fetch) respond(ctx context.Context, out *protocol.Encoder) server.After {
	defer f.release()
	responses := f.answer.Responses[:0]
	f.answer.Default()
	f.answer.Responses = responses
	if f.sessionErr != nil {
		f.answer.ErrorCode = protocol.CodeOf(f.sessionErr)
		f.b.byKey[protocol.Fetch].metrics.Error(f.answer.ErrorCode)
		f.b.write(f.rq, &f.answer, out)
		return server.After{}
	}
	if !f.temporary {
		f.answer.SessionId = f.session.id
	}
	if !isolationKnown(f.request.IsolationLevel) {
		f.answer.ErrorCode = int16(protocol.ErrInvalidRequest)
	}
	f.gather(ctx)
	f.session.mu.Lock()
	f.build()
	f.session.mu.Unlock()
	f.b.write(f.rq, &f.answer, out)
	return server.After{}
}

// gather leaves in candidates and results what the response is made of.
func (f *fetch) gather(ctx context.Context) {
	deadline := f.rq.Started.Add(time.Duration(f.request.MaxWaitMs) * time.Millisecond)
	var timer *time.Timer
	stopping := f.rq.Conn.Stopping()
	for !f.looked && !f.look() {
		left := time.Until(deadline)
		if left <= 0 || ctx.Err() != nil || stopping == nil {
			return
		}
		if timer == nil {
			timer = time.NewTimer(left)
			defer timer.Stop()
		}
		f.drop() // nothing stays pinned over a wait
		select {
		case <-f.session.watcher.C:
		case <-timer.C:
		case <-ctx.Done():
		case <-stopping:
			stopping = nil // one more look, then what there is
		}
	}
}

// look reads everything that may have something and tells whether that is
// enough to answer with.
func (f *fetch) look() bool {
	s := f.session
	select {
	case <-s.watcher.C: // whatever it announced is taken now
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.choose()
	return f.read()
}

// choose adds the partitions that moved to the candidates.
func (f *fetch) choose() {
	f.watches = f.session.watcher.Take(f.watches[:0])
	for _, w := range f.watches {
		p := w.Tag.(*fetchPartition)
		if p.topic == nil || p.chosen {
			continue
		}
		p.chosen = true
		f.candidates = append(f.candidates, p)
	}
}

// read reads every candidate within the response's limit and tells whether the
// response can go.
func (f *fetch) read() (enough bool) {
	f.results = grow(f.results, len(f.candidates))
	budget := int(min(int64(f.request.MaxBytes), f.b.fetchMaxBytes.Load()))
	var total int64
	enough = f.request.MinBytes <= 0 || len(f.candidates) == 0 && f.session.partitions == 0
	for i, p := range f.candidates {
		r := &f.results[i]
		*r = fetchResult{ReadResult: replica.ReadResult{Records: r.Records[:0]}}
		params := p.read
		params.ReadCommitted = f.request.IsolationLevel == 1
		params.MinOne = total == 0
		params.MaxBytes = max(min(params.MaxBytes, budget), 0)
		part, err := f.find(p)
		r.partition = part
		if err == nil {
			r.ReadResult, err = part.Read(r.Records, params)
		}
		if err != nil {
			r.err, enough = err, true
			continue
		}
		if r.Diverging != nil {
			enough = true
		}
		r.limited = params.MaxBytes < p.read.MaxBytes
		budget -= int(r.Bytes)
		total += r.Bytes
	}
	return enough || total >= int64(f.request.MinBytes) || total > 0 && f.available() >= int64(f.request.MinBytes)
}

// available is how many bytes the candidates have for the fetch: more than were
// read where the next batch didn't fit. It is without bound where waiting brings
// nothing: no more fits into the answer, or a partition's end is in a later
// segment, where its position on disk doesn't matter.
func (f *fetch) available() (total int64) {
	for i, p := range f.candidates {
		r := &f.results[i]
		until := r.HighWatermark
		if f.request.IsolationLevel == 1 {
			until = r.LastStable
		}
		if p.read.Offset >= until {
			continue
		}
		if r.More && r.limited || r.partition.BelowSegmentOf(p.read.Offset, until) {
			return math.MaxInt64
		}
		n := r.Bytes
		if r.More {
			n = max(n, int64(p.read.MaxBytes))
		}
		total += n
	}
	return total
}

// find returns the candidate's partition, watching it from now on. A partition
// that was deleted, or made again under its name, is looked up anew.
func (f *fetch) find(p *fetchPartition) (*replica.Partition, error) {
	if f.request.ReplicaId >= 0 || f.request.ReplicaState.ReplicaId >= 0 {
		return nil, protocol.ErrNotLeaderOrFollower // this broker has no followers
	}
	if !isolationKnown(f.request.IsolationLevel) {
		return nil, protocol.ErrInvalidRequest
	}
	if p.partition != nil && !p.partition.Deleted() {
		return p.partition, nil
	}
	p.unwatch()
	part, err := f.b.lookupPartition(p.topic.key, f.session.usesIDs, p.index)
	if err != nil {
		return nil, err
	}
	if !f.session.closed { // evicted meanwhile: this fetch still answers, and nobody would end the watch
		part.Watch(p.watch)
		p.partition = part
	}
	return part, nil
}

// drop releases what read pinned.
func (f *fetch) drop() {
	for i := range f.results {
		f.results[i].Records.Unpin()
		f.results[i].Records = f.results[i].Records[:0]
	}
}

// build makes the response out of the results and marks again what the next
// fetch of the session must look at: a partition with data or an error is one,
// because the client may ask for the same again. Partitions that got records are
// marked last: the next fetch begins with those that got none.
func (f *fetch) build() {
	for i, p := range f.candidates {
		r := &f.results[i]
		p.chosen = false
		if p.topic == nil { // forgotten by another request meanwhile
			r.Records.Unpin()
			continue
		}
		hw, start := int64(r.HighWatermark), int64(r.LogStart)
		moved := r.err != nil || r.Bytes > 0 || r.Diverging != nil || hw != p.sentHW || start != p.sentLogStart
		if moved || f.full {
			f.add(p, r)
			p.sentHW, p.sentLogStart = hw, start
		}
		if r.Bytes == 0 && (r.err != nil || r.Diverging != nil || int64(p.read.Offset) < hw) {
			p.watch.Mark()
		}
	}
	for i, p := range f.candidates {
		if p.topic == nil {
			continue
		}
		p.topic.slot = 0
		if f.results[i].Bytes > 0 {
			p.watch.Mark()
		}
	}
}

func (f *fetch) add(p *fetchPartition, r *fetchResult) {
	t := p.topic
	if t.slot == 0 {
		f.answer.Responses = grow(f.answer.Responses, len(f.answer.Responses)+1)
		t.slot = len(f.answer.Responses)
		topic := &f.answer.Responses[t.slot-1]
		topic.Topic, topic.TopicId = t.key.name, t.key.id
		topic.Partitions = topic.Partitions[:0]
	}
	topic := &f.answer.Responses[t.slot-1]
	topic.Partitions = grow(topic.Partitions, len(topic.Partitions)+1)
	out := &topic.Partitions[len(topic.Partitions)-1]
	out.Default()
	out.PartitionIndex, out.PreferredReadReplica = p.index, -1
	out.Records = r.Records
	if r.err != nil {
		f.addError(p, out, r)
		return
	}
	r.partition.Traffic.BytesOut.Add(int(r.Bytes))
	out.HighWatermark, out.LastStableOffset, out.LogStartOffset = int64(r.HighWatermark), int64(r.LastStable), int64(r.LogStart)
	if r.Diverging != nil {
		out.DivergingEpoch.Epoch, out.DivergingEpoch.EndOffset = int32(r.Diverging.Epoch), int64(r.Diverging.End)
	}
	if f.request.IsolationLevel != 1 {
		out.AbortedTransactions = nil
		return
	}
	out.AbortedTransactions = make([]protocol.FetchResponseAbortedTransaction, 0, len(r.Aborted))
	for _, a := range r.Aborted {
		out.AbortedTransactions = append(out.AbortedTransactions, protocol.FetchResponseAbortedTransaction{
			ProducerId: int64(a.ProducerID), FirstOffset: int64(a.FirstOffset),
		})
	}
}

func (f *fetch) addError(p *fetchPartition, out *protocol.FetchResponsePartitionData, r *fetchResult) {
	out.ErrorCode = f.b.code(r.err)
	f.b.byKey[protocol.Fetch].metrics.Error(out.ErrorCode)
	out.HighWatermark, out.LastStableOffset, out.LogStartOffset = -1, -1, -1
	out.Records = nil
	moved := errors.Is(r.err, protocol.ErrNotLeaderOrFollower) || errors.Is(r.err, protocol.ErrFencedLeaderEpoch)
	if moved && r.partition != nil && f.rq.Version() >= 12 {
		id, epoch := r.partition.Leader()
		out.CurrentLeader.LeaderId, out.CurrentLeader.LeaderEpoch = int32(id), int32(epoch)
	}
}

func (f *fetch) release() {
	if f.temporary {
		f.session.close()
	}
	clear(f.candidates)
	clear(f.watches)
	f.candidates, f.watches = f.candidates[:0], f.watches[:0]
	f.rq, f.session, f.sessionErr, f.temporary, f.full, f.looked = nil, nil, nil, false, false, false
	fetches.Put(f)
}
