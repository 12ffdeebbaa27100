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
	pids    map[record.ProducerID]*modelProducer
	clock   int64

	generation int // of producer ids
	what       string
}

type modelProducer struct {
	epoch    record.ProducerEpoch
	sequence int32
	open     bool
}

func newWorkload(t *testing.T, seed uint64) *workload {
	w := &workload{t: t, fs: vfs.NewMem(), rnd: rand.New(rand.NewPCG(seed, 1)), pids: map[record.ProducerID]*modelProducer{}}
	w.opt = testOptions("/data")
	if seed%2 == 0 {
		w.opt.IndexCacheBytes = -1 // indexes are read from their files
	}
	w.opt.Config.SegmentBytes = 4000
	w.opt.Config.IndexInterval = 300
	w.opt.Config.IndexBytes = 4096
	w.clock = 1_700_000_000_000
	w.dirs = openDirs(t, w.fs, w.opt)
	w.log = createLog(t, w.dirs, "crash", w.opt.Config)
	w.note()
	return w
}

// note keeps the model as it is now.
func (w *workload) note() {
	w.m.start, w.m.end = w.log.Start(), w.log.End()
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
	case n < 62:
		w.what = "append"
		w.append()
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
		w.epoch++
		w.log.AssignEpochStart(w.epoch, w.log.End())
		w.ok(w.log.flushEpochs())
	case n < 98:
		w.what = "truncateFully"
		at := w.log.End() + record.Offset(w.rnd.IntN(50))
		w.ok(w.log.TruncateFully(at))
		w.m.batches, w.m.durable, w.m.reset = nil, at, true
		w.forgetProducers()
		w.note()
		w.m.reset = false
	default:
		w.what = "reopen"
		w.reopen()
	}
	w.note()
}

// forgetProducers lets all producers go on under new ids.
func (w *workload) forgetProducers() {
	w.pids = map[record.ProducerID]*modelProducer{}
	w.generation++
}

func (w *workload) reopen() {
	w.log.UpdateHighWatermark(w.log.End())
	w.ok(w.dirs.Close())
	w.m.durable = w.log.End()
	w.note()
	w.dirs = openDirs(w.t, w.fs, w.opt)
	w.log = w.dirs.Get(TP{"crash", 0})
	w.ok(w.log.Err())
}

func (w *workload) truncate() {
	lo := max(w.log.Start(), w.log.HighWatermark())
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
	w.m.durable = end
	w.forgetProducers()
}

// append writes a batch of nobody, of an idempotent producer, of a transaction, or a marker.
func (w *workload) append() {
	w.clock += w.rnd.Int64N(3)
	b := record.NewBuilder(record.None, 0)
	opt := AppendOptions{}
	if w.rnd.IntN(2) == 0 {
		buf, coordinator := w.produce(b)
		if coordinator {
			opt.Origin = OriginCoordinator
		}
		w.write(buf, opt)
		return
	}
	w.fill(b)
	w.write(b.Build(), opt)
}

func (w *workload) fill(b *record.Builder) int32 {
	n := 1 + w.rnd.IntN(4)
	for i := range n {
		b.Append(w.clock+int64(i), nil, bytes.Repeat([]byte{byte(w.rnd.Uint32())}, w.rnd.IntN(200)))
	}
	return int32(n)
}

func (w *workload) produce(b *record.Builder) (buf []byte, coordinator bool) {
	id := record.ProducerID(w.generation*10 + w.rnd.IntN(4))
	p := w.pids[id]
	if p == nil {
		p = &modelProducer{}
		w.pids[id] = p
	}
	transactional := id%2 == 0
	if p.open && w.rnd.IntN(3) == 0 {
		p.open = false
		kind := record.Abort
		if w.rnd.IntN(3) == 0 {
			kind = record.Commit
		}
		return record.Marker{Type: kind, CoordinatorEpoch: int32(w.epoch), ProducerID: id, ProducerEpoch: p.epoch, Timestamp: w.clock}.Batch(), true
	}
	b.SetProducer(id, p.epoch, p.sequence, transactional)
	p.sequence += w.fill(b)
	p.open = transactional
	return b.Build(), false
}

func (w *workload) write(buf []byte, opt AppendOptions) {
	a, err := w.log.AppendLeader(buf, w.epoch, opt)
	w.ok(err)
	w.m.batches = append(w.m.batches, modelBatch{buf, a.First, a.Last + 1})
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
	durable := may[0].durable
	if len(may) == 2 {
		durable = min(durable, may[1].durable)
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
	if !slices.ContainsFunc(may, func(m model) bool { return m.explains(l, got) == nil }) {
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
	if n := i + len(got); len(got) > 0 && l.End() != m.batches[n-1].next {
		return fmt.Errorf("end %d does not follow the last batch, %d", l.End(), m.batches[n-1].next)
	}
	if len(got) == 0 && m.durable == 0 {
		return nil // nothing was on disk that state could come from
	}
	return m.explainsState(l)
}

// explainsState compares what is derived from batches.
func (m *model) explainsState(l *Log) error {
	var state producerState
	var aborted []AbortedTxn
	var epochs epochCache
	for _, b := range m.batches {
		if b.next > l.End() {
			break
		}
		r := record.Batch(b.bytes)
		if e := r.LeaderEpoch(); e != epochs.latest() {
			epochs.assign(e, r.BaseOffset())
		}
		if !r.HasProducerID() {
			continue
		}
		mk, _ := readMarker(r)
		if done, stable, ok := state.update(r, mk); ok && done.aborted {
			aborted = append(aborted, AbortedTxn{done.id, done.first, done.last, stable})
		}
	}
	if got, want := l.Producers(), state.list(); !slices.Equal(got, want) {
		return fmt.Errorf("producers\n%v\nnot\n%v", got, want)
	}
	aborted = slices.DeleteFunc(aborted, func(t AbortedTxn) bool { return t.LastOffset < l.Start() })
	got, err := l.AbortedTxns(l.Start(), l.End())
	if err != nil || !slices.Equal(got, aborted) && len(got)+len(aborted) > 0 {
		return fmt.Errorf("aborted transactions %v (%v), not %v", got, err, aborted)
	}
	if err := m.explainsTimes(l); err != nil {
		return err
	}
	for _, b := range m.batches {
		if b.base >= l.Start() && b.next <= l.End() && l.EpochFor(b.base) != record.Batch(b.bytes).LeaderEpoch() {
			return fmt.Errorf("leader epoch of offset %d is %d, not %d", b.base, l.EpochFor(b.base), record.Batch(b.bytes).LeaderEpoch())
		}
	}
	return nil
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
