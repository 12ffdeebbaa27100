package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestWriteAtomicReplacesContents(t *testing.T) {
	name := filepath.Join(t.TempDir(), "meta.properties")
	for _, want := range []string{"version=1\n", "v=2"} {
		if err := WriteAtomic(OS(), name, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(OS(), name)
		if err != nil || string(got) != want {
			t.Fatalf("read %q, %v; want %q", got, err, want)
		}
	}
	entries, err := OS().ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Fatalf("directory holds %v, %v; want the one file", entries, err)
	}
}

func TestOSLockIsExclusive(t *testing.T) {
	name := filepath.Join(t.TempDir(), ".lock")
	held, err := OS().Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OS().Lock(name); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v, want ErrLocked", err)
	}
	held.Close()
	again, err := OS().Lock(name)
	if err != nil {
		t.Fatalf("lock after release: %v", err)
	}
	again.Close()
}

func TestOSPreallocateKeepsLength(t *testing.T) {
	f, err := OS().Create(filepath.Join(t.TempDir(), "00000000000000000000.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Preallocate(0, 1<<20); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Size(); err != nil || n != 0 {
		t.Fatalf("size after Preallocate %d, %v; want 0", n, err)
	}
	want := bytes.Repeat([]byte("x"), 5000)
	if _, err := f.WriteAt(want, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Datasync(); err != nil {
		t.Fatal(err)
	}
	if n, _ := f.Size(); n != int64(len(want)) {
		t.Fatalf("size after write %d, want %d", n, len(want))
	}
}

func TestOSMissingFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := OS().Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open: %v, want ErrNotExist", err)
	}
	if err := OS().RemoveAll(filepath.Join(dir, "absent")); err != nil {
		t.Fatal(err)
	}
	total, free, err := OS().Usage(dir)
	if err != nil || total <= 0 || free <= 0 || free > total {
		t.Fatalf("usage %d, %d, %v", total, free, err)
	}
}
