package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestReadCommittedBesideCompaction: compaction takes an aborted transaction's
// records, then its marker and its entry in the list, between a reader's look at
// the records and that at the list. The reader must not be shown the records
// without the entry.
func TestReadCommittedBesideCompaction(t *testing.T) {
	var f *fixture
	var p *Partition
	var l *ledger
	var armed atomic.Bool
	done := make(chan struct{}, 1) // the flusher's reads may spring it too
	fs := vfs.NewFault(vfs.NewVolatile(), func(op vfs.Op) error {
		if op.Kind == vfs.OpReadAt && strings.HasSuffix(op.Path, ".log") && armed.CompareAndSwap(true, false) {
			for range 3 {
				mustDo(t, p.log.Roll(), p.log.Flush(), f.dirs.CleanNow(t.Context(), p.log))
				l.plain()
			}
			done <- struct{}{}
		}
		return nil
	})
	f = newFixture(t, fixtureOptions{fs: fs, tailRing: 1}) // the ring holds nothing
	f.cleanByHand()
	for from := range record.Offset(15) {
		topic := fmt.Sprint("t", from)
		f.create(topic, 1)
		f.config(metadata.TopicResource, topic, "cleanup.policy", "compact")
		f.config(metadata.TopicResource, topic, "delete.retention.ms", "0")
		p = f.partition(topic, 0)
		l = &ledger{fixture: f, p: p}
		for _, keep := range []bool{true, false, true} {
			l.transaction(2, keep)
			mustDo(t, p.log.Roll(), p.log.Flush())
		}
		l.plain()
		armed.Store(true)
		got, _ := readCommitted(t, p, from)
		for _, r := range got {
			if strings.HasPrefix(r.value, "drop") {
				t.Errorf("a read of offset %d shows an aborted record: %v", from, r)
			}
		}
		if armed.Load() {
			t.Fatal("the read looked at no file")
		}
		if <-done; p.log.Generation() == 0 {
			t.Error("nothing was compacted meanwhile")
		}
	}
}

// cleanByHand leaves compaction to CleanNow.
func (f *fixture) cleanByHand() {
	o := commitlog.DefaultCleanerOptions()
	o.Enabled = false
	f.dirs.SetCleaner(o)
}

// readCommitted is what a read_committed consumer gets from an offset on.
func readCommitted(t testing.TB, p *Partition, from record.Offset) ([]filedRecord, record.Offset) {
	res, err := p.Read(nil, ReadParams{
		Offset: from, MaxBytes: 10_000, MinOne: true, ReadCommitted: true, CurrentEpoch: -1, LastFetchedEpoch: -1,
	})
	if err != nil {
		t.Error(err)
		return nil, from
	}
	var batches []filed
	for b := bytesOf(t, res.Records); len(b) > 0; {
		var f filed
		f, b = parseFiled(b)
		batches = append(batches, f)
	}
	var aborted []abortedAt
	for _, a := range res.Aborted {
		aborted = append(aborted, abortedAt{int64(a.ProducerID), a.FirstOffset})
	}
	return consume(batches, aborted), res.next
}

// ledger writes transactions that say in each value whether they are to be
// committed, and remembers where each key was committed.
type ledger struct {
	*fixture
	p    *Partition
	next int32 // sequence of the producer, which is always the same: compaction keeps the last batch of each

	mu   sync.Mutex
	last map[string][]record.Offset // of committed records, by key
}

func (l *ledger) plain() {
	b := record.NewBuilder(record.None, 0)
	l.add(b, 1, "keep", func() (Appended, error) {
		batch := b.Build()
		frame := frameOf(batch)
		defer frame.Release()
		return l.p.Append(frame.Bytes(), frame, 12, false, l.now())
	})
}

// add appends a batch of n records and enters it.
func (l *ledger) add(b *record.Builder, n int, value string, send func() (Appended, error)) {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprint("key-", rand.IntN(8))
		b.Append(1_000, []byte(keys[i]), []byte(value))
	}
	a, err := send()
	if err != nil {
		l.Error(err)
		return
	}
	if value != "keep" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, k := range keys {
		if l.last == nil {
			l.last = make(map[string][]record.Offset)
		}
		l.last[k] = append(l.last[k], a.First+record.Offset(i))
	}
}

func (l *ledger) transaction(batches int, keep bool) {
	value, marker := "drop", record.Marker{ProducerID: 1, Timestamp: 1_000}
	if keep {
		value, marker.Type = "keep", record.Commit
	}
	for range batches {
		b := record.NewBuilder(record.None, 0)
		b.SetProducer(1, 0, l.next, true)
		l.next += 2
		l.add(b, 2, value, func() (Appended, error) {
			frame := frameOf(b.Build())
			defer frame.Release()
			return l.p.AppendVerified(frame.Bytes(), frame, 12, false, l.now(), nil)
		})
	}
	_, epoch := l.p.Leader()
	if _, err := l.p.AppendInternal(marker.Batch(), epoch, InternalAppend{}); err != nil {
		l.Error(err)
	}
}

// stale tells whether a record at an offset should have been compacted away: a
// later one of its key is below what was compacted.
func (l *ledger) stale(r filedRecord, cleaned record.Offset) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.last[r.key] {
		if o > r.offset && o < cleaned {
			return true
		}
	}
	return false
}

// TestReadersBesideCompaction has readers, a writer and compaction at work at
// the same time. No reader is shown an aborted record, or one that had been
// compacted away when it began to read.
func TestReadersBesideCompaction(t *testing.T) {
	const records = 2000 // that each reader wants to see
	f := newFixture(t, fixtureOptions{tailRing: 20_000})
	f.cleanByHand()
	f.create("t", 1)
	f.config(metadata.TopicResource, "t", "cleanup.policy", "compact")
	f.config(metadata.TopicResource, "t", "delete.retention.ms", "0")
	p := f.partition("t", 0)
	l := &ledger{fixture: f, p: p}
	done := make(chan struct{})
	var readers, others sync.WaitGroup
	others.Go(func() {
		for i := 0; !closed(done); i++ {
			l.transaction(1+i%3, rand.IntN(2) == 0)
			l.plain()
			if i%5 == 4 {
				mustDo(t, p.log.Roll(), p.log.Flush())
			}
		}
	})
	others.Go(func() {
		for !closed(done) {
			mustDo(t, f.dirs.CleanNow(t.Context(), p.log))
		}
	})
	for range 3 {
		readers.Go(func() {
			for at, seen := record.Offset(0), 0; seen < records; {
				cleaned, _ := p.log.CleanedTo()
				got, next := readCommitted(t, p, at)
				for _, r := range got {
					if strings.HasPrefix(r.value, "drop") || l.stale(r, cleaned) {
						t.Errorf("read from %d, compacted up to %d: %v", at, cleaned, r)
						return
					}
				}
				seen += len(got)
				if at = next; len(got) == 0 || rand.IntN(4) == 0 { // back to what is being compacted
					at = record.Offset(rand.Int64N(int64(p.HighWatermark()) + 1))
				}
			}
		})
	}
	readers.Wait()
	close(done)
	others.Wait()
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}
