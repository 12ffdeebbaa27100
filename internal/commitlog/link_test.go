package commitlog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// linkFixture is two log directories and a third disk. A log of ten records, whose start is 3, was made in the first one.
type linkFixture struct {
	*testing.T
	a, b, disk string
	opt        DirsOptions
	want       []byte
}

func newLinkFixture(t *testing.T) *linkFixture {
	t.Helper()
	root := t.TempDir()
	f := &linkFixture{T: t, a: filepath.Join(root, "a"), b: filepath.Join(root, "b"), disk: filepath.Join(root, "disk")}
	f.opt = testOptions(f.a, f.b)
	f.opt.Config.FileDeleteDelay = 0
	d := openDirs(t, vfs.OS(), f.opt)
	l := createLog(t, d, "t", f.opt.Config)
	for i := range 10 {
		mustAppend(t, l, batch(1, 100, int64(i)))
	}
	l.UpdateHighWatermark(l.End())
	f.ok(l.SetStart(3))
	f.want = readAll(t, l)
	f.ok(d.Close())
	f.ok(os.Mkdir(f.disk, 0o755))
	return f
}

func (f *linkFixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// away moves the log's folder to the other disk and leaves a link.
func (f *linkFixture) away() {
	f.Helper()
	f.ok(os.Rename(f.a+"/t-0", f.disk+"/moved"))
	f.ok(os.Symlink(f.disk+"/moved", f.a+"/t-0"))
}

// opened opens the directories and checks that the log has its records.
func (f *linkFixture) opened() (*Dirs, *Log) {
	f.Helper()
	d := openDirs(f, vfs.OS(), f.opt)
	l := d.Get(TP{"t", 0})
	if l == nil || l.Err() != nil || l.Start() != 3 || !bytes.Equal(readAll(f, l), f.want) {
		f.Fatalf("the log isn't as it was: %+v", l)
	}
	return d, l
}

// TestLinkedFolder: a folder that was moved to another disk and linked is used, through restarts, and its files go with the log.
func TestLinkedFolder(t *testing.T) {
	f := newLinkFixture(t)
	f.away()
	put(t, vfs.OS(), f.disk+"/moved/photo.jpg", "mine")
	d, l := f.opened()
	b := batch(1, 100, 99)
	if a := mustAppend(t, l, b); a.First != 10 {
		t.Errorf("append at offset %d", a.First)
	}
	f.want = append(f.want, b...)
	f.ok(d.Close())
	d, l = f.opened()
	f.ok(d.Delete(l))
	for _, dir := range d.dirs {
		dir.trash.removeDue(t.Context(), vfs.OS(), d.opt.Logger, time.Now().Add(time.Hour))
	}
	if left := sorted(files(t, vfs.OS(), f.disk)); len(left) != 1 || filepath.Base(left[0]) != "photo.jpg" {
		t.Errorf("of the deleted log there is %q", left)
	}
	if got, _ := filepath.Glob(f.a + "/t-0*"); len(got) != 0 {
		t.Errorf("of the deleted log's link there is %q", got)
	}
	f.ok(d.Close())
}

// TestMoveOfALinkedFolder moves a linked log into a directory: the link and the files behind it go.
func TestMoveOfALinkedFolder(t *testing.T) {
	f := newLinkFixture(t)
	f.away()
	d, l := f.opened()
	f.ok(d.Move(l, f.b))
	f.ok(d.nextMove().run(t.Context()))
	d.dirs[0].trash.removeDue(t.Context(), vfs.OS(), d.opt.Logger, time.Now().Add(time.Hour))
	if left := files(t, vfs.OS(), f.disk); len(left) != 0 {
		t.Errorf("behind the link there is %q", sorted(left))
	}
	f.ok(d.Close())
	_, l = f.opened()
	if l.Dir() != f.b {
		t.Errorf("the log is in %s", l.Dir())
	}
}

// TestLinkThatLeadsNowhere: while the other disk isn't there, or something else is in the folder's place, the partition is offline
// and nothing is made in its place. With the disk back, all is there, the start offset too.
func TestLinkThatLeadsNowhere(t *testing.T) {
	for name, put := range map[string]func(f *linkFixture, target string) error{
		"nothing":         func(*linkFixture, string) error { return nil },
		"a file":          func(_ *linkFixture, target string) error { return os.WriteFile(target, []byte("mine"), 0o644) },
		"itself":          func(f *linkFixture, target string) error { return os.Symlink(f.a+"/t-0", target) },
		"a log directory": func(f *linkFixture, target string) error { return os.Symlink(f.b, target) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newLinkFixture(t)
			f.away()
			f.ok(os.Rename(f.disk+"/moved", f.disk+"/unmounted"))
			f.ok(put(f, f.disk+"/moved"))
			for range 2 {
				d := openDirs(t, vfs.OS(), f.opt)
				l := d.Get(TP{"t", 0})
				if l == nil || !errors.Is(l.Err(), protocol.ErrKafkaStorageError) || d.dirs[0].Err() != nil {
					t.Fatalf("the log is %+v, its directory %v", l, d.dirs[0].Err())
				}
				if _, err := d.Create(TP{"t", 0}, protocol.UUID{1}, f.opt.Config); err == nil {
					t.Error("a log is made in its place")
				}
				f.ok(d.Close())
			}
			f.ok(os.RemoveAll(f.disk + "/moved"))
			f.ok(os.Rename(f.disk+"/unmounted", f.disk+"/moved"))
			f.opened()
		})
	}
}

// TestOfflineLogKeepsItsStart: a log that can't be opened, because its first segment isn't there, keeps the start offset that a
// checkpoint tells. Deleted records don't come back with the segment.
func TestOfflineLogKeepsItsStart(t *testing.T) {
	f := newLinkFixture(t)
	d, l := f.opened()
	for range 30 { // in whatever order they are found, those above the start come first
		f.ok(l.Roll())
		b := batch(1, 100, 99)
		mustAppend(t, l, b)
		f.want = append(f.want, b...)
	}
	f.ok(d.Close())
	first := f.a + "/t-0/" + offsetFile(0, logSuffix)
	f.ok(os.Rename(first, f.disk+"/unmounted"))
	f.ok(os.Symlink(f.disk+"/moved", first))
	for range 2 {
		d := openDirs(t, vfs.OS(), f.opt)
		if l := d.Get(TP{"t", 0}); l == nil || l.Err() == nil {
			t.Fatalf("without its first segment the log is %+v", l)
		}
		f.ok(d.Close())
	}
	f.ok(os.Rename(f.disk+"/unmounted", f.disk+"/moved"))
	d, _ = f.opened()
	f.ok(d.Close())
}

// TestFolderLinkedTwice: no folder is used under two names.
func TestFolderLinkedTwice(t *testing.T) {
	f := newLinkFixture(t)
	f.ok(os.Symlink(f.a+"/t-0", f.b+"/t-0")) // the same partition in another directory
	f.ok(os.Symlink(f.a+"/t-0", f.b+"/u-0")) // another partition
	d, _ := f.opened()
	if len(d.others[TP{"t", 0}]) > 0 {
		t.Error("the link counts as a second log of the partition")
	}
	if u := d.Get(TP{"u", 0}); u == nil || u.Err() == nil {
		t.Errorf("two partitions use one folder: %+v", u)
	}
	f.ok(d.Close())
	f.ok(os.Remove(f.b + "/t-0"))
	f.ok(os.Remove(f.b + "/u-0"))
	f.away()
	f.ok(os.Symlink(f.disk+"/moved", f.b+"/u-0"))
	d = openDirs(t, vfs.OS(), f.opt)
	if t0, u := d.Get(TP{"t", 0}), d.Get(TP{"u", 0}); t0 == nil || u == nil || (t0.Err() == nil) == (u.Err() == nil) {
		t.Errorf("two links to one folder: %+v, %+v", t0, u)
	}
	f.ok(d.Close())
}

// TestLogDirLinkedTwice: two names of one log directory are refused.
func TestLogDirLinkedTwice(t *testing.T) {
	f := newLinkFixture(t)
	f.ok(os.RemoveAll(f.b))
	f.ok(os.Symlink(f.a, f.b))
	if _, err := OpenDirs(vfs.OS(), f.opt); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("one directory under two names: %v", err)
	}
}

// TestOthersFilesAreNotWrittenTo: a file or folder that appears where a log is about to make one, and that it neither made nor
// recovered, stays as it is: the append, or the creation, is refused.
func TestOthersFilesAreNotWrittenTo(t *testing.T) {
	for _, step := range []struct {
		name, file string
		do         func(d *Dirs, l *Log) error
	}{
		{"first append", "/a/t-0/00000000000000000000.log", func(_ *Dirs, l *Log) error { return appendOne(l) }},
		{"create", "/a/u-0/00000000000000000000.log", func(d *Dirs, _ *Log) error {
			_, err := d.CreateIn(d.dirs[0].id, TP{"u", 0}, protocol.UUID{1}, d.opt.Config)
			return err
		}},
		{"roll", "/a/t-0/00000000000000000001.log", func(_ *Dirs, l *Log) error { return errors.Join(appendOne(l), l.Roll()) }},
		{"roll by an append", "/a/t-0/00000000000000000001.log", func(_ *Dirs, l *Log) error {
			c := l.Config()
			c.SegmentBytes = 200
			l.SetConfig(c)
			return errors.Join(appendOne(l), appendOne(l))
		}},
		{"retention of all", "/a/t-0/00000000000000000001.log", func(_ *Dirs, l *Log) error {
			err := appendOne(l)
			l.UpdateHighWatermark(1)
			_, err2 := l.Retain()
			return errors.Join(err, l.SetStart(1), err2, retainAll(l))
		}},
		{"begin anew", "/a/t-0/00000000000000000007.log", func(_ *Dirs, l *Log) error { return errors.Join(appendOne(l), l.TruncateFully(7)) }},
	} {
		t.Run(step.name, func(t *testing.T) {
			fs := vfs.NewMem()
			d := openDirs(t, fs, testOptions("/a"))
			l := createLog(t, d, "t", d.opt.Config)
			put(t, fs, step.file, "mine")
			if err := step.do(d, l); !errors.Is(err, protocol.ErrKafkaStorageError) {
				t.Errorf("not refused: %v", err)
			}
			if b, err := vfs.ReadFile(fs, step.file); err != nil || string(b) != "mine" {
				t.Errorf("the file holds %q, %v", b, err)
			}
			if err := d.dirs[0].Err(); err != nil {
				t.Errorf("the directory is offline: %v", err)
			}
		})
	}
}

func appendOne(l *Log) error {
	_, err := l.AppendLeader(batch(1, 100, 1), 0, AppendOptions{})
	return err
}

func retainAll(l *Log) error {
	_, err := l.Retain()
	return err
}

// TestSegmentThatShrank: where a log's own file is shorter than what was written to it, nothing is written behind a hole.
func TestSegmentThatShrank(t *testing.T) {
	fs := vfs.NewMem()
	d := openDirs(t, fs, testOptions("/a"))
	l := createLog(t, d, "t", d.opt.Config)
	if err := appendOne(l); err != nil {
		t.Fatal(err)
	}
	if err := fs.Remove("/a/t-0/00000000000000000000.log"); err != nil {
		t.Fatal(err)
	}
	l.env.fds.drop(l.segments[0])
	if err := appendOne(l); !errors.Is(err, protocol.ErrKafkaStorageError) {
		t.Errorf("an append behind what is gone: %v", err)
	}
}
