package commitlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// cleaning is the compaction of one log.
type cleaning struct {
	ctx context.Context
	c   *cleaner
	log *Log
	opt CleanerOptions
	cfg LogConfig
	now int64 // ms, when it began

	producers map[record.ProducerID]lastOfProducer
	buf       []byte // for reading
	out       []byte // for writing
	unpaid    int64  // bytes that the throttle wasn't told of yet
}

// lastOfProducer is the last thing that a producer with a state here has written.
type lastOfProducer struct {
	offset record.Offset // of its last record, noOffset: it only has a marker
	epoch  record.ProducerEpoch
}

// minCleanBuffer is enough to read and write files by.
const minCleanBuffer = 64 << 10

func newCleaning(ctx context.Context, c *cleaner, l *Log, opt CleanerOptions) *cleaning {
	size := max(opt.IOBytes/int64(2*max(opt.Threads, 1)), minCleanBuffer)
	j := &cleaning{
		ctx: ctx, c: c, log: l, opt: opt, cfg: l.Config(), now: l.env.nowMs(), producers: make(map[record.ProducerID]lastOfProducer),
		buf: make([]byte, size), out: make([]byte, 0, size),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range l.producers.byID {
		j.producers[id] = lastOfProducer{p.lastOffset(), p.epoch}
	}
	return j
}

// run makes as many passes as it takes to compact what was dirty when it began: each as far as the map of keys reaches.
func (j *cleaning) run() error {
	p, err := j.log.dirtyPart()
	if err == nil && p.cutUnsynced() {
		if err = j.log.Flush(); err == nil {
			p, err = j.dirtyPart()
		}
	}
	for until := p.to; err == nil && p.from < min(until, p.to); {
		if err = j.pass(&p); err == nil {
			p, err = j.dirtyPart()
		}
	}
	return err
}

// dirtyPart is that of the log as far as it is on disk.
func (j *cleaning) dirtyPart() (dirtyPart, error) {
	p, err := j.log.dirtyPart()
	p.cutUnsynced()
	return p, err
}

// pass compacts the log up to where the map of keys is full, and notes how far it came.
func (j *cleaning) pass(p *dirtyPart) error {
	if len(p.sources) == 0 {
		return errSegmentsChanged
	}
	aborted, err := j.log.AbortedTxns(p.sources[0].seg.base, p.to)
	if err != nil {
		return err
	}
	keys, err := j.mapKeys(p, newCleanTxns(aborted))
	if err != nil {
		return err
	}
	sources := p.sources
	for len(sources) > 0 && sources[len(sources)-1].seg.base > keys.latest {
		sources = sources[:len(sources)-1]
	}
	// The gaps that compaction leaves must lie below the recovery point that a crash would find: above it they'd be taken for
	// lost writes.
	if err := j.log.logDir().checkpointer.writeNow(recoveryPoints); err != nil {
		return err
	}
	s := &cleanSieve{cleaning: j, keys: keys, txns: newCleanTxns(aborted)}
	s.keepRecord = s.keep
	for len(sources) > 0 {
		n := j.groupSize(sources)
		if err := j.cleanGroup(sources[:n], s); err != nil {
			return err
		}
		sources = sources[n:]
	}
	j.c.counters.Passes.Add(1)
	return j.finished(keys.latest + 1)
}

// finished notes how far the log is compacted, unless it was truncated meanwhile.
func (j *cleaning) finished(to record.Offset) error {
	l := j.log
	l.flushMu.Lock()
	l.setCleanedTo(min(to, l.RecoveryPoint()))
	err := l.Err()
	l.flushMu.Unlock()
	if err != nil {
		return err
	}
	return l.logDir().checkpointer.writeNow(cleanerOffsets)
}

// mapKeys collects the last offset of each key in the dirty part, until the map is full.
func (j *cleaning) mapKeys(p *dirtyPart, txns *cleanTxns) (*offsetMap, error) {
	m := newOffsetMap(j.opt.DedupeBytes/int64(max(j.opt.Threads, 1)), j.opt.LoadFactor, int64(p.to-p.from))
	for _, s := range p.sources {
		if s.next <= p.from {
			continue
		}
		full, err := j.mapSegment(m, s, p.from, txns)
		if err != nil || full {
			return m, err
		}
	}
	m.latest = p.to - 1
	return m, nil
}

func (j *cleaning) mapSegment(m *offsetMap, s cleanSource, from record.Offset, txns *cleanTxns) (full bool, err error) {
	err = j.eachBatch(s, func(b record.Batch, _ int64, _ *handle) error {
		if b.LastOffset() < from {
			return nil
		}
		if b.IsControl() {
			_, _, err = txns.control(b)
		} else if !txns.data(b) {
			full, err = m.addBatch(b, from)
		}
		if err == nil && full {
			err = errMapFull
		}
		return err
	})
	if errors.Is(err, errMapFull) {
		return true, nil
	}
	return false, err
}

var errMapFull = errors.New("the map of keys is full")

// addBatch puts a batch's keys into the map.
func (m *offsetMap) addBatch(b record.Batch, from record.Offset) (full bool, err error) {
	r := record.Read(b, record.NoLimits)
	defer r.Close()
	for r.Next() {
		rec := r.Record()
		if rec.Key == nil || rec.Offset < from {
			continue
		}
		if !m.put(rec.Key, rec.Offset) {
			return true, nil
		}
		m.latest = rec.Offset
	}
	if err := r.Err(); err != nil {
		return false, err
	}
	m.latest = b.LastOffset()
	return false, nil
}

// eachBatch calls do with each batch of a segment and its position.
func (j *cleaning) eachBatch(s cleanSource, do func(b record.Batch, pos int64, h *handle) error) error {
	if s.size == 0 {
		return nil
	}
	l := j.log
	l.mu.Lock()
	folder := l.folder
	l.mu.Unlock()
	h, err := l.env.fds.reader(l.env.fs, s.seg, folder)
	if err != nil {
		return err
	}
	defer h.Unpin()
	r := batchReader{seg: s.seg, handle: h, limit: s.size, buf: j.buf}
	defer func() {
		if len(r.buf) <= maxKeptBuffer {
			j.buf = r.buf
		}
	}()
	for {
		b, pos, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = do(b, pos, h)
		}
		if bad := (*record.Error)(nil); errors.As(err, &bad) {
			err = fmt.Errorf("%w: %s: the batch at position %d: %w", protocol.ErrCorruptMessage, offsetFile(s.seg.base, logSuffix), pos, err)
		}
		if err != nil {
			return err
		}
		j.c.counters.BytesRead.Add(int64(len(b)))
		if err := j.pay(int64(len(b))); err != nil {
			return err
		}
	}
}

// maxKeptBuffer is the largest buffer that is kept from batch to batch.
const maxKeptBuffer = 16 << 20

// paidAtOnce is how many bytes are read or written between two looks at the throttle.
const paidAtOnce = 64 << 10

func (j *cleaning) pay(n int64) error {
	if j.unpaid += n; j.unpaid < paidAtOnce {
		return nil
	}
	n, j.unpaid = j.unpaid, 0
	return j.c.throttle.wait(j.ctx, n, j.opt.MaxBytesPerSecond)
}

// groupSize tells how many of the segments may become one: they fit it even if nothing goes.
func (j *cleaning) groupSize(sources []cleanSource) int {
	size := sources[0].size
	n := 1
	for ; n < len(sources); n++ {
		s := sources[n]
		size += s.size
		if size > j.cfg.SegmentBytes || s.next-1-sources[0].seg.base > math.MaxInt32 || j.indexEntries(size) > j.maxIndexEntries() {
			break
		}
	}
	return n
}

// indexEntries is the most entries that an index of batches of a size can have.
func (j *cleaning) indexEntries(size int64) int64 {
	return size / int64(max(j.cfg.IndexInterval, record.HeaderSize))
}

func (j *cleaning) maxIndexEntries() int64 {
	return int64(min(j.cfg.maxOffsetEntries(), j.cfg.maxTimeEntries()))
}
