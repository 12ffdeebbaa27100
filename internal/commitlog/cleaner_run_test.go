package commitlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// keyedBatch is a batch of n records with the keys from first on, modulo keys, and values of size bytes.
func keyedBatch(c record.Codec, first, n, keys, size int) []byte {
	b := record.NewBuilder(c, 0)
	for i := range n {
		k := (first + i) % keys
		b.Append(int64(first+i), fmt.Appendf(nil, "key-%07d", k), bytes.Repeat([]byte{byte('a' + (first+i)%26)}, size))
	}
	return b.Build()
}

func compactConfig() LogConfig {
	c := DefaultLogConfig()
	c.Delete, c.Compact = false, true
	return c
}

func appendCommitted(t testing.TB, l *Log, buf []byte) {
	t.Helper()
	mustAppend(t, l, buf)
	l.UpdateHighWatermark(l.End())
}

// TestCleanerUncleanable: a log with a damaged batch is named once, counted, and left alone; others are compacted.
func TestCleanerUncleanable(t *testing.T) {
	fs := vfs.NewMem()
	opt := testOptions("/data")
	d := openDirs(t, fs, opt)
	bad, good := createLog(t, d, "bad", compactConfig()), createLog(t, d, "good", compactConfig())
	for _, l := range []*Log{bad, good} {
		for i := range 4 {
			appendCommitted(t, l, keyedBatch(record.None, i, 2, 2, 100))
		}
		if err := errors.Join(l.Roll(), l.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	f, err := fs.OpenWrite(bad.segments[0].file(bad.folder, logSuffix))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, bad.segments[0].size/2); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		for l := d.cleaner.next(); l != nil; l = d.cleaner.next() {
			_ = d.cleaner.clean(t.Context(), l)
			d.cleaner.release(l)
		}
	}
	c := d.CleanerCounters()
	if !errors.Is(d.Uncleanable(bad), protocol.ErrCorruptMessage) || c.Uncleanable.Load() != 1 || c.Failures.Load() != 1 {
		t.Errorf("uncleanable: %v, %d logs, %d failures", d.Uncleanable(bad), c.Uncleanable.Load(), c.Failures.Load())
	}
	if d.Uncleanable(good) != nil || c.Passes.Load() != 1 || bad.Err() != nil || bad.logDir().Err() != nil {
		t.Errorf("others: %v, %d passes, log %v, directory %v", d.Uncleanable(good), c.Passes.Load(), bad.Err(), bad.logDir().Err())
	}
	if err := d.Delete(bad); err != nil {
		t.Fatal(err)
	}
	if d.cleaner.next() != nil || c.Uncleanable.Load() != 0 {
		t.Errorf("%d uncleanable logs after the deletion", c.Uncleanable.Load())
	}
}

// TestCleanerRun: the background compacts what is dirty enough, the dirtiest first, and no faster than it may.
func TestCleanerRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opt := testOptions("/data")
		opt.Cleaner = DefaultCleanerOptions()
		opt.Cleaner.MaxBytesPerSecond = 100_000
		d := openDirs(t, vfs.NewMem(), opt)
		l := createLog(t, d, "slow", compactConfig())
		little := createLog(t, d, "little", compactConfig())
		for i := range 1000 {
			appendCommitted(t, l, keyedBatch(record.None, i, 1, 10, 1000))
		}
		appendCommitted(t, little, keyedBatch(record.None, 0, 10, 10, 10))
		if err := errors.Join(l.Roll(), little.Roll()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = d.Run(ctx) })
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if n := d.CleanerCounters().BytesRead.Load(); n < 1_000_000 || n > 1_600_000 {
			t.Errorf("%d bytes were read in 15 s", n)
		}
		if l.Size() < 1_000_000 {
			t.Error("2 MB were read at 100 KB a second in 15 s")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if l.Size() > 20_000 {
			t.Errorf("%d bytes are left", l.Size())
		}
		stop()
		running.Wait()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCleanerTakesTheDirtiest(t *testing.T) {
	d := openDirs(t, vfs.NewMem(), testOptions("/data"))
	cfg := compactConfig()
	cfg.MinCleanableRatio = 0.3
	for i, cleaned := range []record.Offset{7, 2, 5} {
		l := createLog(t, d, fmt.Sprintf("t%d", i), cfg)
		for n := range 10 {
			appendCommitted(t, l, keyedBatch(record.None, n, 1, 10, 100))
			if err := l.Roll(); err != nil {
				t.Fatal(err)
			}
		}
		l.setCleanedTo(cleaned)
	}
	other := createLog(t, d, "deleted", DefaultLogConfig())
	appendCommitted(t, other, keyedBatch(record.None, 0, 1, 1, 100))
	if err := other.Roll(); err != nil {
		t.Fatal(err)
	}
	var order []string
	for l := d.cleaner.next(); l != nil; l = d.cleaner.next() {
		order = append(order, l.tp.Topic)
	}
	if got := fmt.Sprint(order); got != "[t1 t2]" { // t0 isn't dirty enough
		t.Errorf("compacted in the order %s", got)
	}
	if n := d.CleanerCounters().MaxDirty.Load(); n != 30 {
		t.Errorf("the dirtiest of the others is dirty to %d %%", n)
	}
}

// TestCleanerPinned: a range that is being sent stays as it was, whatever happens to its segment.
func TestCleanerPinned(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"mem": vfs.NewMem(), "os": vfs.OS()} {
		t.Run(name, func(t *testing.T) {
			d := openDirs(t, fs, testOptions(t.TempDir()))
			l := createLog(t, d, "pinned", compactConfig())
			for i := range 50 {
				appendCommitted(t, l, keyedBatch(record.None, i, 3, 5, 300))
			}
			if err := l.Roll(); err != nil {
				t.Fatal(err)
			}
			want := readAll(t, l)
			f, err := l.Read(nil, 0, 1<<20, l.End(), true)
			if err != nil || len(f.Records) != 1 {
				t.Fatal(err)
			}
			if err := d.CleanNow(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, f.Records[0].Len)
			if _, err := f.Records[0].File.ReadAt(got, f.Records[0].Pos); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the pinned range changed, %v", err)
			}
			f.Records[0].Pin.Unpin()
			if now := readAll(t, l); len(now) >= len(want)/5 {
				t.Errorf("%d of %d bytes are left", len(now), len(want))
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if n := d.OpenFiles(); n != 0 {
				t.Errorf("%d files are open after the end", n)
			}
		})
	}
}

// TestCleanerLargeBatch: a batch larger than the cleaner's buffers, among small ones.
func TestCleanerLargeBatch(t *testing.T) {
	for _, codec := range []record.Codec{record.None, record.Zstd} {
		opt := testOptions("/data")
		opt.Cleaner = DefaultCleanerOptions()
		opt.Cleaner.IOBytes = 1
		d := openDirs(t, vfs.NewMem(), opt)
		l := createLog(t, d, "large", compactConfig())
		appendCommitted(t, l, keyedBatch(codec, 0, 10, 100, 100))
		appendCommitted(t, l, keyedBatch(codec, 0, 40, 100, 10_000))
		appendCommitted(t, l, keyedBatch(codec, 30, 5, 100, 100))
		if err := l.Roll(); err != nil {
			t.Fatal(err)
		}
		want, _ := committedState(t, l)
		if err := d.CleanNow(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		got, all := committedState(t, l)
		if !maps.Equal(got, want) || len(all) != 40 {
			t.Errorf("%v: %d keys in %d records, want %d", codec, len(got), len(all), len(want))
		}
	}
}

// TestCleanerBesideOthers compacts, over and over, a log that is appended to, rolled, trimmed, flushed and read meanwhile. The
// appender runs at most some hundred appends ahead of the passes, so that both take place however the machine divides its time.
func TestCleanerBesideOthers(t *testing.T) {
	opt, fs := testOptions("/data"), vfs.NewVolatile()
	cfg := compactConfig()
	cfg.SegmentBytes, cfg.IndexInterval, cfg.FileDeleteDelay = 20_000, 500, 0
	opt.ConfigFor = func(TP) LogConfig { return cfg }
	d := openDirs(t, fs, opt)
	l := createLog(t, d, "busy", cfg)
	done := make(chan struct{})
	var others sync.WaitGroup
	until := func(do func()) {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					do()
				}
			}
		})
	}
	passes := &d.CleanerCounters().Passes
	passed := make(chan struct{}, 1)
	var beside atomic.Int64 // passes during which something was appended
	until(func() {
		end, before := l.End(), passes.Load()
		if err := d.CleanNow(t.Context(), l); err != nil && !errors.Is(err, errSegmentsChanged) {
			t.Errorf("compaction: %v", err)
		}
		if l.End() > end && passes.Load() > before {
			beside.Add(1)
		}
		signal(passed)
	})
	until(func() { readConsistent(t, l) })
	until(func() {
		if _, _, err := l.OffsetForTimestamp(int64(l.End()) / 2); err != nil {
			t.Errorf("offset for a time: %v", err)
		}
		if _, err := l.AbortedTxns(l.Start(), l.End()); err != nil {
			t.Errorf("aborted transactions: %v", err)
		}
		if err := l.Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		if _, err := l.Retain(); err != nil {
			t.Errorf("retention: %v", err)
		}
	})
	last := map[int]int{}
	rounds := 0
	for ; (rounds < 2000 || beside.Load() < 10) && !t.Failed(); rounds++ {
		i := rounds
		if i%200 == 199 {
			<-passed
		}
		appendCommitted(t, l, keyedBatch(record.None, i, 1, 97, 100))
		last[i%97] = i
		if i%5000 == 499 {
			if err := l.SetStart(l.End() - 400); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	others.Wait()
	if err := errors.Join(l.Roll(), d.CleanNow(t.Context(), l), l.Err(), d.Close()); err != nil {
		t.Fatal(err)
	}
	d = openDirs(t, fs, opt)
	l = d.Get(TP{"busy", 0})
	_, all := committedState(t, l)
	for _, i := range last {
		if _, ok := all[record.Offset(i)]; !ok {
			t.Errorf("record %d is gone", i)
		}
	}
	if d.Close() != nil || l.End() != record.Offset(rounds) {
		t.Errorf("the log ends at %d", l.End())
	}
}

// readConsistent reads a log from its start and checks that batches follow one another.
func readConsistent(t *testing.T, l *Log) {
	next := record.Offset(0)
	for o := l.Start(); o < l.HighWatermark(); {
		b, after, err := l.ReadBytes(nil, o, 5000, l.HighWatermark(), true)
		if errors.Is(err, protocol.ErrOffsetOutOfRange) && o < l.Start() {
			return
		}
		if err != nil || after <= o {
			t.Errorf("read at %d goes on at %d: %v", o, after, err)
			return
		}
		for len(b) > 0 {
			batch, rest, err := record.Next(b)
			if err != nil || batch.CheckCRC() != nil || batch.BaseOffset() < next {
				t.Errorf("read at %d: batch %v after %d: %v", o, batch.BaseOffset(), next, err)
				return
			}
			next, b = batch.NextOffset(), rest
		}
		o = after
	}
}

func TestOffsetMap(t *testing.T) {
	m := newOffsetMap(100*offsetSlotSize, 0.9, math.MaxInt32)
	for i := range 90 {
		if !m.put(fmt.Append(nil, i), record.Offset(i)) {
			t.Fatalf("full after %d keys", i)
		}
	}
	if m.put([]byte("more"), 1) {
		t.Error("91 keys in a map for 90")
	}
	if !m.put([]byte("7"), 1000) || m.get([]byte("7")) != 1000 || m.get([]byte("8")) != 8 || m.get([]byte("none")) != -1 {
		t.Error("wrong offsets")
	}
	if small := newOffsetMap(1<<30, 0.9, 10); len(small.slots) > minOffsetSlots || small.limit < 10 {
		t.Errorf("%d slots, %d keys for a map of 10", len(small.slots), small.limit)
	}
}
