package commitlog

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// files reads every file below a folder: names with contents. Of a log directory it leaves out what each run writes.
func files(t testing.TB, fs vfs.FS, folder string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	entries, err := fs.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := filepath.Join(folder, e.Name)
		if e.IsDir {
			for n, b := range files(t, fs, name) {
				out[n] = b
			}
			continue
		}
		b, err := vfs.ReadFile(fs, name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	return out
}

// put makes a file, with its folder.
func put(t testing.TB, fs vfs.FS, name, contents string) {
	t.Helper()
	if err := fs.MkdirAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(name)
	if err == nil {
		_, err = f.WriteAt([]byte(contents), 0)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// unclaimedConfigs are those of logs that lose their topic: each gives retention or the cleaner something to do, or keeps all.
func unclaimedConfigs() map[string]LogConfig {
	plain := DefaultLogConfig()
	plain.SegmentBytes = 2000
	byAge, bySize, forever, compacted := plain, plain, plain, plain
	byAge.RetentionAge = time.Hour
	bySize.RetentionBytes = 2000
	forever.RetentionAge = -1
	compacted.Delete, compacted.Compact = false, true
	return map[string]LogConfig{"by-age": byAge, "by-size": bySize, "forever": forever, "compacted": compacted, "trimmed": forever}
}

// runFor lets the directories do their background work for a time.
func runFor(t *testing.T, d *Dirs, age time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	time.Sleep(age)
	synctest.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestNothingUnclaimedIsRemoved loses the metadata of old logs: whatever their configurations were, and whatever those of the
// directories are, passes of retention and of the cleaner over several runs leave every file as it was.
func TestNothingUnclaimedIsRemoved(t *testing.T) {
	for _, crash := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			fs := vfs.NewMem()
			opt := testOptions("/a", "/b")
			opt.Now = time.Now
			d := openDirs(t, fs, opt)
			for name, cfg := range unclaimedConfigs() {
				l := createLog(t, d, name, cfg)
				for i := range 40 {
					mustAppend(t, l, keyedBatch(record.None, i, 1, 3, 300)) // their timestamps are of 1970
				}
				l.UpdateHighWatermark(l.End())
				if name == "trimmed" {
					if err := l.SetStart(20); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			others := []string{
				"/a/backup-delete/00000000000000000000.log", "/a/notes.tmp", "/b/forever-1.00112233445566778899aabbccddeeff-stray/00000000000000000000.log",
				"/b/by-age-0/photo.deleted", "/a/by-age-0/photo.deleted", "/a/by-age-0/thing.swap", "/b/by-age-0/thing.swap", "/b/lost+found/x.log",
			}
			for _, name := range others {
				if _, err := fs.Stat(filepath.Dir(name)); err == nil || !strings.Contains(name, "by-age") {
					put(t, fs, name, "mine")
				}
			}
			for _, dir := range []string{"/a", "/b"} { // else the .swap files are judged by nothing
				if _, err := fs.Stat(dir + "/by-age-0"); err == nil {
					put(t, fs, dir+"/by-age-0/00000000000000000000.index.cleaned", "ours")
				}
			}
			before := records(files(t, fs, "/"))
			time.Sleep(30 * 24 * time.Hour)

			opt.Config.RetentionAge, opt.Config.RetentionBytes, opt.Config.FileDeleteDelay = time.Second, 0, time.Second
			opt.Config.Compact = true
			opt.RetentionInterval, opt.Cleaner = time.Second, DefaultCleanerOptions()
			for run := range 3 {
				d = openDirs(t, fs, opt)
				if n := len(d.Logs()); n != len(unclaimedConfigs()) {
					t.Fatalf("run %d finds %d logs", run, n)
				}
				runFor(t, d, time.Minute)
				if after := records(files(t, fs, "/")); !slices.Equal(after, before) {
					t.Fatalf("run %d (crashes: %v) leaves\n%q\nof\n%q", run, crash, after, before)
				}
				if crash {
					fs = fs.Crash(vfs.Written, 0)
				} else if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
			claimAndExpire(t, fs, opt)
		})
	}
}

// TestUnclaimedLogsKeepTheirProducers: as long as no topic has claimed a log, how long its producers may be silent isn't known.
func TestUnclaimedLogsKeepTheirProducers(t *testing.T) {
	fs, opt := vfs.NewMem(), testOptions("/data")
	now := opt.Now()
	opt.Now, opt.ProducerExpiry = func() time.Time { return now }, time.Hour
	d := openDirs(t, fs, opt)
	l := createLog(t, d, "t", opt.Config)
	sent := txnBatch(1, 0, 2, now.UnixMilli())
	mustAppend(t, l, sent)
	endTxn(t, l, 1, record.Commit, now.UnixMilli())
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, fs, opt)
	l = d.Get(l.TP())
	now = now.Add(2 * time.Hour)
	d.expireProducers(t.Context())
	if a, err := l.AppendLeader(sent, 0, AppendOptions{}); err != nil || !a.Duplicate || a.First != 0 {
		t.Errorf("a batch that was sent again: %+v, %v", a, err)
	}
	l.SetConfig(opt.Config)
	d.expireProducers(t.Context())
	if p := l.Producers(); len(p) != 0 {
		t.Errorf("the log is claimed, and producers %v are there", p)
	}
}

// records lists what may not change of a listing: segments, what isn't ours, and their contents.
func records(all map[string]string) (out []string) {
	for name, contents := range all {
		if strings.Contains(name, ".log") || contents == "mine" {
			out = append(out, name+": "+contents)
		}
	}
	slices.Sort(out)
	return out
}

// claimAndExpire sees the same logs expire once a topic claims them, so that it was not for want of a pass that they stayed.
func claimAndExpire(t *testing.T, fs vfs.FS, opt DirsOptions) {
	t.Helper()
	d := openDirs(t, fs, opt)
	for _, l := range d.Logs() {
		l.SetConfig(opt.Config)
		l.UpdateHighWatermark(l.End())
	}
	runFor(t, d, time.Minute)
	for _, l := range d.Logs() {
		if l.Size() > 0 {
			t.Errorf("%s keeps %d bytes though it was claimed", l.TP(), l.Size())
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDeletedByCommandGoesAtStart sees what was deleted by command go, also where its name had to be cut.
func TestDeletedByCommandGoesAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		opt := testOptions("/a")
		d := openDirs(t, fs, opt)
		for _, topic := range []string{"short", strings.Repeat("n", 249)} {
			l, err := d.Create(TP{topic, 0}, protocol.UUID{1}, opt.Config)
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batch(1, 300, 1))
			if err := d.Delete(l); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openDirs(t, fs, opt)
		runFor(t, d, 2*opt.Config.FileDeleteDelay)
		for name := range files(t, fs, "/a") {
			if strings.HasSuffix(name, ".log") {
				t.Errorf("%s stays", name)
			}
		}
	})
}

// TestFailedStartKeepsTheBrokerEpoch starts without registering, as a start does that fails: the mark of the clean stop names the
// epoch that the broker had last.
func TestFailedStartKeepsTheBrokerEpoch(t *testing.T) {
	fs := vfs.NewMem()
	for run, set := range []int64{7, -1, -1, 9, -1} {
		d := openDirs(t, fs, testOptions("/a", "/b"))
		want := int64(7)
		if run == 0 || run == 4 {
			want = []int64{-1, 0, 0, 0, 9}[run]
		}
		if epoch, ok := d.CleanShutdown(); epoch != want || ok != (run > 0) {
			t.Errorf("run %d finds epoch %d, %v; want %d", run, epoch, ok, want)
		}
		if set >= 0 {
			d.SetBrokerEpoch(set)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	opt := testOptions("/a", "/b")
	d := openDirs(t, fs, opt)
	d.unlock() // it dies: what the last clean stop said is of no use
	d = openDirs(t, fs, opt)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, fs, opt)
	if epoch, _ := d.CleanShutdown(); epoch != -1 {
		t.Errorf("after an unclean stop and a failed start the epoch is %d", epoch)
	}
}

func sorted(all map[string]string) []string { return slices.Sorted(maps.Keys(all)) }
