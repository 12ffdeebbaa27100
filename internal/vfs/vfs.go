// Package vfs is the file system the broker stands on. Everything that touches a disk goes through an FS, so that one
// test can run a broker in memory, take its power away after any operation, or make any single call fail.
//
// There are three implementations: OS is the real file system; Mem keeps files in memory and knows which of their bytes
// and directory entries were synced, so it can be crashed; Fault wraps another FS and asks a function before every
// operation. All three give the same promise and no more: a file's contents survive a power cut once Sync or Datasync
// returned, and its name once SyncDir of the directory that holds it returned.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"
)

// FS is a file system. Names are paths in the form of package path/filepath. Errors wrap those of package io/fs
// (errors.Is(err, fs.ErrNotExist)). All methods may be called concurrently.
type FS interface {
	// Create opens a file for reading and writing. An existing file is truncated to length 0.
	Create(name string) (File, error)
	// CreateNew is Create for a name that must not be taken: else the error wraps fs.ErrExist, also where a link has the name.
	CreateNew(name string) (File, error)
	// Open opens an existing file for reading only.
	Open(name string) (File, error)
	// OpenWrite opens a file for reading and writing. An existing file keeps its contents, a missing one is created.
	OpenWrite(name string) (File, error)
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// RemoveAll removes a file or a directory with everything in it. A name that doesn't exist is no error.
	RemoveAll(name string) error
	// Rename gives a file the name newName in one step, replacing the file of that name. A directory is renamed too, but
	// replaces nothing.
	Rename(oldName, newName string) error
	// MkdirAll makes a directory and its missing parents. An existing directory is no error.
	MkdirAll(name string) error
	// Mkdir makes a directory, of which the parent is there. A name that is taken is an error that wraps fs.ErrExist.
	Mkdir(name string) error
	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]DirEntry, error)
	// Stat describes a file or directory.
	Stat(name string) (Info, error)
	// Resolve follows the symbolic links in a name: two names of one directory resolve to the same.
	Resolve(name string) (string, error)
	// SyncDir makes the entries of a directory durable: files created, renamed or removed in it.
	SyncDir(name string) error
	// Lock takes an exclusive lock on a file, which is created when missing, and holds it until the Closer is closed or
	// the process ends. It returns ErrLocked at once when somebody else, in this process or another, holds it.
	Lock(name string) (io.Closer, error)
	// Usage tells the size in bytes of the file system that holds dir, and how many of them this process may still fill.
	Usage(dir string) (total, free int64, err error)
}

// File is an open file. Its methods may be called concurrently, as those of *os.File; Close must come last.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Name is the name the file was opened with.
	Name() string
	// Size is the current length in bytes.
	Size() (int64, error)
	// Truncate sets the length, cutting bytes off or adding zeros.
	Truncate(size int64) error
	// Sync makes contents, length and attributes durable. After an error the state of the file on disk is unknown and a
	// second Sync proves nothing: never retry.
	Sync() error
	// Datasync is Sync without the attributes that aren't needed to read the contents back.
	Datasync() error
	// Preallocate reserves disk space for n bytes at off without changing the length. It returns an error for which
	// IsNoSpace holds when there isn't enough; where the file system can't reserve, it does nothing.
	Preallocate(off, n int64) error
	// Fd is the descriptor for sendfile; ok is false when there is none (files in memory). It is valid until Close.
	Fd() (fd uintptr, ok bool)
}

// DirEntry is one name in a directory.
type DirEntry struct {
	Name  string
	IsDir bool // a directory, or a link to one
	Link  bool // a symbolic link
}

// Info describes a file or directory.
type Info struct {
	Size    int64 // bytes
	ModTime time.Time
	IsDir   bool
}

// ErrLocked is returned by Lock when the lock is held by somebody else.
var ErrLocked = errors.New("file is locked by another process or another broker in this one")

// IsNoSpace tells whether an operation failed because the disk, or the user's quota on it, is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || isPlatformNoSpace(err)
}

// ReadFile returns the contents of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if n == len(b) || errors.Is(err, io.EOF) {
		return b[:n], nil
	}
	return nil, err
}

// WriteAtomic replaces the contents of a file durably: after a crash the file holds the old bytes or the new ones. It
// writes name+".tmp", syncs it, renames it and syncs the directory; a leftover ".tmp" is overwritten.
func WriteAtomic(fsys FS, name string, data []byte) error {
	tmp := name + ".tmp"
	if err := writeSynced(fsys, tmp, data); err != nil {
		_ = fsys.Remove(tmp) // best effort: the error that matters is the first one
		return err
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

func writeSynced(fsys FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
