package replica

import (
	"fmt"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// InternalAppend says what a coordinator's batch is.
type InternalAppend struct {
	// Verified is called, with the log locked, for a batch of a transaction
	// whose producer has none open here: an error refuses it.
	Verified func(record.ProducerID, record.ProducerEpoch) error
	// TransactionVersion is of the transaction that a marker ends.
	TransactionVersion int16
}

// Writable tells whether a coordinator that leads in the epoch may append now,
// and the log's end.
func (p *Partition) Writable(epoch record.LeaderEpoch) (record.Offset, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkInternalLocked(epoch); err != nil {
		return -1, err
	}
	return p.log.End(), nil
}

func (p *Partition) checkInternalLocked(epoch record.LeaderEpoch) error {
	if err := p.checkLeaderLocked(epoch); err != nil {
		return err
	}
	if len(p.isr) < p.config.Load().minISR(p.replicaCount) {
		return protocol.ErrNotEnoughReplicas
	}
	return nil
}

// AppendInternal appends a batch of a coordinator of this broker, or a
// transaction's marker, as the leader of the epoch. It asks for as many in-sync
// replicas as acks=all does. b is kept.
func (p *Partition) AppendInternal(b record.Batch, epoch record.LeaderEpoch, opt InternalAppend) (Appended, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkInternalLocked(epoch); err != nil {
		return Appended{}, err
	}
	a, err := p.log.AppendLeader(b, p.leaderEpoch, commitlog.AppendOptions{
		Origin: commitlog.OriginCoordinator, TransactionVersion: opt.TransactionVersion, Verified: opt.Verified,
	})
	if err != nil {
		p.appendFailedLocked()
		return Appended{}, err
	}
	if !metadata.IsInternal(p.Topic) { // nobody tails those
		p.replicas.ring.push(&p.tail, a.Generation, a.First, a.Last, b, nil)
	}
	p.advanceLocked()
	return Appended{
		First: a.First, Last: a.Last, LogStart: a.LogStart, AppendTime: -1, epoch: p.leaderEpoch,
		Committed: p.highWatermark > a.Last,
	}, nil
}

// MaxBatchBytes is the largest batch that the topic takes.
func (p *Partition) MaxBatchBytes() int { return p.config.Load().log.MaxMessageBytes }

// Bounds are the log's start and its end.
func (p *Partition) Bounds() (start, end record.Offset) {
	log := p.Log()
	if log == nil {
		return 0, 0
	}
	return log.Start(), log.End()
}

// ReadInternal reads whole batches from the offset on, up to the log's end,
// committed or not, into buf; the first one in memory of its own if it is larger
// than that. next is behind them.
func (p *Partition) ReadInternal(buf []byte, from record.Offset) (batches []byte, next record.Offset, err error) {
	log, err := p.leaderLog(-1)
	if err != nil {
		return nil, from, err
	}
	f, err := log.Read(nil, from, len(buf), log.End(), true)
	if err != nil {
		return nil, from, err
	}
	defer f.Records.Unpin()
	if f.Bytes > len(buf) {
		buf = make([]byte, f.Bytes)
	}
	n := 0
	for i := range f.Records {
		r := &f.Records[i]
		if r.File == nil {
			n += copy(buf[n:], r.Bytes)
			continue
		}
		if _, err := r.File.ReadAt(buf[n:n+int(r.Len)], r.Pos); err != nil {
			return nil, from, fmt.Errorf("%w: reading %v: %w", protocol.ErrKafkaStorageError, log.TP(), err)
		}
		n += int(r.Len)
	}
	return buf[:n], f.Next, nil
}
