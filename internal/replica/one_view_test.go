package replica

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestReadsEqualTheFiles: after every kind of change of a log, a fetch gets what
// the files in the partition's folder hold, whether it is served from the ring
// or from them, and with it the aborted transactions that make a read_committed
// consumer see the committed records and no others.
func TestReadsEqualTheFiles(t *testing.T) {
	total := new(workloadReads)
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWorkload(t, seed, total).run(100) })
		})
	}
	for _, step := range steps {
		if total.did[step.name] == 0 {
			t.Errorf("no workload did: %s", step.name)
		}
	}
	if total.ring < 1000 || total.files < 1000 {
		t.Errorf("%d reads from the ring, %d from files: the test compares too little", total.ring, total.files)
	}
}

// workload is a random sequence of changes of one partition's log.
type workload struct {
	*fixture
	*rand.Rand
	p       *Partition
	reads   *workloadReads
	written []written // the ledger: what the log was given, less what was truncated
	ids     int64     // producers so far
	tear    atomic.Bool
}

type workloadReads struct {
	ring, files int
	did         map[string]int
}

// written is one append.
type written struct {
	base, last record.Offset
	producer   int64 // 0: none
	end        bool  // a marker
	commit     bool
}

// steps are the changes. A step that isn't possible now does nothing and says so.
var steps = []struct {
	name   string
	weight int
	do     func(w *workload) bool
}{
	{"append", 12, (*workload).plain},
	{"transactional append", 10, (*workload).transactional},
	{"commit", 4, func(w *workload) bool { return w.end(true) }},
	{"abort", 4, func(w *workload) bool { return w.end(false) }},
	{"roll", 4, func(w *workload) bool { w.must(w.p.log.Roll()); return true }},
	{"compaction", 3, (*workload).compact},
	{"truncation", 2, (*workload).truncate},
	{"other records in place of truncated ones", 2, (*workload).diverge},
	{"new beginning", 1, (*workload).beginAgain},
	{"delete records", 2, (*workload).deleteRecords},
	{"retention", 2, (*workload).retain},
	{"move", 1, (*workload).move},
	{"new leader epoch", 1, func(w *workload) bool { w.lead(w.p, self); return true }},
	{"leader elsewhere and back", 1, (*workload).leadElsewhere},
	{"failed write", 2, (*workload).failWrite},
	{"delete and create", 1, (*workload).recreate},
}

func newWorkload(t *testing.T, seed uint64, reads *workloadReads) *workload {
	w := &workload{Rand: rand.New(rand.NewPCG(seed, 1)), reads: reads}
	if reads.did == nil {
		reads.did = make(map[string]int)
	}
	w.fixture = newFixture(t, fixtureOptions{
		fs: vfs.NewFault(vfs.NewVolatile(), w.check), paths: []string{"/a", "/b"}, tailRing: 20_000,
	})
	w.cleanByHand()
	synctest.Wait()
	w.make()
	return w
}

// check tears a write in half where a step asks for it.
func (w *workload) check(op vfs.Op) error {
	if op.Kind == vfs.OpWriteAt && strings.HasSuffix(op.Path, ".log") && w.tear.CompareAndSwap(true, false) {
		return &vfs.Partial{N: int(op.Len / 2), Err: syscall.ENOSPC}
	}
	return nil
}

func (w *workload) must(err error) {
	if err != nil {
		w.Helper()
		w.Fatal(err)
	}
}

func (w *workload) make() {
	w.create("t", 1)
	for _, c := range [][2]string{
		{"cleanup.policy", "compact,delete"}, {"retention.ms", "-1"}, {"retention.bytes", "8000"}, {"delete.retention.ms", "0"},
	} {
		w.config(metadata.TopicResource, "t", c[0], c[1])
	}
	w.p, w.written = w.partition("t", 0), nil
}

func (w *workload) run(n int) {
	defer w.halt()
	weights := 0
	for _, s := range steps {
		weights += s.weight
	}
	for i := range n {
		at, step := w.IntN(weights), 0
		for at >= steps[step].weight {
			at, step = at-steps[step].weight, step+1
		}
		if steps[step].do(w) {
			w.reads.did[steps[step].name]++
		}
		if w.verify(); w.Failed() {
			w.Fatalf("step %d: %s", i, steps[step].name)
		}
	}
}

// records is a batch of random keys; one value in ten is null.
func (w *workload) records(producer int64, sequence int32) record.Batch {
	b := record.NewBuilder(record.None, 0)
	if producer > 0 {
		b.SetProducer(record.ProducerID(producer), 0, sequence, true)
	}
	for range 1 + w.IntN(3) {
		value := fmt.Appendf(nil, "%d of %d%*s", w.Int32(), producer, w.IntN(300), "")
		if w.IntN(10) == 0 {
			value = nil
		}
		b.Append(1_000, fmt.Appendf(nil, "key-%d", w.IntN(6)), value)
	}
	return b.Build()
}

func (w *workload) plain() bool { return w.append(0, 0) == nil }

func (w *workload) append(producer int64, sequence int32) error {
	frame := frameOf(w.records(producer, sequence))
	defer frame.Release()
	a, err := w.p.AppendVerified(frame.Bytes(), frame, 12, false, w.now(), nil)
	if err == nil {
		w.written = append(w.written, written{base: a.First, last: a.Last, producer: producer})
	}
	return err
}

// open lists the producers with an open transaction, and how many batches each has in it.
func (w *workload) open() map[int64]int32 {
	open := make(map[int64]int32)
	for _, a := range w.written {
		if a.end {
			delete(open, a.producer)
		} else if a.producer > 0 {
			open[a.producer]++
		}
	}
	return open
}

// anyOpen is a producer with an open transaction, 0 for none.
func (w *workload) anyOpen() int64 {
	ids := slices.Sorted(maps.Keys(w.open()))
	if len(ids) == 0 {
		return 0
	}
	return ids[w.IntN(len(ids))]
}

func (w *workload) transactional() bool {
	id := w.anyOpen()
	if id == 0 || len(w.open()) < 3 && w.IntN(2) == 0 {
		w.ids++
		id = w.ids
	}
	w.must(w.append(id, w.sequence(id)))
	return true
}

// sequence is the next one of a producer: that of the records it has written.
func (w *workload) sequence(id int64) (n int32) {
	for _, a := range w.written {
		if a.producer == id && !a.end {
			n += int32(a.last - a.base + 1)
		}
	}
	return n
}

func (w *workload) end(commit bool) bool {
	id := w.anyOpen()
	if id == 0 {
		return false
	}
	m := record.Marker{ProducerID: record.ProducerID(id), Timestamp: 1_000}
	if commit {
		m.Type = record.Commit
	}
	_, epoch := w.p.Leader()
	a, err := w.p.AppendInternal(m.Batch(), epoch, InternalAppend{})
	w.must(err)
	w.written = append(w.written, written{base: a.First, last: a.Last, producer: id, end: true, commit: commit})
	return true
}

func (w *workload) compact() bool {
	w.must(errors.Join(w.p.log.Roll(), w.p.log.Flush()))
	generation := w.p.log.Generation()
	w.must(w.dirs.CleanNow(w.Context(), w.p.log))
	return w.p.log.Generation() != generation
}

func (w *workload) truncate() bool {
	least, end := w.decided(), w.p.log.End()
	if least >= end {
		return false
	}
	w.truncateTo(least+record.Offset(w.Int64N(int64(end-least))), w.p.log.Truncate)
	return true
}

// decided is where a truncation may begin: what is compacted or ended is
// committed, and an open transaction must not have lost its beginning.
func (w *workload) decided() record.Offset {
	least := w.p.log.Start()
	if cleaned, ok := w.p.log.CleanedTo(); ok {
		least = max(least, cleaned)
	}
	open := w.open()
	for _, a := range w.written {
		if a.end {
			least = max(least, a.last+1)
		} else if open[a.producer] > 0 && a.base < w.p.log.Start() {
			return w.p.log.End()
		}
	}
	return least
}

// diverge is a truncation after which the records of another leader come.
func (w *workload) diverge() bool {
	if !w.truncate() {
		return false
	}
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	for range 1 + w.IntN(4) {
		b := w.records(0, 0)
		b.SetBaseOffset(w.p.log.End())
		b.SetLeaderEpoch(w.p.leaderEpoch)
		a, err := w.p.log.AppendFollower(b)
		w.must(err)
		w.written = append(w.written, written{base: a.First, last: a.Last})
	}
	w.p.highWatermark = w.p.log.End()
	w.p.log.UpdateHighWatermark(w.p.log.End())
	return true
}

func (w *workload) beginAgain() bool {
	w.truncateTo(w.p.log.End(), w.p.log.TruncateFully)
	w.written = nil
	return true
}

// truncateTo does what a follower does that a leader tells to truncate.
func (w *workload) truncateTo(to record.Offset, truncate func(record.Offset) error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	w.must(truncate(to))
	w.p.highWatermark = min(w.p.highWatermark, w.p.log.End())
	w.written = slices.DeleteFunc(w.written, func(a written) bool { return a.last >= w.p.log.End() })
}

func (w *workload) deleteRecords() bool {
	start, end := w.p.log.Start(), w.p.HighWatermark()
	_, err := w.p.DeleteRecords(start + record.Offset(w.Int64N(int64(end-start)/2+1)))
	w.must(err)
	return start < end
}

func (w *workload) retain() bool {
	n, err := w.p.log.Retain()
	w.must(err)
	return n > 0
}

func (w *workload) move() bool {
	to := map[string]string{"/a": "/b", "/b": "/a"}[w.p.log.Dir()]
	w.must(w.dirs.Move(w.p.log, to))
	synctest.Wait()
	if w.p.log.Dir() != to {
		w.Fatal("the log was not moved")
	}
	return true
}

func (w *workload) leadElsewhere() bool {
	w.lead(w.p, self+1)
	w.lead(w.p, self)
	return true
}

// failWrite has an append fail in the middle of its write, for want of space that is there again soon.
func (w *workload) failWrite() bool {
	w.tear.Store(true)
	if err := w.append(0, 0); !errors.Is(err, protocol.ErrKafkaStorageError) {
		w.Fatalf("a torn write was answered with %v", err)
	}
	time.Sleep(2 * time.Second) // the directory looks again how much space there is
	return true
}

func (w *workload) recreate() bool {
	w.apply(&protocol.RemoveTopicRecord{TopicId: w.p.TopicID})
	w.make()
	return true
}

// verify reads from several places, and compares.
func (w *workload) verify() {
	w.Helper()
	files := filesOf(w, w.fs, w.p)
	start, end := w.p.log.Start(), w.p.log.End()
	froms := []record.Offset{start, max(start, end-2), max(start, end-10)}
	for range 3 {
		froms = append(froms, start+record.Offset(w.Int64N(int64(end-start)+1)))
	}
	for _, from := range froms {
		for _, committed := range []bool{false, true} {
			w.verifyRead(files, ReadParams{
				Offset: from, MaxBytes: w.IntN(4) * w.IntN(4000), MinOne: w.IntN(3) > 0, ReadCommitted: committed, CurrentEpoch: -1, LastFetchedEpoch: -1,
			})
		}
	}
}

func (w *workload) verifyRead(files []filed, r ReadParams) {
	w.Helper()
	res, err := w.p.Read(nil, r)
	w.must(err)
	if len(res.Records) > 0 && res.Records[0].File == nil {
		w.reads.ring++
	} else if len(res.Records) > 0 {
		w.reads.files++
	}
	end, stable := w.bounds()
	if res.HighWatermark != end || res.LastStable != stable {
		w.Errorf("high watermark %d, last stable offset %d, want %d and %d", res.HighWatermark, res.LastStable, end, stable)
	}
	until := end
	if r.ReadCommitted {
		until = stable
	}
	got := bytesOf(w, res.Records)
	want := readable(files, r, until, len(got))
	if !bytes.Equal(got, joined(want)) {
		w.Errorf("%+v: %d bytes from %T, the files have %d: %s", r, len(got), res.Records, len(joined(want)), offsetsOf(want))
		return
	}
	if r.ReadCommitted {
		w.verifyCommitted(res, want)
	}
}

// bounds are the end of the log and that of what is stable, by the ledger.
func (w *workload) bounds() (end, stable record.Offset) {
	end = w.p.log.End()
	stable = end
	open := w.open()
	for _, a := range w.written {
		if open[a.producer] > 0 {
			stable = max(w.p.log.Start(), a.base)
			break
		}
	}
	return end, stable
}

// readable is what the files answer to a read: as many whole batches as the
// answer has bytes, but at least all of the first one's segment that fit.
func readable(files []filed, r ReadParams, until record.Offset, answered int) (out []filed) {
	size := 0
	for _, b := range files {
		if b.last < r.Offset {
			continue
		}
		if b.last >= until || size+len(b.bytes) > r.MaxBytes && !(r.MinOne && size == 0) {
			break
		}
		if len(out) > 0 && b.segment != out[0].segment && size >= answered {
			break
		}
		out, size = append(out, b), size+len(b.bytes)
	}
	return out
}

func joined(batches []filed) (out []byte) {
	for _, b := range batches {
		out = append(out, b.bytes...)
	}
	return out
}

func offsetsOf(batches []filed) string {
	var out []string
	for _, b := range batches {
		out = append(out, fmt.Sprintf("%d-%d", b.base, b.last))
	}
	return strings.Join(out, " ")
}

// verifyCommitted compares what a consumer makes of an answer with the ledger.
func (w *workload) verifyCommitted(res ReadResult, batches []filed) {
	w.Helper()
	var aborted []abortedAt
	for _, a := range res.Aborted {
		aborted = append(aborted, abortedAt{int64(a.ProducerID), a.FirstOffset})
	}
	got := consume(batches, aborted)
	var want []filedRecord
	for _, b := range batches {
		if !b.control && (!b.txn || w.committed(b)) {
			want = append(want, b.records...)
		}
	}
	if !slices.Equal(got, want) {
		w.Errorf("read_committed shows %v, committed is %v; aborted: %v", got, want, aborted)
	}
}

// committed tells whether a batch's transaction was committed.
func (w *workload) committed(b filed) bool {
	for _, a := range w.written {
		if a.producer == b.producer && a.end && a.base > b.base {
			return a.commit
		}
	}
	w.Errorf("the batch at %d belongs to an open transaction", b.base)
	return false
}
