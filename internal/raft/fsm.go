package raft

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/metadata"
)

// Publisher is told about each new image, in order, by one goroutine. It must not wait for anything: no entry is applied
// meanwhile. delta says how next differs from prev.
type Publisher func(prev, next *metadata.Image, delta *metadata.Delta)

// fsm is the state machine that Raft drives: it makes an image of the committed entries.
//
// Invariant: image is what the entries up to index make of the empty image, on every node alike, and whatever they were
// replayed from. An index is applied once: a second time, after a restart, it is passed over. Behind an entry that isn't
// understood nothing is applied, and nothing is saved: the image would lack it for good.
type fsm struct {
	image      atomic.Pointer[metadata.Image]
	index      atomic.Uint64 // of the last entry applied
	publishers []Publisher   // fixed before Raft runs

	failure atomic.Pointer[error] // an entry or image that isn't understood
	failed  chan error            // failure, once; capacity 1
}

func newFSM() *fsm {
	f := &fsm{failed: make(chan error, 1)}
	f.image.Store(metadata.Empty())
	return f
}

// Apply applies a committed entry. It returns nil or the error for whoever proposed it; either way the entry counts as
// applied, for every node comes to the same result. One that isn't understood doesn't, and stops the node.
func (f *fsm) Apply(l *hraft.Log) any {
	if err := f.broken(); err != nil {
		return err
	}
	if l.Index <= f.index.Load() {
		return nil
	}
	if err := f.fail(f.applyEntry(l)); err != nil {
		return err
	}
	return nil
}

func (f *fsm) applyEntry(l *hraft.Log) error {
	term, d, err := decodeTerm(l)
	if err != nil {
		return err
	}
	if term != l.Term {
		f.index.Store(l.Index)
		return fmt.Errorf("entry %d, decided in term %d and written in term %d: %w", l.Index, term, l.Term, ErrStaleTerm)
	}
	recs, err := decodeRecords(l, d)
	if err != nil {
		return err
	}
	prev := f.image.Load()
	next, delta, err := prev.Apply(recs)
	if errors.Is(err, metadata.ErrUnknownRecord) {
		return notUnderstood(entryName(l), err)
	}
	defer f.index.Store(l.Index)
	if err != nil {
		return fmt.Errorf("entry %d: %w", l.Index, err)
	}
	f.publish(prev, next, delta)
	return nil
}

// fail notes that something isn't understood, if err says so, and returns err.
func (f *fsm) fail(err error) error {
	if errors.Is(err, ErrNotUnderstood) && f.failure.CompareAndSwap(nil, &err) {
		f.failed <- err
	}
	return err
}

func (f *fsm) broken() error {
	if err := f.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *fsm) publish(prev, next *metadata.Image, delta *metadata.Delta) {
	f.image.Store(next)
	for _, p := range f.publishers {
		p(prev, next, delta)
	}
}

// Snapshot captures the image.
func (f *fsm) Snapshot() (hraft.FSMSnapshot, error) {
	if err := f.broken(); err != nil {
		return nil, err
	}
	return &imageSnapshot{f.image.Load(), f.index.Load()}, nil
}

// Restore replaces the image by that of a snapshot, unless it is older.
func (f *fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	next, index, err := readImage(r)
	if err != nil || index <= f.index.Load() {
		return f.fail(err)
	}
	prev := f.image.Load()
	f.index.Store(index)
	f.publish(prev, next, metadata.Diff(prev, next))
	return nil
}

// imageSnapshot writes an image into a snapshot.
type imageSnapshot struct {
	image *metadata.Image
	index uint64
}

func (s *imageSnapshot) Persist(sink hraft.SnapshotSink) error {
	return writeImage(sink, s.image, s.index)
}

func (s *imageSnapshot) Release() {}
