package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// segmentWriter writes a segment that will take the place of others, as compaction does. Its files have the suffix .cleaned,
// and mean nothing, until replaceSegments puts it in place.
type segmentWriter struct {
	log      *Log
	folder   string
	interval int
	seg      *segment
	file     vfs.File
}

// newSegmentWriter begins a segment at a base offset: that of the first segment it replaces.
func (l *Log) newSegmentWriter(base record.Offset) (*segmentWriter, error) {
	l.mu.Lock()
	w := &segmentWriter{log: l, folder: l.folder, interval: l.cfg.IndexInterval, seg: newSegment(base, l.env.nowMs())}
	l.mu.Unlock()
	var err error
	if w.file, err = l.env.fs.Create(w.name(logSuffix)); err != nil {
		return nil, err
	}
	w.seg.onDisk, w.seg.sealed = true, true
	return w, nil
}

func (w *segmentWriter) name(suffix string) string { return w.seg.file(w.folder, suffix+cleanedSuffix) }

// size is the bytes written so far.
func (w *segmentWriter) size() int64 { return w.seg.size }

// append writes whole batches, in order.
func (w *segmentWriter) append(buf []byte) error {
	if _, err := w.file.WriteAt(buf, w.seg.size); err != nil {
		return err
	}
	for len(buf) > 0 {
		b, rest, err := record.Next(buf)
		if err != nil || !w.seg.accepts(b) {
			panic(fmt.Sprintf("BUG: batch that does not belong into segment %d: %v", w.seg.base, err))
		}
		w.seg.note(b, w.interval)
		buf = rest
	}
	return nil
}

// addAborted notes an aborted transaction whose marker was written.
func (w *segmentWriter) addAborted(t AbortedTxn) { w.seg.txns.entries = append(w.seg.txns.entries, t) }

// finish writes the indexes and puts all files on disk.
func (w *segmentWriter) finish() error {
	s := w.seg
	s.addTime()
	err := w.file.Sync()
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	w.file = nil
	if err == nil {
		err = w.log.saveTail(w.name(indexSuffix), 0, encodeOffsetEntries(nil, s.index.entries), true)
	}
	if err == nil {
		err = w.log.saveTail(w.name(timeIndexSuffix), 0, encodeTimeEntries(nil, s.times.entries), true)
	}
	if err == nil && len(s.txns.entries) > 0 {
		err = w.log.saveTail(w.name(txnIndexSuffix), 0, encodeTxnEntries(nil, s.txns.entries), true)
	}
	s.index.saved, s.times.saved, s.txns.saved = len(s.index.entries), len(s.times.entries), len(s.txns.entries)
	s.txns.onDisk = s.txns.saved > 0
	s.checked = checkedRanges{from: 0, to: s.size}
	return err
}

// abandon removes what was written.
func (w *segmentWriter) abandon() {
	if w.file != nil {
		_ = w.file.Close() // it is removed
	}
	for _, suffix := range segmentSuffixes {
		_ = w.log.env.fs.Remove(w.name(suffix)) // what stays is removed at the next start
	}
}

// segmentSuffixes are the files of a segment, the one that makes it a segment first.
var segmentSuffixes = []string{logSuffix, indexSuffix, timeIndexSuffix, txnIndexSuffix}

// errSegmentsChanged: the segments that were to be replaced aren't all there any more. What was to replace them is of no use.
var errSegmentsChanged = errors.New("the log's segments have changed")

// replaceSegments puts finished segments into the place of old ones, which must be sealed, on disk and side by side. A crash
// leaves the old ones or, once all new ones have the suffix .swap, the new ones. Reads go on undisturbed.
func (l *Log) replaceSegments(old []*segment, writers []*segmentWriter) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	folder, err := l.checkReplaceable(old)
	if err != nil {
		return err
	}
	fsys := l.env.fs
	if err := fsys.SyncDir(folder); err != nil {
		return err
	}
	pins, err := l.completeSwaps(writers, folder)
	if err != nil { // the next start may find the new segments complete: nothing may change until then
		l.logDir().offline(fmt.Errorf("replace segments of %s: %w", l.tp, err))
		return err
	}
	l.env.indexes.rebuild.Lock() // whoever rebuilds an index is about to write a file of this name
	l.installSegments(old, writers)
	l.env.indexes.rebuild.Unlock()
	if err := l.settleReplacement(old, writers, folder); err != nil {
		l.logDir().offline(fmt.Errorf("replace segments of %s: %w", l.tp, err))
		return err // the files stay pinned: what can be read is read through them
	}
	l.unloadSegments(writers)
	for _, h := range pins {
		h.Unpin()
	}
	return nil
}

// unloadSegments lets go of indexes that can be read from files now.
func (l *Log) unloadSegments(writers []*segmentWriter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range writers {
		l.unloadLocked(w.seg)
	}
}

// completeSwaps gives the files of new segments names under which the next start puts them in place, and pins them: readers need
// them while their names change.
func (l *Log) completeSwaps(writers []*segmentWriter, folder string) (pins []*handle, err error) {
	fsys := l.env.fs
	// From the last on: while any .cleaned file is left, .swap files of higher offsets don't count.
	for _, w := range slices.Backward(writers) {
		for _, suffix := range segmentSuffixes {
			if err := renameIfThere(fsys, w.name(suffix), w.seg.file(folder, suffix+swapSuffix)); err != nil {
				return nil, err
			}
		}
	}
	if err := fsys.SyncDir(folder); err != nil {
		return nil, err
	}
	for _, w := range writers {
		f, err := fsys.Open(w.seg.file(folder, logSuffix+swapSuffix))
		if err != nil {
			return nil, err
		}
		if h := l.env.fds.install(w.seg, f, false); h != nil {
			pins = append(pins, h)
		}
	}
	return pins, nil
}

func (l *Log) checkReplaceable(old []*segment) (folder string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkLocked(); err != nil {
		return "", err
	}
	i := slices.Index(l.segments, old[0])
	if i < 0 || i+len(old) >= len(l.segments) || !slices.Equal(l.segments[i:i+len(old)], old) {
		return "", errSegmentsChanged
	}
	for _, s := range old {
		if !s.synced {
			return "", errSegmentsChanged
		}
	}
	return l.folder, nil
}

// installSegments changes the list of segments. The new ones have other names yet: until that has changed, they are read through
// the open file and the indexes in memory.
func (l *Log) installSegments(old []*segment, writers []*segmentWriter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.segments, old[0])
	list := slices.Clone(l.segments[:i])
	for _, w := range writers {
		w.seg.synced = true
		list = append(list, w.seg)
	}
	l.setSegmentsLocked(append(list, l.segments[i+len(old):]...))
	for n, s := range list[i:] {
		s.next = l.segments[i+n+1].base
	}
	for _, s := range old {
		s.gone.Store(true)
	}
}

// settleReplacement renames the files: the old ones leave, the new ones get their names.
func (l *Log) settleReplacement(old []*segment, writers []*segmentWriter, folder string) error {
	l.mu.Lock()
	trash, delay := &l.dir.trash, l.cfg.FileDeleteDelay
	l.mu.Unlock()
	for _, s := range old {
		suffixes := segmentSuffixes
		if !slices.ContainsFunc(writers, func(w *segmentWriter) bool { return w.seg.base == s.base }) {
			suffixes = append(slices.Clone(suffixes), snapshotSuffix)
			l.mu.Lock()
			l.forgetSnapshotLocked(s.base)
			l.mu.Unlock()
		}
		if err := l.retireFiles(s, folder, suffixes, trash, delay); err != nil {
			return err
		}
	}
	for _, w := range writers {
		for _, suffix := range segmentSuffixes {
			if err := renameIfThere(l.env.fs, w.seg.file(folder, suffix+swapSuffix), w.seg.file(folder, suffix)); err != nil {
				return err
			}
		}
	}
	l.changes.Add(1)
	return l.env.fs.SyncDir(folder)
}

func renameIfThere(fsys vfs.FS, from, to string) error {
	if err := fsys.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// CleanedTo is the offset where the cleaner stopped last; ok is false where it never ran.
func (l *Log) CleanedTo() (o record.Offset, ok bool) {
	o = record.Offset(l.cleanedTo.Load())
	return o, o >= 0
}

// setCleanedTo notes where the cleaner stopped, for cleaner-offset-checkpoint.
func (l *Log) setCleanedTo(o record.Offset) { l.cleanedTo.Store(int64(o)) }
