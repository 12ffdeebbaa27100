package replica

import (
	"context"
	"errors"
	"time"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Appended says where records went.
type Appended struct {
	First, Last record.Offset
	LogStart    record.Offset
	// AppendTime is the broker's time in ms where the topic keeps
	// message.timestamp.type=LogAppendTime, else -1; of a duplicate, the largest
	// timestamp of the batch that is there.
	AppendTime int64
	// Duplicate: the producer sent the batch before; the offsets are those it
	// got then and nothing was written.
	Duplicate bool
	// Committed: the high watermark has passed the records already.
	Committed bool
	// Unflushed: the topic is in durable mode and the records are not on disk
	// yet, so that not even acks=1 may be answered.
	Unflushed bool

	epoch record.LeaderEpoch
}

// Append validates records, one producer request's share of this partition, and
// writes them to the log as its leader. records alias frame; the offsets and
// the leader epoch are written into them in place, and the tail ring keeps a
// reference to frame. allISR asks that enough replicas are in sync to take an
// acks=all write. now is the wall clock.
//
// The validation happens before the partition's lock. Under it: leadership, the
// number of in-sync replicas, producer sequence, offsets, one write.
//
// A batch of a transaction is refused, unless the producer has it open here; see
// AppendVerified.
func (p *Partition) Append(records []byte, frame *protocol.Frame, version int16, allISR bool, now time.Time) (Appended, error) {
	return p.AppendVerified(records, frame, version, allISR, now, commitlog.NotOngoing)
}

// AppendVerified is Append for a batch of a transaction. verified is what
// BeginVerification returned before the transaction coordinator was asked; nil
// lets the batch pass in any case.
func (p *Partition) AppendVerified(records []byte, frame *protocol.Frame, version int16, allISR bool, now time.Time, verified commitlog.Verified) (Appended, error) {
	cfg := p.config.Load()
	rules := cfg.rules
	rules.Now = now
	rules.AllowZstd = version >= 7
	v, err := record.Validate(records, &rules)
	if err != nil {
		return Appended{}, err
	}
	if v.Recompressed {
		frame = nil // the bytes are their own
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkLeaderLocked(-1); err != nil {
		return Appended{}, err
	}
	if allISR && len(p.isr) < cfg.minISR(p.replicaCount) {
		return Appended{}, protocol.ErrNotEnoughReplicas
	}
	a, err := p.log.AppendLeader(v.Bytes, p.leaderEpoch, commitlog.AppendOptions{Origin: commitlog.OriginClient, Verified: verified})
	if err != nil {
		p.appendFailedLocked()
		return Appended{}, err
	}
	out := Appended{First: a.First, Last: a.Last, LogStart: a.LogStart, AppendTime: v.AppendTime, Duplicate: a.Duplicate, epoch: p.leaderEpoch}
	if a.Duplicate {
		out.AppendTime = a.MaxTimestamp // whatever the topic keeps
	} else {
		p.replicas.ring.push(&p.tail, a.Generation, a.First, a.Last, v.Bytes, frame)
		p.advanceLocked()
		p.Traffic.MessagesIn.Add(v.Records)
	}
	out.Committed = p.highWatermark > a.Last
	out.Unflushed = cfg.log.Durable() && p.log.FlushedOffset() <= a.Last
	return out, nil
}

// appendFailedLocked takes the partition offline if its log is.
func (p *Partition) appendFailedLocked() {
	if p.log.Err() != nil {
		p.state = offline
		p.wakeLocked()
	}
}

// TxnOngoing tells whether a producer's transaction is open here: its batches need
// no verification.
func (p *Partition) TxnOngoing(id record.ProducerID, epoch record.ProducerEpoch) (bool, error) {
	log, err := p.leaderLog(-1)
	if err != nil {
		return false, err
	}
	return log.Ongoing(id, epoch), nil
}

// BeginVerification is to be called before the transaction coordinator is asked
// about a producer's batch, see commitlog.Log.BeginVerification.
func (p *Partition) BeginVerification(id record.ProducerID, epoch record.ProducerEpoch, sequence int32, anew bool) (commitlog.Verified, error) {
	log, err := p.leaderLog(-1)
	if err != nil {
		return nil, err
	}
	return log.BeginVerification(id, epoch, sequence, anew), nil
}

// wait is one request's wait for the high watermark.
type wait struct {
	offset record.Offset
	epoch  record.LeaderEpoch
	done   chan struct{} // capacity 1
}

// AwaitCommitted waits until everything up to a.Last is committed, which on a
// lone in-sync replica it is at once. An error says that the records may or may
// not survive: leadership ended (NOT_LEADER_OR_FOLLOWER), the deadline passed
// (REQUEST_TIMED_OUT), or ctx ended.
func (p *Partition) AwaitCommitted(ctx context.Context, a Appended, deadline time.Time) error {
	p.mu.Lock()
	if p.highWatermark > a.Last {
		p.mu.Unlock()
		return nil
	}
	w := &wait{offset: a.Last + 1, epoch: a.epoch, done: make(chan struct{}, 1)}
	if p.state != leading || p.leaderEpoch != a.epoch {
		p.mu.Unlock()
		return protocol.ErrNotLeaderOrFollower
	}
	p.waits = append(p.waits, w)
	p.mu.Unlock()

	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var err error
	select {
	case <-w.done:
	case <-timer.C:
		err = protocol.ErrRequestTimedOut
	case <-ctx.Done():
		err = protocol.ErrRequestTimedOut
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.highWatermark > a.Last {
		return nil
	}
	if err != nil {
		p.forgetWaitLocked(w)
		return err
	}
	return protocol.ErrNotLeaderOrFollower
}

// AwaitFlushed waits until everything up to a.Last is on this broker's disk,
// which is all that acks=1 asks of durable mode.
func (p *Partition) AwaitFlushed(ctx context.Context, a Appended, deadline time.Time) error {
	log := p.Log()
	if log == nil {
		return errNoLog
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := log.WaitFlushed(ctx, a.Last+1)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return protocol.ErrRequestTimedOut
	}
	return err
}

func (p *Partition) forgetWaitLocked(w *wait) {
	for i, other := range p.waits {
		if other == w {
			p.waits = append(p.waits[:i], p.waits[i+1:]...)
			return
		}
	}
}

// flushed is called by the log after a flush in durable mode.
func (p *Partition) flushed(record.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == leading {
		p.advanceLocked()
	}
}

// DeleteRecords moves the log start offset up to offset, or to the high
// watermark for -1, and returns the new log start offset (KIP-107). It is on
// disk after FlushStart.
func (p *Partition) DeleteRecords(offset record.Offset) (record.Offset, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkLeaderLocked(-1); err != nil {
		return -1, err
	}
	if !p.config.Load().log.Delete {
		return -1, protocol.ErrPolicyViolation
	}
	if offset == -1 {
		offset = p.highWatermark
	}
	if offset < 0 || offset > p.highWatermark {
		return -1, protocol.ErrOffsetOutOfRange
	}
	if err := p.log.SetStart(offset); err != nil {
		return -1, err
	}
	p.wakeLocked()
	return p.log.Start(), nil
}

// FlushStart puts the log start offset on disk. What was deleted and answered
// for must not come back with the next start.
func (p *Partition) FlushStart() error {
	log := p.Log()
	if log == nil {
		return errNoLog
	}
	return log.FlushStart()
}
