package commitlog

import (
	"errors"
	"fmt"
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
