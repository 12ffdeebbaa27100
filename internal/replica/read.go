package replica

import (
	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// ReadParams is one partition's share of a fetch.
type ReadParams struct {
	Offset        record.Offset
	MaxBytes      int
	MinOne        bool // return the first batch even if it is larger than MaxBytes
	ReadCommitted bool
	CurrentEpoch  record.LeaderEpoch // the client's leader epoch, -1 for none
	// LastFetchedEpoch is the leader epoch of the record before Offset, -1 for
	// none; a log that has diverged there answers with Diverging (KIP-595).
	LastFetchedEpoch record.LeaderEpoch
}

// ReadResult is what a fetch learns of one partition. Its records are pinned:
// whoever takes it sends or drops every range.
type ReadResult struct {
	Records       protocol.Records
	Bytes         int64
	HighWatermark record.Offset
	LastStable    record.Offset
	LogStart      record.Offset
	Aborted       []commitlog.AbortedTxn // only for ReadCommitted, nil otherwise
	Diverging     *EpochEnd
	More          bool          // there is more to read, which didn't fit or is in the next segment
	next          record.Offset // behind the records
}

// EpochEnd is the largest leader epoch at or below one asked for, and the
// offset where it ends.
type EpochEnd struct {
	Epoch record.LeaderEpoch
	End   record.Offset
}

// Read returns records from Offset on, up to the high watermark or the last
// stable offset. It appends its ranges to out. No lock is held while files are
// looked at.
func (p *Partition) Read(out protocol.Records, r ReadParams) (ReadResult, error) {
	p.mu.Lock()
	if err := p.checkLeaderLocked(r.CurrentEpoch); err != nil {
		p.mu.Unlock()
		return ReadResult{}, err
	}
	log := p.log
	res := ReadResult{Records: out, HighWatermark: p.highWatermark, LastStable: p.lastStableLocked(), LogStart: log.Start()}
	end := log.End()
	p.mu.Unlock()

	if r.LastFetchedEpoch >= 0 {
		epoch, endOffset := log.EpochEnd(r.LastFetchedEpoch)
		if endOffset < 0 {
			return ReadResult{}, protocol.ErrOffsetOutOfRange
		}
		if epoch < r.LastFetchedEpoch || endOffset < r.Offset {
			res.Diverging = &EpochEnd{Epoch: epoch, End: endOffset}
			return res, nil
		}
	}
	if r.Offset < res.LogStart || r.Offset > end {
		return res, protocol.ErrOffsetOutOfRange
	}
	until := res.HighWatermark
	if r.ReadCommitted {
		until = res.LastStable
	}
	if r.Offset >= until {
		return res, nil
	}
	err := p.readRecords(&res, log, r, until)
	return res, err
}

// readRecords reads records and, for ReadCommitted, the aborted transactions
// among them, both of the same generation of the log: compaction removes a
// transaction from the list together with its records.
func (p *Partition) readRecords(res *ReadResult, log *commitlog.Log, r ReadParams, until record.Offset) error {
	for {
		generation, held := log.Generation(), len(res.Records)
		err := p.readBatches(res, log, generation, r, until)
		if err != nil || !r.ReadCommitted || res.Bytes == 0 {
			return err
		}
		res.Aborted, err = log.AbortedTxns(r.Offset, res.next)
		if err == nil && log.Generation() == generation {
			return nil
		}
		res.Records[held:].Unpin()
		res.Records, res.Bytes = res.Records[:held], 0
		if err != nil {
			return err
		}
	}
}

func (p *Partition) readBatches(res *ReadResult, log *commitlog.Log, generation int64, r ReadParams, until record.Offset) error {
	held := len(res.Records)
	records, next, ok := p.replicas.ring.read(res.Records, &p.tail, generation, r.Offset, until, r.MaxBytes, r.MinOne)
	if !ok {
		f, err := log.Read(records, r.Offset, r.MaxBytes, until, r.MinOne)
		if err != nil {
			return err
		}
		records, next = f.Records, f.Next
	}
	res.Records, res.next, res.More = records, next, next < until
	res.Bytes = records[held:].Size()
	return nil
}

// BelowSegmentOf tells whether an offset lies in an older segment of the log than another.
func (p *Partition) BelowSegmentOf(offset, other record.Offset) bool {
	log := p.Log()
	return log != nil && log.SegmentBase(offset) < log.SegmentBase(other)
}

// OffsetAt is a place in a log. Its zero value, with Found unset, is no place.
type OffsetAt struct {
	Found     bool
	Offset    record.Offset
	Timestamp int64 // of the record there, ms; -1 where the place is no record's
	Epoch     record.LeaderEpoch
}

// ListOffset finds the first record at or after a timestamp, or the place that
// a negative one names; broker.listOffsets says which.
func (p *Partition) ListOffset(timestamp int64, current record.LeaderEpoch, readCommitted bool) (OffsetAt, error) {
	p.mu.Lock()
	if err := p.checkLeaderLocked(current); err != nil {
		p.mu.Unlock()
		return OffsetAt{}, err
	}
	log, end, epoch := p.log, p.highWatermark, p.leaderEpoch
	if readCommitted {
		end = p.lastStableLocked()
	}
	p.mu.Unlock()
	switch timestamp {
	case -1:
		return OffsetAt{Found: true, Offset: end, Timestamp: -1, Epoch: epoch}, nil
	case -2, -4:
		start := log.Start()
		return OffsetAt{Found: true, Offset: start, Timestamp: -1, Epoch: log.EpochFor(start)}, nil
	case -3:
		return below(end)(log.MaxTimestamp())
	case -5, -6:
		return OffsetAt{}, nil
	}
	return below(end)(log.OffsetForTimestamp(timestamp))
}

// below makes an answer of what the log found, if the asker may see it yet.
func below(end record.Offset) func(commitlog.TimestampOffset, bool, error) (OffsetAt, error) {
	return func(at commitlog.TimestampOffset, ok bool, err error) (OffsetAt, error) {
		if err != nil || !ok || at.Offset >= end {
			return OffsetAt{}, err
		}
		return OffsetAt{Found: true, Offset: at.Offset, Timestamp: at.Timestamp, Epoch: at.Epoch}, nil
	}
}

// EpochEnd says where a leader epoch ends in this leader's log.
func (p *Partition) EpochEnd(current, epoch record.LeaderEpoch) (EpochEnd, error) {
	log, err := p.leaderLog(current)
	if err != nil {
		return EpochEnd{}, err
	}
	e, end := log.EpochEnd(epoch)
	return EpochEnd{Epoch: e, End: end}, nil
}

// Producers lists the producers the leader's log remembers.
func (p *Partition) Producers() ([]commitlog.ProducerState, error) {
	log, err := p.leaderLog(-1)
	if err != nil {
		return nil, err
	}
	return log.Producers(), nil
}
