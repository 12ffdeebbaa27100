package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestNewNamesAreExclusive: CreateNew and Mkdir never take over what is there, a link to nothing included.
func TestNewNamesAreExclusive(t *testing.T) {
	for name, fsys := range map[string]FS{"os": OS(), "mem": NewMem(), "fault": NewFault(NewMem(), func(Op) error { return nil })} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			ok(t, fsys.MkdirAll(filepath.Dir(dir)))
			ok(t, fsys.Mkdir(dir))
			f, err := fsys.CreateNew(filepath.Join(dir, "f"))
			ok(t, err)
			_, err = f.WriteAt([]byte("mine"), 0)
			ok(t, err)
			ok(t, f.Close())
			taken := []string{dir, filepath.Join(dir, "f")}
			if name == "os" {
				ok(t, os.Symlink(filepath.Join(dir, "absent"), filepath.Join(dir, "link")))
				taken = append(taken, filepath.Join(dir, "link"))
			}
			for _, n := range taken {
				if _, err := fsys.CreateNew(n); !errors.Is(err, fs.ErrExist) {
					t.Errorf("a file in the place of %s: %v", n, err)
				}
				if err := fsys.Mkdir(n); !errors.Is(err, fs.ErrExist) {
					t.Errorf("a directory in the place of %s: %v", n, err)
				}
			}
			if b, err := ReadFile(fsys, filepath.Join(dir, "f")); err != nil || string(b) != "mine" {
				t.Errorf("the file holds %q, %v", b, err)
			}
			if err := fsys.Mkdir(filepath.Join(dir, "no", "parent")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a directory without a parent: %v", err)
			}
		})
	}
}

// TestOSLinks: a link to a directory is listed as one, and resolves to where it leads.
func TestOSLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	ok(t, err)
	ok(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	ok(t, os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")))
	ok(t, os.Symlink(filepath.Join(dir, "absent"), filepath.Join(dir, "nowhere")))
	entries, err := OS().ReadDir(dir)
	ok(t, err)
	want := []DirEntry{{"link", true, true}, {"nowhere", false, true}, {"real", true, false}}
	for i, e := range entries {
		if e != want[i] {
			t.Errorf("listed %+v, want %+v", e, want[i])
		}
	}
	if to, err := OS().Resolve(filepath.Join(dir, "link")); err != nil || to != filepath.Join(dir, "real") {
		t.Errorf("the link leads to %s, %v", to, err)
	}
	if _, err := OS().Resolve(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a link to nothing resolves")
	}
}
