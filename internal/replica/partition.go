package replica

import (
	"sync"
	"sync/atomic"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// A Partition is this broker's replica of one partition.
//
// mu guards everything below it and is held over the partition's own write, and
// over nothing else that waits. Lock order: Partition.mu, then Log.mu.
type Partition struct {
	Topic   string
	TopicID metadata.TopicID
	Index   int32

	Traffic *metrics.Topic // the topic's counters, resolved once

	replicas *Replicas
	config   atomic.Pointer[topicConfig]
	tail     tail // guarded by Replicas.ring

	mu             sync.Mutex
	log            *commitlog.Log
	uncreated      bool // the log couldn't be created: the disk was full
	state          state
	leader         metadata.BrokerID
	leaderEpoch    record.LeaderEpoch
	partitionEpoch int32
	isr            []metadata.BrokerID
	replicaCount   int
	// highWatermark never goes back while this replica leads (I11 of the
	// protocol's invariants) and never lies above the log's end.
	highWatermark record.Offset
	watches       []*Watch
	waits         []*wait
}

// state is what this replica does for the partition.
type state int8

const (
	following state = iota // another broker leads, or none
	leading
	offline // its log can't be used: the log dir failed or the log is damaged
	deleted // the topic is gone; only late holders of the pointer see it
)

// Leader returns who leads the partition and since which epoch, as far as this
// replica has applied the metadata.
func (p *Partition) Leader() (metadata.BrokerID, record.LeaderEpoch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leader, p.leaderEpoch
}

// Log returns the partition's log, nil while it has none (its log dir failed).
func (p *Partition) Log() *commitlog.Log {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log
}

// HighWatermark returns the offset below which every record is committed.
func (p *Partition) HighWatermark() record.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.highWatermark
}

// checkLeaderLocked tells whether this replica may answer as leader to a
// request made in the given leader epoch; -1 is a client that knows none
// (KIP-320).
func (p *Partition) checkLeaderLocked(current record.LeaderEpoch) error {
	if p.uncreated {
		p.createLocked()
	}
	switch p.state {
	case leading:
	case offline:
		return protocol.ErrKafkaStorageError
	case deleted:
		return protocol.ErrUnknownTopicOrPartition
	default:
		return protocol.ErrNotLeaderOrFollower
	}
	if current == -1 {
		return nil
	}
	if current < p.leaderEpoch {
		return protocol.ErrFencedLeaderEpoch
	}
	if current > p.leaderEpoch {
		return protocol.ErrUnknownLeaderEpoch
	}
	return nil
}

// createLocked tries again to create the log of a partition that found no space
// for it.
func (p *Partition) createLocked() {
	log, err := p.replicas.dirs.Create(commitlog.TP{Topic: p.Topic, Partition: p.Index}, p.TopicID, p.config.Load().log)
	if err != nil {
		return
	}
	p.log, p.uncreated, p.state = log, false, following
	log.OnFlush(p.flushed)
	if p.leader == p.replicas.self {
		p.state = leading
		log.AssignEpochStart(p.leaderEpoch, log.End())
	}
}

// advanceLocked moves the high watermark to the smallest end offset of the
// in-sync replicas and wakes who waited for it. In durable mode
// (flush.messages=1) this replica counts with what it has flushed, so that
// nothing is acknowledged or read that a power cut may take back.
func (p *Partition) advanceLocked() {
	hw := p.log.End()
	if p.config.Load().log.Durable() {
		hw = p.log.FlushedOffset()
	}
	if hw <= p.highWatermark {
		return
	}
	p.highWatermark = hw
	p.log.UpdateHighWatermark(hw)
	p.wakeLocked()
}

// lastStableLocked is the end of what a read_committed consumer may see: the
// first record of the oldest open transaction, or the high watermark.
func (p *Partition) lastStableLocked() record.Offset {
	if first, open := p.log.FirstUnstable(); open && first < p.highWatermark {
		return first
	}
	return p.highWatermark
}

// applyLocked adopts what the metadata says of the partition. A higher leader
// epoch starts a new leadership even for the same leader: whatever was known of
// followers or waited in the old epoch ends.
func (p *Partition) applyLocked(self metadata.BrokerID, mp *metadata.Partition) {
	p.partitionEpoch, p.isr, p.replicaCount = mp.PartitionEpoch, mp.ISR, len(mp.Replicas)
	if mp.LeaderEpoch > p.leaderEpoch || p.leader != mp.Leader {
		p.leader, p.leaderEpoch = mp.Leader, mp.LeaderEpoch
		switch {
		case p.log == nil || p.log.Err() != nil:
			p.state = offline
		case mp.Leader == self:
			p.state = leading
			p.log.AssignEpochStart(mp.LeaderEpoch, p.log.End())
		default:
			p.state = following
		}
		if p.state != leading {
			p.replicas.ring.cut(&p.tail)
		}
		p.wakeLocked()
	}
	if p.state == leading {
		p.advanceLocked()
	}
}
