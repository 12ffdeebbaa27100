package commitlog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
)

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
