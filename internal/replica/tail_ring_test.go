package replica

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// push puts a batch of n bytes with one record into the ring.
func push(r *tailRing, t *tail, at record.Offset, n int) *protocol.Frame {
	f := protocol.GetFrame(n)
	for i := range f.Bytes() {
		f.Bytes()[i] = byte(at)
	}
	r.push(t, 0, at, at, f.Bytes(), f)
	return f
}

func TestRingEvictsTheOldestOfAllPartitions(t *testing.T) {
	const size = 1000
	r := newTailRing(4 * (size + tailBatchOverhead))
	var a, b tail
	frames := []*protocol.Frame{push(r, &a, 0, size), push(r, &b, 0, size), push(r, &b, 1, size), push(r, &a, 1, size)}
	r.check(t, &a, &b)
	for _, f := range frames {
		if references(f) != 2 {
			t.Fatalf("%d references to a frame in the ring, want the request's and the ring's", references(f))
		}
	}
	push(r, &b, 2, size) // drives out a's 0
	r.check(t, &a, &b)
	if references(frames[0]) != 1 || references(frames[1]) != 2 {
		t.Error("the batch that went was not the oldest")
	}
	if _, _, ok := r.read(nil, &a, 0, 0, 2, 1<<20, false); ok {
		t.Error("an evicted batch was read")
	}
	if rs, next, ok := r.read(nil, &a, 0, 1, 2, 1<<20, false); !ok || next != 2 || len(bytesOf(t, rs)) != size {
		t.Error("the newest batch of the partition is gone")
	}
}

func TestRingLeavesLargeBatchesToThePageCache(t *testing.T) {
	r := newTailRing(8000)
	var a tail
	small := push(r, &a, 0, 1000)
	large := push(r, &a, 1, 2000) // with its overhead more than a quarter
	if references(small) != 1 || references(large) != 1 || r.usedBytes() != 0 {
		t.Errorf("references %d and %d, %d bytes used: a hole would be left in the tail", references(small), references(large), r.usedBytes())
	}
	push(r, &a, 2, 1000)
	if _, _, ok := r.read(nil, &a, 0, 1, 3, 1<<20, false); ok {
		t.Error("the large batch was read from the ring")
	}
	r.check(t, &a)
}

func TestRingStartsAnewBehindAHole(t *testing.T) {
	r := newTailRing(1 << 20)
	var a tail
	first := push(r, &a, 0, 100)
	push(r, &a, 5, 100)
	r.check(t, &a)
	if references(first) != 1 {
		t.Error("the batch before the hole was kept")
	}
}

func TestCutReleasesFramesOnce(t *testing.T) {
	r := newTailRing(1 << 20)
	var a, b tail
	var frames []*protocol.Frame
	for i := range record.Offset(10) {
		frames = append(frames, push(r, &a, i, 100))
		push(r, &b, i, 100)
	}
	rs, _, _ := r.read(nil, &a, 0, 3, 10, 250, false) // a response that is being sent: 3 and 4
	r.cut(&a)
	r.cut(&a)
	r.check(t, &a, &b)
	for i, f := range frames {
		want := int64(1)
		if i == 3 || i == 4 {
			want = 2
		}
		if references(f) != want {
			t.Errorf("frame %d has %d references after the cut, want %d", i, references(f), want)
		}
	}
	if got := bytesOf(t, rs); !bytes.Equal(got, append(bytes.Repeat([]byte{3}, 100), bytes.Repeat([]byte{4}, 100)...)) {
		t.Error("a response in hand lost its bytes")
	}
	if references(frames[3]) != 1 {
		t.Error("the response's reference stayed")
	}
	if _, _, ok := r.read(nil, &b, 0, 0, 10, 1<<20, false); !ok {
		t.Error("cutting one partition took another's batches")
	}
}

func TestRingOfBudgetZeroHoldsNothing(t *testing.T) {
	r := newTailRing(0)
	var a tail
	if f := push(r, &a, 0, 10); references(f) != 1 {
		t.Error("a ring that is turned off kept a frame")
	}
}

func TestRingStaysInItsArrays(t *testing.T) {
	r := newTailRing(100 * (100 + tailBatchOverhead))
	var a tail
	for i := range record.Offset(10_000) {
		push(r, &a, i, 100).Release()
	}
	r.check(t, &a)
	if cap(a.batches) > 1000 || cap(r.slots) > 1000 {
		t.Errorf("room for %d batches and %d slots, with 100 held", cap(a.batches), cap(r.slots))
	}
}

// TestRingAnswersAsTheLog appends, truncates, changes leaders and reads at
// random, and compares what a fetch gets, from the ring or from the file, with
// what the log holds.
func TestRingAnswersAsTheLog(t *testing.T) {
	var fromRing, fromLog int
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t, fixtureOptions{tailRing: 12_000})
		defer f.halt()
		f.create("t", 2)
		ps := []*Partition{f.partition("t", 0), f.partition("t", 1)}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			p := ps[rapid.IntRange(0, 1).Draw(rt, "partition")]
			switch rapid.SampledFrom([]string{"append", "append", "append", "read", "read", "truncate", "lead"}).Draw(rt, "step") {
			case "append":
				f.mustAppend(p, rapid.IntRange(1, 4).Draw(rt, "records"), rapid.IntRange(0, 900).Draw(rt, "size"))
			case "truncate":
				truncate(rt, p, record.Offset(rapid.Int64Range(0, int64(p.log.End())).Draw(rt, "to")))
			case "lead":
				f.lead(p, self)
			case "read":
				r := ReadParams{
					Offset:   record.Offset(rapid.Int64Range(0, int64(p.log.End())).Draw(rt, "from")),
					MaxBytes: rapid.IntRange(0, 6000).Draw(rt, "max"), MinOne: rapid.Bool().Draw(rt, "min one"),
					CurrentEpoch: -1, LastFetchedEpoch: -1,
				}
				if compareRead(rt, t, p, r) {
					fromRing++
				} else {
					fromLog++
				}
			}
			f.replicas.ring.check(rt, &ps[0].tail, &ps[1].tail)
		}
	})
	if fromRing == 0 || fromLog == 0 {
		t.Errorf("%d reads from the ring, %d from the log: the test compares nothing", fromRing, fromLog)
	}
}

// truncate takes back what a leader has lost, as a follower does, with the ring
// cut under the same lock.
func truncate(rt *rapid.T, p *Partition, to record.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replicas.ring.cut(&p.tail)
	if err := p.log.Truncate(to); err != nil {
		rt.Fatal(err)
	}
	p.highWatermark = min(p.highWatermark, p.log.End())
}

// compareRead reads the same twice and tells whether the ring answered.
func compareRead(rt *rapid.T, t *testing.T, p *Partition, r ReadParams) (ring bool) {
	res, err := p.Read(nil, r)
	if err != nil {
		rt.Fatal(err)
	}
	ring = len(res.Records) > 0 && res.Records[0].File == nil
	got := bytesOf(t, res.Records)
	want, next, err := p.log.ReadBytes(nil, r.Offset, r.MaxBytes, res.HighWatermark, r.MinOne)
	if err != nil {
		rt.Fatal(err)
	}
	if !ring || len(got) == 0 {
		return ring // a read of the file may end with its segment
	}
	if len(want) > len(got) || !bytes.Equal(got[:len(want)], want) || len(got) > r.MaxBytes && len(got) > len(want) {
		rt.Fatalf("read of %+v: %d bytes, the log has %d up to %d", r, len(got), len(want), next)
	}
	checkOffsets(rt, got, r.Offset, res.next)
	return ring
}

// checkOffsets wants whole batches, dense, from the one that holds from on.
func checkOffsets(rt *rapid.T, b []byte, from, next record.Offset) {
	at := record.Offset(-1)
	for len(b) > 0 {
		batch, rest, err := record.Next(b)
		if err == nil {
			err = batch.CheckCRC()
		}
		if err != nil {
			rt.Fatal(err)
		}
		if at < 0 && (batch.BaseOffset() > from || batch.LastOffset() < from) || at >= 0 && batch.BaseOffset() != at {
			rt.Fatalf("batch of offsets %d to %d where %d was due", batch.BaseOffset(), batch.LastOffset(), max(at, from))
		}
		at, b = batch.NextOffset(), rest
	}
	if at != next {
		rt.Fatalf("the batches end at %d, the next read begins at %d", at, next)
	}
}

func TestRingReadsBelowUntil(t *testing.T) {
	r := newTailRing(1 << 20)
	var a tail
	for i := range record.Offset(10) {
		push(r, &a, i, 100).Release()
	}
	for until := range record.Offset(11) {
		rs, next, ok := r.read(nil, &a, 0, 0, until, 1<<20, true)
		if n := len(bytesOf(t, rs)); !ok || next != until || n != int(until)*100 {
			t.Errorf("until %d: %d bytes, next %d, %t", until, n, next, ok)
		}
	}
}
