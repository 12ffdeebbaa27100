package commitlog

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
	"pgregory.net/rapid"
)

// keptRecord is a record as a reader sees it.
type keptRecord struct {
	offset    record.Offset
	key       string
	value     string // "": a tombstone
	timestamp int64
}

// cleanModel knows what was appended to a log, and so what its compaction may leave.
type cleanModel struct {
	rt        *rapid.T
	fs        *vfs.Mem
	opt       DirsOptions
	cfg       LogConfig
	now       int64
	dirs      *Dirs
	log       *Log
	records   []keptRecord
	aborted   map[record.Offset]bool
	open      map[record.ProducerID][]record.Offset // records of open transactions
	ended     [][2]record.Offset                    // first offset and marker of ended transactions
	sequences map[record.ProducerID]int32
	next      int
}

func newCleanModel(rt *rapid.T, t *testing.T) *cleanModel {
	m := &cleanModel{
		rt: rt, fs: vfs.NewMem(), now: 1_000_000, aborted: map[record.Offset]bool{},
		open: map[record.ProducerID][]record.Offset{}, sequences: map[record.ProducerID]int32{},
	}
	m.opt = testOptions("/data")
	m.opt.Now = func() time.Time { return time.UnixMilli(m.now) }
	m.opt.Cleaner.DedupeBytes = rapid.SampledFrom([]int64{1, 1 << 20}).Draw(rt, "dedupe")
	m.opt.Cleaner.Enabled = true
	m.cfg = DefaultLogConfig()
	m.cfg.Delete, m.cfg.Compact = false, true
	m.cfg.SegmentBytes = rapid.Int64Range(300, 3000).Draw(rt, "segment.bytes")
	m.cfg.IndexInterval = rapid.IntRange(0, 500).Draw(rt, "index.interval.bytes")
	m.cfg.DeleteRetention = 10 * time.Second
	m.opt.ConfigFor = func(TP) LogConfig { return m.cfg }
	m.dirs = openDirs(t, m.fs, m.opt)
	m.log = createLog(t, m.dirs, cleanerTopic, m.cfg)
	return m
}

// fatal ends the test; with rapid, that makes it look for a smaller case.
func (m *cleanModel) fatal(t *testing.T, err error) {
	t.Helper()
	if m.rt != nil {
		m.rt.Fatal(err)
	}
	t.Fatal(err)
}

func (m *cleanModel) append(t *testing.T) {
	codec := rapid.SampledFrom([]record.Codec{record.None, record.None, record.Gzip, record.Zstd, record.LZ4, record.Snappy}).Draw(m.rt, "codec")
	pid := record.ProducerID(rapid.IntRange(-3, 3).Draw(m.rt, "producer"))
	b := record.NewBuilder(codec, 0)
	n := rapid.IntRange(1, 6).Draw(m.rt, "records")
	if pid > 0 {
		b.SetProducer(pid, 0, m.sequences[pid], pid > 1) // producer 1 is idempotent, 2 and 3 are transactional
	}
	first := m.log.End()
	for i := range n {
		r := keptRecord{offset: first + record.Offset(i), timestamp: m.now + int64(i)}
		r.key = rapid.StringMatching("[a-h]").Draw(m.rt, "key")
		var value []byte
		if rapid.IntRange(0, 4).Draw(m.rt, "tombstone") > 0 {
			m.next++
			r.value = fmt.Sprint(m.next)
			value = []byte(r.value)
		}
		b.Append(r.timestamp, []byte(r.key), value)
		m.records = append(m.records, r)
		if pid > 1 {
			m.open[pid] = append(m.open[pid], r.offset)
		}
	}
	if _, err := m.log.AppendLeader(b.Build(), 0, AppendOptions{}); err != nil {
		m.fatal(t, err)
	}
	if pid > 0 {
		m.sequences[pid] = record.AddSequence(m.sequences[pid], int32(n))
	}
}

func (m *cleanModel) end(t *testing.T) {
	pid := record.ProducerID(rapid.IntRange(2, 3).Draw(m.rt, "ends"))
	mark := record.Marker{ProducerID: pid, Timestamp: m.now, Type: record.ControlType(rapid.IntRange(0, 1).Draw(m.rt, "commit"))}
	if _, known := m.sequences[pid]; !known {
		return
	}
	a, err := m.log.AppendLeader(mark.Batch(), 0, AppendOptions{Origin: OriginCoordinator})
	if err != nil {
		m.fatal(t, err)
	}
	if offsets := m.open[pid]; len(offsets) > 0 {
		m.ended = append(m.ended, [2]record.Offset{offsets[0], a.First})
	}
	for _, o := range m.open[pid] {
		m.aborted[o] = mark.Type == record.Abort
	}
	delete(m.open, pid)
}

// stable is the first offset that isn't decided.
func (m *cleanModel) stable() record.Offset {
	stable := m.log.HighWatermark()
	for _, offsets := range m.open {
		stable = min(stable, offsets[0])
	}
	for _, txn := range m.ended {
		if txn[1] >= m.log.HighWatermark() {
			stable = min(stable, txn[0])
		}
	}
	return stable
}

// state is the last value of each key below an offset, of committed records.
func (m *cleanModel) state(until record.Offset) map[string]string {
	out := map[string]string{}
	for _, r := range m.records {
		if r.offset >= until || m.aborted[r.offset] {
			continue
		}
		if out[r.key] = r.value; r.value == "" {
			delete(out, r.key)
		}
	}
	return out
}

// consume reads the log as a consumer of committed records does, and returns all data records, those of aborted transactions
// included, beside the committed ones.
func (m *cleanModel) consume(t *testing.T) (all, committed []keptRecord) {
	aborted, err := m.log.AbortedTxns(m.log.Start(), m.log.End())
	if err != nil {
		m.fatal(t, err)
	}
	slices.SortFunc(aborted, func(a, b AbortedTxn) int { return int(a.FirstOffset - b.FirstOffset) })
	aborting := map[record.ProducerID]bool{}
	for rest := readAll(t, m.log); len(rest) > 0; {
		b, tail, err := record.Next(rest)
		if err == nil {
			err = b.CheckCRC()
		}
		if err != nil {
			m.fatal(t, err)
		}
		rest = tail
		for len(aborted) > 0 && aborted[0].FirstOffset <= b.LastOffset() {
			aborting[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		if b.IsControl() {
			if mark, ok, err := record.ReadMarker(b); err != nil {
				m.fatal(t, err)
			} else if ok && mark.Type == record.Abort {
				delete(aborting, b.ProducerID())
			}
			continue
		}
		r := record.Read(b, record.NoLimits)
		for r.Next() {
			rec := r.Record()
			k := keptRecord{rec.Offset, string(rec.Key), string(rec.Value), rec.Timestamp}
			all = append(all, k)
			if !b.IsTransactional() || !aborting[b.ProducerID()] {
				committed = append(committed, k)
			}
		}
		if r.Err() != nil {
			m.rt.Fatal(r.Err())
		}
		r.Close()
	}
	return all, committed
}

// check compares the log with the model. cleaned is where compaction has come to.
func (m *cleanModel) check(t *testing.T, cleaned record.Offset) {
	all, committed := m.consume(t)
	at := map[record.Offset]keptRecord{}
	for _, r := range m.records {
		at[r.offset] = r
	}
	last := record.Offset(-1)
	for _, r := range all {
		if r != at[r.offset] || r.offset <= last {
			m.rt.Fatalf("record %+v after offset %d was appended as %+v", r, last, at[r.offset])
		}
		last = r.offset
	}
	var above []keptRecord
	for _, r := range m.records {
		if r.offset >= cleaned {
			above = append(above, r)
		}
	}
	if n := len(all) - len(above); n < 0 || !slices.Equal(all[n:], above) {
		m.rt.Fatalf("records above the dirty bound %d changed: %v, want %v", cleaned, all, above)
	}
	m.checkState(t, committed, cleaned)
}

func (m *cleanModel) checkState(t *testing.T, committed []keptRecord, cleaned record.Offset) {
	got, times := map[string]string{}, map[string]int{}
	tombstones := map[record.Offset]bool{}
	stable := m.stable()
	for _, r := range committed {
		if r.offset >= stable {
			continue
		}
		if got[r.key] = r.value; r.value == "" {
			delete(got, r.key)
			tombstones[r.offset] = true
		}
		if r.offset < cleaned {
			if times[r.key]++; times[r.key] > 1 {
				m.rt.Fatalf("key %s is more than once below %d: %v", r.key, cleaned, committed)
			}
		}
	}
	if want := m.state(stable); !maps.Equal(got, want) {
		m.rt.Fatalf("state %v, want %v", got, want)
	}
	latest := map[string]keptRecord{}
	for _, r := range m.records {
		if r.offset < stable && !m.aborted[r.offset] {
			latest[r.key] = r
		}
	}
	for _, r := range latest {
		if r.value == "" && m.now < r.timestamp+m.cfg.DeleteRetention.Milliseconds() && !tombstones[r.offset] {
			m.rt.Fatalf("the tombstone %+v is gone at %d", r, m.now)
		}
	}
}

func (m *cleanModel) clean(t *testing.T) {
	p, err := m.log.dirtyPart()
	if err != nil {
		m.fatal(t, err)
	}
	if p.to > m.stable() {
		m.rt.Fatalf("the dirty part ends at %d, above the last stable offset %d", p.to, m.stable())
	}
	before := m.log.Producers()
	if err := m.dirs.CleanNow(context.Background(), m.log); err != nil {
		m.fatal(t, err)
	}
	m.check(t, p.to)
	m.checkProducers(t, before)
}

func (m *cleanModel) checkProducers(t *testing.T, want []ProducerState) {
	got := m.log.Producers()
	for _, list := range [][]ProducerState{got, want} {
		for i := range list {
			list[i].LastTimestamp, list[i].CoordinatorEpoch = 0, 0
		}
	}
	if !slices.Equal(got, want) {
		m.rt.Fatalf("producers %+v, want %+v", got, want)
	}
}

// reopen crashes and opens the log again. Without snapshots, the producers are computed from what compaction left.
func (m *cleanModel) reopen(t *testing.T) {
	if err := m.log.Flush(); err != nil {
		m.fatal(t, err)
	}
	cleaned, _ := m.log.CleanedTo()
	before := m.log.Producers()
	m.ended = nil // a snapshot doesn't say which ends weren't replicated; they can't be decided otherwise any more
	m.dirs.unlock()
	m.fs = m.fs.Crash(vfs.Synced, 1)
	if rapid.Bool().Draw(m.rt, "without snapshots") {
		m.dropSnapshots(t)
	}
	hw := m.log.HighWatermark()
	m.dirs = openDirs(t, m.fs, m.opt)
	m.log = m.dirs.Get(TP{cleanerTopic, 0})
	if err := m.log.Err(); err != nil {
		m.fatal(t, err)
	}
	m.log.UpdateHighWatermark(hw)
	m.check(t, max(cleaned, 0))
	m.checkProducers(t, before)
}

func (m *cleanModel) dropSnapshots(t *testing.T) {
	entries, err := m.fs.ReadDir(m.log.folder)
	if err != nil {
		m.fatal(t, err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name, snapshotSuffix) {
			if err := m.fs.Remove(filepath.Join(m.log.folder, e.Name)); err != nil {
				m.fatal(t, err)
			}
		}
	}
	if err := m.fs.SyncDir(m.log.folder); err != nil {
		m.fatal(t, err)
	}
}

// TestCleanerProperty: whatever was appended and compacted, every key has its last committed value, offsets are as they were and
// ascend, nothing above the dirty part changes, a younger tombstone is there, and producers and transactions are known
// as before, after a crash too.
func TestCleanerProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newCleanModel(rt, t)
		defer m.dirs.unlock()
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(rt, "batches") {
					m.append(t)
				}
			},
			"end": func(*rapid.T) { m.end(t) },
			"replicate": func(rt *rapid.T) {
				hw, end := m.log.HighWatermark(), m.log.End()
				m.log.UpdateHighWatermark(hw + record.Offset(rapid.Int64Range(0, int64(end-hw)).Draw(rt, "by")))
			},
			"roll": func(*rapid.T) {
				if err := m.log.Roll(); err != nil {
					t.Fatal(err)
				}
			},
			"tick":   func(rt *rapid.T) { m.now += rapid.Int64Range(1, 15_000).Draw(rt, "ms") },
			"clean":  func(*rapid.T) { m.clean(t) },
			"reopen": func(*rapid.T) { m.reopen(t) },
		})
	})
}
