package replica

import (
	"sync"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// tailRing keeps the batches appended last, of all partitions together, in the
// request frames they arrived in, so that consumers at the tail are served from
// memory without touching a file. It has one byte budget for all partitions:
// the oldest batch of the broker goes first.
//
// One mutex guards the ring and every partition's tail; it is held for a few
// dozen nanoseconds and over nothing that waits. Lock order: Partition.mu, then
// tailRing.mu.
type tailRing struct {
	budget int64

	mu    sync.Mutex
	used  int64
	slots []*tail // the partition each batch belongs to, oldest first, from head on
	head  int
}

// tail is one partition's part of the ring: its newest batches, contiguous in
// offsets. Guarded by tailRing.mu.
//
// It answers for the log only in the generation in which its batches were
// appended (commitlog.Log.Generation): whatever changes the log's bytes changes
// the generation, and needs to know nothing of the ring.
type tail struct {
	generation int64
	batches    []tailBatch
	head       int
}

type tailBatch struct {
	first, last record.Offset
	bytes       []byte
	frame       *protocol.Frame // nil where bytes are the batch's own
}

// tailBatchOverhead is what a batch is charged beside its bytes, so that a
// flood of tiny ones can't make the bookkeeping outgrow the budget.
const tailBatchOverhead = 192

func newTailRing(budget int64) *tailRing { return &tailRing{budget: budget} }

// push adds a batch that was appended to the log at [first, last], in a
// generation that is at least that of the last push. A batch larger than a
// quarter of the budget is left to the page cache: it would drive every other
// partition's batches out.
func (r *tailRing) push(t *tail, generation int64, first, last record.Offset, b []byte, frame *protocol.Frame) {
	size := int64(len(b)) + tailBatchOverhead
	r.mu.Lock()
	defer r.mu.Unlock()
	if size > r.budget/4 {
		r.cutLocked(t)
		return
	}
	if n := len(t.batches); n > t.head && (t.batches[n-1].last+1 != first || t.generation != generation) {
		r.cutLocked(t)
	}
	t.generation = generation
	for r.used+size > r.budget {
		r.evictOldestLocked()
	}
	if frame != nil {
		frame.Retain()
	}
	t.batches = append(compact(t.batches, &t.head), tailBatch{first, last, b, frame})
	r.slots = append(compact(r.slots, &r.head), t)
	r.used += size
}

// compact moves what lies from head on to the front when half of s is used up,
// so that a queue that is pushed and popped forever stays in one array.
func compact[T any](s []T, head *int) []T {
	if *head == 0 || *head < len(s)/2 || len(s) < cap(s) {
		return s
	}
	n := copy(s, s[*head:])
	clear(s[n:])
	*head = 0
	return s[:n]
}

func (r *tailRing) evictOldestLocked() {
	for {
		t := r.slots[r.head]
		r.slots[r.head] = nil
		r.head++
		if t != nil { // nil: its partition was cut
			r.dropHeadLocked(t)
			return
		}
	}
}

func (r *tailRing) dropHeadLocked(t *tail) {
	b := &t.batches[t.head]
	r.used -= int64(len(b.bytes)) + tailBatchOverhead
	if b.frame != nil {
		b.frame.Release()
	}
	*b = tailBatch{}
	t.head++
}

// cut drops everything the ring holds of t, which gives its memory to others:
// the partition is not read any more.
func (r *tailRing) cut(t *tail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cutLocked(t)
}

func (r *tailRing) cutLocked(t *tail) {
	left := len(t.batches) - t.head
	if left == 0 {
		return
	}
	for t.head < len(t.batches) {
		r.dropHeadLocked(t)
	}
	t.batches, t.head = t.batches[:0], 0
	for i := len(r.slots) - 1; i >= r.head && left > 0; i-- {
		if r.slots[i] == t {
			r.slots[i] = nil
			left--
		}
	}
}

// read appends to out the batches from the one that holds from, below until, as
// long as they fit into maxBytes; the first may be larger when minOne is set.
// ok is false when the ring doesn't hold from, or holds it of another generation
// of the log.
func (r *tailRing) read(out protocol.Records, t *tail, generation int64, from, until record.Offset, maxBytes int, minOne bool) (_ protocol.Records, next record.Offset, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.generation != generation {
		return out, from, false
	}
	held := t.batches[t.head:]
	if len(held) == 0 || from < held[0].first || from > held[len(held)-1].last {
		return out, from, false
	}
	lo, hi := 0, len(held) // the last batch whose first offset is at or below from
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; held[mid].first <= from {
			lo = mid
		} else {
			hi = mid
		}
	}
	size, next := 0, from
	for i := range held[lo:] {
		b := &held[lo+i]
		if b.last >= until || (size+len(b.bytes) > maxBytes && !(minOne && size == 0)) {
			break
		}
		size, next = size+len(b.bytes), b.last+1
		rg := protocol.Range{Bytes: b.bytes}
		if b.frame != nil {
			b.frame.Retain()
			rg.Pin = b.frame
		}
		out = append(out, rg)
	}
	return out, next, true
}
