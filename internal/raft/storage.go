package raft

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync/atomic"

	hraft "github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// Names in Raft's directory, beside the segments (*.wal) and snapshots (*.snapshot).
const (
	lockFile     = "lock"
	votesFile    = "votes"    // term and vote
	segmentsFile = "segments" // which segments make up the log
)

// ErrCorrupt is returned when what is on disk can't be what was written there. Nothing is repaired then: the log of a
// lone voter has no second copy.
var ErrCorrupt = errors.New("raft storage is corrupt")

var errStorageClosed = errors.New("raft storage is closed")

// storage is everything Raft keeps on disk: log, votes and snapshots, in one directory.
//
// Invariant: after the first failed write or sync nothing is written any more. What the disk holds then is unknown, and
// a sync that is tried again proves nothing.
type storage struct {
	fs    vfs.FS
	dir   string
	log   *slog.Logger
	lock  io.Closer
	votes *votes
	logs  *logStore
	snaps *snapshotStore

	running atomic.Bool // calls come from goroutines of Raft
	failure atomic.Pointer[error]
	failed  chan error // the first failure; capacity 1
}

type storageOptions struct {
	fs           vfs.FS
	dir          string
	log          *slog.Logger
	segmentBytes int
	longLog      int64 // bytes of entries after which the log asks for a snapshot
}

// openStorage opens or makes the directory and repairs what a crash left half done.
func openStorage(o storageOptions) (_ *storage, err error) {
	s := &storage{fs: o.fs, dir: o.dir, log: o.log, failed: make(chan error, 1)}
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	if s.lock, err = o.fs.Lock(s.path(lockFile)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.openVotes(); err != nil {
		return nil, err
	}
	meta := &segmentTable{s: s}
	if err := repairTail(s, meta); err != nil {
		return nil, err
	}
	w, err := wal.Open(s.dir,
		wal.WithMetaStore(meta),
		wal.WithSegmentFiler(segment.NewFiler(s.dir, &segmentFS{s: s})),
		wal.WithSegmentSize(o.segmentBytes),
		wal.WithLogger(newLogger(o.log)))
	if err != nil {
		return nil, fmt.Errorf("open raft log in %s: %w", s.dir, err)
	}
	if s.logs, err = openLogStore(s, w, o.longLog); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	s.snaps, err = openSnapshotStore(s)
	return s, err
}

func (s *storage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *storage) makeDir() error {
	if _, err := s.fs.Stat(s.dir); err == nil {
		return nil
	}
	if err := s.fs.MkdirAll(s.dir); err != nil {
		return err
	}
	return s.fs.SyncDir(filepath.Dir(s.dir))
}

// openVotes opens the term and vote. They are made before anything else: a log without them has lost them, and a voter
// that forgot its vote could vote twice.
func (s *storage) openVotes() (err error) {
	if _, err := s.fs.Stat(s.path(segmentsFile)); err == nil {
		if err := lostVotes(s.fs, s.dir); err != nil {
			return err
		}
	}
	s.votes, err = openVotes(s, s.path(votesFile))
	return err
}

// fail notes a failed write, unless it is nil, and returns it.
func (s *storage) fail(err error) error {
	if err == nil || errors.Is(err, errStorageClosed) {
		return err
	}
	if s.failure.CompareAndSwap(nil, &err) {
		s.failed <- err
	}
	return err
}

// syncError is a failed sync. It is final even when the disk was only full: what was written is no longer known to be
// written, and the next sync would not tell.
type syncError struct{ error }

func (e syncError) Unwrap() error { return e.error }

// failSync is fail for the error of a sync.
func (s *storage) failSync(err error) error {
	if err == nil {
		return nil
	}
	return s.fail(syncError{err})
}

// isFull tells whether an error means that the disk is full and nothing worse.
func isFull(err error) bool {
	_, sync := errors.AsType[syncError](err)
	return !sync && vfs.IsNoSpace(err)
}

// broken returns the failure after which nothing may be written.
func (s *storage) broken() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// sparePanic is called after a failure for which Raft would panic: a term that can't be stored, a committed entry that
// can't be read. The node knows of it by fail and will stop; only the goroutine of Raft ends here, not the process.
func (s *storage) sparePanic() {
	if s.running.Load() {
		runtime.Goexit()
	}
}

// close releases everything. A write after it fails.
func (s *storage) close() error {
	s.failure.CompareAndSwap(nil, &errStorageClosed)
	var errs []error
	if s.logs != nil {
		errs = append(errs, s.logs.close())
	}
	if s.votes != nil {
		errs = append(errs, s.votes.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// isNew tells whether the log was never begun. A term of 1 alone is what a crash in the middle of begin leaves behind.
func (s *storage) isNew() (bool, error) {
	last, err := s.logs.LastIndex()
	if err != nil {
		return false, err
	}
	snapshots, err := s.snaps.List()
	if err != nil {
		return false, err
	}
	term, err := s.votes.GetUint64([]byte(termKey))
	return last == 0 && len(snapshots) == 0 && term <= 1, err
}

// begin writes the first entry of a new log: the servers.
func (s *storage) begin(servers hraft.Configuration) error {
	if err := s.votes.SetUint64([]byte(termKey), 1); err != nil {
		return err
	}
	return s.logs.StoreLog(&hraft.Log{Index: 1, Term: 1, Type: hraft.LogConfiguration, Data: hraft.EncodeConfiguration(servers)})
}
