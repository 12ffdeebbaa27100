package vfs

import (
	"maps"
	"time"
)

const rootID = 1

// disk is what a Mem would find after a power cut: the contents that are durable, and in pending the changes made since,
// in order, that nothing has made durable yet.
type disk struct {
	files   map[int64]*diskFile
	dirs    map[int64]map[string]int64
	parents map[int64]place // where a file or directory has its one name
	pending []entry
}

type diskFile struct {
	data *pages
	mod  time.Time
}

type place struct {
	dir  int64
	name string
}

func newDisk() *disk {
	return &disk{
		files:   map[int64]*diskFile{},
		dirs:    map[int64]map[string]int64{rootID: {}},
		parents: map[int64]place{},
	}
}

// copy returns the durable part. Contents are shared until written.
func (d *disk) copy() *disk {
	c := newDisk()
	for id, f := range d.files {
		c.files[id] = &diskFile{f.data.copy(), f.mod}
	}
	for id, names := range d.dirs {
		c.dirs[id] = maps.Clone(names)
	}
	c.parents = maps.Clone(d.parents)
	return c
}

// do takes in the next operation of the history.
func (d *disk) do(e entry) {
	switch e.kind {
	case opSync:
		d.settle(func(p *entry) bool { return p.ofFile() && p.id == e.id }, true)
	case opSyncFailed:
		d.settle(func(p *entry) bool { return p.ofFile() && p.id == e.id }, false)
	case opSyncDir:
		d.settle(func(p *entry) bool { return !p.ofFile() && (p.dir == e.dir || p.toDir == e.dir) }, true)
	default:
		d.pending = append(d.pending, e)
	}
}

// settle takes the pending operations that match off the list, and applies them when keep is set.
func (d *disk) settle(match func(*entry) bool, keep bool) {
	left := make([]entry, 0, len(d.pending))
	for i := range d.pending {
		switch e := d.pending[i]; {
		case !match(&e):
			left = append(left, e)
		case keep:
			d.apply(e)
		}
	}
	d.pending = left
}

func (d *disk) apply(e entry) {
	switch e.kind {
	case opLink:
		d.link(e.dir, e.name, e.id, e.isDir)
	case opUnlink:
		d.unlink(e.dir, e.name)
	case opRename:
		d.unlink(e.dir, e.name)
		d.link(e.toDir, e.toName, e.id, e.isDir)
	case opWrite:
		f := d.file(e.id)
		f.data.writeAt(e.data, e.off, func() bool { return true })
		if len(e.data) == 0 && e.off > f.data.size {
			f.data.truncate(e.off)
		}
		f.mod = e.at
	case opTruncate:
		f := d.file(e.id)
		f.data.truncate(e.off)
		f.mod = e.at
	}
}

func (d *disk) file(id int64) *diskFile {
	f := d.files[id]
	if f == nil {
		f = &diskFile{data: &pages{}}
		d.files[id] = f
	}
	return f
}

// link gives a node its name, taking away the one it had and the node that had this one.
func (d *disk) link(dir int64, name string, id int64, isDir bool) {
	if old, ok := d.parents[id]; ok {
		d.unlink(old.dir, old.name)
	}
	d.unlink(dir, name)
	if isDir && d.dirs[id] == nil {
		d.dirs[id] = map[string]int64{}
	}
	if d.dirs[dir] == nil {
		d.dirs[dir] = map[string]int64{} // a directory that has no name itself (yet)
	}
	d.dirs[dir][name] = id
	d.parents[id] = place{dir, name}
}

func (d *disk) unlink(dir int64, name string) {
	if id, ok := d.dirs[dir][name]; ok {
		delete(d.dirs[dir], name)
		delete(d.parents, id)
	}
}

// mount makes a file system of the durable part.
func (d *disk) mount() *Mem {
	m := NewVolatile()
	m.record = true
	m.history.base = d.copy()
	// Also what has no name any more keeps its number: a new file must not inherit its contents.
	for id := range d.files {
		m.lastID = max(m.lastID, id)
	}
	for id := range d.dirs {
		m.lastID = max(m.lastID, id)
	}
	d.fill(m, m.root)
	return m
}

func (d *disk) fill(m *Mem, dir *node) {
	for name, id := range d.dirs[dir.id] {
		n := &node{id: id}
		dir.children[name] = n
		m.lastID = max(m.lastID, id)
		m.used.Add(pageSize)
		if d.dirs[id] != nil {
			n.children = map[string]*node{}
			d.fill(m, n)
			continue
		}
		f := d.file(id)
		n.data, n.mod = *f.data.copy(), f.mod
		m.used.Add(n.data.taken() * pageSize)
	}
}
