package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

func newLog(e *env, dir *logDir, tp TP, folder string, cfg LogConfig) *Log {
	l := &Log{env: e, tp: tp, dir: dir, folder: folder, cfg: &cfg, flushMu: newDiskLock()}
	l.cleanedTo.Store(-1)
	return l
}

// openPoints is what the last run left for one log.
type openPoints struct {
	clean                 bool
	recovery, high, start record.Offset
}

// open loads the log from its folder. Nobody else uses it yet.
func (l *Log) open(p openPoints) (err error) {
	files, err := l.tidyFolder()
	if err != nil {
		return err
	}
	if err := l.findSegments(files, p.start); err != nil {
		return err
	}
	if l.topicID, err = readPartitionMetadata(l.env.fs, l.folder); err != nil {
		return err
	}
	if err := l.loadEpochs(); err != nil {
		return err
	}
	scanned, err := l.loadSegments(&p)
	if err != nil {
		return err
	}
	l.setBounds(p)
	if err := l.completeEpochs(); err != nil {
		return err
	}
	if scanned {
		p.clean = false
	}
	limit := l.End()
	if !p.clean {
		limit = min(limit, max(p.recovery, l.segments[0].base)) // what lies below the log can't be replayed
	}
	return l.finishOpen(limit, p)
}

// setBounds derives the offsets from the segments and checkpoints.
func (l *Log) setBounds(p openPoints) {
	end := l.activeLocked().next
	start := min(max(p.start, l.segments[0].base), end)
	l.start.Store(int64(start))
	l.end.Store(int64(end))
	l.highWatermark.Store(int64(min(max(p.high, start), end)))
	flushed := end
	if !p.clean {
		flushed = max(min(p.recovery, end), l.segments[0].base)
	}
	l.recoveryPoint.Store(int64(flushed))
	l.flushed.Store(int64(flushed))
	l.epochs.truncateEnd(end)
	l.epochs.truncateStart(start)
}

func (l *Log) finishOpen(limit record.Offset, p openPoints) error {
	i, _ := slices.BinarySearch(l.snapshots, l.End()+1)
	keep := l.snapshots[:i]
	if err := l.removeSnapshots(l.folder, l.End()+1); err != nil {
		return err
	}
	if len(keep) == 0 && p.clean { // Kafka writes none where there never was a producer
		l.producers.reset(l.End())
		return nil
	}
	if err := l.loadProducers(limit, !p.clean); err != nil {
		return err
	}
	if !p.clean {
		l.dirty = l.activeLocked().size
		l.dir.flusher.request(l, flushAll)
	}
	return nil
}

// tidyFolder lists the folder and removes what an interrupted operation left in it, or finishes that operation.
func (l *Log) tidyFolder() (map[string]bool, error) {
	entries, err := l.env.fs.ReadDir(l.folder)
	if err != nil {
		return nil, err
	}
	cleaned := record.Offset(math.MaxInt64) // the lowest base of an unfinished replacement
	for _, e := range entries {
		if plain, ok := strings.CutSuffix(e.Name, cleanedSuffix); ok {
			if base, _, ok := parseOffsetFile(plain); ok {
				cleaned = min(cleaned, base)
			}
		}
	}
	files := make(map[string]bool)
	var rest []string
	for _, e := range entries {
		switch {
		case e.IsDir:
		case leftOver(e.Name, cleaned):
			rest = append(rest, e.Name)
		default:
			files[e.Name] = true
		}
	}
	// .cleaned files go last: as long as one is there, .swap files don't count.
	slices.SortStableFunc(rest, func(a, b string) int {
		return strings.Compare(filepath.Ext(b), filepath.Ext(a))
	})
	for _, name := range rest {
		if err := l.env.fs.Remove(filepath.Join(l.folder, name)); err != nil {
			return nil, err
		}
	}
	return files, l.finishSwaps(files)
}

// leftOver tells whether a file of ours is the rest of something that was interrupted. cleaned is the lowest base offset among
// .cleaned files: .swap files from there on were made by a replacement that wasn't complete.
func leftOver(name string, cleaned record.Offset) bool {
	if plain, ok := strings.CutSuffix(name, swapSuffix); ok {
		base, _, _ := parseOffsetFile(plain)
		return isPartitionFile(plain) && base >= cleaned
	}
	for _, suffix := range [...]string{deletedSuffix, tmpSuffix, cleanedSuffix} {
		if plain, ok := strings.CutSuffix(name, suffix); ok {
			return isPartitionFile(plain)
		}
	}
	return false
}

// isPartitionFile tells whether a name is one that this package gives to a file of a partition's folder.
func isPartitionFile(name string) bool {
	_, suffix, ok := parseOffsetFile(name)
	return name == epochFile || name == metadataFile ||
		ok && (suffix == snapshotSuffix || slices.Contains(segmentSuffixes, suffix))
}

// findSegments makes the list of segments from the names of files, and removes indexes without a log.
func (l *Log) findSegments(files map[string]bool, start record.Offset) error {
	var orphans []string
	for name := range files {
		base, suffix, ok := parseOffsetFile(name)
		if !ok {
			continue
		}
		switch suffix {
		case logSuffix:
			info, err := l.env.fs.Stat(filepath.Join(l.folder, name))
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w: %s is a link to nothing", protocol.ErrKafkaStorageError, name)
			}
			if err != nil {
				return err
			}
			s := newSegment(base, info.ModTime.UnixMilli())
			s.jitter = l.env.jitter(l.cfg.SegmentJitter)
			s.size, s.onDisk, s.loaded, s.syncedSize = info.Size, true, false, -1
			s.txns.onDisk = files[offsetFile(base, txnIndexSuffix)]
			l.segments = append(l.segments, s)
		case snapshotSuffix:
			l.snapshots = append(l.snapshots, base)
		case indexSuffix, timeIndexSuffix, txnIndexSuffix:
			if !files[offsetFile(base, logSuffix)] {
				orphans = append(orphans, name)
			}
		}
	}
	slices.SortFunc(l.segments, func(a, b *segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	slices.Sort(l.snapshots)
	if err := l.removeOrphans(orphans); err != nil {
		return err
	}
	if len(l.segments) == 0 && start > 0 {
		return l.beginSegmentLocked(start)
	}
	if len(l.segments) == 0 {
		l.addSegmentLocked(0)
	}
	return nil
}

// removeOrphans removes indexes whose .log file is gone. Removal of the oldest or newest segments may leave such, when it is
// interrupted; one between two segments means that records are missing.
func (l *Log) removeOrphans(names []string) error {
	for _, name := range names {
		path := filepath.Join(l.folder, name)
		base, _, _ := parseOffsetFile(name)
		if n := len(l.segments); n > 0 && l.segments[0].base < base && base < l.segments[n-1].base {
			info, err := l.env.fs.Stat(path)
			if err != nil {
				return err
			}
			if info.Size > 0 {
				return fmt.Errorf("%w: %s is missing, %s is there", protocol.ErrKafkaStorageError, offsetFile(base, logSuffix), name)
			}
		}
		if err := l.env.fs.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// loadEpochs reads the leader epochs.
func (l *Log) loadEpochs() error {
	b, err := readIndexFile(l.env.fs, filepath.Join(l.folder, epochFile))
	if err != nil || b == nil {
		return err
	}
	if l.epochs.entries, err = decodeEpochs(b); err != nil {
		l.epochs.entries = nil
		l.env.opt.Logger.Warn("leader epochs are computed anew", "partition", l.tp.String(), "error", err)
	}
	return nil
}

// completeEpochs computes from the batches which leader epochs came before those that are known: where the file was missing or
// damaged, or the log's start has fallen back because its checkpoint was older.
func (l *Log) completeEpochs() error {
	until := l.End()
	if len(l.epochs.entries) > 0 {
		until = l.epochs.entries[0].start
	}
	if until <= l.Start() {
		return nil
	}
	first, err := l.scanEpochs(until)
	if err != nil || len(first) == 0 {
		return err
	}
	known := l.epochs.entries
	if len(known) > 0 && first[len(first)-1].epoch >= known[0].epoch {
		known = known[1:]
	}
	l.epochs.entries, l.epochs.dirty = append(first, known...), true
	return nil
}

// loadSegments gives the segments their accounts. After a clean stop only the last one is looked into; if that isn't what a
// clean stop leaves, and after any other stop, everything from the recovery point on is checked: scanned tells so.
func (l *Log) loadSegments(p *openPoints) (scanned bool, err error) {
	active := l.activeLocked()
	for i, s := range l.segments[:len(l.segments)-1] {
		s.sealed, s.synced, s.next = true, true, l.segments[i+1].base
	}
	if p.clean {
		size := active.size
		err := l.loadActive(active, size)
		if err == nil && active.next < p.recovery {
			err = errTorn // bytes that were on disk are missing
		}
		if err == nil {
			active.syncedSize = size
			l.shedLocked(active)
			return false, nil
		}
		if !errors.Is(err, errTorn) {
			return true, err
		}
		l.env.opt.Logger.Warn("a log that was closed in order is not in order: it is recovered", "partition", l.tp.String())
		active.size = size
	}
	for _, s := range l.segments[max(floorSegment(l.segments, p.recovery), 0):] {
		s.synced = false
	}
	return true, l.recover(p.recovery)
}
