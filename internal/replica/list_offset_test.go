package replica

import (
	"testing"
	"testing/synctest"

	"github.com/travisjeffery/jocko/internal/record"
)

// found asks for the first record at or after a time, all records having 1,000 ms.
func found(t *testing.T, p *Partition, committed bool) record.Offset {
	t.Helper()
	at, err := p.ListOffset(1_000, -1, committed)
	if err != nil {
		t.Fatal(err)
	}
	if !at.Found {
		return -1
	}
	return at.Offset
}

// TestListOffsetByTimeShowsNothingUnstable: what a consumer may not read yet isn't found by its time.
func TestListOffsetByTimeShowsNothingUnstable(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	f.create("t", 1)
	p := f.partition("t", 0)
	b := record.NewBuilder(record.None, 0)
	b.SetProducer(1, 0, 0, true)
	b.Append(1_000, nil, []byte("open"))
	frame := frameOf(b.Build())
	defer frame.Release()
	if _, err := p.AppendVerified(frame.Bytes(), frame, 12, false, f.now(), nil); err != nil {
		t.Fatal(err)
	}
	if all, stable := found(t, p, false), found(t, p, true); all != 0 || stable != -1 {
		t.Errorf("in an open transaction: offset %d, with read_committed %d, want 0 and -1", all, stable)
	}
	m := record.Marker{ProducerID: 1, Type: record.Commit, Timestamp: 1_000}
	_, epoch := p.Leader()
	if _, err := p.AppendInternal(m.Batch(), epoch, InternalAppend{}); err != nil {
		t.Fatal(err)
	}
	if stable := found(t, p, true); stable != 0 {
		t.Errorf("after the commit: offset %d, want 0", stable)
	}
}

// TestListOffsetByTimeShowsNothingUncommitted: in durable mode, what isn't flushed isn't found by its time.
func TestListOffsetByTimeShowsNothingUncommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p, g := durable(t)
		f.mustAppend(p, 1, 10)
		synctest.Wait()
		if o := found(t, p, false); o != -1 {
			t.Errorf("before the flush: offset %d, want -1", o)
		}
		g.open()
		synctest.Wait()
		if o := found(t, p, false); o != 0 {
			t.Errorf("after the flush: offset %d, want 0", o)
		}
		f.halt()
	})
}
