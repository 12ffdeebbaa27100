package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Flush puts everything on disk, indexes, leader epochs and producer state included, and moves the recovery point to where
// the log ended when it was called. The first sync that fails takes the log directory offline.
func (l *Log) Flush() error {
	l.flushMu.Lock()
	after, err := l.flushAllLocked(false)
	l.flushMu.Unlock()
	after()
	return err
}

// flushData puts the records on disk and nothing else: what a waiting append needs.
func (l *Log) flushData() error {
	l.flushMu.Lock()
	after, err := l.flushDataLocked()
	l.flushMu.Unlock()
	after()
	if err != nil {
		l.mu.Lock()
		if l.checkLocked() != nil { // whatever took the log or its directory offline: nobody will flush it
			l.wakeWaitersLocked()
		}
		l.mu.Unlock()
	}
	return err
}

func (l *Log) flushDataLocked() (after func(), err error) {
	l.mu.Lock()
	end, folder := l.End(), l.folder
	from := max(l.floorLocked(l.FlushedOffset()), 0)
	segments := l.segments[from:]
	if len(segments) > 1 { // a sealed segment is made whole before anything behind it counts as flushed
		l.mu.Unlock()
		return l.flushAllLocked(false)
	}
	names := l.takeNamesLocked()
	err = l.checkLocked()
	l.mu.Unlock()
	if err != nil || end == l.FlushedOffset() {
		l.restoreNames(names)
		return func() {}, err
	}
	for _, s := range segments {
		if err = l.syncLogFile(s, folder); err != nil {
			break
		}
	}
	if err == nil {
		err = l.syncNames(names, folder)
	}
	if err != nil {
		return func() {}, l.syncFailed(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flushedLocked(end), nil
}

// syncError marks the failure of a sync whose file can't be written again: after it nobody knows what is on the disk, and
// asking again proves nothing.
type syncError struct{ err error }

func (e *syncError) Error() string { return "sync: " + e.err.Error() }
func (e *syncError) Unwrap() error { return e.err }

// syncFailed judges a failed flush. For want of space, files that hold what can be computed again weren't written: they
// will be with the next flush.
func (l *Log) syncFailed(err error) error {
	d := l.logDir()
	if s := (*syncError)(nil); vfs.IsNoSpace(err) && !errors.As(err, &s) {
		l.mu.Lock()
		l.epochs.dirty, l.unsynced.contents = true, true
		l.mu.Unlock()
		return d.ioError("flush "+l.tp.String(), err)
	}
	d.offline(fmt.Errorf("flush %s: %w", l.tp, err))
	l.mu.Lock()
	l.wakeWaitersLocked()
	l.mu.Unlock()
	return fmt.Errorf("%w: %w", protocol.ErrKafkaStorageError, err)
}

func (l *Log) syncLogFile(s *segment, folder string) error {
	l.mu.Lock()
	size, there := s.size, s.onDisk && !s.synced
	behind := s.size != s.syncedSize
	l.mu.Unlock()
	if !there || !behind {
		return nil
	}
	h, err := l.env.fds.reader(l.env.fs, s, folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	begin := time.Now()
	err = h.file.Datasync()
	l.env.counters.Flushes.Add(1)
	took := time.Since(begin)
	l.env.counters.FlushNanos.Add(int64(took))
	if observe := l.env.opt.FlushTime; observe != nil {
		observe(took)
	}
	if err != nil {
		return &syncError{err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.syncedSize = size
	return nil
}

// takeNamesLocked takes over the duty to sync names.
func (l *Log) takeNamesLocked() newNames {
	n := l.unsynced
	l.unsynced = newNames{}
	return n
}

func (l *Log) restoreNames(n newNames) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsynced.folder = l.unsynced.folder || n.folder
	l.unsynced.contents = l.unsynced.contents || n.contents
}

func (l *Log) syncNames(n newNames, folder string) error {
	if n.folder {
		if err := syncFile(l.env.fs, filepath.Join(folder, metadataFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if n.folder || n.contents {
		if err := l.env.fs.SyncDir(folder); err != nil {
			return &syncError{err}
		}
	}
	if n.folder {
		return l.logDir().syncRoot()
	}
	return nil
}

func syncFile(fsys vfs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// saving is a segment's part of a flush, as it was under the lock.
type saving struct {
	seg        *segment
	sealed     bool
	size       int64
	excess     bool // space was reserved behind the end
	offsets    []offsetEntry
	offsetsAt  int
	times      []timeEntry
	timesAt    int
	txns       []AbortedTxn
	txnsAt     int
	txnsOnDisk bool
	trim       bool
	indexed    bool
	snapshot   []byte
	logIsThere bool
}

func (s *segment) savingLocked() saving {
	return saving{
		seg: s, sealed: s.sealed, size: s.size, excess: s.preallocated > s.size, logIsThere: s.onDisk,
		offsets: s.index.entries[s.index.saved-s.index.dropped:], offsetsAt: s.index.saved,
		times: s.times.entries[s.times.saved-s.times.dropped:], timesAt: s.times.saved,
		txns: s.txns.entries[s.txns.saved:], txnsAt: s.txns.saved, txnsOnDisk: s.txns.onDisk,
		trim: s.index.stale || s.times.stale, indexed: s.indexed, snapshot: s.snapshot,
	}
}

// flushAllLocked is Flush with flushMu held. closing adds what an orderly stop leaves behind.
func (l *Log) flushAllLocked(closing bool) (after func(), err error) {
	l.mu.Lock()
	if err := l.checkLocked(); err != nil {
		l.mu.Unlock()
		return func() {}, err
	}
	if closing {
		l.activeLocked().addTime()
	}
	end, folder := l.End(), l.folder
	first := len(l.segments) - 1
	for first > 0 && !l.segments[first-1].synced {
		first--
	}
	parts := make([]saving, 0, len(l.segments)-first)
	for _, s := range l.segments[first:] {
		parts = append(parts, s.savingLocked())
	}
	epochs := l.takeEpochsLocked()
	snapshot := l.snapshotLocked(end)
	dirty := l.dirty
	l.mu.Unlock()

	err = l.save(parts, folder, epochs, snapshot, end)
	if err == nil {
		l.mu.Lock()
		names := l.takeNamesLocked()
		l.mu.Unlock()
		err = l.syncNames(names, folder)
	}
	if err != nil {
		return func() {}, l.syncFailed(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.savedLocked(parts)
	l.dirty -= dirty
	l.recoveryPoint.Store(max(l.recoveryPoint.Load(), int64(end)))
	l.dir.checkpointer.changed(recoveryPoints)
	after = l.flushedLocked(end)
	return after, nil
}

// takeEpochsLocked returns the leader epochs if their file is behind.
func (l *Log) takeEpochsLocked() []byte {
	if !l.epochs.dirty {
		return nil
	}
	l.epochs.dirty = false
	return encodeEpochs(l.epochs.entries)
}

// snapshotLocked returns the producers' state at the log's end if it is not on disk.
func (l *Log) snapshotLocked(end record.Offset) []byte {
	if n := len(l.snapshots); n > 0 && l.snapshots[n-1] == end || end == l.activeLocked().base && l.activeLocked().snapshot != nil {
		return nil
	}
	if end == 0 || end == l.Start() && len(l.producers.byID) == 0 {
		return nil
	}
	if len(l.producers.byID) == 0 && l.activeLocked().size < flushBytes {
		return nil // there is little to replay and nothing to find
	}
	return l.producers.encodeSnapshot()
}

func (l *Log) flushEpochs() error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	epochs, folder, err := l.takeEpochsLocked(), l.folder, l.checkLocked()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	err = l.saveEpochs(folder, epochs)
	if err == nil && epochs != nil {
		l.mu.Lock()
		names := l.takeNamesLocked()
		l.mu.Unlock()
		err = l.syncNames(names, folder)
	}
	if err != nil {
		return l.syncFailed(err)
	}
	return nil
}

func (l *Log) saveEpochs(folder string, epochs []byte) error {
	if epochs == nil {
		return nil
	}
	return l.replaceSynced(filepath.Join(folder, epochFile), epochs)
}

// replaceSynced replaces a file by one whose contents are on disk. Its name is as soon as names are synced.
func (l *Log) replaceSynced(name string, data []byte) error {
	tmp := name + tmpSuffix
	f, err := l.env.fs.Create(tmp)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(data, 0); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = l.env.fs.Rename(tmp, name)
	}
	if err != nil {
		_ = l.env.fs.Remove(tmp) // the first error is the one that matters
		return err
	}
	l.restoreNames(newNames{contents: true})
	return nil
}

// save writes and syncs files, records first: whatever else is on disk speaks only of records that are.
func (l *Log) save(parts []saving, folder string, epochs, snapshot []byte, end record.Offset) error {
	for i := range parts {
		if err := l.saveSegment(&parts[i], folder); err != nil {
			return err
		}
	}
	if err := l.saveEpochs(folder, epochs); err != nil {
		return err
	}
	for i := range parts {
		if err := l.saveSnapshot(folder, parts[i].seg.base, parts[i].snapshot); err != nil {
			return err
		}
	}
	if err := l.saveSnapshot(folder, end, snapshot); err != nil {
		return err
	}
	return l.dropSnapshots(folder)
}

func (l *Log) saveSegment(p *saving, folder string) error {
	if !p.logIsThere {
		return nil
	}
	if p.sealed && p.excess {
		if err := l.releaseExcess(p, folder); err != nil {
			return err
		}
	}
	if err := l.syncLogFile(p.seg, folder); err != nil {
		return err
	}
	at := int64(p.offsetsAt) * offsetEntrySize
	if len(p.offsets) > 0 || p.trim || !p.indexed {
		if err := l.saveTail(p.seg.file(folder, indexSuffix), at, encodeOffsetEntries(nil, p.offsets), p.trim); err != nil {
			return err
		}
	}
	at = int64(p.timesAt) * timeEntrySize
	if len(p.times) > 0 || p.trim || !p.indexed {
		if err := l.saveTail(p.seg.file(folder, timeIndexSuffix), at, encodeTimeEntries(nil, p.times), p.trim); err != nil {
			return err
		}
	}
	if len(p.txns) == 0 && !(p.trim && p.txnsOnDisk) {
		return nil
	}
	at = int64(p.txnsAt) * txnEntrySize
	return l.saveTail(p.seg.file(folder, txnIndexSuffix), at, encodeTxnEntries(nil, p.txns), true)
}

// releaseExcess gives back the space that was reserved for a segment and isn't needed. The length doesn't change.
func (l *Log) releaseExcess(p *saving, folder string) error {
	f, err := l.env.fs.OpenWrite(p.seg.file(folder, logSuffix))
	if err != nil {
		return err
	}
	err = f.Truncate(p.size)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// saveTail appends to an index file at a position. trim cuts off what the file has behind it.
func (l *Log) saveTail(name string, at int64, tail []byte, trim bool) error {
	f, err := l.env.fs.OpenWrite(name)
	if err != nil {
		return err
	}
	if trim || at == 0 { // what is there is not of this segment
		err = f.Truncate(at)
	}
	if err == nil && len(tail) > 0 {
		_, err = f.WriteAt(tail, at)
	}
	if err == nil && (len(tail) > 0 || trim) {
		err = f.Datasync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if at == 0 {
		l.restoreNames(newNames{contents: true})
	}
	return err
}

func (l *Log) saveSnapshot(folder string, at record.Offset, snapshot []byte) error {
	if snapshot == nil {
		return nil
	}
	if err := l.replaceSynced(filepath.Join(folder, offsetFile(at, snapshotSuffix)), snapshot); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, found := slices.BinarySearch(l.snapshots, at); !found {
		l.snapshots = slices.Insert(l.snapshots, i, at)
	}
	return nil
}

// dropSnapshots removes snapshots taken within segments, but for the last two: the checkpointed recovery point may be behind.
func (l *Log) dropSnapshots(folder string) error {
	l.mu.Lock()
	bases := make(map[record.Offset]bool, len(l.segments))
	for _, s := range l.segments {
		bases[s.base] = true
	}
	var within, kept []record.Offset
	for _, o := range l.snapshots {
		if !bases[o] {
			within = append(within, o)
		}
	}
	old := within[:max(len(within)-2, 0)]
	for _, o := range l.snapshots {
		if !slices.Contains(old, o) {
			kept = append(kept, o)
		}
	}
	l.snapshots = kept
	l.mu.Unlock()
	for _, o := range old {
		if err := l.env.fs.Remove(filepath.Join(folder, offsetFile(o, snapshotSuffix))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// savedLocked takes note of what is in files now. Sealed segments keep nothing of it in memory but what fits the cache.
func (l *Log) savedLocked(parts []saving) {
	for i := range parts {
		p := &parts[i]
		s := p.seg
		s.index.saved, s.index.stale = p.offsetsAt+len(p.offsets), false
		s.times.saved, s.times.stale = p.timesAt+len(p.times), false
		s.txns.saved = p.txnsAt + len(p.txns)
		s.txns.onDisk = s.txns.onDisk || s.txns.saved > 0
		s.indexed = s.indexed || p.logIsThere
		s.snapshot = nil
		if p.sealed && p.logIsThere && !s.synced {
			s.synced = true
			l.unloadLocked(s)
		} else if !s.sealed {
			l.shedLocked(s)
		}
	}
}

// minIndexShare is what a segment that is appended to may always hold of its indexes.
const minIndexShare = 16 << 10

// shedLocked drops what the files hold of the active segment's indexes where it is more than the log's share of the memory for
// indexes: look-ups that go back so far read the file.
func (l *Log) shedLocked(s *segment) {
	share := max(l.env.opt.IndexCacheBytes/max(l.dir.logCount.Load(), 1), minIndexShare)
	if l.env.opt.IndexCacheBytes < 0 {
		share = 0
	}
	if s.index.dropped > 0 {
		l.env.indexes.drop(s) // what was read from the file isn't all of it any more
	}
	if held := len(s.index.entries)*offsetEntrySize + len(s.times.entries)*16; int64(held) <= share || !s.loaded {
		return
	}
	s.index.entries = slices.Clone(s.index.entries[s.index.saved-s.index.dropped:])
	s.index.dropped = s.index.saved
	s.times.entries = slices.Clone(s.times.entries[s.times.saved-s.times.dropped:])
	s.times.dropped = s.times.saved
}

// unloadLocked moves a sealed segment's index into the cache.
func (l *Log) unloadLocked(s *segment) {
	if s.index.dropped == 0 {
		l.env.indexes.put(s, s.index.entries)
	}
	s.loaded = false
	s.index = offsetIndex{dropped: s.index.len(), saved: s.index.saved}
	s.times.dropped, s.times.entries = s.times.len(), nil
	s.txns.entries, s.txns.saved = nil, 0
}
