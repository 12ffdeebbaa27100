package commitlog

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// crashStates is how many crashes TestCrash tries; JOCKO_CRASH_STATES in the environment asks for more.
const crashStates = 3000

// modelBatch is a batch as the model knows it.
type modelBatch struct {
	bytes []byte
	base  record.Offset
	next  record.Offset
}

// model is what a log should hold at one moment.
type model struct {
	batches []modelBatch // since the log began anew
	start   record.Offset
	end     record.Offset
	durable record.Offset // all below survives any crash
	told    record.Offset // and so does what the log says
	reset   bool          // made by TruncateFully
	step    string        // what led here
}

// history is a workload's models, each with the number of file operations after which it holds.
type history struct {
	models []model
	ops    []int
}

// workload drives one log on a recording file system by a seed.
type workload struct {
	t       *testing.T
	fs      *vfs.Mem
	opt     DirsOptions
	dirs    *Dirs
	log     *Log
	rnd     *rand.Rand
	m       model
	history history
	epoch   record.LeaderEpoch
	clock   int64
	retries []modelBatch // batches of producers since the log was opened or cut, which it must know again
	plain   bool         // no producers
	what    string
}

func newWorkload(t *testing.T, seed uint64) *workload {
	return workloadOn(t, seed, func(fs vfs.FS) vfs.FS { return fs }, nil)
}

// workloadOn is a workload whose log sees the file system that faulty makes, and tells of its syncs.
func workloadOn(t *testing.T, seed uint64, faulty func(vfs.FS) vfs.FS, synced func(time.Duration)) *workload {
	w := &workload{t: t, fs: vfs.NewMem(), rnd: rand.New(rand.NewPCG(seed, 1))}
	w.opt = testOptions("/data")
	if seed%2 == 0 {
		w.opt.IndexCacheBytes = -1 // indexes are read from their files
	}
	w.plain = seed%3 == 0
	w.opt.Config.SegmentBytes = 4000
	w.opt.Config.IndexInterval = 300
	w.opt.Config.IndexBytes = 4096
	w.clock = 1_700_000_000_000
	opt := w.opt
	opt.FlushTime = synced
	w.dirs = openDirs(t, faulty(w.fs), opt)
	w.log = createLog(t, w.dirs, "crash", w.opt.Config)
	w.note()
	return w
}

// note keeps the model as it is now.
func (w *workload) note() {
	w.m.start, w.m.end = w.log.Start(), w.log.End()
	w.m.told = max(w.log.FlushedOffset(), w.log.RecoveryPoint())
	w.m.step = fmt.Sprintf("%s: %d to %d, recovery point %d", w.what, w.m.start, w.m.end, w.log.RecoveryPoint())
	m := w.m
	m.batches = slices.Clone(w.m.batches)
	w.history.models = append(w.history.models, m)
	w.history.ops = append(w.history.ops, w.fs.Ops())
}

func (w *workload) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// step does one random thing.
func (w *workload) step() {
	switch n := w.rnd.IntN(100); {
	case n < 47:
		w.what = "append"
		w.append()
	case n < 57:
		w.what = "follow"
		w.follow()
	case n < 62:
		w.what = "retry"
		w.retry()
	case n < 70:
		w.what = "flushData"
		w.ok(w.log.flushData())
		w.m.durable = w.log.End()
	case n < 76:
		w.what = "flush"
		w.ok(w.log.Flush())
		w.m.durable = w.log.End()
	case n < 80:
		w.what = "checkpoint"
		w.ok(w.log.dir.checkpointer.writeNow(allCheckpoints))
	case n < 84:
		w.what = "roll"
		w.ok(w.log.Roll())
	case n < 89:
		w.what = "truncate"
		w.truncate()
	case n < 92:
		w.what = "setStart"
		w.log.UpdateHighWatermark(w.log.Start() + record.Offset(w.rnd.Int64N(int64(w.log.End()-w.log.Start())+1)))
		if hw := w.log.HighWatermark(); hw > w.log.Start() {
			w.ok(w.log.SetStart(w.log.Start() + record.Offset(w.rnd.Int64N(int64(hw-w.log.Start())+1))))
		}
	case n < 95:
		w.what = "retain"
		_, err := w.log.Retain()
		w.ok(err)
	case n < 97:
		w.what = "epoch"
		for range 1 + w.rnd.IntN(2) { // the first may write nothing
			w.epoch++
			w.log.AssignEpochStart(w.epoch, w.log.End())
		}
		w.ok(w.log.flushEpochs())
	case n < 98:
		w.what = "truncateFully"
		w.truncateFully()
	default:
		w.what = "reopen"
		w.reopen()
	}
	w.note()
	w.ok(w.m.explainsState(w.log))
}

func (w *workload) reopen() {
	w.log.UpdateHighWatermark(w.log.End())
	w.ok(w.dirs.Close())
	w.m.durable = w.log.End()
	w.note()
	w.dirs = openDirs(w.t, w.fs, w.opt)
	w.log = w.dirs.Get(TP{"crash", 0})
	w.ok(w.log.Err())
	w.retries = nil
}

// truncateFully begins the log anew: above its end, where a follower goes whose leader's log starts there, or below it.
func (w *workload) truncateFully() {
	at := w.log.End() + record.Offset(w.rnd.IntN(50))
	if w.rnd.IntN(2) == 0 {
		at = record.Offset(w.rnd.Int64N(int64(w.log.End()) + 1))
	}
	w.ok(w.log.TruncateFully(at))
	w.m.batches, w.m.durable, w.m.reset = nil, at, true
	w.retries = nil
	w.note()
	w.m.reset = false
}

// truncate cuts the log above its high watermark or, as after the election of a replica that wasn't in sync, below it.
func (w *workload) truncate() {
	lo := w.log.Start()
	if w.rnd.IntN(3) > 0 {
		lo = max(lo, w.log.HighWatermark())
	}
	if w.log.End() == lo {
		return
	}
	if w.rnd.IntN(2) == 0 {
		readAll(w.t, w.log) // what was handed out is cut otherwise than what wasn't
	}
	to := lo + record.Offset(w.rnd.Int64N(int64(w.log.End()-lo)))
	w.ok(w.log.Truncate(to))
	end := w.log.End()
	if end > to {
		w.t.Fatalf("truncated to %d, end is %d", to, end)
	}
	for n := len(w.m.batches); n > 0 && w.m.batches[n-1].next > end; n-- {
		w.m.batches = w.m.batches[:n-1]
	}
	w.m.durable = w.log.Start()
	if n := len(w.m.batches); n > 0 { // the rest is a gap, which no file may tell of yet
		w.m.durable = min(end, w.m.batches[n-1].next)
	}
	w.retries = nil
	w.note()
	w.history.models[len(w.history.models)-1].told = 0 // while it is under way
	w.m.durable = end
}

// append writes, as a leader, a batch of nobody, of an idempotent producer, of a transaction, or a marker.
func (w *workload) append() {
	buf, opt := w.batch(newNaive(w.m.batches))
	end := w.log.End()
	a, err := w.log.AppendLeader(buf, w.epoch, opt)
	w.ok(err)
	if a.First != end || a.Duplicate {
		w.t.Fatalf("%+v at the end %d", a, end)
	}
	w.wrote(buf)
}

// wrote notes batches that have their offsets.
func (w *workload) wrote(buf []byte) {
	for len(buf) > 0 {
		b, rest, err := record.Next(buf)
		w.ok(err)
		m := modelBatch{b, b.BaseOffset(), b.NextOffset()}
		w.m.batches = append(w.m.batches, m)
		if b.HasProducerID() {
			w.retries = append(w.retries, m)
		}
		buf = rest
	}
}

// follow appends one to three batches as a follower, with gaps where a compacted leader's log has them, now and then of a new
// leader.
func (w *workload) follow() {
	if w.rnd.IntN(3) == 0 {
		w.epoch += record.LeaderEpoch(1 + w.rnd.IntN(2))
	}
	state, next := newNaive(w.m.batches), w.log.End()
	var buf []byte
	for range 1 + w.rnd.IntN(3) {
		one, _ := w.batch(state)
		b := record.Batch(one)
		if w.rnd.IntN(4) == 0 {
			next += record.Offset(w.rnd.IntN(20))
		}
		b.SetBaseOffset(next)
		b.SetLeaderEpoch(w.epoch)
		state.add(b)
		buf, next = append(buf, b...), b.NextOffset()
	}
	a, err := w.log.AppendFollower(buf)
	w.ok(err)
	if a.Last != next-1 || w.log.End() != next {
		w.t.Fatalf("%+v, the log ends at %d, not %d", a, w.log.End(), next)
	}
	w.wrote(buf)
}

// retry sends one of a producer's last batches again: the log must know it.
func (w *workload) retry() {
	if len(w.retries) == 0 {
		return
	}
	m := w.retries[w.rnd.IntN(len(w.retries))]
	b, after := record.Batch(m.bytes), 0
	for _, r := range w.retries {
		if o := record.Batch(r.bytes); o.ProducerID() == b.ProducerID() && r.base > m.base && !o.IsControl() {
			after++
		}
	}
	if b.IsControl() || after >= keptBatches || newNaive(w.m.batches).producers[b.ProducerID()].Epoch != b.ProducerEpoch() {
		return
	}
	a, err := w.log.AppendLeader(slices.Clone(m.bytes), w.epoch, AppendOptions{})
	w.ok(err)
	epoch := b.LeaderEpoch()
	if a.Last < w.log.Start() {
		epoch = a.LeaderEpoch // it may be forgotten with what retention removed
	}
	if !a.Duplicate || a.First != m.base || a.Last != m.next-1 || a.LeaderEpoch != epoch {
		w.t.Fatalf("sent again, the batch at %d got %+v", m.base, a)
	}
}

func (w *workload) fill(b *record.Builder) {
	w.clock += w.rnd.Int64N(3)
	for i := range 1 + w.rnd.IntN(4) {
		b.Append(w.clock+int64(i), nil, bytes.Repeat([]byte{byte(w.rnd.Uint32())}, w.rnd.IntN(200)))
	}
}

// batch makes a batch that fits a state: half of them, or all, have no producer; producers with even ids are transactional.
func (w *workload) batch(state *naive) ([]byte, AppendOptions) {
	b := record.NewBuilder(record.None, 0)
	if w.plain || w.rnd.IntN(2) == 0 {
		w.fill(b)
		return b.Build(), AppendOptions{}
	}
	p, known := state.producers[record.ProducerID(w.rnd.IntN(4))]
	if !known {
		p = ProducerState{ID: record.ProducerID(w.rnd.IntN(4)), LastSequence: -1, TxnStart: -1}
		if old, ok := state.producers[p.ID]; ok {
			p = old
		}
	}
	if p.TxnStart >= 0 && w.rnd.IntN(3) == 0 {
		return w.marker(p)
	}
	if p.TxnStart < 0 && w.rnd.IntN(8) == 0 { // it was initialised again
		p.Epoch, p.LastSequence = p.Epoch+1, -1
	}
	b.SetProducer(p.ID, p.Epoch, p.LastSequence+1, p.ID%2 == 0)
	w.fill(b)
	return b.Build(), AppendOptions{}
}

// marker ends a producer's transaction: in its epoch, or in the next one as transactions version 2 do.
func (w *workload) marker(p ProducerState) ([]byte, AppendOptions) {
	w.clock++
	m := record.Marker{Type: record.Abort, CoordinatorEpoch: int32(w.epoch), ProducerID: p.ID, ProducerEpoch: p.Epoch, Timestamp: w.clock}
	opt := AppendOptions{Origin: OriginCoordinator}
	if w.rnd.IntN(3) == 0 {
		m.Type = record.Commit
	}
	if w.rnd.IntN(2) == 0 {
		m.ProducerEpoch, opt.TransactionVersion = p.Epoch+1, 2
	}
	return m.Batch(), opt
}

// checkCrash opens a crashed copy and compares the log with what it may be.
func (h *history) checkCrash(t *testing.T, fs *vfs.Mem, op int, opt DirsOptions) {
	t.Helper()
	i, found := slices.BinarySearch(h.ops, op)
	if !found {
		i--
	}
	for i+1 < len(h.ops) && h.ops[i+1] <= op {
		i++
	}
	if i < 0 {
		i = 0
	}
	may := h.models[i : i+1]
	defer func() {
		if t.Failed() {
			if entries, err := fs.ReadDir("/data/crash-0"); err == nil {
				for _, e := range entries {
					info, _ := fs.Stat("/data/crash-0/" + e.Name)
					t.Log(e.Name, info.Size)
				}
			}
			for _, m := range h.models[max(0, i-12):min(i+2, len(h.models))] {
				t.Log(m.step)
			}
		}
	}()
	if i+1 < len(h.models) {
		may = h.models[i : i+2] // the step was under way
	}
	d, err := OpenDirs(fs, opt)
	if err != nil {
		t.Fatalf("open after the crash: %v", err)
	}
	l := d.Get(TP{"crash", 0})
	durable := max(may[0].durable, may[0].told)
	if len(may) == 2 {
		durable = min(durable, max(may[1].durable, may[1].told))
		if may[1].reset {
			durable = 0
		}
	}
	if l == nil {
		if durable > 0 {
			t.Fatalf("the log is gone, %d was durable", durable)
		}
		return
	}
	if err := l.Err(); err != nil {
		t.Fatalf("log is offline after the crash: %v", err)
	}
	if l.End() < durable {
		t.Fatalf("log ends at %d, %d was durable", l.End(), durable)
	}
	got := batchesOf(t, l)
	l.UpdateHighWatermark(l.End())
	emptied := len(may) == 2 && may[1].reset && len(got) == 0 // on the way to the other offset
	if !emptied && !slices.ContainsFunc(may, func(m model) bool { return m.explains(l, got) == nil }) {
		for _, m := range may {
			t.Logf("model with bounds %d to %d: %v", m.start, m.end, m.explains(l, got))
		}
		t.Fatalf("log from %d to %d with %d batches isn't one that was written", l.Start(), l.End(), len(got))
	}
	checkReopened(t, d, l, fs, opt)
}

// checkReopened: a second recovery finds nothing to do, and the log can be used.
func checkReopened(t *testing.T, d *Dirs, l *Log, fs *vfs.Mem, opt DirsOptions) {
	t.Helper()
	want, producers, start, end := batchesOf(t, l), l.Producers(), l.Start(), l.End()
	d.unlock()
	for range 2 { // after another unclean stop, and after a clean one
		d = openDirs(t, fs, opt)
		if l = d.Get(TP{"crash", 0}); l.Err() != nil {
			t.Fatalf("second recovery: %v", l.Err())
		}
		if l.Start() != start || l.End() != end || !slices.EqualFunc(batchesOf(t, l), want, func(a, b modelBatch) bool { return bytes.Equal(a.bytes, b.bytes) }) {
			t.Fatalf("second recovery: bounds %d to %d were %d to %d", l.Start(), l.End(), start, end)
		}
		if got := l.Producers(); !slices.Equal(got, producers) {
			t.Fatalf("second recovery: producers\n%v were\n%v", got, producers)
		}
		if c := d.Counters(); c.TornTails.Load()+c.MiddleDamage.Load() > 0 {
			t.Fatalf("second recovery cut something off")
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d = openDirs(t, fs, opt)
	l = d.Get(TP{"crash", 0})
	if a := mustAppend(t, l, batch(1, 10, 5)); a.First != end {
		t.Fatalf("append after recovery at %d, not %d", a.First, end)
	}
	d.unlock()
}

func batchesOf(t *testing.T, l *Log) []modelBatch {
	t.Helper()
	var out []modelBatch
	for b := readAll(t, l); len(b) > 0; {
		one, rest, err := record.Next(b)
		if err != nil || one.CheckCRC() != nil {
			t.Fatalf("log holds a bad batch: %v", err)
		}
		out = append(out, modelBatch{one, one.BaseOffset(), one.NextOffset()})
		b = rest
	}
	return out
}

// explains tells why a log can't be a prefix of the model.
func (m *model) explains(l *Log, got []modelBatch) error {
	if l.End() > m.end && len(m.batches) > 0 || l.Start() > m.start && l.Start() > m.end {
		return fmt.Errorf("bounds %d to %d", l.Start(), l.End())
	}
	i := 0
	for i < len(m.batches) && len(got) > 0 && m.batches[i].base < got[0].base {
		i++
	}
	if len(got) > 0 && got[0].base > l.Start() && i > 0 && m.batches[i-1].next > l.Start() {
		return fmt.Errorf("the batch before offset %d is missing", got[0].base)
	}
	for n, g := range got {
		if i+n >= len(m.batches) {
			return fmt.Errorf("batch at %d was never written", g.base)
		}
		if w := m.batches[i+n]; !bytes.Equal(w.bytes, g.bytes) {
			return fmt.Errorf("batch at %d (crc %x) is not the one at %d", g.base, crc32.ChecksumIEEE(g.bytes), w.base)
		}
	}
	if n := i + len(got); len(got) > 0 { // or within the gap that compaction left behind the last batch
		gap := m.end
		if n < len(m.batches) {
			gap = m.batches[n].base
		}
		if l.End() < m.batches[n-1].next || l.End() > gap {
			return fmt.Errorf("end %d does not follow the last batch, %d", l.End(), m.batches[n-1].next)
		}
	}
	if len(got) == 0 && m.durable == 0 {
		return nil // nothing was on disk that state could come from
	}
	return m.explainsState(l)
}

// explainsState compares what is derived from batches.
func (m *model) explainsState(l *Log) error {
	var below, held []modelBatch
	for _, b := range m.batches {
		if b.next <= l.End() {
			below = append(below, b)
			if b.next > l.Start() {
				held = append(held, b)
			}
		}
	}
	want := newNaive(below)
	if got := l.Producers(); !slices.Equal(got, want.list()) {
		return fmt.Errorf("producers\n%v\nnot\n%v", got, want.list())
	}
	aborted := want.abortedIn(l.Start(), l.End())
	got, err := l.AbortedTxns(l.Start(), l.End())
	if err != nil || !slices.Equal(got, aborted) && len(got)+len(aborted) > 0 {
		return fmt.Errorf("aborted transactions %v (%v), not %v", got, err, aborted)
	}
	first, open := l.FirstUnstable()
	if stable := want.stable(l.End()); l.HighWatermark() == l.End() && (open != (stable < l.End()) || open && first != max(stable, l.Start())) {
		return fmt.Errorf("first unstable offset %d (%v), not %d", first, open, stable)
	}
	if err := m.explainsTimes(l); err != nil {
		return err
	}
	return checkEpochs(l, held)
}

// explainsTimes looks the middle batch's largest timestamp up.
func (m *model) explainsTimes(l *Log) error {
	var in []record.Batch
	for _, b := range m.batches {
		if b.base >= l.Start() && b.next <= l.End() {
			in = append(in, b.bytes)
		}
	}
	if len(in) == 0 {
		return nil
	}
	timestamp := in[len(in)/2].MaxTimestamp()
	first := slices.IndexFunc(in, func(b record.Batch) bool { return b.MaxTimestamp() >= timestamp })
	f, ok, err := l.OffsetForTimestamp(timestamp)
	if err != nil || !ok || f.Offset > in[first].LastOffset() {
		return fmt.Errorf("timestamp %d found at %v (%v, %v), not in the batch at %d", timestamp, f.Offset, ok, err, in[first].BaseOffset())
	}
	return nil
}

// TestCrash takes the power away after random operations of random workloads, in every way the file system knows, and
// checks what a start finds (R16).
func TestCrash(t *testing.T) {
	states := crashStates
	if n, err := strconv.Atoi(os.Getenv("JOCKO_CRASH_STATES")); err == nil {
		states = n
	}
	if testing.Short() {
		states = 500
	}
	first := uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("JOCKO_CRASH_SEED"), 10, 64); err == nil {
		first = n
	}
	const perWorkload = 250
	for seed := first; states > 0; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			w := newWorkload(t, seed)
			for range 150 {
				w.step()
			}
			rnd := rand.New(rand.NewPCG(seed, 2))
			ops := make([]int, perWorkload)
			for i := range ops {
				ops[i] = w.history.ops[0] + rnd.IntN(w.fs.Ops()-w.history.ops[0]+1)
			}
			slices.Sort(ops)
			for n, op := range ops {
				policy := vfs.Policies()[n%len(vfs.Policies())]
				fs := w.fs.CrashAt(op, policy, seed)
				ok := t.Run(fmt.Sprintf("op=%d/%s", op, policy), func(t *testing.T) { w.history.checkCrash(t, fs, op, w.opt) })
				if !ok {
					return
				}
			}
		})
		states -= perWorkload
		if t.Failed() {
			return
		}
	}
}
