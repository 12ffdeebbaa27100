package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

func datasync(f *os.File) error { return f.Sync() }

func preallocate(*os.File, int64, int64) error { return nil }

// syncDir does nothing but look: NTFS journals directory changes, and a directory handle can't be flushed.
func syncDir(name string) error {
	_, err := os.Stat(name)
	return err
}

func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	var at windows.Overlapped
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

func usage(dir string) (total, free int64, err error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, pathError("usage", dir, err)
	}
	var mine, all, unused uint64
	if err := windows.GetDiskFreeSpaceEx(p, &mine, &all, &unused); err != nil {
		return 0, 0, pathError("usage", dir, err)
	}
	return int64(all), int64(mine), nil
}

func isPlatformNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
