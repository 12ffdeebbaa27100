//go:build unix && !linux

package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// datasync is a full sync: on darwin *os.File.Sync is what flushes the drive's cache.
func datasync(f *os.File) error { return f.Sync() }

func preallocate(*os.File, int64, int64) error { return nil }

func lockFile(f *os.File) error {
	err := onDescriptor(f, "lock", func(fd int) error {
		return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	})
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
