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
type move struct {
	log    *Log
	future *Log
	to     *logDir
	cuts   int64 // of the log, when the copy was begun
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
	d.mu.Lock()
	old := d.moves[l.tp]
	if old != nil && old.to == to {
		d.mu.Unlock()
		return nil
	}
	delete(d.moves, l.tp)
	d.mu.Unlock()
	if old != nil {
		old.abandon()
	}
	if l.logDir() == to {
		return nil
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

// newMove makes the folder of the copy, in place of one that a former run has left.
func (d *Dirs) newMove(l *Log, to *logDir) (*move, error) {
	to.mu.Lock()
	left := to.future[l.tp]
	delete(to.future, l.tp)
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

// resumeMoves takes up the copies that the last run has left. They are made anew: the log may have lost records that they have.
func (d *Dirs) resumeMoves() {
	for _, to := range d.dirs {
		for _, f := range to.futures() {
			m := &move{log: d.logs[f.tp], future: f, to: to, cuts: -1}
			if m.log == nil || m.log.dir == to || m.log.err != nil || f.err != nil {
				m.abandon()
			} else {
				d.moves[f.tp] = m
			}
		}
	}
}

// abandon removes the copy.
func (m *move) abandon() {
	m.to.mu.Lock()
	if m.to.future[m.future.tp] == m.future {
		delete(m.to.future, m.future.tp)
	}
	m.to.mu.Unlock()
	m.future.flushMu.Lock()
	defer m.future.flushMu.Unlock()
	if err := m.future.renameFolder(folderDeleted); err != nil {
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
		if m.log.logDir() == m.to || d.logs[tp] != m.log { // done, or deleted
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
		if err := m.follow(); err != nil {
			return err
		}
		from := m.future.End()
		if m.log.bytesFrom(from) <= moveTail {
			done, err := m.changeOver()
			if done || err != nil {
				return err
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

// changeOver lets the log go on in the copy's files. Appends wait while the last records are copied and two folders are
// renamed. done is false where the copy has to be made anew.
func (m *move) changeOver() (done bool, err error) {
	if err := m.future.Flush(); err != nil {
		return false, err
	}
	l, f := m.log, m.future
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	f.flushMu.Lock()
	defer f.flushMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkLocked(); err != nil {
		return false, err
	}
	if l.cuts.Load() != m.cuts || f.End() < l.Start() || f.End() > l.End() {
		return false, nil
	}
	if err := m.copyTailLocked(); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
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

// exchangeLocked gives the log the copy's files. Between the two renames both directories hold the partition, which the next
// start settles.
func (m *move) exchangeLocked() error {
	l, f := m.log, m.future
	fsys := l.env.fs
	from, old, gone := l.dir, l.folder, l.segments
	folder := filepath.Join(m.to.path, l.tp.String())
	if err := fsys.Rename(f.folder, folder); err != nil {
		return m.to.ioError("put the copy of "+l.tp.String()+" in place", err)
	}
	m.to.nameMade()
	away := filepath.Join(from.path, folderName(l.tp, folderDeleted))
	if err := fsys.Rename(old, away); err != nil {
		from.offline(fmt.Errorf("remove the moved log %s: %w", l.tp, err))
	}
	from.nameMade()
	l.dir, l.folder, l.segments, l.snapshots = m.to, folder, f.segments, f.snapshots
	l.dirty, l.unsynced, l.epochs.dirty = f.dirty, newNames{folder: true, contents: true}, true
	l.recoveryPoint.Store(f.recoveryPoint.Load())
	l.flushed.Store(f.flushed.Load())
	l.changes.Add(1)
	f.err = errDeleted
	from.removeLog(l)
	m.to.mu.Lock()
	delete(m.to.future, l.tp)
	m.to.mu.Unlock()
	m.to.addLog(l)
	for _, s := range gone {
		l.env.fds.drop(s)
		l.env.indexes.drop(s)
	}
	from.trash.rename(old)
	from.trash.addFolder(away, l.cfg.FileDeleteDelay)
	l.dir.flusher.request(l, flushAll)
	l.env.opt.Logger.Info("partition moved to another log directory", "partition", l.tp.String(), "from", from.path, "to", m.to.path)
	return nil
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
