package replica

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/record"
)

// producerBatch is a batch of n records of a producer, as the wire brings it.
func producerBatch(id record.ProducerID, sequence int32, n int, transactional bool) record.Batch {
	b := record.NewBuilder(record.None, 0)
	b.SetProducer(id, 0, sequence, transactional)
	for range n {
		b.Append(1_000, nil, []byte("v"))
	}
	return b.Build()
}

func (f *fixture) produce(p *Partition, b record.Batch) (Appended, error) {
	frame := frameOf(b)
	defer frame.Release()
	return p.AppendVerified(frame.Bytes(), frame, 12, true, f.now(), nil)
}

// TestDuplicateWaitsForItsFlush: a batch that is sent again while the first one isn't on disk yet is no more committed than that.
func TestDuplicateWaitsForItsFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p, g := durable(t)
		if _, err := f.produce(p, producerBatch(7, 0, 2, false)); err != nil {
			t.Fatal(err)
		}
		a, err := f.produce(p, producerBatch(7, 0, 2, false))
		if err != nil || !a.Duplicate || a.Last != 1 {
			t.Fatalf("sent again: %+v, %v", a, err)
		}
		if a.Committed || !a.Unflushed {
			t.Errorf("a duplicate of what isn't flushed: %+v", a)
		}
		done := make(chan error, 2)
		deadline := time.Now().Add(time.Minute)
		go func() { done <- p.AwaitFlushed(t.Context(), a, deadline) }()
		go func() { done <- p.AwaitCommitted(t.Context(), a, deadline) }()
		synctest.Wait()
		if len(done) != 0 {
			t.Errorf("%d of two waits ended before the flush", len(done))
		}
		g.open()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if a, err = f.produce(p, producerBatch(7, 0, 2, false)); err != nil || !a.Duplicate || !a.Committed || a.Unflushed {
			t.Errorf("a duplicate of what is flushed: %+v, %v", a, err)
		}
		f.halt()
	})
}

// TestDurableMarkerCountsWhenFlushed: a transaction's marker moves the high watermark and the last stable offset once it is on
// disk, not before.
func TestDurableMarkerCountsWhenFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p, g := durable(t)
		g.open()
		if _, err := f.produce(p, producerBatch(7, 0, 2, true)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p.HighWatermark() != 2 || f.lastStable(p) != 0 {
			t.Fatalf("high watermark %d, last stable offset %d", p.HighWatermark(), f.lastStable(p))
		}
		g.close()
		m := record.Marker{Type: record.Commit, ProducerID: 7}
		a, err := p.AppendInternal(m.Batch(), -1, InternalAppend{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a.Committed || p.HighWatermark() != 2 || f.lastStable(p) != 0 {
			t.Errorf("before the flush: %+v, high watermark %d, last stable offset %d", a, p.HighWatermark(), f.lastStable(p))
		}
		g.open()
		if err := p.AwaitCommitted(t.Context(), a, time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		if p.HighWatermark() != 3 || f.lastStable(p) != 3 {
			t.Errorf("after it: high watermark %d, last stable offset %d", p.HighWatermark(), f.lastStable(p))
		}
		f.halt()
	})
}

func (f *fixture) lastStable(p *Partition) record.Offset {
	f.Helper()
	at, err := p.ListOffset(-1, -1, true)
	if err != nil {
		f.Fatal(err)
	}
	return at.Offset
}

// TestReadCommittedBoundaries reads a partition with interleaved transactions from every offset, in pieces of every size of some
// batches, through the ring and from the files. Every aborted transaction with a record among those that were returned is
// listed, and what a consumer makes of it is every committed record once.
func TestReadCommittedBoundaries(t *testing.T) {
	for name, ring := range map[string]int64{"ring": 1 << 20, "files": 1} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, fixtureOptions{tailRing: ring})
			f.create("t", 1)
			p := f.partition("t", 0)
			aborted := f.interleave(p)
			one := len(producerBatch(1, 0, 1, true))
			for _, maxBytes := range []int{1, 2 * one, 3*one + 10, 5 * one, 1 << 20} {
				for from := record.Offset(0); from < p.HighWatermark(); from++ {
					f.checkCommitted(p, from, maxBytes, aborted)
				}
			}
		})
	}
}

// interleave writes the transactions of three producers, every second of which is aborted. It returns the offsets whose records
// were aborted, each with the first offset of its transaction.
func (f *fixture) interleave(p *Partition) map[record.Offset]record.Offset {
	aborted := make(map[record.Offset]record.Offset)
	sequence, ended := [3]int32{}, 0
	open := [3][]record.Offset{}
	for i := range 60 {
		id := record.ProducerID(i * 7 % 3)
		if len(open[id]) > i%4 {
			m := record.Marker{Type: record.Abort, ProducerID: id}
			if ended++; ended%2 == 0 {
				m.Type = record.Commit
			}
			if _, err := p.AppendInternal(m.Batch(), -1, InternalAppend{}); err != nil {
				f.Fatal(err)
			}
			for _, o := range open[id] {
				if m.Type == record.Abort {
					aborted[o] = open[id][0]
				}
			}
			open[id] = nil
			continue
		}
		n := 1 + i%2
		a, err := f.produce(p, producerBatch(id, sequence[id], n, true))
		if err != nil {
			f.Fatal(err)
		}
		sequence[id] += int32(n)
		for o := a.First; o <= a.Last; o++ {
			open[id] = append(open[id], o)
		}
	}
	for id, offsets := range open {
		if len(offsets) > 0 {
			if _, err := p.AppendInternal(record.Marker{Type: record.Commit, ProducerID: record.ProducerID(id)}.Batch(), -1, InternalAppend{}); err != nil {
				f.Fatal(err)
			}
		}
	}
	return aborted
}

func (f *fixture) checkCommitted(p *Partition, from record.Offset, maxBytes int, aborted map[record.Offset]record.Offset) {
	f.Helper()
	res, err := p.Read(nil, ReadParams{Offset: from, MaxBytes: maxBytes, MinOne: true, ReadCommitted: true, CurrentEpoch: -1, LastFetchedEpoch: -1})
	if err != nil || res.Bytes == 0 {
		f.Fatalf("read at %d: %d bytes, %v", from, res.Bytes, err)
	}
	listed := make(map[record.Offset]commitlog.AbortedTxn)
	for _, a := range res.Aborted {
		listed[a.FirstOffset] = a
	}
	for rest := bytesOf(f, res.Records); len(rest) > 0; {
		b, tail, err := record.Next(rest)
		if err != nil {
			f.Fatal(err)
		}
		rest = tail
		for o := max(b.BaseOffset(), from); o < b.NextOffset() && !b.IsControl(); o++ {
			first, was := aborted[o]
			a, is := listed[first]
			if was && (!is || a.ProducerID != b.ProducerID() || a.LastOffset < o) {
				f.Fatalf("read at %d of %d bytes: the transaction of %d, aborted, isn't in %v", from, maxBytes, o, res.Aborted)
			}
			for _, a := range res.Aborted {
				if !was && a.ProducerID == b.ProducerID() && a.FirstOffset <= o && o <= a.LastOffset {
					f.Fatalf("read at %d of %d bytes: %d, committed, is in %v", from, maxBytes, o, a)
				}
			}
		}
	}
}
