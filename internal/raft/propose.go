package raft

import (
	"context"
	"errors"
	"fmt"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Errors of Propose and Barrier. Each wraps the code to answer a client with. All but ErrTooLarge can be tried again; after
// ErrOutcomeUnknown the records may still be committed, after the others they are not.
var (
	ErrNotLeader      = fmt.Errorf("this node is not the metadata leader: %w", protocol.ErrNotController)
	ErrStaleTerm      = fmt.Errorf("leadership was lost since this was decided: %w", protocol.ErrNotController)
	ErrOutcomeUnknown = fmt.Errorf("leadership was lost before this was committed: %w", protocol.ErrNotController)
	ErrNoSpace        = fmt.Errorf("no space for the metadata log: %w", protocol.ErrKafkaStorageError)
	ErrStorage        = fmt.Errorf("the metadata log can't be written: %w", protocol.ErrKafkaStorageError)
	ErrClosed         = fmt.Errorf("raft node is closed: %w", protocol.ErrNotController)
	ErrTooLarge       = fmt.Errorf("too much for one entry of the metadata log: %w", protocol.ErrRecordListTooLarge)
)

// Propose is ProposeIn for the term in which the last Barrier returned: what was decided on an image seen after the barrier
// is refused with ErrStaleTerm if this node has lost the leadership since, even if it leads again. Then decide anew, after
// another Barrier.
func (n *Node) Propose(ctx context.Context, recs []metadata.Record) (index uint64, err error) {
	n.mu.Lock()
	leader, term, settled := n.leader, n.term, n.settled
	n.mu.Unlock()
	switch {
	case !leader:
		return 0, n.whyNot()
	case term != settled:
		return 0, ErrStaleTerm
	}
	return n.ProposeIn(ctx, settled, recs)
}

// ProposeIn proposes records, decided by the leader of a term, as one entry, and waits until it is committed and in this
// node's image. If the entry is written in a later term, every node discards it: ErrStaleTerm. When ctx ends first, the
// error wraps ErrOutcomeUnknown. Records that don't fit the image are refused with the image's error.
func (n *Node) ProposeIn(ctx context.Context, term uint64, recs []metadata.Record) (index uint64, err error) {
	data := encodeEntry(term, recs)
	if len(data) > n.opt.MaxEntryBytes {
		return 0, fmt.Errorf("%d bytes of records, %d are allowed: %w", len(data), n.opt.MaxEntryBytes, ErrTooLarge)
	}
	var f hraft.ApplyFuture
	err = n.onInstance(ctx, func(r *hraft.Raft) error {
		f = r.Apply(data, 0)
		return f.Error()
	})
	if err != nil {
		return 0, err
	}
	if err, _ := f.Response().(error); err != nil {
		return 0, err
	}
	return f.Index(), nil
}

// Barrier waits until everything that was committed before it is in the image. It succeeds only on the leader, and a leader
// proposes nothing before it.
func (n *Node) Barrier(ctx context.Context) error {
	return n.onInstance(ctx, func(r *hraft.Raft) error {
		term := r.CurrentTerm()
		if err := r.Barrier(0).Error(); err != nil {
			return err
		}
		if r.CurrentTerm() != term {
			return hraft.ErrNotLeader // it is not known in which term the barrier was passed
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.settled = term
		return nil
	})
}

// WaitReady waits until this node leads and its image has everything that was ever acknowledged.
func (n *Node) WaitReady(ctx context.Context) error {
	for {
		n.mu.Lock()
		leader, closed, changed := n.leader, n.closed, n.changed
		n.mu.Unlock()
		if closed {
			return ErrClosed
		}
		if leader {
			err := n.Barrier(ctx)
			if err == nil || ctx.Err() != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-n.stopped:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// onInstance calls f, which waits for Raft, and returns when ctx ends before it.
func (n *Node) onInstance(ctx context.Context, f func(*hraft.Raft) error) error {
	n.mu.Lock()
	inst := n.instance
	n.mu.Unlock()
	if inst == nil {
		return n.whyNot()
	}
	result := make(chan error, 1)
	go func() { result <- f(inst.raft) }()
	select {
	case err := <-result:
		return n.explain(err, inst)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, context.Cause(ctx))
	}
}

// whyNot is the reason for which nothing can be proposed.
func (n *Node) whyNot() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return ErrClosed
	case n.full:
		return ErrNoSpace
	case n.started && n.instance == nil:
		return ErrStorage
	}
	return ErrNotLeader
}

// explain turns an error of Raft into one of ours.
func (n *Node) explain(err error, inst *instance) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hraft.ErrNotLeader), errors.Is(err, hraft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	}
	broken := inst.storage.broken()
	switch {
	case isFull(broken):
		return fmt.Errorf("%w: %w: %w", ErrOutcomeUnknown, ErrNoSpace, err)
	case broken != nil && !errors.Is(broken, errStorageClosed):
		return fmt.Errorf("%w: %w: %w", ErrOutcomeUnknown, ErrStorage, err)
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}
