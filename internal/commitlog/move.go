package commitlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// move is a log that is being copied into another directory (AlterReplicaLogDirs). The copy, in a -future folder, follows the log
// like a replica; when it has caught up, the log goes on in its files. The Log that callers hold stays the same.
//
// At every moment one folder holds all that was promised, whichever of the two directories' renames a power cut leaves:
//
//  1. the copy is flushed, and the log start offset is written down in the new directory;
//  2. the copy gets the partition's name, and the log goes on in it; the old folder keeps its name;
//  3. the log is flushed into the new folder, names included;
//  4. the old folder is renamed to be deleted, and the old directory is synced.
//
// A crash between 2 and 4 leaves twins. Truncations wait until 4, so the longer twin has all (see settleTwins). So does
// FlushStart, and the old directory's checkpoint keeps the log start offset until then.
type move struct {
	log    *Log
	future *Log
	to     *logDir
	cuts   int64 // of the log, when the copy was begun
}

// leftFolder is where a moved log was: between steps 2 and 4.
type leftFolder struct {
	dir    *logDir
	folder string
}

const (
	// moveChunk is what is copied at a time.
	moveChunk = 1 << 20
	// moveTail is how much may be missing when the log is locked to copy the rest.
	moveTail = 1 << 20
	// moveRetry is how long a copy that met an error waits.
	moveRetry = 10 * time.Second
)

// Move begins to copy a log into the directory at path, and returns at once: Dirs.Run does it. A move to the directory where the
// log is ends one that is under way.
func (d *Dirs) Move(l *Log, path string) error {
	i := slices.IndexFunc(d.dirs, func(dir *logDir) bool { return filepath.Clean(dir.path) == filepath.Clean(path) })
	if i < 0 {
		return fmt.Errorf("%w: %s is no log directory", protocol.ErrLogDirNotFound, path)
	}
	to := d.dirs[i]
	if err := to.Err(); err != nil {
		return err
	}
	if err := l.Err(); err != nil {
		return err
	}
	if done, err := d.replaceMove(l, to); done || err != nil {
		return err
	}
	m, err := d.newMove(l, to)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.moves[l.tp] = m
	d.mu.Unlock()
	signal(d.moveWake)
	return nil
}

// replaceMove ends a move of the log that is under way, unless it goes to the same directory. done means that there is nothing
// to copy.
func (d *Dirs) replaceMove(l *Log, to *logDir) (done bool, err error) {
	d.mu.Lock()
	old := d.moves[l.tp]
	switch {
	case old != nil && old.to == to:
		done = true
	case old != nil && l.leaving() != nil:
		err = fmt.Errorf("%w: the last move of %s is being put on disk", protocol.ErrKafkaStorageError, l.tp)
	default:
		delete(d.moves, l.tp)
	}
	d.mu.Unlock()
	if done || err != nil {
		return done, err
	}
	if old != nil {
		old.abandon()
	}
	return l.logDir() == to, nil
}

// leaving is the old folder of a log that goes on in a new one, while the old one still has the partition's name.
func (l *Log) leaving() *leftFolder {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}

// newMove makes the folder of the copy, in place of one that a former run has left.
func (d *Dirs) newMove(l *Log, to *logDir) (*move, error) {
	if _, err := d.env.fs.Stat(filepath.Join(to.path, l.tp.String())); err == nil {
		return nil, fmt.Errorf("%w: %s holds another folder of that name", protocol.ErrKafkaStorageError, to.path)
	}
	to.mu.Lock()
	left := to.future[l.tp]
	to.mu.Unlock()
	if left != nil {
		(&move{future: left, to: to}).abandon()
	}
	f := newLog(d.env, to, l.tp, filepath.Join(to.path, folderName(l.tp, folderFuture)), l.Config())
	if err := f.createFolder(l.TopicID()); err != nil {
		return nil, to.ioError("create the copy of "+l.tp.String(), err)
	}
	to.mu.Lock()
	to.future[l.tp] = f
	to.mu.Unlock()
	return &move{log: l, future: f, to: to, cuts: -1}, nil
}

// resumeMoves takes up the copies that the last run has left. They are made anew: the log may have lost records that they have. A
// copy whose log isn't there or can't be read stays: it may be all there is.
func (d *Dirs) resumeMoves() {
	for _, to := range d.dirs {
		for _, f := range to.futures() {
			m := &move{log: d.logs[f.tp], future: f, to: to, cuts: -1}
			switch {
			case m.log == nil || m.log.err != nil:
				d.opt.Logger.Warn("a copy has no log that can be read: it is left alone", "partition", f.tp.String(), "folder", f.folder)
			case m.log.topicID != f.topicID && f.err == nil:
				m.end(folderStray)
			case m.log.dir == to || f.err != nil:
				m.abandon()
			default:
				d.moves[f.tp] = m
			}
		}
	}
}

// abandon removes the copy, unless the log has taken it over or it was removed already.
func (m *move) abandon() { m.end(folderDeleted) }

// end holds the copy's flushMu from before it looks whether the copy is still one: the log may be about to take it over.
func (m *move) end(kind folderKind) {
	m.future.flushMu.Lock()
	defer m.future.flushMu.Unlock()
	m.to.mu.Lock()
	there := m.to.future[m.future.tp] == m.future
	if there {
		delete(m.to.future, m.future.tp)
	}
	m.to.mu.Unlock()
	if !there {
		return
	}
	if err := m.future.renameFolder(kind); err != nil {
		m.to.env.opt.Logger.Warn("an unfinished copy stays", "folder", m.future.folder, "error", err)
	}
}

// runMoves copies one log after the other until ctx ends.
func (d *Dirs) runMoves(ctx context.Context) {
	for ctx.Err() == nil {
		m := d.nextMove()
		if m == nil {
			select {
			case <-ctx.Done():
			case <-d.moveWake:
			}
			continue
		}
		err := m.run(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		d.opt.Logger.Warn("copying a partition to another log directory failed", "partition", m.log.tp.String(), "to", m.to.path, "error", err)
		if m.log.Err() != nil || m.to.Err() != nil {
			d.dropMove(m)
			continue
		}
		retry := time.NewTimer(moveRetry)
		select {
		case <-ctx.Done():
		case <-retry.C:
		}
		retry.Stop()
	}
}

func (d *Dirs) nextMove() *move {
	d.mu.Lock()
	defer d.mu.Unlock()
	for tp, m := range d.moves {
		if m.log.logDir() == m.to && m.log.leaving() == nil || d.logs[tp] != m.log { // done, or deleted
			delete(d.moves, tp)
			continue
		}
	}
	if len(d.moves) == 0 {
		return nil
	}
	tps := slices.SortedFunc(maps.Keys(d.moves), TP.compare)
	return d.moves[tps[0]]
}

func (d *Dirs) dropMove(m *move) {
	d.mu.Lock()
	if d.moves[m.log.tp] == m {
		delete(d.moves, m.log.tp)
	}
	d.mu.Unlock()
	m.abandon()
}

// run copies until the log has changed over. A move that was ended meanwhile finds its copy deleted.
func (m *move) run(ctx context.Context) error {
	var buf []byte
	for ctx.Err() == nil {
		if m.log.leaving() != nil {
			return m.leave()
		}
		if err := m.follow(); err != nil {
			return err
		}
		from := m.future.End()
		if m.log.bytesFrom(from) <= moveTail {
			done, err := m.changeOver()
			if err != nil {
				return err
			}
			if done {
				return nil
			}
		}
		var err error
		buf, _, err = m.log.ReadBytes(buf[:0], from, moveChunk, m.log.End(), true)
		if errors.Is(err, protocol.ErrOffsetOutOfRange) {
			continue
		}
		if err == nil && len(buf) > 0 {
			_, err = m.future.AppendFollower(buf)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// follow begins the copy anew where the log was truncated or the copy's end is no longer in it.
func (m *move) follow() error {
	cuts, start := m.log.cuts.Load(), m.log.Start()
	if end := m.future.End(); m.cuts == cuts && end >= start && end <= m.log.End() {
		return nil
	}
	m.cuts = cuts
	return m.future.TruncateFully(start)
}

// bytesFrom is how many bytes of segments lie at or above an offset, rounded up to segments below the last.
func (l *Log) bytesFrom(o record.Offset) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o >= l.End() {
		return 0
	}
	n := int64(0)
	for _, s := range l.segments[max(l.floorLocked(o), 0):] {
		n += s.size
	}
	if s := l.activeLocked(); o >= s.base {
		if e, ok := floorOffset(s.index.entries, s.clampRelative(o)); ok {
			n -= int64(e.pos())
		}
	}
	return n
}

// changeOver lets the log go on in the copy's files. Appends wait while the last records are copied and a folder is renamed. done
// is false where the copy has to be made anew.
func (m *move) changeOver() (done bool, err error) {
	if err := m.saveCopy(); err != nil {
		return false, err
	}
	l := m.log
	l.flushMu.Lock()
	after := func() {}
	if done, err = m.exchange(); done && err == nil {
		after, err = m.leaveLocked()
	}
	l.flushMu.Unlock()
	after()
	return done, err
}

// saveCopy puts the copy on disk, and in its directory's checkpoint the log start offset: what was deleted stays deleted.
func (m *move) saveCopy() error {
	start := m.log.Start()
	f := m.future
	f.mu.Lock()
	f.start.Store(int64(start))
	f.mu.Unlock()
	if err := f.Flush(); err != nil {
		return err
	}
	return m.to.checkpointer.writeNow(logStarts)
}

// exchange gives the log the copy's files: the log's flushMu is held.
func (m *move) exchange() (done bool, err error) {
	l, f, from := m.log, m.future, m.log.logDir()
	f.flushMu.Lock()
	defer f.flushMu.Unlock()
	from.checkpointer.mu.Lock() // no recovery point of the new files may get into the old directory's checkpoint
	defer from.checkpointer.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkLocked(); err != nil {
		return false, err
	}
	if l.cuts.Load() != m.cuts || f.Start() != l.Start() || f.End() < l.Start() || f.End() > l.End() {
		return false, nil
	}
	if err := m.copyTailLocked(); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkLocked(); err != nil { // it was abandoned
		return false, err
	}
	return true, m.exchangeLocked()
}

// copyTailLocked copies what was appended since the copy's end.
func (m *move) copyTailLocked() error {
	l := m.log
	for i := max(l.floorLocked(m.future.End()), 0); i < len(l.segments) && m.future.End() < l.End(); i++ {
		v := l.viewLocked(i, m.future.End())
		if v.size == 0 {
			continue
		}
		if err := l.loadEntries(&v); err != nil { // a damaged index was met, and mended, while the rest was copied
			return err
		}
		if err := m.copySegmentTail(&v); err != nil {
			return err
		}
	}
	return nil
}

func (m *move) copySegmentTail(v *view) error {
	l := m.log
	h, err := l.env.fds.reader(l.env.fs, v.seg, v.folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	sc := newScan(h.file, v.size)
	defer sc.close()
	b, _, pos, err := v.find(&sc, m.future.End())
	if err != nil || b == nil {
		return err
	}
	tail := make([]byte, v.size-pos)
	if _, err := h.file.ReadAt(tail, pos); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = m.future.AppendFollower(tail)
	return err
}

func (m *move) exchangeLocked() error {
	l, f, from, gone := m.log, m.future, m.log.dir, m.log.segments
	folder := filepath.Join(m.to.path, l.tp.String())
	if err := l.env.fs.Rename(f.folder, folder); err != nil {
		return m.to.ioError("put the copy of "+l.tp.String()+" in place", err)
	}
	m.to.nameMade()
	l.left = &leftFolder{from, l.folder}
	l.dir, l.folder, l.snapshots = m.to, folder, f.snapshots
	l.setSegmentsLocked(f.segments)
	l.dirty, l.unsynced, l.epochs.dirty = f.dirty, newNames{folder: true, contents: true}, true
	l.recoveryPoint.Store(f.recoveryPoint.Load())
	l.flushed.Store(f.flushed.Load())
	f.err = errDeleted
	m.to.mu.Lock()
	delete(m.to.future, l.tp)
	m.to.mu.Unlock()
	m.to.addLog(l)
	for _, s := range gone {
		l.env.fds.drop(s)
		l.env.indexes.drop(s)
	}
	return nil
}

// leave is leaveLocked for a second try: the first one met a full disk.
func (m *move) leave() error {
	m.log.flushMu.Lock()
	after, err := m.leaveLocked()
	m.log.flushMu.Unlock()
	after()
	return err
}

// leaveLocked flushes the moved log and gives up its old folder: the log's flushMu is held. What goes wrong in the old directory
// takes that one offline.
func (m *move) leaveLocked() (after func(), err error) {
	l := m.log
	if after, err = l.flushAllLocked(false); err != nil {
		return after, err
	}
	left := l.leaving()
	if left == nil { // it was deleted meanwhile
		return after, nil
	}
	l.leaveFolder(folderDeleted)
	l.changes.Add(1)
	l.env.opt.Logger.Info("partition moved to another log directory", "partition", l.tp.String(), "from", left.dir.path, "to", m.to.path)
	return after, nil
}

// leaveFolder gives the old folder of a moved log a name of another kind: flushMu is held.
func (l *Log) leaveFolder(kind folderKind) {
	l.mu.Lock()
	left, delay := l.left, l.cfg.FileDeleteDelay
	l.left = nil
	l.mu.Unlock()
	if left == nil {
		return
	}
	from := left.dir
	away := filepath.Join(from.path, folderName(l.tp, kind))
	err := l.env.fs.Rename(left.folder, away)
	if err == nil {
		from.nameMade()
		from.trash.rename(left.folder)
		if kind == folderDeleted {
			from.trash.addFolder(away, delay)
		}
		err = from.syncRoot()
	}
	if err != nil {
		from.offline(fmt.Errorf("remove the moved log %s: %w", l.tp, err))
	}
	from.removeLog(l)
}

// futures lists the copies under way into the directory.
func (d *logDir) futures() []*Log {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*Log, 0, len(d.future))
	for _, l := range d.future {
		out = append(out, l)
	}
	sortLogs(out)
	return out
}
