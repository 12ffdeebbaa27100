package raft

import (
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// small makes segments, snapshots and the log behind them small, so that few proposals pass through everything.
func small(fsys vfs.FS) Options {
	o := options(fsys, testDir)
	o.SegmentBytes, o.SnapshotEntries, o.TrailingEntries = 1500, 1, 4
	return o
}

// story is what a scripted run did: proposal i set key i and the key "last" to i.
type story struct {
	mem   *vfs.Mem
	acked []int // acked[i]: operations on the disk when proposal i was acknowledged
}

func (s *story) propose(t testing.TB, n *Node, count int) {
	for range count {
		i := len(s.acked)
		size := []int{5, 400, 60}[i%3]
		_, err := n.Propose(t.Context(), []metadata.Record{
			setting(strconv.Itoa(i), string(make([]byte, size))), setting("last", strconv.Itoa(i)),
		})
		ok(t, err)
		s.acked = append(s.acked, s.mem.Ops())
	}
}

// ackedAt is the last proposal acknowledged when the disk had seen op operations, -1 for none.
func (s *story) ackedAt(op int) int {
	last := -1
	for i, at := range s.acked {
		if at <= op {
			last = i
		}
	}
	return last
}

// tell runs the script: two lives with a snapshot in each.
func tell(t testing.TB) *story {
	s := &story{mem: memory(t)}
	for range 2 {
		n := start(t, small(s.mem))
		s.propose(t, n, 10)
		ok(t, n.instance.raft.Snapshot().Error())
		s.propose(t, n, 5)
		ok(t, n.Close())
	}
	return s
}

// check opens a disk as a power cut left it: everything acknowledged must be there, and what is there must be a prefix of
// what was proposed.
func (s *story) check(t testing.TB, disk *vfs.Mem, acked int) {
	n := start(t, small(disk))
	got := settings(n.Image())
	last := -1
	if v, found := got["last"]; found {
		last, _ = strconv.Atoi(v)
	}
	if last < acked || last > acked+1 {
		t.Fatalf("the last proposal found is %d, acknowledged were those up to %d", last, acked)
	}
	for i := range last + 1 {
		if _, found := got[strconv.Itoa(i)]; !found {
			t.Fatalf("proposal %d is missing, %d is there", i, last)
		}
	}
	if last >= 0 && len(got) != last+2 {
		t.Fatalf("%d settings after proposal %d", len(got), last)
	}
	ok(t, n.Close())

	n = start(t, small(disk))
	if again := settings(n.Image()); !maps.Equal(got, again) {
		t.Fatalf("a second recovery found something else: %d settings, not %d", len(again), len(got))
	}
	set(t, n, "usable", "yes")
	ok(t, n.Close())
}

// TestCrashAtEveryOperation takes the power away after every operation on the disk.
func TestCrashAtEveryOperation(t *testing.T) {
	s := tell(t)
	begin := 2 // the parent directory exists
	seeds := 3
	if testing.Short() {
		seeds = 1
	}
	type point struct {
		op   int
		p    vfs.Policy
		seed uint64
		disk *vfs.Mem
	}
	points := make(chan point, 16)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for at := range points {
				t.Run(fmt.Sprintf("op%d/%s/%d", at.op, at.p, at.seed), func(t *testing.T) {
					s.check(t, at.disk, s.ackedAt(at.op))
				})
			}
		})
	}
	states := 0
	for op := begin; op <= s.mem.Ops(); op++ {
		for _, p := range vfs.Policies() {
			for seed := range uint64(seeds) {
				if seed > 0 && (p == vfs.Synced || p == vfs.Written) {
					continue // these don't depend on it
				}
				points <- point{op, p, seed, s.mem.CrashAt(op, p, seed)}
				states++
			}
		}
	}
	close(points)
	wg.Wait()
	t.Logf("%d operations, %d states", s.mem.Ops(), states)
}
