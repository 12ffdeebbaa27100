//go:build unix

package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

func usage(dir string) (total, free int64, err error) {
	var st unix.Statfs_t
	for {
		err = unix.Statfs(dir, &st)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, 0, pathError("statfs", dir, err)
	}
	block := int64(st.Bsize)
	return int64(st.Blocks) * block, int64(st.Bavail) * block, nil
}

// onDescriptor calls fn with the file's descriptor, which can't be closed meanwhile, again and again while a signal
// interrupts it.
func onDescriptor(f *os.File, op string, fn func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			failed = fn(int(fd))
			if failed != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return pathError(op, f.Name(), failed)
}

func isPlatformNoSpace(err error) bool { return errors.Is(err, unix.EDQUOT) }
