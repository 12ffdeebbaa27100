package raft

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// faulty is a disk on which operation number at fails, once.
type faulty struct {
	vfs.FS
	count atomic.Int64
	at    int64
	err   error
	hit   atomic.Pointer[vfs.Op]
}

func newFaulty(m *vfs.Mem, at int64, err error) *faulty {
	f := &faulty{at: at, err: err}
	f.FS = vfs.NewFault(m, func(op vfs.Op) error {
		if f.count.Add(1) != f.at {
			return nil
		}
		f.hit.Store(&op)
		if op.Kind == vfs.OpWriteAt {
			return &vfs.Partial{N: int(op.Len / 2), Err: f.err}
		}
		return f.err
	})
	return f
}

// attempt makes 12 proposals and a snapshot on a disk that fails once, and returns which were acknowledged. When the disk
// was full it tries again, without a restart; other failures must stop the node.
func attempt(t *testing.T, f *faulty) (acked []int) {
	n, err := Open(small(f))
	if err != nil {
		return nil
	}
	defer n.Close()
	if err := n.Start(); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := n.WaitReady(ctx); err != nil {
		if !expectStopped(t, n, f) {
			t.Fatalf("not ready: %v", err)
		}
		return nil
	}
	for i := range 12 {
		recs := []metadata.Record{setting(strconv.Itoa(i), string(make([]byte, 300))), setting("last", strconv.Itoa(i))}
		_, err := n.Propose(ctx, recs)
		for err != nil && vfs.IsNoSpace(f.err) && !errors.Is(err, ErrStorage) && ctx.Err() == nil {
			if _, retry := errors.AsType[protocol.Error](err); !retry {
				t.Fatalf("proposal failed for good: %v", err)
			}
			time.Sleep(time.Second)
			if err = n.Barrier(ctx); err == nil {
				_, err = n.Propose(ctx, recs)
			}
		}
		if err != nil {
			if !expectStopped(t, n, f) {
				t.Fatalf("proposal %d: %v", i, err)
			}
			break
		}
		acked = append(acked, i)
		if i == 8 {
			n.mu.Lock()
			inst := n.instance
			n.mu.Unlock()
			if inst != nil {
				inst.raft.Snapshot().Error() // may fail; then the log is longer
			}
		}
	}
	return acked
}

// mayStop tells whether the injected error may stop the node: all do but for a full disk, and that too when a sync fails.
func (f *faulty) mayStop() bool {
	op := f.hit.Load()
	return op != nil && (!vfs.IsNoSpace(f.err) || op.Kind == vfs.OpDatasync || op.Kind == vfs.OpSyncDir)
}

// expectStopped tells whether the node stopped for the injected error.
func expectStopped(t *testing.T, n *Node, f *faulty) bool {
	if !f.mayStop() {
		return false
	}
	select {
	case err := <-n.Done():
		if !errors.Is(err, f.err) {
			t.Fatalf("node stopped for %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("node did not stop after %v", f.hit.Load())
	}
	if _, err := n.Propose(t.Context(), nil); !errors.Is(err, ErrStorage) {
		t.Fatalf("proposal to a stopped node: %v", err)
	}
	return true
}

// TestFailureOfEveryOperation fails each call to the disk once, with an I/O error and with a full disk. What was
// acknowledged is there after the power cut that follows.
func TestFailureOfEveryOperation(t *testing.T) {
	for _, failure := range []error{syscall.EIO, syscall.ENOSPC} {
		for at := int64(1); ; at++ {
			var done bool
			t.Run(fmt.Sprintf("%v/%d", failure, at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := memory(t)
					f := newFaulty(m, at, failure)
					acked := attempt(t, f)
					done = f.hit.Load() == nil
					if done && len(acked) != 12 {
						t.Fatalf("without a failure %d proposals were acknowledged", len(acked))
					}
					n := start(t, small(m.Crash(vfs.Synced, 0)))
					got := settings(n.Image())
					for _, i := range acked {
						if _, found := got[strconv.Itoa(i)]; !found {
							t.Fatalf("%v failed; proposal %d of %v is lost", f.hit.Load(), i, acked)
						}
					}
					ok(t, n.Close())
				})
			})
			if done || t.Failed() {
				t.Logf("%v: %d operations", failure, at)
				break
			}
		}
	}
}

// TestFullDisk fills the disk under a running node: proposals fail retriably, the image is served, and proposals succeed
// again when there is space, without a restart.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory(t)
		o := options(m, testDir)
		o.SegmentBytes = 64 << 10
		n := start(t, o)
		defer n.Close()
		m.SetCapacity(1 << 20)
		next := 0
		for range 3 {
			fill, err := m.Create("/data/fill")
			ok(t, err)
			if _, err := fill.WriteAt(make([]byte, 2<<20), 0); !vfs.IsNoSpace(err) {
				t.Fatalf("filling the disk: %v", err)
			}
			for ; ; next++ { // until the reserved space of the segment is used up
				_, err = n.Propose(t.Context(), []metadata.Record{setting("last", strconv.Itoa(next)), setting("pad", string(make([]byte, 5000)))})
				if err != nil {
					break
				}
			}
			if e, retriable := errors.AsType[protocol.Error](err); !retriable || !e.Retriable() {
				t.Fatalf("on a full disk: %v", err)
			}
			time.Sleep(time.Minute)
			if _, err := n.Propose(t.Context(), nil); !errors.Is(err, ErrNoSpace) {
				t.Fatalf("a minute later: %v", err)
			}
			if got := settings(n.Image())["last"]; got != strconv.Itoa(next-1) {
				t.Fatalf("the image has %s, acknowledged was %d", got, next-1)
			}
			ok(t, fill.Close())
			ok(t, m.Remove("/data/fill"))
			ok(t, n.WaitReady(t.Context()))
			set(t, n, "space", "again")
		}
		want := n.Image()
		ok(t, n.Close())
		if d := metadata.Diff(want, start(t, o).Image()); !d.Empty() {
			t.Fatalf("after a restart: %+v", d)
		}
	})
}

// TestNothingIsWrittenAfterAFailure: a sync that is tried again proves nothing.
func TestNothingIsWrittenAfterAFailure(t *testing.T) {
	m := memory(t)
	failing := false
	fsys := vfs.NewFault(m, func(op vfs.Op) error {
		if failing && op.Kind == vfs.OpDatasync {
			failing = false
			return syscall.EIO
		}
		return nil
	})
	s, err := openStorage(storageOptions{fs: fsys, dir: testDir, log: quiet, segmentBytes: 4096, longLog: 1 << 20})
	ok(t, err)
	defer s.close()
	ok(t, s.begin(hraft.Configuration{}))
	failing = true
	if err := s.logs.StoreLog(&hraft.Log{Index: 2, Term: 1}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("append: %v", err)
	}
	ops := m.Ops()
	errs := map[string]error{
		"append":   s.logs.StoreLog(&hraft.Log{Index: 2, Term: 1}),
		"truncate": s.logs.DeleteRange(1, 1),
		"vote":     s.votes.SetUint64([]byte(termKey), 9),
	}
	_, errs["snapshot"] = s.snaps.Create(1, 1, 1, hraft.Configuration{}, 1, nil)
	for what, err := range errs {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s after a failed sync: %v", what, err)
		}
	}
	if m.Ops() != ops {
		t.Errorf("%d operations after a failed sync", m.Ops()-ops)
	}
}

// TestVotesSurvive: a term or vote that was set is found after a power cut at any later moment.
func TestVotesSurvive(t *testing.T) {
	m := memory(t)
	s, err := openStorage(storageOptions{fs: m, dir: testDir, log: quiet, segmentBytes: 4096})
	ok(t, err)
	type vote struct {
		term uint64
		cand string
		ops  int
	}
	history := []vote{{ops: m.Ops()}}
	for term := uint64(1); term < 8; term++ {
		cand := fmt.Sprint("candidate-", term/3)
		ok(t, s.votes.SetUint64([]byte(termKey), term))
		ok(t, s.votes.SetUint64([]byte(voteTermKey), term))
		ok(t, s.votes.Set([]byte("LastVoteCand"), []byte(cand)))
		history = append(history, vote{term, cand, m.Ops()})
	}
	ok(t, s.close())
	for op := history[0].ops; op <= m.Ops(); op++ {
		known := 0
		for known+1 < len(history) && history[known+1].ops <= op {
			known++
		}
		for _, p := range vfs.Policies() {
			for seed := range uint64(5) {
				s, err := openStorage(storageOptions{fs: m.CrashAt(op, p, seed), dir: testDir, log: quiet, segmentBytes: 4096})
				ok(t, err)
				term, _ := s.votes.GetUint64([]byte(voteTermKey))
				cand, _ := s.votes.Get([]byte("LastVoteCand"))
				if h := history[known]; term < h.term || (term == h.term && string(cand) != h.cand) {
					t.Fatalf("op %d %s: vote for %q in term %d, not for %q in term %d", op, p, cand, term, h.cand, h.term)
				}
				ok(t, s.close())
			}
		}
	}
}
