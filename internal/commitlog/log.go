package commitlog

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Log is one partition's replica on disk. Its methods may be called concurrently; those that append or truncate are called by
// one leader or fetcher at a time. Flush, Truncate, TruncateFully and what Dirs does wait for the disk, nothing else does.
type Log struct {
	env *env
	tp  TP

	// flushMu is held by whoever saves, syncs, truncates, renames or replaces files. It is taken before mu.
	flushMu diskLock

	mu        sync.Mutex
	dir       *logDir
	folder    string // full path
	topicID   protocol.UUID
	cfg       *LogConfig // replaced as a whole
	segments  []*segment // by base offset, never empty, never changed in place; the last one is appended to
	epochs    epochCache
	producers producerState
	err       error // why nothing can be done with the log any more
	damage    error // why a part of it can't be read
	cutting   bool  // a truncation is under way: offsets and files don't agree
	unsynced  newNames
	left      *leftFolder     // where the log was before a move that isn't on disk yet
	snapshots []record.Offset // producer snapshots in the folder, ascending
	onFlush   func(record.Offset)
	waiters   []flushWaiter
	dirty     int64 // bytes appended since the recovery point

	verifications uint64 // begun so far

	// Written under mu, read without.
	start, end, highWatermark, recoveryPoint, flushed atomic.Int64
	changes                                           atomic.Int64 // see Generation

	claimed   atomic.Bool  // a topic owns the log
	cuts      atomic.Int64 // truncations
	cleanedTo atomic.Int64 // where the cleaner stopped, for its checkpoint; -1: it never ran

	queued flushKind // guarded by flusher.mu
	served bool      // guarded by flusher.mu: a worker is at it
	timed  bool      // guarded by flusher.mu: in flusher.timed
}

// diskLock is a mutex for who may wait for the disk while holding it: waiting for it is idling to testing/synctest.
type diskLock chan struct{}

func newDiskLock() diskLock { return make(diskLock, 1) }

func (m diskLock) Lock() { m <- struct{}{} }

func (m diskLock) Unlock() { <-m }

// newNames says which names of the log aren't durable yet.
type newNames struct {
	folder   bool // the folder itself and partition.metadata
	contents bool // names in the folder
}

// env is what all logs share.
type env struct {
	fs       vfs.FS
	now      func() time.Time
	fds      *fdCache
	indexes  *indexCache
	opt      *DirsOptions
	counters Counters
	queues   sync.Mutex // of all flushers
}

func (e *env) nowMs() int64 { return e.now().UnixMilli() }

// Counters tell what happened to the logs since start. They are for metrics and for tests.
type Counters struct {
	Flushes         atomic.Int64 // fsyncs of .log files
	FlushNanos      atomic.Int64 // time they took
	FailedAppends   atomic.Int64
	TornTails       atomic.Int64 // recoveries that cut an unfinished write off
	MiddleDamage    atomic.Int64 // recoveries that cut at damage with valid batches behind it, and kept the bytes aside
	ReadDamage      atomic.Int64 // reads that met a wrong checksum
	RebuiltIndexes  atomic.Int64
	DeletedSegments atomic.Int64
}

// TP names the partition.
func (l *Log) TP() TP { return l.tp }

// TopicID is the id in partition.metadata, or the zero UUID.
func (l *Log) TopicID() protocol.UUID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.topicID
}

// Dir is the path of the log directory that holds the log.
func (l *Log) Dir() string { return l.logDir().path }

// DirID is the id of the log directory that holds the log.
func (l *Log) DirID() protocol.UUID { return l.logDir().id }

func (l *Log) logDir() *logDir {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dir
}

// Config is the log's configuration.
func (l *Log) Config() LogConfig {
	l.mu.Lock()
	defer l.mu.Unlock()
	return *l.cfg
}

// SetConfig replaces the configuration. Sizes hold from the next append on, retention from the next pass. It also claims the
// log: records of a log that was found on disk, and that no topic has claimed, are never removed.
func (l *Log) SetConfig(c LogConfig) {
	l.claimed.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if *l.cfg != c {
		l.cfg = &c
	}
	if l.unflushedLocked() >= c.FlushMessages {
		l.dir.flusher.request(l, flushData)
	}
}

// Err tells why the log is offline; nil means that it isn't.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkLocked()
}

// Damage tells of the first wrong checksum that a read met, which is not served. Other parts of the log are.
func (l *Log) Damage() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.damage
}

func (l *Log) checkLocked() error {
	if l.err != nil {
		return l.err
	}
	return l.dir.Err()
}

// checkAppendLocked: a leader that appends while its log is truncated has been deposed.
func (l *Log) checkAppendLocked() error {
	if err := l.checkLocked(); err != nil || !l.cutting {
		return err
	}
	return fmt.Errorf("%w: the log of %s is being truncated", protocol.ErrNotLeaderOrFollower, l.tp)
}

// Start is the log start offset.
func (l *Log) Start() record.Offset { return record.Offset(l.start.Load()) }

// End is the log end offset: that of the next record.
func (l *Log) End() record.Offset { return record.Offset(l.end.Load()) }

// HighWatermark is what UpdateHighWatermark was told last.
func (l *Log) HighWatermark() record.Offset { return record.Offset(l.highWatermark.Load()) }

// RecoveredHighWatermark is the high watermark that the checkpoint of the last run told, within the log's bounds.
func (l *Log) RecoveredHighWatermark() record.Offset { return l.HighWatermark() }

// RecoveryPoint is the offset below which everything, indexes included, is on disk.
func (l *Log) RecoveryPoint() record.Offset { return record.Offset(l.recoveryPoint.Load()) }

// FlushedOffset is the offset below which all records are on disk. It is at least the recovery point.
func (l *Log) FlushedOffset() record.Offset { return record.Offset(l.flushed.Load()) }

// Generation changes with every change of what the log holds below its end, and of where it holds it: a segment that was
// replaced, removed or cut, a lower end, a log that went offline. What was read under one generation is what the files hold as
// long as the generation is the same. It changes under the log's lock, before the bytes do or together with them.
func (l *Log) Generation() int64 { return l.changes.Load() }

// Size is the bytes of all .log files.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, s := range l.segments {
		n += s.size
	}
	return n
}

// SegmentInfo describes a segment.
type SegmentInfo struct {
	Base         record.Offset
	Next         record.Offset // end of its offsets, for sealed segments at least that
	Size         int64
	MaxTimestamp int64
}

// Segments describes the log's segments, oldest first.
func (l *Log) Segments() []SegmentInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]SegmentInfo, len(l.segments))
	for i, s := range l.segments {
		out[i] = SegmentInfo{s.base, s.next, s.size, s.maxTimestamp}
	}
	return out
}

// UpdateHighWatermark tells the log up to where its records are replicated. It bounds retention and compaction, decides when
// a transaction's end counts, and goes into the checkpoint. It doesn't go back here: only truncation takes it back.
func (l *Log) UpdateHighWatermark(o record.Offset) {
	if int64(o) <= l.highWatermark.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if end := l.end.Load(); int64(o) > end {
		panic(fmt.Sprintf("BUG: high watermark %d of %s above log end %d", o, l.tp, end))
	}
	if int64(o) > l.highWatermark.Load() {
		l.highWatermark.Store(int64(o))
		l.producers.replicated(o)
	}
}

// FirstUnstable is the first offset of the oldest transaction that isn't both ended and replicated. open is false where there is
// none: the last stable offset is the high watermark then.
func (l *Log) FirstUnstable() (first record.Offset, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, open = l.producers.firstUnstable()
	return max(first, l.Start()), open
}

// Producers lists the idempotent and transactional producers that the log knows, by id.
func (l *Log) Producers() []ProducerState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.producers.list()
}

// LatestEpoch is the leader epoch that wrote last, or -1.
func (l *Log) LatestEpoch() record.LeaderEpoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epochs.latest()
}

// EpochEnd answers OffsetForLeaderEpoch: the largest epoch not above the given one that wrote here, and the end of its
// offsets; -1 and -1 where the log knows nothing of it.
func (l *Log) EpochEnd(epoch record.LeaderEpoch) (found record.LeaderEpoch, end record.Offset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epochs.end(epoch, l.End())
}

// EpochFor is the leader epoch that wrote the offset, or -1.
func (l *Log) EpochFor(o record.Offset) record.LeaderEpoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epochs.at(o)
}

// EpochStart is where an epoch began. ok is false where it isn't known.
func (l *Log) EpochStart(epoch record.LeaderEpoch) (start record.Offset, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epochs.startOf(epoch)
}

// AssignEpochStart notes that the leader of an epoch writes from the offset on, before it has written. An epoch below the
// latest known one is passed over: a node that starts leads by an image that may be older than what it wrote.
func (l *Log) AssignEpochStart(epoch record.LeaderEpoch, o record.Offset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if epoch < l.epochs.latest() {
		return
	}
	l.epochs.assign(epoch, o)
	if l.epochs.dirty {
		l.dir.flusher.request(l, flushEpochs)
	}
}

func (l *Log) activeLocked() *segment { return l.segments[len(l.segments)-1] }

// floorLocked is the index of the segment that may hold the offset, -1 below the first.
func (l *Log) floorLocked(o record.Offset) int { return floorSegment(l.segments, o) }

// SegmentBase is the base offset of the segment that an offset is, or would be, in; -1 below the first.
func (l *Log) SegmentBase(o record.Offset) record.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.floorLocked(o); i >= 0 {
		return l.segments[i].base
	}
	return -1
}

func floorSegment(segments []*segment, o record.Offset) int {
	return sort.Search(len(segments), func(i int) bool { return segments[i].base > o }) - 1
}

// setSegmentsLocked replaces the list of segments. It and setEndLocked are the only ways to change what is below the log's end: a
// segment that is cut was above a lower end before. A list that only grows at its end changes nothing there.
func (l *Log) setSegmentsLocked(s []*segment) {
	if len(s) < len(l.segments) || !slices.Equal(l.segments, s[:len(l.segments)]) {
		l.changes.Add(1)
	}
	l.segments = s
}

// setEndLocked moves the log end offset.
func (l *Log) setEndLocked(o record.Offset) {
	if o < l.End() {
		l.changes.Add(1)
	}
	l.end.Store(int64(o))
}

// addSegmentLocked begins a new segment at base.
func (l *Log) addSegmentLocked(base record.Offset) *segment {
	s := newSegment(base, l.env.nowMs())
	s.jitter = l.env.jitter(l.cfg.SegmentJitter)
	l.setSegmentsLocked(append(slices.Clone(l.segments), s))
	return s
}

// failLocked makes the log refuse everything from now on.
func (l *Log) failLocked(err error) {
	if l.err == nil {
		l.err = err
		l.changes.Add(1)
		l.env.opt.Logger.Error("partition is offline", "partition", l.tp.String(), "dir", l.dir.path, "error", err)
	}
}

// ioError turns an error of the file system into an answer for clients. Other than a full disk, it takes the log directory
// offline, for what is on it can't be known any more.
func (d *logDir) ioError(op string, err error) error {
	if err == nil {
		return nil
	}
	var code protocol.Error
	if errors.As(err, &code) {
		return err // judged already
	}
	if vfs.IsNoSpace(err) {
		d.noSpace()
		return fmt.Errorf("%w: %s: %w", protocol.ErrKafkaStorageError, op, err)
	}
	d.offline(fmt.Errorf("%s: %w", op, err))
	return fmt.Errorf("%w: %s: %w", protocol.ErrKafkaStorageError, op, err)
}

var errDeleted = fmt.Errorf("%w: the log was deleted", protocol.ErrKafkaStorageError)
