package replica

import (
	"sync"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// tailRing keeps the batches appended last, of all partitions together, so that
// consumers at the tail are served from memory without touching a file. A batch
// stays in the request frame it arrived in; a small one that would keep a much
// larger frame is copied into a chunk with others of its kind.
//
// The ring has one byte budget for all partitions: the oldest batch of the broker
// goes first. It is charged what it keeps from being freed, not what it was
// given: a frame or chunk by its capacity, once, however many batches are in it.
//
// One mutex guards the ring and every partition's tail; it is held for a few
// dozen nanoseconds, or a copy of at most tailCopyMax, and over nothing that
// waits. Lock order: Partition.mu, then tailRing.mu.
type tailRing struct {
	budget int64

	mu    sync.Mutex
	used  int64
	slots []*tail // the partition each batch belongs to, oldest first, from head on
	head  int

	chunk  *protocol.Frame // where small batches are copied to; nil: none yet
	filled int             // bytes of chunk
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
	frame       *protocol.Frame // that bytes are in; nil where they are the batch's own
}

const (
	// tailBatchOverhead is what a batch is charged beside its bytes, so that a
	// flood of tiny ones can't make the bookkeeping outgrow the budget.
	tailBatchOverhead = 192

	// tailCopyMax and tailCopyShare say which batches are copied: those of at
	// most that many bytes that are less than that share of what they would keep.
	// BenchmarkRingPush: to copy 1 KiB costs 0.3 us more than to keep the frame,
	// 4 KiB 2.5 us, and the append before it takes 4 us and 8 us.
	tailCopyMax   = 1 << 10
	tailCopyShare = 4

	// tailChunk is the size of chunks, unless the budget is small; below
	// tailChunkMin there are none.
	tailChunk    = 64 << 10
	tailChunkMin = 1 << 10
)

func newTailRing(budget int64) *tailRing { return &tailRing{budget: budget} }

// push adds a batch that was appended to the log at [first, last], in a
// generation that is at least that of the last push. A batch that would keep
// more than a quarter of the budget is left to the page cache: it would drive
// every other partition's batches out.
func (r *tailRing) push(t *tail, generation int64, first, last record.Offset, b []byte, frame *protocol.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(t.batches); n > t.head && (t.batches[n-1].last+1 != first || t.generation != generation) {
		r.cutLocked(t)
	}
	t.generation = generation
	batch := tailBatch{first, last, b, frame}
	if copied := r.copyLocked(&batch); !copied && batch.keeps() > r.budget/4 {
		r.cutLocked(t)
		return
	}
	r.chargeLocked(&batch)
	t.batches = append(compact(t.batches, &t.head), batch)
	r.slots = append(compact(r.slots, &r.head), t)
	for r.used > r.budget {
		r.evictOldestLocked()
	}
}

// keeps is how many bytes a batch alone keeps from being freed.
func (b *tailBatch) keeps() int64 {
	if b.frame != nil {
		return int64(b.frame.Cap())
	}
	return int64(cap(b.bytes))
}

func (r *tailRing) chargeLocked(b *tailBatch) {
	r.used += tailBatchOverhead
	if b.frame == nil || b.frame.Cache() {
		r.used += b.keeps()
	}
}

func (r *tailRing) dischargeLocked(b *tailBatch) {
	keeps := b.keeps()
	r.used -= tailBatchOverhead
	if b.frame == nil || b.frame.Uncache() {
		r.used -= keeps
	}
}

// copyLocked moves a small batch into the chunk and tells whether it did.
func (r *tailRing) copyLocked(b *tailBatch) bool {
	n := len(b.bytes)
	if n > tailCopyMax || int64(n)*tailCopyShare >= b.keeps() || !r.chunkLocked(n) {
		return false
	}
	to := r.chunk.Bytes()[r.filled : r.filled+n : r.filled+n]
	copy(to, b.bytes)
	r.filled += n
	b.bytes, b.frame = to, r.chunk
	return true
}

// chunkLocked sees to room for n bytes in the chunk. The ring holds the chunk,
// until the next one, beside the batches in it.
func (r *tailRing) chunkLocked(n int) bool {
	if r.chunk != nil && r.filled+n <= len(r.chunk.Bytes()) {
		return true
	}
	size := min(r.budget/16, tailChunk)
	if int64(n) > size || size < tailChunkMin {
		return false
	}
	if r.chunk != nil && r.chunk.Uncache() {
		r.used -= int64(r.chunk.Cap())
	}
	r.chunk, r.filled = protocol.GetFrame(int(size)), 0
	r.chunk.Cache()
	r.chunk.Release()
	r.used += int64(r.chunk.Cap())
	return true
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
	r.dischargeLocked(b)
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
