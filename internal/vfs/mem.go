package vfs

import (
	"cmp"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Mem is a file system in memory. It behaves as a disk of pages of 4 KiB: files and directories take a page each beside
// their contents, a removed file keeps its space until its last descriptor is closed, and a full disk writes what still
// fits. Made by NewMem it also records every operation, and Crash tells what a power cut would leave of it.
type Mem struct {
	mu       sync.Mutex // guards the tree, locks and journal; taken before node.mu
	root     *node
	lastID   int64
	locks    map[string]bool
	capacity atomic.Int64 // bytes; 0: no limit
	used     atomic.Int64 // bytes
	record   bool
	history  history
}

// NewMem returns an empty file system that can crash. It keeps everything ever written, for it remembers all its states:
// it is for tests of bounded length.
func NewMem() *Mem {
	m := NewVolatile()
	m.record = true
	m.history.base = newDisk()
	return m
}

// NewVolatile returns an empty file system without a memory of its past: Sync means nothing to it, and Crash panics. It
// is what a broker without a disk runs on.
func NewVolatile() *Mem {
	m := &Mem{locks: map[string]bool{}}
	m.root = &node{id: rootID, children: map[string]*node{}, mod: time.Now()}
	m.lastID = rootID
	return m
}

// SetCapacity sets the size of the disk in bytes; 0 means no limit. A capacity below what is used makes it a full disk.
func (m *Mem) SetCapacity(bytes int64) { m.capacity.Store(bytes) }

// node is a file or a directory.
type node struct {
	id       int64
	children map[string]*node // nil for a file; guarded by Mem.mu

	mu       sync.RWMutex
	data     pages
	mod      time.Time
	opens    int
	unlinked bool
}

func (n *node) isDir() bool { return n.children != nil }

const unlimited = 1 << 50 // bytes reported by Usage without a capacity

// take reserves one page of the disk.
func (m *Mem) take() bool {
	limit := m.capacity.Load()
	if m.used.Add(pageSize) > limit && limit != 0 {
		m.used.Add(-pageSize)
		return false
	}
	return true
}

// clean turns a name into the form the tree is walked by: rooted, separated by slashes.
func clean(name string) string {
	name = name[len(filepath.VolumeName(name)):]
	return filepath.ToSlash(filepath.Clean("/" + filepath.ToSlash(name)))
}

func (m *Mem) lookupLocked(name string) (*node, error) {
	n := m.root
	for part := range strings.SplitSeq(strings.Trim(clean(name), "/"), "/") {
		switch {
		case part == "":
			continue
		case !n.isDir():
			return nil, syscall.ENOTDIR
		case n.children[part] == nil:
			return nil, fs.ErrNotExist
		}
		n = n.children[part]
	}
	return n, nil
}

func (m *Mem) lookupDirLocked(name string) (*node, error) {
	n, err := m.lookupLocked(name)
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	return n, err
}

// parentLocked returns the directory that holds, or would hold, name, and the last part of the name.
func (m *Mem) parentLocked(name string) (dir *node, base string, err error) {
	name = clean(name)
	if name == "/" {
		return nil, "", syscall.EINVAL
	}
	at := strings.LastIndexByte(name, '/')
	dir, err = m.lookupDirLocked(name[:at+1])
	return dir, name[at+1:], err
}

func (m *Mem) Create(name string) (File, error) { return m.open("create", name, true, true) }

func (m *Mem) CreateNew(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookupLocked(name); err == nil {
		return nil, pathError("create", name, fs.ErrExist)
	}
	return m.openLocked("create", name, true, true)
}

func (m *Mem) Open(name string) (File, error) { return m.open("open", name, false, false) }

func (m *Mem) OpenWrite(name string) (File, error) { return m.open("open", name, true, false) }

func (m *Mem) open(op, name string, write, empty bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.openLocked(op, name, write, empty)
}

func (m *Mem) openLocked(op, name string, write, empty bool) (File, error) {
	n, err := m.fileLocked(name, write)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opens++
	if empty && n.data.size > 0 {
		m.truncateLocked(n, 0)
	}
	return &memFile{m: m, n: n, name: name, write: write}, nil
}

func (m *Mem) fileLocked(name string, create bool) (*node, error) {
	dir, base, err := m.parentLocked(name)
	if err != nil {
		return nil, err
	}
	n := dir.children[base]
	switch {
	case n != nil && n.isDir():
		return nil, syscall.EISDIR
	case n != nil:
		return n, nil
	case !create:
		return nil, fs.ErrNotExist
	}
	return m.addLocked(dir, base, nil)
}

func (m *Mem) addLocked(dir *node, base string, children map[string]*node) (*node, error) {
	if !m.take() {
		return nil, syscall.ENOSPC
	}
	m.lastID++
	n := &node{id: m.lastID, children: children, mod: time.Now()}
	dir.children[base], dir.mod = n, n.mod
	m.logLocked(entry{kind: opLink, dir: dir.id, name: base, id: n.id, isDir: children != nil, at: n.mod})
	return n, nil
}

func (m *Mem) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for part := range strings.SplitSeq(strings.Trim(clean(name), "/"), "/") {
		if part == "" {
			continue
		}
		next := n.children[part]
		if next == nil {
			var err error
			if next, err = m.addLocked(n, part, map[string]*node{}); err != nil {
				return pathError("mkdir", name, err)
			}
		}
		if !next.isDir() {
			return pathError("mkdir", name, syscall.ENOTDIR)
		}
		n = next
	}
	return nil
}

func (m *Mem) Mkdir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked(name)
	if err == nil && dir.children[base] != nil {
		err = fs.ErrExist
	}
	if err == nil {
		_, err = m.addLocked(dir, base, map[string]*node{})
	}
	return pathError("mkdir", name, err)
}

// Resolve returns the clean name: there are no links.
func (m *Mem) Resolve(name string) (string, error) {
	if _, err := m.Stat(name); err != nil {
		return "", err
	}
	return clean(name), nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked(name)
	if err == nil && dir.children[base] == nil {
		err = fs.ErrNotExist
	}
	if err == nil && len(dir.children[base].children) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return pathError("remove", name, err)
	}
	m.unlinkLocked(dir, base)
	return nil
}

func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked(name)
	if err == nil && dir.children[base] != nil {
		m.removeTreeLocked(dir, base)
	}
	if err == fs.ErrNotExist {
		return nil
	}
	return pathError("remove", name, err)
}

func (m *Mem) removeTreeLocked(dir *node, base string) {
	n := dir.children[base]
	for _, child := range sortedNames(n.children) {
		m.removeTreeLocked(n, child)
	}
	m.unlinkLocked(dir, base)
}

func (m *Mem) unlinkLocked(dir *node, base string) {
	n := dir.children[base]
	delete(dir.children, base)
	dir.mod = time.Now()
	m.logLocked(entry{kind: opUnlink, dir: dir.id, name: base})
	m.dropLocked(n)
}

// dropLocked gives back the space of a node that lost its name, unless it is still open.
func (m *Mem) dropLocked(n *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unlinked = true
	m.used.Add(-pageSize)
	if n.opens == 0 {
		m.used.Add(-n.data.taken() * pageSize)
		n.data = pages{}
	}
}

func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return pathError("rename", oldName, m.renameLocked(oldName, newName))
}

func (m *Mem) renameLocked(oldName, newName string) error {
	from, oldBase, err := m.parentLocked(oldName)
	if err != nil {
		return err
	}
	to, newBase, err := m.parentLocked(newName)
	if err != nil {
		return err
	}
	n, replaced := from.children[oldBase], to.children[newBase]
	switch {
	case n == nil:
		return fs.ErrNotExist
	case replaced != nil && (replaced.isDir() || n.isDir()):
		return fs.ErrExist
	case n == replaced:
		return nil
	case n.isDir() && strings.HasPrefix(clean(newName)+"/", clean(oldName)+"/"):
		return syscall.EINVAL
	}
	if replaced != nil {
		m.dropLocked(replaced)
	}
	delete(from.children, oldBase)
	to.children[newBase] = n
	from.mod = time.Now()
	to.mod = from.mod
	m.logLocked(entry{kind: opRename, dir: from.id, name: oldBase, toDir: to.id, toName: newBase, id: n.id, isDir: n.isDir()})
	return nil
}

func (m *Mem) ReadDir(name string) ([]DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookupDirLocked(name)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	out := make([]DirEntry, 0, len(n.children))
	for base, child := range n.children {
		out = append(out, DirEntry{Name: base, IsDir: child.isDir()})
	}
	slices.SortFunc(out, func(a, b DirEntry) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookupLocked(name)
	if err != nil {
		return Info{}, pathError("stat", name, err)
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return Info{Size: n.data.size, ModTime: n.mod, IsDir: n.isDir()}, nil
}

func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookupDirLocked(name)
	if err != nil {
		return pathError("sync", name, err)
	}
	m.logLocked(entry{kind: opSyncDir, dir: n.id})
	return nil
}

// Lock locks a name within this Mem. The locks of a Mem are not those of its crashed copies.
func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.OpenWrite(name)
	if err != nil {
		return nil, err
	}
	key := clean(name)
	m.mu.Lock()
	held := m.locks[key]
	m.locks[key] = true
	m.mu.Unlock()
	if held {
		f.Close()
		return nil, pathError("lock", name, ErrLocked)
	}
	return &memLock{m: m, key: key, f: f}, nil
}

type memLock struct {
	m    *Mem
	key  string
	f    File
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.m.mu.Lock()
		delete(l.m.locks, l.key)
		l.m.mu.Unlock()
	})
	return l.f.Close()
}

func (m *Mem) Usage(dir string) (total, free int64, err error) {
	if _, err := m.Stat(dir); err != nil {
		return 0, 0, err
	}
	total = m.capacity.Load()
	if total == 0 {
		total = unlimited
	}
	return total, max(0, total-m.used.Load()), nil
}

func sortedNames(children map[string]*node) []string {
	names := make([]string, 0, len(children))
	for name := range children {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
