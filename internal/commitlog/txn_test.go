package commitlog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// txnBatch is a batch of n records of a producer's transaction.
func txnBatch(id record.ProducerID, sequence int32, n int, timestamp int64) []byte {
	b := record.NewBuilder(record.None, 0)
	b.SetProducer(id, 0, sequence, true)
	for i := range n {
		b.Append(timestamp+int64(i), nil, make([]byte, 50))
	}
	return b.Build()
}

// endTxn appends the marker that ends a producer's transaction, and returns its offset.
func endTxn(t *testing.T, l *Log, id record.ProducerID, kind record.ControlType, timestamp int64) record.Offset {
	t.Helper()
	m := record.Marker{Type: kind, ProducerID: id, Timestamp: timestamp}
	a, err := l.AppendLeader(m.Batch(), 0, AppendOptions{Origin: OriginCoordinator})
	if err != nil {
		t.Fatal(err)
	}
	return a.First
}

// TestOpenTransactionsDontExpire: a producer that is silent for longer than producer.id.expiration.ms within a transaction is
// still known, holds the last stable offset, and can end its transaction: without a restart, after one, and after a crash.
func TestOpenTransactionsDontExpire(t *testing.T) {
	for _, restart := range []string{"none", "clean", "crash"} {
		for kind, aborts := range map[record.ControlType]int{record.Abort: 1, record.Commit: 0} {
			t.Run(fmt.Sprint(restart, "/", kind), func(t *testing.T) { idleTransaction(t, restart, kind, aborts) })
		}
	}
}

func idleTransaction(t *testing.T, restart string, kind record.ControlType, aborts int) {
	fs, opt := vfs.NewMem(), testOptions("/data")
	now := opt.Now()
	opt.Now, opt.ProducerExpiry = func() time.Time { return now }, time.Hour
	d := openDirs(t, fs, opt)
	l := createLog(t, d, "t", opt.Config)
	mustAppend(t, l, batch(3, 10, now.UnixMilli()))
	mustAppend(t, l, txnBatch(1, 0, 2, now.UnixMilli())) // silent within its transaction
	mustAppend(t, l, txnBatch(2, 0, 2, now.UnixMilli())) // silent after it
	endTxn(t, l, 2, record.Commit, now.UnixMilli())
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	switch restart {
	case "clean":
		l.UpdateHighWatermark(l.End())
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openDirs(t, fs, opt)
	case "crash":
		if err := d.dirs[0].checkpointer.writeNow(allCheckpoints); err != nil {
			t.Fatal(err)
		}
		d = openDirs(t, fs.Crash(vfs.Synced, 0), opt)
	}
	l = d.Get(l.TP())
	l.SetConfig(opt.Config) // its topic claims it
	d.expireProducers(t.Context())
	l.UpdateHighWatermark(l.End())
	if p := l.Producers(); len(p) != 1 || p[0].ID != 1 || p[0].TxnStart != 3 || p[0].LastSequence != 1 {
		t.Fatalf("producers %v: the one with an open transaction must be there, and no other", p)
	}
	if first, open := l.FirstUnstable(); !open || first != 3 {
		t.Errorf("first unstable offset %d (%v), not 3", first, open)
	}
	if a, err := l.AppendLeader(txnBatch(1, 0, 2, now.UnixMilli()), 0, AppendOptions{}); err != nil || !a.Duplicate || a.First != 3 {
		t.Errorf("a batch that was sent again: %+v, %v", a, err)
	}
	mustAppend(t, l, txnBatch(1, 2, 1, now.UnixMilli())) // its transaction goes on
	marker := endTxn(t, l, 1, kind, now.UnixMilli())
	l.UpdateHighWatermark(l.End())
	if _, open := l.FirstUnstable(); open {
		t.Error("the transaction is over and still unstable")
	}
	got, err := l.AbortedTxns(0, l.End())
	want := []AbortedTxn{{1, 3, marker, marker + 1}}
	if err != nil || !slices.Equal(got, want[:aborts]) && len(got)+aborts > 0 {
		t.Errorf("aborted transactions %v (%v)", got, err)
	}
	now = now.Add(2 * time.Hour)
	d.expireProducers(t.Context())
	if p := l.Producers(); len(p) != 0 {
		t.Errorf("producers %v are there long after their transactions", p)
	}
}

// TestAbortedBoundaries asks for the aborted transactions of every range of a log with many, some of them open for long, over
// several segments: from memory, from the files, and after a crash. The answer is what a plain list tells.
func TestAbortedBoundaries(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		fs, opt := vfs.NewMem(), testOptions("/data")
		opt.Config.SegmentBytes = 1500
		d := openDirs(t, fs, opt)
		l := createLog(t, d, "t", opt.Config)
		want, sequences := newNaive(nil), map[record.ProducerID]int32{}
		for l.End() < 90 {
			id := record.ProducerID(rnd.IntN(4))
			buf, appendOptions := txnBatch(id, sequences[id], 1+rnd.IntN(2), 1), AppendOptions{}
			if want.producers[id].TxnStart >= 0 && sequences[id] > 0 && rnd.IntN(3) == 0 {
				m := record.Marker{Type: record.Abort, ProducerID: id}
				if rnd.IntN(4) == 0 {
					m.Type = record.Commit
				}
				buf, appendOptions.Origin = m.Batch(), OriginCoordinator
			}
			if _, err := l.AppendLeader(buf, 0, appendOptions); err != nil {
				t.Fatal(err)
			}
			if b := record.Batch(buf); !b.IsControl() {
				sequences[id] += b.Count()
			}
			want.add(buf)
		}
		if len(want.aborted) < 5 || len(l.Segments()) < 4 {
			t.Fatalf("%d aborted transactions in %d segments", len(want.aborted), len(l.Segments()))
		}
		checkAborted(t, l, want)
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		checkAborted(t, l, want)
		crashed := openDirs(t, fs.Crash(vfs.Synced, 0), opt)
		checkAborted(t, crashed.Get(l.TP()), want)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openDirs(t, fs, opt)
		checkAborted(t, d.Get(l.TP()), want)
	}
}

func checkAborted(t *testing.T, l *Log, want *naive) {
	t.Helper()
	for from := record.Offset(0); from < l.End(); from++ {
		for to := from + 1; to <= l.End(); to++ {
			got, err := l.AbortedTxns(from, to)
			if w := want.abortedIn(from, to); err != nil || !slices.Equal(got, w) && len(got)+len(w) > 0 {
				t.Fatalf("aborted in [%d, %d): %v (%v), not %v", from, to, got, err, w)
			}
		}
	}
}

// TestDurableTransaction: in durable mode a marker is flushed like any batch. After a power cut the transaction is over, its
// abort is listed, its producer is known, and nothing is unstable.
func TestDurableTransaction(t *testing.T) {
	for kind, aborts := range map[record.ControlType]int{record.Abort: 1, record.Commit: 0} {
		synctest.Test(t, func(t *testing.T) {
			mem, opt := vfs.NewMem(), testOptions("/data")
			opt.Config.FlushMessages = 1
			d := openDirs(t, mem, opt)
			stop := runDirs(t, d)
			defer stop()
			l := createLog(t, d, "t", opt.Config)
			var want []modelBatch
			write := func(buf []byte, opt AppendOptions) {
				a, err := l.AppendLeader(buf, 0, opt)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, modelBatch{buf, a.First, a.Last + 1})
				synctest.Wait()
				if l.FlushedOffset() != l.End() {
					t.Fatalf("flushed to %d, the log ends at %d", l.FlushedOffset(), l.End())
				}
				crashed := openDirs(t, mem.Crash(vfs.Synced, 0), sameOptions(d))
				defer crashed.unlock()
				after := crashed.Get(l.TP())
				after.UpdateHighWatermark(after.End())
				m := model{batches: want, end: l.End(), durable: l.End()}
				if err := m.explains(after, batchesOf(t, after)); err != nil || after.End() != l.End() {
					t.Fatalf("after a power cut the log ends at %d, not %d: %v", after.End(), l.End(), err)
				}
			}
			write(batch(2, 10, 5), AppendOptions{})
			write(txnBatch(1, 0, 2, 6), AppendOptions{})
			write(txnBatch(1, 2, 2, 7), AppendOptions{})
			write(record.Marker{Type: kind, ProducerID: 1, Timestamp: 8}.Batch(), AppendOptions{Origin: OriginCoordinator})
			if n := len(newNaive(want).aborted); n != aborts {
				t.Fatalf("%d aborted transactions", n)
			}
			write(txnBatch(1, 4, 1, 9), AppendOptions{})
		})
	}
}

// sameOptions are the options that directories were opened with.
func sameOptions(d *Dirs) DirsOptions { return *d.env.opt }
