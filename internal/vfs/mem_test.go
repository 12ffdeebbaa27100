package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
)

func write(t *testing.T, fsys FS, name, data string) File {
	t.Helper()
	f, err := fsys.OpenWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(data), 0); err != nil {
		t.Fatal(err)
	}
	return f
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dump lists a tree with all contents.
func dump(t *testing.T, fsys FS, dir string) string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	ok(t, err)
	out := ""
	for _, e := range entries {
		name := filepath.Join(dir, e.Name)
		if e.IsDir {
			out += e.Name + "{" + dump(t, fsys, name) + "}"
			continue
		}
		b, err := ReadFile(fsys, name)
		ok(t, err)
		out += fmt.Sprintf("%s=%x ", e.Name, b)
	}
	return out
}

// TestMemBehavesAsOS does the same random operations on memory and on the real file system.
func TestMemBehavesAsOS(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		root := t.TempDir()
		mem := NewMem()
		ok(t, mem.MkdirAll(root))
		names := []string{"a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "absent/a"}
		pick := func() string { return filepath.Join(root, names[rnd.IntN(len(names))]) }
		for i := range 300 {
			step := randomStep(rnd, pick)
			inMem, onDisk := step.do(mem), step.do(OS())
			if inMem != onDisk {
				t.Fatalf("seed %d step %d %s: memory says %s, disk says %s", seed, i, step.what, inMem, onDisk)
			}
		}
		if a, b := dump(t, mem, root), dump(t, OS(), root); a != b {
			t.Fatalf("seed %d: memory holds\n%s\ndisk holds\n%s", seed, a, b)
		}
		if a, b := dump(t, mem.Crash(Written, 0), root), dump(t, mem, root); a != b {
			t.Fatalf("seed %d: a crash that keeps everything gives\n%s\nnot\n%s", seed, a, b)
		}
	}
}

type step struct {
	what string
	do   func(FS) string
}

func randomStep(rnd *rand.Rand, pick func() string) step {
	name, other := pick(), pick()
	off, data := rnd.Int64N(10000), bytes.Repeat([]byte{byte(rnd.IntN(256))}, rnd.IntN(9000))
	outcome := func(err error) string { return fmt.Sprint(err == nil, errors.Is(err, fs.ErrNotExist)) }
	onFile := func(open func(string) (File, error), use func(File) string) string {
		f, err := open(name)
		if err != nil {
			return outcome(err)
		}
		defer f.Close()
		return use(f)
	}
	switch rnd.IntN(9) {
	case 0:
		return step{"mkdir " + name, func(f FS) string { return outcome(f.MkdirAll(name)) }}
	case 1:
		return step{"remove " + name, func(f FS) string { return outcome(f.Remove(name)) }}
	case 2:
		return step{"removeall " + name, func(f FS) string { return outcome(f.RemoveAll(name)) }}
	case 3:
		return step{"rename " + name + " " + other, func(f FS) string { return outcome(f.Rename(name, other)) }}
	case 4:
		return step{"truncate " + name, func(f FS) string {
			return onFile(f.OpenWrite, func(f File) string { return outcome(f.Truncate(off)) })
		}}
	case 5:
		return step{"read " + name, func(f FS) string {
			if st, err := f.Stat(name); err == nil && st.IsDir {
				return "a directory" // the operating system opens it
			}
			return onFile(f.Open, func(f File) string {
				b := make([]byte, len(data))
				n, err := f.ReadAt(b, off)
				size, sizeErr := f.Size()
				return fmt.Sprintf("%x %v %d %v", b[:n], err == io.EOF, size, sizeErr)
			})
		}}
	case 6:
		return step{"create " + name, func(f FS) string {
			return onFile(f.Create, func(f File) string { return outcome(f.Sync()) })
		}}
	case 7:
		return step{"stat " + name, func(f FS) string {
			st, err := f.Stat(name)
			if st.IsDir {
				st.Size = 0 // differs between file systems
			}
			return fmt.Sprint(st.Size, st.IsDir, outcome(err))
		}}
	default:
		return step{"write " + name, func(f FS) string {
			return onFile(f.OpenWrite, func(f File) string {
				n, err := f.WriteAt(data, off)
				return fmt.Sprint(n, err)
			})
		}}
	}
}

func TestMemFullDisk(t *testing.T) {
	m := NewMem()
	m.SetCapacity(10 * pageSize) // one page is the file itself
	f := write(t, m, "/a", "")
	n, err := f.WriteAt(make([]byte, 20*pageSize), 100)
	if want := 9*pageSize - 100; n != want || !IsNoSpace(err) {
		t.Fatalf("wrote %d, %v; want %d and a full disk", n, err, want)
	}
	if size, _ := f.Size(); size != 9*pageSize {
		t.Fatalf("length %d after a partial write, want %d", size, 9*pageSize)
	}
	if _, err := m.Create("/b"); !IsNoSpace(err) {
		t.Fatalf("create on a full disk: %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), 5); err != nil {
		t.Fatalf("overwrite on a full disk: %v", err)
	}
	ok(t, m.Remove("/a"))
	if _, free, _ := m.Usage("/"); free != pageSize {
		t.Fatalf("%d bytes free while the removed file is open, want %d", free, pageSize)
	}
	ok(t, f.Close())
	if total, free, _ := m.Usage("/"); total != 10*pageSize || free != total {
		t.Fatalf("%d of %d bytes free at the end", free, total)
	}
}

func TestMemPreallocate(t *testing.T) {
	m := NewMem()
	m.SetCapacity(5 * pageSize)
	f := write(t, m, "/a", "x")
	if err := f.Preallocate(0, 4*pageSize); err != nil {
		t.Fatal(err)
	}
	if size, _ := f.Size(); size != 1 {
		t.Fatalf("length %d, want 1", size)
	}
	if err := f.Preallocate(0, 5*pageSize); !IsNoSpace(err) {
		t.Fatalf("reserving more than there is: %v", err)
	}
	if _, err := f.WriteAt(make([]byte, 4*pageSize), 0); err != nil {
		t.Fatalf("writing to reserved space: %v", err)
	}
	ok(t, f.Truncate(0))
	if _, free, _ := m.Usage("/"); free != 4*pageSize {
		t.Fatalf("%d bytes free after truncation, want %d", free, 4*pageSize)
	}
}

func TestMemConcurrentFiles(t *testing.T) {
	for _, m := range []*Mem{NewMem(), NewVolatile()} {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				name := fmt.Sprintf("/f%d", i)
				for j := range 50 {
					f := write(t, m, name, fmt.Sprint(j))
					if err := f.Sync(); err != nil {
						t.Error(err)
					}
					f.Close()
				}
			})
		}
		wg.Wait()
		for i := range 8 {
			if b, err := ReadFile(m, fmt.Sprintf("/f%d", i)); err != nil || string(b) != "49" {
				t.Fatalf("f%d holds %q, %v", i, b, err)
			}
		}
	}
}

func TestMemLock(t *testing.T) {
	m := NewMem()
	held, err := m.Lock("/.lock")
	ok(t, err)
	if _, err := m.Lock(".lock"); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	if _, err := m.Crash(Written, 0).Lock("/.lock"); err != nil {
		t.Fatalf("lock after a power cut: %v", err)
	}
	ok(t, held.Close())
	_, err = m.Lock("/.lock")
	ok(t, err)
}
