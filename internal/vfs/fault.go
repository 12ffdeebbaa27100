package vfs

import (
	"errors"
	"fmt"
	"io"
)

// OpKind names an operation of FS or File.
type OpKind uint8

const (
	OpCreate OpKind = iota
	OpOpen
	OpOpenWrite
	OpRemove
	OpRemoveAll
	OpRename
	OpMkdirAll
	OpReadDir
	OpStat
	OpSyncDir
	OpLock
	OpUsage
	OpSize
	OpReadAt
	OpWriteAt
	OpTruncate
	OpSync
	OpDatasync
	OpPreallocate
	OpClose

	opKinds = iota
)

func (k OpKind) String() string {
	return [opKinds]string{
		"create", "open", "openwrite", "remove", "removeall", "rename", "mkdirall", "readdir", "stat",
		"syncdir", "lock", "usage", "size", "readat", "writeat", "truncate", "sync", "datasync", "preallocate", "close",
	}[k]
}

// Op is an operation about to be done.
type Op struct {
	Kind OpKind
	Path string // the name given to FS; for files, the one they were opened with
	To   string // OpRename: the new name
	Off  int64  // OpReadAt, OpWriteAt, OpPreallocate: position; OpTruncate: length; bytes
	Len  int64  // OpReadAt, OpWriteAt, OpPreallocate: bytes
}

func (o Op) String() string { return fmt.Sprintf("%s %s %d+%d", o.Kind, o.Path, o.Off, o.Len) }

// Partial is an error that a check may return for OpWriteAt: the first N bytes are written all the same.
type Partial struct {
	N   int
	Err error
}

func (p *Partial) Error() string { return p.Err.Error() }
func (p *Partial) Unwrap() error { return p.Err }

// NewFault returns fsys with a question before every operation: when check returns an error, the operation isn't done and
// returns that error. Two exceptions: OpClose closes the file before it fails, and an OpWriteAt failed with a *Partial
// writes a part. A failed OpSync or OpDatasync over a Mem loses the bytes it should have made durable, as on Linux.
// check is called concurrently. Files have no descriptor, for sendfile would not ask.
func NewFault(fsys FS, check func(Op) error) FS { return &faultFS{fsys, check} }

type faultFS struct {
	fs    FS
	check func(Op) error
}

func (f *faultFS) fails(kind OpKind, name string) error {
	return pathError(kind.String(), name, f.check(Op{Kind: kind, Path: name}))
}

func (f *faultFS) open(kind OpKind, name string, open func(string) (File, error)) (File, error) {
	if err := f.fails(kind, name); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f.check}, nil
}

func (f *faultFS) Create(name string) (File, error) { return f.open(OpCreate, name, f.fs.Create) }

func (f *faultFS) CreateNew(name string) (File, error) {
	return f.open(OpCreate, name, f.fs.CreateNew)
}

func (f *faultFS) Open(name string) (File, error) { return f.open(OpOpen, name, f.fs.Open) }

func (f *faultFS) OpenWrite(name string) (File, error) {
	return f.open(OpOpenWrite, name, f.fs.OpenWrite)
}

func (f *faultFS) do(kind OpKind, name string, do func(string) error) error {
	if err := f.fails(kind, name); err != nil {
		return err
	}
	return do(name)
}

func (f *faultFS) Remove(name string) error    { return f.do(OpRemove, name, f.fs.Remove) }
func (f *faultFS) RemoveAll(name string) error { return f.do(OpRemoveAll, name, f.fs.RemoveAll) }
func (f *faultFS) MkdirAll(name string) error  { return f.do(OpMkdirAll, name, f.fs.MkdirAll) }
func (f *faultFS) Mkdir(name string) error     { return f.do(OpMkdirAll, name, f.fs.Mkdir) }
func (f *faultFS) SyncDir(name string) error   { return f.do(OpSyncDir, name, f.fs.SyncDir) }

func (f *faultFS) Rename(oldName, newName string) error {
	if err := f.check(Op{Kind: OpRename, Path: oldName, To: newName}); err != nil {
		return pathError("rename", oldName, err)
	}
	return f.fs.Rename(oldName, newName)
}

func (f *faultFS) ReadDir(name string) ([]DirEntry, error) {
	if err := f.fails(OpReadDir, name); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(name)
}

func (f *faultFS) Stat(name string) (Info, error) {
	if err := f.fails(OpStat, name); err != nil {
		return Info{}, err
	}
	return f.fs.Stat(name)
}

func (f *faultFS) Resolve(name string) (string, error) {
	if err := f.fails(OpStat, name); err != nil {
		return "", err
	}
	return f.fs.Resolve(name)
}

func (f *faultFS) Lock(name string) (io.Closer, error) {
	if err := f.fails(OpLock, name); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}

func (f *faultFS) Usage(dir string) (total, free int64, err error) {
	if err := f.fails(OpUsage, dir); err != nil {
		return 0, 0, err
	}
	return f.fs.Usage(dir)
}

type faultFile struct {
	f     File
	check func(Op) error
}

func (f *faultFile) Name() string        { return f.f.Name() }
func (f *faultFile) Fd() (uintptr, bool) { return 0, false }

func (f *faultFile) fails(kind OpKind, off, n int64) error {
	return pathError(kind.String(), f.f.Name(), f.check(Op{Kind: kind, Path: f.f.Name(), Off: off, Len: n}))
}

func (f *faultFile) Size() (int64, error) {
	if err := f.fails(OpSize, 0, 0); err != nil {
		return 0, err
	}
	return f.f.Size()
}

func (f *faultFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.fails(OpReadAt, off, int64(len(b))); err != nil {
		return 0, err
	}
	return f.f.ReadAt(b, off)
}

func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	err := f.fails(OpWriteAt, off, int64(len(b)))
	if err == nil {
		return f.f.WriteAt(b, off)
	}
	n := 0
	if part := (*Partial)(nil); errors.As(err, &part) && part.N > 0 {
		n, _ = f.f.WriteAt(b[:min(part.N, len(b))], off) // the error to report is the one asked for
	}
	return n, err
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fails(OpTruncate, size, 0); err != nil {
		return err
	}
	return f.f.Truncate(size)
}

func (f *faultFile) Preallocate(off, n int64) error {
	if err := f.fails(OpPreallocate, off, n); err != nil {
		return err
	}
	return f.f.Preallocate(off, n)
}

func (f *faultFile) Sync() error { return f.sync(OpSync, f.f.Sync) }

func (f *faultFile) Datasync() error { return f.sync(OpDatasync, f.f.Datasync) }

func (f *faultFile) sync(kind OpKind, sync func() error) error {
	err := f.fails(kind, 0, 0)
	if err == nil {
		return sync()
	}
	if mem, ok := f.f.(*memFile); ok {
		mem.failSync()
	}
	return err
}

func (f *faultFile) Close() error {
	err := f.fails(OpClose, 0, 0)
	if closeErr := f.f.Close(); err == nil {
		err = closeErr
	}
	return err
}
