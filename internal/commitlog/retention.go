package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// SetStart moves the log start offset up, as DeleteRecords and a follower of one do: what lies below is not read any more, and
// segments that lie below it entirely are removed with the next pass of retention. An offset at or below the start
// changes nothing; one above the high watermark is OFFSET_OUT_OF_RANGE.
func (l *Log) SetStart(o record.Offset) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkLocked(); err != nil {
		return err
	}
	if o > l.HighWatermark() {
		return fmt.Errorf("%w: new start offset %d is above the high watermark %d", protocol.ErrOffsetOutOfRange, o, l.HighWatermark())
	}
	if o <= l.Start() {
		return nil
	}
	l.start.Store(int64(o))
	l.epochs.truncateStart(o)
	l.dir.checkpointer.changed(logStarts)
	return nil
}

// FlushStart returns once the log start offset is on disk: after a crash it isn't below the one that SetStart has set. One write
// serves all logs of the directory whose start has moved.
func (l *Log) FlushStart() error {
	if l.leaving() != nil {
		l.flushMu.Lock() // until the move is on disk
		left := l.leaving()
		l.flushMu.Unlock()
		if left != nil {
			return fmt.Errorf("%w: the move of %s isn't on disk", protocol.ErrKafkaStorageError, l.tp)
		}
	}
	return l.logDir().checkpointer.flushStarts()
}

// Retain removes what the configuration doesn't want kept: segments below the log start offset, then, with cleanup.policy=delete, the
// oldest of what exceeds retention.bytes, then of what is older than retention.ms. Only whole segments below the
// high watermark go. It returns how many went: none of a log that no topic has claimed.
func (l *Log) Retain() (int, error) {
	if !l.claimed.Load() {
		return 0, nil
	}
	n, err := l.removeWhile(l.belowStart())
	if err != nil || !l.Config().Delete {
		return n, err
	}
	for _, expired := range []func(*segment, record.Offset) bool{l.exceeding(), l.outdated()} {
		m, err := l.removeWhile(expired)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (l *Log) belowStart() func(*segment, record.Offset) bool {
	start := l.Start()
	return func(_ *segment, next record.Offset) bool { return next <= start }
}

// exceeding: a segment goes only if what remains still is at least retention.bytes.
func (l *Log) exceeding() func(*segment, record.Offset) bool {
	limit := l.Config().RetentionBytes
	excess := l.Size() - limit
	return func(s *segment, _ record.Offset) bool {
		if limit < 0 || excess-s.size < 0 {
			return false
		}
		excess -= s.size
		return true
	}
}

func (l *Log) outdated() func(*segment, record.Offset) bool {
	age := l.Config().RetentionAge
	now := l.env.nowMs()
	return func(s *segment, _ record.Offset) bool {
		return age >= 0 && now-s.largestTimestamp() > age.Milliseconds()
	}
}

// removeWhile removes segments from the oldest on as long as they are expired: each is judged with the offset where the next one
// begins. The active segment goes last, after a new one was begun, and never if it is empty.
func (l *Log) removeWhile(expired func(s *segment, next record.Offset) bool) (int, error) {
	for _, s := range l.segmentsSnapshot() {
		if _, err := l.segmentTimestamp(s); err != nil {
			return 0, l.readError(err)
		}
	}
	l.flushMu.Lock()
	n, after, err := l.removeExpired(expired)
	l.flushMu.Unlock()
	after()
	return n, err
}

func (l *Log) removeExpired(expired func(s *segment, next record.Offset) bool) (n int, after func(), err error) {
	after = func() {}
	l.mu.Lock()
	if err = l.checkLocked(); err == nil {
		n = l.countExpiredLocked(expired)
	}
	if n > 0 && n == len(l.segments) {
		l.rollLocked(l.End())
	}
	active := l.activeLocked()
	nameless := n > 0 && !active.onDisk
	if nameless {
		err = l.createFileLocked(active)
	}
	// What tells how the log goes on, the name of its new first segment and the producers' state there, must be on disk
	// before the old segments go.
	unsaved := nameless && err == nil || n > 0 && err == nil && !l.segments[n].synced && (n == len(l.segments)-1 || l.segments[n].snapshot != nil)
	l.mu.Unlock()
	if unsaved {
		after, err = l.flushAllLocked(false)
	}
	if err == nil {
		err = l.dropSegments(n)
	}
	if err != nil {
		return 0, after, l.logDir().ioError("remove segments of "+l.tp.String(), err)
	}
	return n, after, nil
}

func (l *Log) countExpiredLocked(expired func(s *segment, next record.Offset) bool) int {
	hw := l.HighWatermark()
	for i, s := range l.segments {
		next := l.End()
		if i+1 < len(l.segments) {
			next = l.segments[i+1].base
		} else if s.size == 0 {
			return i
		}
		if next > hw || !expired(s, next) {
			return i
		}
	}
	return len(l.segments)
}

// dropSegments takes the n oldest segments out of the log. Their files are renamed and go after file.delete.delay.ms.
func (l *Log) dropSegments(n int) error {
	if n == 0 {
		return nil
	}
	l.mu.Lock()
	gone := l.segments[:n]
	l.setSegmentsLocked(slices.Clone(l.segments[n:]))
	first := l.segments[0].base
	if first > l.Start() {
		l.start.Store(int64(first))
		l.epochs.truncateStart(first)
		l.dir.checkpointer.changed(logStarts)
	}
	if int64(first) > l.recoveryPoint.Load() {
		l.recoveryPoint.Store(int64(first))
	}
	l.unsynced.contents = true
	folder, delay, trash := l.folder, l.cfg.FileDeleteDelay, &l.dir.trash
	l.mu.Unlock()
	l.env.counters.DeletedSegments.Add(int64(n))
	for _, s := range gone {
		if err := l.retireSegment(s, folder, trash, delay); err != nil {
			return err
		}
	}
	return nil
}

// retireSegment renames a segment's files and leaves them to the trash.
func (l *Log) retireSegment(s *segment, folder string, trash *trash, delay time.Duration) error {
	l.mu.Lock()
	l.forgetSnapshotLocked(s.base)
	l.mu.Unlock()
	return l.retireFiles(s, folder, append(slices.Clone(segmentSuffixes), snapshotSuffix), trash, delay)
}

func (l *Log) retireFiles(s *segment, folder string, suffixes []string, trash *trash, delay time.Duration) error {
	l.env.fds.drop(s)
	l.env.indexes.drop(s)
	for _, suffix := range suffixes {
		name := s.file(folder, suffix)
		err := l.env.fs.Rename(name, name+deletedSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		trash.add(name+deletedSuffix, delay)
	}
	return nil
}

func (l *Log) forgetSnapshotLocked(o record.Offset) bool {
	i, found := slices.BinarySearch(l.snapshots, o)
	if found {
		l.snapshots = slices.Delete(slices.Clone(l.snapshots), i, i+1)
	}
	return found
}

// expireProducers forgets producers that were silent for too long.
func (l *Log) expireProducers(age time.Duration) {
	if !l.claimed.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.producers.byID) > 0 {
		l.producers.expire(l.env.nowMs() - age.Milliseconds())
	}
}
