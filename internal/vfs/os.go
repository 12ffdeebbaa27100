package vfs

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// OS returns the real file system. Files are created with mode 0644, directories with 0755, before the umask.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) CreateNew(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osFS) Open(name string) (File, error) { return openOS(name, os.O_RDONLY) }

func (osFS) OpenWrite(name string) (File, error) { return openOS(name, os.O_RDWR|os.O_CREATE) }

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

func (osFS) Remove(name string) error    { return os.Remove(name) }
func (osFS) RemoveAll(name string) error { return os.RemoveAll(name) }

func (osFS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

func (osFS) MkdirAll(name string) error { return os.MkdirAll(name, 0o755) }

func (osFS) Mkdir(name string) error { return os.Mkdir(name, 0o755) }

func (osFS) Resolve(name string) (string, error) { return filepath.EvalSymlinks(name) }

func (osFS) ReadDir(name string) ([]DirEntry, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	out := make([]DirEntry, len(entries))
	for i, e := range entries {
		out[i] = DirEntry{Name: e.Name(), IsDir: e.IsDir()}
		if e.Type()&fs.ModeSymlink != 0 {
			st, err := os.Stat(filepath.Join(name, e.Name()))
			out[i].Link, out[i].IsDir = true, err == nil && st.IsDir()
		}
	}
	return out, nil
}

func (osFS) Stat(name string) (Info, error) {
	st, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: st.Size(), ModTime: st.ModTime(), IsDir: st.IsDir()}, nil
}

func (osFS) SyncDir(name string) error { return syncDir(name) }

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, pathError("lock", name, err)
	}
	return f, nil // closing the descriptor drops the lock
}

func (osFS) Usage(dir string) (total, free int64, err error) { return usage(dir) }

type osFile struct{ *os.File }

func (f *osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func (f *osFile) Datasync() error { return datasync(f.File) }

func (f *osFile) Preallocate(off, n int64) error { return preallocate(f.File, off, n) }

func (f *osFile) Fd() (uintptr, bool) { return f.File.Fd(), true }
