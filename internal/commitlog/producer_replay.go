package commitlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// loadProducers computes the producers' state at the log's end: from the newest snapshot that may be used, at or below the
// limit, and the batches after it. With txns, the transaction indexes of segments that aren't synced are computed too.
func (l *Log) loadProducers(limit record.Offset, txns bool) error {
	var state producerState
	from, err := l.loadSnapshot(&state, limit)
	if err != nil {
		return err
	}
	segments := l.segmentsSnapshot()
	first := max(floorSegment(segments, from), 0)
	for i, s := range segments[first:] {
		ignore := func(AbortedTxn) {}
		if txns && !s.synced { // what was synced is complete
			if err := l.cutTxnIndex(s, from); err != nil {
				return err
			}
			ignore = func(t AbortedTxn) { s.txns.entries = append(s.txns.entries, t) }
		}
		until := l.End()
		if first+i+1 < len(segments) {
			until = segments[first+i+1].base
		}
		if err := l.replay(s, &state, from, until, ignore); err != nil {
			return err
		}
	}
	state.end = l.End()
	state.replicated(l.HighWatermark())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.producers = state
	return nil
}

func (l *Log) segmentsSnapshot() []*segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments
}

// loadSnapshot loads the newest snapshot at or below the limit that is intact, and returns the offset from which batches must be
// replayed.
func (l *Log) loadSnapshot(state *producerState, limit record.Offset) (record.Offset, error) {
	l.mu.Lock()
	snapshots, start, folder := l.snapshots, l.segments[0].base, l.folder
	l.mu.Unlock()
	expired := l.env.nowMs() - l.env.opt.ProducerExpiry.Milliseconds()
	for i := len(snapshots) - 1; i >= 0 && snapshots[i] >= start; i-- {
		if snapshots[i] > limit {
			continue
		}
		b, err := readIndexFile(l.env.fs, filepath.Join(folder, offsetFile(snapshots[i], snapshotSuffix)))
		if err != nil {
			return 0, err
		}
		if err = state.loadSnapshot(b, snapshots[i], expired); err == nil {
			return snapshots[i], nil
		}
		l.env.opt.Logger.Warn("producer snapshot removed", "partition", l.tp.String(), "offset", int64(snapshots[i]), "error", err)
		if err := l.removeSnapshot(folder, snapshots[i]); err != nil {
			return 0, err
		}
	}
	state.reset(start)
	return start, nil
}

func (l *Log) removeSnapshot(folder string, at record.Offset) error {
	l.mu.Lock()
	l.forgetSnapshotLocked(at)
	l.mu.Unlock()
	if err := l.env.fs.Remove(filepath.Join(folder, offsetFile(at, snapshotSuffix))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// cutTxnIndex drops the transactions that will be replayed.
func (l *Log) cutTxnIndex(s *segment, from record.Offset) error {
	txns, _, err := l.readTxnIndex(s, l.folder)
	if err != nil {
		return err
	}
	n := 0
	for n < len(txns) && txns[n].LastOffset < from {
		n++
	}
	s.txns = txnList{entries: txns[:n:n], saved: n, onDisk: len(txns) > 0}
	return nil
}

// replay applies a segment's batches in [from, until) to a state, by their headers, and tells of transactions that were
// aborted.
func (l *Log) replay(s *segment, state *producerState, from, until record.Offset, aborted func(AbortedTxn)) error {
	l.mu.Lock()
	v := view{seg: s, folder: l.folder, size: s.size, next: until, sealed: s.sealed}
	if s.loaded && s.index.dropped == 0 {
		v.entries = append([]offsetEntry{}, s.index.entries...)
	}
	l.mu.Unlock()
	if v.size == 0 || from >= until {
		return nil
	}
	h, err := l.env.fds.reader(l.env.fs, s, v.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	sc := newScan(h.file, v.size)
	defer sc.close()
	var b record.Batch
	var n, pos int64
	err = l.withIndex(&v, func() (err error) {
		b, n, pos, err = v.find(&sc, from)
		return err
	})
	for err == nil && b != nil && b.BaseOffset() < until {
		if err := state.replay(h, b, pos, n, aborted); err != nil {
			return err
		}
		pos += n
		b, n, err = sc.header(pos)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return v.damaged(pos, err)
	}
	return nil
}

// maxControlBatch bounds what is read of a control batch: a marker has 78 bytes.
const maxControlBatch = 64 << 10

func (s *producerState) replay(h *handle, b record.Batch, pos, size int64, aborted func(AbortedTxn)) error {
	if !b.HasProducerID() {
		return nil
	}
	var m marker
	if b.IsControl() && b.Count() > 0 {
		if size > maxControlBatch {
			return fmt.Errorf("%w: a control batch of %d bytes at offset %d", protocol.ErrCorruptMessage, size, b.BaseOffset())
		}
		whole := make([]byte, size)
		if _, err := h.file.ReadAt(whole, pos); err != nil {
			return err
		}
		b = record.Batch(whole)
		var err error
		if m, err = readMarker(b); err != nil {
			return err
		}
	}
	if done, stable, ok := s.update(b, m); ok && done.aborted {
		aborted(AbortedTxn{done.id, done.first, done.last, stable})
	}
	return nil
}

// rebuildTxnIndex computes a sealed segment's transaction index from its markers and the producers' state at its base.
func (l *Log) rebuildTxnIndex(s *segment) ([]AbortedTxn, error) {
	var state producerState
	from, err := l.loadSnapshot(&state, s.base)
	if err != nil {
		return nil, err
	}
	segments := l.segmentsSnapshot()
	var txns []AbortedTxn
	for i := max(floorSegment(segments, from), 0); i < len(segments) && segments[i].base <= s.base; i++ {
		until := l.End()
		if i+1 < len(segments) {
			until = segments[i+1].base
		}
		txns = txns[:0]
		if err := l.replay(segments[i], &state, from, until, func(t AbortedTxn) { txns = append(txns, t) }); err != nil {
			return nil, err
		}
	}
	l.env.counters.RebuiltIndexes.Add(1)
	return txns, nil
}
