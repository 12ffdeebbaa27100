package replica

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
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
	r := newTailRing(4 * (1024 + tailBatchOverhead))
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
	first := push(r, &a, 0, 1000)
	push(r, &a, 5, 1000)
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
		frames = append(frames, push(r, &a, i, 1000))
		push(r, &b, i, 1000)
	}
	rs, _, _ := r.read(nil, &a, 0, 3, 10, 2500, false) // a response that is being sent: 3 and 4
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
	if got := bytesOf(t, rs); !bytes.Equal(got, append(bytes.Repeat([]byte{3}, 1000), bytes.Repeat([]byte{4}, 1000)...)) {
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
	r := newTailRing(100 * (1024 + tailBatchOverhead))
	var a tail
	for i := range record.Offset(10_000) {
		push(r, &a, i, 1000).Release()
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

// TestRingKeepsNoMoreThanItsBudget pushes what requests of all shapes bring: some
// batches of a frame and not others, large and small, of their own memory and
// of frames. The frames that stay alive because of the ring, counted by their
// references, never take more than the budget.
func TestRingKeepsNoMoreThanItsBudget(t *testing.T) {
	const budget = 1 << 20
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		r := newTailRing(budget)
		tails := make([]tail, 8)
		next := make([]record.Offset, len(tails))
		alive := make(map[*protocol.Frame]bool) // frames of requests, by the test's own reference
		for range 2000 {
			frame := protocol.GetFrame(1 + rnd.IntN(1<<(4+rnd.IntN(16))))
			alive[frame] = true
			for rest := frame.Bytes(); len(rest) > 0 && rnd.IntN(8) > 0; {
				n := 1 + rnd.IntN(len(rest))
				if rnd.IntN(2) == 0 {
					n = min(n, 1+rnd.IntN(300))
				}
				if i := rnd.IntN(len(tails)); rnd.IntN(3) > 0 {
					for at := range rest[:n] {
						rest[at] = byte(next[i])
					}
					if rnd.IntN(10) == 0 {
						r.push(&tails[i], 0, next[i], next[i], slices.Clone(rest[:n]), nil)
					} else {
						r.push(&tails[i], 0, next[i], next[i], rest[:n], frame)
					}
					next[i]++
				}
				rest = rest[n:]
			}
			if rnd.IntN(20) == 0 {
				r.cut(&tails[rnd.IntN(len(tails))])
			}
			kept := int64(0)
			for f := range alive {
				if references(f) > 1 {
					kept += int64(f.Cap())
				} else {
					f.Release()
					delete(alive, f)
				}
			}
			if kept > budget {
				t.Fatalf("seed %d: %d bytes of frames live on, budget %d", seed, kept, budget)
			}
			i := rnd.IntN(len(tails))
			checkTail(t, r, &tails[i], next[i])
			r.check(t, &tails[0], &tails[1], &tails[2], &tails[3], &tails[4], &tails[5], &tails[6], &tails[7])
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// checkTail reads all that the ring has of a partition, whose batches consist of
// their offset.
func checkTail(t *testing.T, r *tailRing, tl *tail, end record.Offset) {
	t.Helper()
	if len(tl.batches) == tl.head {
		return
	}
	from := tl.batches[tl.head].first
	records, next, ok := r.read(nil, tl, 0, from, end, 1<<30, true)
	if !ok || next != end || len(records) != int(end-from) {
		t.Fatalf("%d batches from %d up to %d, want up to %d", len(records), from, next, end)
	}
	for i, rg := range records {
		if want := byte(from) + byte(i); bytes.Count(rg.Bytes, []byte{want}) != len(rg.Bytes) {
			t.Errorf("batch %d holds others' bytes", from+record.Offset(i))
		}
	}
	records.Unpin()
}

// TestRingDoesNotKeepRequestsForSmallBatches is a producer that sends large
// batches which the broker recompresses and small ones in the same requests.
func TestRingDoesNotKeepRequestsForSmallBatches(t *testing.T) {
	r := newTailRing(1 << 20)
	var a tail
	for i := range record.Offset(1000) {
		f := protocol.GetFrame(1 << 20)
		r.push(&a, 0, i, i, f.Bytes()[:70], f)
		if references(f) != 1 {
			t.Fatal("a request of 1 MiB is kept for 70 bytes of it")
		}
		f.Release()
	}
	if rs, next, ok := r.read(nil, &a, 0, 0, 1000, 1<<20, true); !ok || next != 1000 {
		t.Errorf("of 1000 batches of 70 bytes %d are held", len(rs))
	}
}

// TestRingDoesNotKeepFramesBeyondItsBudget: one request that the ring keeps would
// take the whole budget, or more, for one batch of it.
func TestRingDoesNotKeepFramesBeyondItsBudget(t *testing.T) {
	r := newTailRing(1 << 20)
	var a, b tail
	other := push(r, &b, 0, 1000)
	for _, size := range []int{300_000, 4 << 20, 100 << 20} {
		f := protocol.GetFrame(size)
		r.push(&a, 0, record.Offset(size), record.Offset(size), f.Bytes()[:10_000], f)
		if references(f) != 1 || references(other) != 2 {
			t.Errorf("a request of %d bytes is kept, or drove others out: %d and %d references", size, references(f), references(other))
		}
		f.Release()
	}
}

// TestRingKeepsCommonRequestsInPlace: the batches of ordinary producers are not copied.
func TestRingKeepsCommonRequestsInPlace(t *testing.T) {
	tests := map[string][]int{ // sizes of the batches of one request
		"one batch":                    {900_000},
		"one small batch":              {900},
		"several partitions, 1 MiB":    {1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20},
		"many partitions, 16 KiB each": slices.Repeat([]int{16 << 10}, 60),
	}
	for name, sizes := range tests {
		r := newTailRing(32 << 20)
		var a tail
		total := 100 // the request's header
		for _, n := range sizes {
			total += n
		}
		f := protocol.GetFrame(total)
		rest := f.Bytes()[100:]
		for i, n := range sizes {
			r.push(&a, 0, record.Offset(i), record.Offset(i), rest[:n], f)
			rest = rest[n:]
		}
		if got := references(f); got != int64(1+len(sizes)) {
			t.Errorf("%s: %d references to the frame, want the request's and %d of the ring", name, got, len(sizes))
		}
		if want := int64(f.Cap()) + int64(len(sizes))*tailBatchOverhead; r.usedBytes() != want {
			t.Errorf("%s: charged %d, want the frame once: %d", name, r.usedBytes(), want)
		}
		f.Release()
	}
}

func BenchmarkRingPush(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 4 << 10, 16 << 10} {
		for _, share := range []int{1, 8} {
			b.Run(fmt.Sprintf("%dB/%d", size, share), func(b *testing.B) {
				r := newTailRing(32 << 20)
				var a tail
				i := record.Offset(0)
				for b.Loop() {
					f := protocol.GetFrame(size * share)
					for n := range share {
						r.push(&a, 0, i, i, f.Bytes()[n*size:][:size], f)
						i++
					}
					f.Release()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/batch")
			})
		}
	}
}
