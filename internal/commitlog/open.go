package commitlog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// found is a folder of a log directory that holds a log.
type found struct {
	name   string
	tp     TP
	future bool
	link   bool
}

// loadDir finds the folders of a directory and loads their logs, several at a time. What was deleted is removed in the
// background.
func (d *Dirs) loadDir(dir *logDir) error {
	entries, err := d.env.fs.ReadDir(dir.path)
	if err != nil {
		return err
	}
	var folders []found
	for _, e := range entries {
		tp, kind, ok := parseFolder(e.Name)
		switch {
		case e.IsDir && ok && kind == folderDeleted:
			dir.trash.addFolder(filepath.Join(dir.path, e.Name), d.opt.Config.FileDeleteDelay)
		case !e.IsDir && isUnfinished(e.Name):
			_ = d.env.fs.Remove(filepath.Join(dir.path, e.Name)) // it is overwritten by the next
		case (e.IsDir || e.Link) && ok && kind != folderStray && !d.linksToOwn(dir, e):
			folders = append(folders, found{e.Name, tp, kind == folderFuture, e.Link})
		}
	}
	points := &checkpoints{
		recovery: dir.checkpointer.load(recoveryPoints), high: dir.checkpointer.load(highWatermarks),
		start: dir.checkpointer.load(logStarts), cleaner: dir.checkpointer.load(cleanerOffsets),
	}
	err = d.loadFolders(dir, folders, points)
	for _, offsets := range []map[TP]record.Offset{points.recovery, points.high, points.start, points.cleaner} {
		for tp := range offsets {
			if dir.logs[tp] == nil {
				dir.bygone[tp] = true
			}
		}
	}
	for tp, start := range points.start {
		// The deleted records were never on disk, and their offsets are given again: to records that aren't deleted.
		if l := dir.logs[tp]; err == nil && l != nil && l.err == nil && start > l.End() {
			return dir.checkpointer.writeNow(logStarts)
		}
	}
	return err
}

// linksToOwn tells whether an entry of a log directory is a link to the folder of the same name in another, which is found there.
func (d *Dirs) linksToOwn(dir *logDir, e vfs.DirEntry) bool {
	folder, err := d.env.fs.Resolve(filepath.Join(dir.path, e.Name))
	if !e.Link || err != nil || filepath.Base(folder) != e.Name || !d.holds(folder) {
		return false
	}
	d.opt.Logger.Warn("a link leads to a folder of another log directory: it is left alone", "dir", dir.path, "link", e.Name, "to", folder)
	return true
}

// holds tells whether a resolved folder lies directly in a log directory, or is or holds one.
func (d *Dirs) holds(folder string) bool {
	return slices.ContainsFunc(d.opt.Paths, func(path string) bool {
		path, err := d.env.fs.Resolve(path)
		return err == nil && (path == filepath.Dir(folder) || strings.HasPrefix(path+string(filepath.Separator), folder+string(filepath.Separator)))
	})
}

// checkLink tells why the folder that a link leads to can't be used: it isn't there, it isn't a folder, or another partition
// has it.
func (d *Dirs) checkLink(l *Log) error {
	folder, err := d.env.fs.Resolve(l.folder)
	if err != nil {
		return fmt.Errorf("%w: %s is a link that leads nowhere: %w", protocol.ErrKafkaStorageError, l.folder, err)
	}
	if info, err := d.env.fs.Stat(folder); err != nil || !info.IsDir {
		return fmt.Errorf("%w: %s is a link to %s, which is no folder", protocol.ErrKafkaStorageError, l.folder, folder)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if owner, taken := d.linked[folder]; taken || d.holds(folder) {
		return fmt.Errorf("%w: %s is a link to %s, which another partition has %s", protocol.ErrKafkaStorageError, l.folder, folder, owner)
	}
	d.linked[folder] = l.folder
	return nil
}

// isUnfinished tells whether a file of a log directory is one of ours that was being replaced. Files of others are left alone.
func isUnfinished(name string) bool {
	plain, ok := strings.CutSuffix(name, tmpSuffix)
	return ok && (plain == metaPropertiesFile || plain == cleanShutdownFile ||
		slices.ContainsFunc(checkpointFiles[:], func(f checkpointFile) bool { return f.file == plain }))
}

// checkpoints is what the last run left.
type checkpoints struct {
	recovery, high, start, cleaner map[TP]record.Offset
}

func (d *Dirs) loadFolders(dir *logDir, folders []found, points *checkpoints) error {
	work := make(chan found)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	for range d.opt.RecoveryThreads {
		wg.Go(func() {
			for f := range work {
				if err := d.loadFolder(dir, f, points); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, f := range folders {
		work <- f
	}
	close(work)
	wg.Wait()
	return first
}

// loadFolder loads one log. An error is one of the file system; a log that is damaged is there, offline.
func (d *Dirs) loadFolder(dir *logDir, f found, points *checkpoints) error {
	l := newLog(d.env, dir, f.tp, filepath.Join(dir.path, f.name), d.opt.Config)
	if d.opt.ConfigFor != nil {
		l.SetConfig(d.opt.ConfigFor(f.tp))
	}
	p := openPoints{clean: dir.clean, recovery: points.recovery[f.tp], high: points.high[f.tp], start: points.start[f.tp]}
	if f.future {
		p = openPoints{}
	}
	if c, ok := points.cleaner[f.tp]; ok && !f.future {
		l.cleanedTo.Store(int64(c))
	}
	err := d.openLog(l, p, f.link)
	var code protocol.Error
	if errors.As(err, &code) {
		l.openFailed(p, err)
	} else if err != nil {
		return fmt.Errorf("load %s: %w", f.name, err)
	}
	if f.future {
		dir.mu.Lock()
		dir.future[f.tp] = l
		dir.mu.Unlock()
		return nil
	}
	dir.addLog(l)
	d.mu.Lock()
	other := d.logs[f.tp]
	switch {
	case other == nil:
		d.logs[f.tp] = l
	case other.topicID != l.topicID:
		if other.err != nil && other.topicID == (protocol.UUID{}) { // such as a link that leads nowhere
			d.logs[f.tp], l = l, other
		}
		d.others[f.tp] = append(d.others[f.tp], l)
		other = nil
	}
	d.mu.Unlock()
	if other != nil {
		return d.settleTwins(other, l)
	}
	return nil
}

// openLog opens a found log. What is wrong with a folder on another disk, to which a link leads, is wrong with that log alone.
func (d *Dirs) openLog(l *Log, p openPoints, link bool) error {
	if link {
		if err := d.checkLink(l); err != nil {
			return err
		}
	}
	err := l.open(p)
	if link && err != nil {
		return fmt.Errorf("%w: %w", protocol.ErrKafkaStorageError, err)
	}
	return err
}

// openFailed takes the log offline. What the checkpoints said of it stays in them.
func (l *Log) openFailed(p openPoints, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) == 0 {
		l.addSegmentLocked(0)
	}
	l.recoveryPoint.Store(int64(p.recovery))
	l.start.Store(int64(p.start))
	l.highWatermark.Store(int64(p.high))
	l.failLocked(err)
}

// settleTwins: two directories hold the same partition of the same topic, as a crash in the middle of a move leaves them. The
// longer one has all records, because a move lets no truncation come between (see move). The other is set aside.
func (d *Dirs) settleTwins(a, b *Log) error {
	if b.End() > a.End() && b.err == nil || a.err != nil {
		a, b = b, a
	}
	d.opt.Logger.Warn("two log directories hold the partition: the shorter log is set aside", "partition", a.tp.String(),
		"kept", a.dir.path, "aside", b.dir.path)
	d.mu.Lock()
	d.logs[a.tp] = a
	d.mu.Unlock()
	b.dir.removeLog(b)
	if err := b.renameFolder(folderStray); err != nil {
		return err
	}
	return b.dir.syncRoot()
}

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

// Create makes a partition's log, in the online directory with the fewest logs, of those with space if there are any. Where a disk
// turns out to be full or broken, the next directory is tried. It returns before the log's names are durable: the first flush of
// the log sees to it.
func (d *Dirs) Create(tp TP, topicID protocol.UUID, cfg LogConfig) (*Log, error) {
	err := fmt.Errorf("%w: no log directory is online", protocol.ErrKafkaStorageError)
	for _, dir := range d.byRoom() {
		var l *Log
		if l, err = d.create(dir, tp, topicID, cfg); err == nil {
			return l, nil
		}
		if !dir.full.Load() && dir.Err() == nil {
			return nil, err // it isn't for the disk
		}
	}
	return nil, err
}

// byRoom lists the online directories in the order in which new logs are given to them.
func (d *Dirs) byRoom() []*logDir {
	type room struct {
		dir  *logDir
		full bool
		logs int64
	}
	var rooms []room // as they are now: a comparison must not change while they are sorted
	for _, dir := range d.dirs {
		if dir.Err() == nil {
			rooms = append(rooms, room{dir, dir.full.Load(), dir.logCount.Load()})
		}
	}
	slices.SortStableFunc(rooms, func(a, b room) int {
		if a.full != b.full {
			if a.full {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.logs, b.logs)
	})
	out := make([]*logDir, len(rooms))
	for i, r := range rooms {
		out[i] = r.dir
	}
	return out
}

// CreateIn is Create in the directory with the id.
func (d *Dirs) CreateIn(id protocol.UUID, tp TP, topicID protocol.UUID, cfg LogConfig) (*Log, error) {
	for _, dir := range d.dirs {
		if dir.id == id {
			return d.create(dir, tp, topicID, cfg)
		}
	}
	return nil, fmt.Errorf("%w: no log directory has the id %s", protocol.ErrLogDirNotFound, id)
}

func (d *Dirs) create(dir *logDir, tp TP, topicID protocol.UUID, cfg LogConfig) (*Log, error) {
	if err := dir.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	if d.logs[tp] != nil || d.creating[tp] {
		d.mu.Unlock()
		return nil, fmt.Errorf("%w: partition %s has a log already", protocol.ErrTopicAlreadyExists, tp)
	}
	d.creating[tp] = true
	d.mu.Unlock()
	l := newLog(d.env, dir, tp, filepath.Join(dir.path, tp.String()), cfg)
	l.claimed.Store(true)
	err := l.createFolder(topicID)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.creating, tp)
	if err != nil {
		return nil, dir.ioError("create "+tp.String(), err)
	}
	d.logs[tp] = l
	dir.addLog(l)
	return l, nil
}

// createFolder makes the log's folder with its partition.metadata; the first .log file comes with the first append.
func (l *Log) createFolder(topicID protocol.UUID) error {
	if err := l.dir.checkpointer.forget(l.tp); err != nil {
		return err
	}
	err := l.env.fs.Mkdir(l.folder)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s is there, and was not found at start", protocol.ErrKafkaStorageError, l.folder)
	}
	if err != nil {
		return err
	}
	if topicID != (protocol.UUID{}) {
		if err := l.writePlain(filepath.Join(l.folder, metadataFile), encodePartitionMetadata(topicID)); err != nil {
			_ = l.env.fs.RemoveAll(l.folder) // what can't be removed is found, and taken over, at the next start
			return err
		}
	}
	l.topicID = topicID
	l.unsynced = newNames{folder: true, contents: true}
	l.dir.nameMade()
	l.addSegmentLocked(0)
	return nil
}

func (l *Log) writePlain(name string, data []byte) error {
	f, err := l.env.fs.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Delete takes a log out of use and removes its files after file.delete.delay.ms. Ranges that are being sent stay valid.
func (d *Dirs) Delete(l *Log) error {
	d.forget(l)
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	return l.renameFolder(folderDeleted)
}

// SetAside takes a log out of use that no metadata claims, and keeps its files under another name.
func (d *Dirs) SetAside(l *Log) error {
	d.forget(l)
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	return l.renameFolder(folderStray)
}

// forget takes a log out of the set. Another of the same name, of another topic, takes its place.
func (d *Dirs) forget(l *Log) {
	d.mu.Lock()
	if d.logs[l.tp] == l {
		delete(d.logs, l.tp)
		if others := d.others[l.tp]; len(others) > 0 {
			d.logs[l.tp], d.others[l.tp] = others[0], others[1:]
		}
	}
	m := d.moves[l.tp]
	if m != nil && m.log == l {
		delete(d.moves, l.tp)
	}
	d.mu.Unlock()
	if m != nil && m.log == l {
		m.abandon()
	}
	l.logDir().removeLog(l)
}

// renameFolder gives the log's folder a name of another kind. The log refuses everything from then on.
func (l *Log) renameFolder(kind folderKind) error {
	l.mu.Lock()
	l.err = errDeleted
	segments, dir, folder := l.segments, l.dir, l.folder
	l.wakeWaitersLocked()
	l.mu.Unlock()
	for _, s := range segments {
		l.env.fds.drop(s)
		l.env.indexes.drop(s)
	}
	l.leaveFolder(kind)
	if dir.Err() != nil {
		return nil // the folder is found again when the directory is
	}
	name := filepath.Join(dir.path, folderName(l.tp, kind))
	if err := l.env.fs.Rename(folder, name); err != nil {
		return dir.ioError("rename the folder of "+l.tp.String(), err)
	}
	dir.nameMade()
	dir.trash.rename(folder)
	l.changes.Add(1)
	if kind == folderDeleted {
		dir.trash.addFolder(name, l.Config().FileDeleteDelay)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.folder = name
	return nil
}
