package commitlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// cleanScene is a log that is about to be compacted: several groups, an aborted and a committed transaction, codecs and tombstones.
const cleanScene = `config segment.bytes=600 delete.retention=10s
append a=1 b=1 c=1 d=1
append zstd a=2 b=2 e=2
append pid=1:0:0 txn a=3 f=3
append pid=2:0:0 txn b=3 g=3
append lz4 c=4 d=4
abort 1:0
commit 2:0
roll
append pid=3:0:0 h=5 i=5
append a=6 b
roll
append c=7 j=7 k=7
append gzip h=8 e
append pid=1:0:2 txn a=9 l=9
commit 1:0
roll
append x=1 y=1`

func newCleanScene(t *testing.T) *cleanerScript {
	s := newCleanerScript(t)
	for _, line := range strings.Split(cleanScene, "\n") {
		if out := s.run(line); out != "" {
			t.Fatalf("%s: %s", line, out)
		}
	}
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	return s
}

// committedState is what a consumer of committed records makes of a log: the last value of each key. all has every data record.
func committedState(t *testing.T, l *Log) (state map[string]string, all map[record.Offset]string) {
	t.Helper()
	state, all = map[string]string{}, map[record.Offset]string{}
	records, committed := (&cleanModel{log: l}).consume(t)
	last := record.Offset(-1)
	for _, r := range records {
		if r.offset <= last {
			t.Fatalf("offset %d follows %d", r.offset, last)
		}
		last = r.offset
		all[r.offset] = r.key + "=" + r.value
	}
	for _, r := range committed {
		if state[r.key] = r.value; r.value == "" {
			delete(state, r.key)
		}
	}
	return state, all
}

// checkBetween checks that a log is as it was before compaction, after it, or in between: no record is new, none that stays is
// missing, and a consumer sees the same.
func checkBetween(t *testing.T, what string, l *Log, want map[string]string, before, after map[record.Offset]string) {
	t.Helper()
	if l == nil || l.Err() != nil {
		t.Fatalf("%s: the log is offline: %v", what, l.Err())
	}
	got, all := committedState(t, l)
	if !maps.Equal(got, want) {
		t.Fatalf("%s: state %v, want %v", what, got, want)
	}
	for o, r := range all {
		if before[o] != r {
			t.Fatalf("%s: offset %d holds %s, was %s", what, o, r, before[o])
		}
	}
	for o, r := range after {
		if all[o] != r {
			t.Fatalf("%s: offset %d holds %q, should hold %s", what, o, all[o], r)
		}
	}
}

// checkReadable is checkBetween for who knows only what was there before.
func checkReadable(t *testing.T, what string, l *Log, want map[string]string, before map[record.Offset]string) {
	t.Helper()
	got, all := committedState(t, l)
	if !maps.Equal(got, want) {
		t.Fatalf("%s: state %v, want %v", what, got, want)
	}
	for o, r := range all {
		if before[o] != r {
			t.Fatalf("%s: offset %d holds %s, was %s", what, o, r, before[o])
		}
	}
}

// TestCleanerCrash takes the power away after every operation of a compaction, and compacts again after the restart.
func TestCleanerCrash(t *testing.T) {
	s := newCleanScene(t)
	producers := fmt.Sprint(s.producers())
	want, before := committedState(t, s.log)
	first := s.fs.Ops()
	if err := s.dirs.CleanNow(context.Background(), s.log); err != nil {
		t.Fatal(err)
	}
	last := s.fs.Ops()
	_, after := committedState(t, s.log)
	if len(after) >= len(before) || last-first < 20 {
		t.Fatalf("nothing to crash in: %d of %d records stay, %d operations", len(after), len(before), last-first)
	}
	for op := first; op <= last; op++ {
		for _, policy := range vfs.Policies() {
			seeds := uint64(3)
			if policy == vfs.Prefix {
				seeds = uint64(s.fs.Unsynced(op) + 1)
			}
			for seed := range seeds {
				what := fmt.Sprintf("operation %d of %d, %s %d", op-first, last-first, policy, seed)
				c := &cleanerScript{t: t, fs: s.fs.CrashAt(op, policy, seed), opt: s.opt, cfg: s.cfg, now: s.now}
				c.open()
				checkBetween(t, what, c.log, want, before, after)
				if got := fmt.Sprint(c.producers()); got != producers {
					t.Fatalf("%s: producers %s, want %s", what, got, producers)
				}
				if err := c.dirs.CleanNow(context.Background(), c.log); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				checkBetween(t, what+", compacted", c.log, want, after, after)
				c.dirs.unlock()
			}
		}
	}
}

// open opens the script's log again and makes everything in it replicated.
func (s *cleanerScript) open() {
	s.dirs = openDirs(s.t, s.fs, s.opt)
	if s.log = s.dirs.Get(TP{cleanerTopic, 0}); s.log != nil && s.log.Err() == nil {
		s.log.UpdateHighWatermark(s.log.End())
	}
}

// TestCleanerFaults fails every operation of a compaction once, for each of two reasons. What can be read stays the same, and
// after a restart too.
func TestCleanerFaults(t *testing.T) {
	for _, reason := range []error{syscall.EIO, syscall.ENOSPC} {
		t.Run(reason.Error(), func(t *testing.T) {
			for n := 0; ; n++ {
				if !cleanWithFault(t, n, reason) {
					return
				}
			}
		})
	}
}

// cleanWithFault compacts and fails the n-th operation. It returns false if there were fewer.
func cleanWithFault(t *testing.T, n int, reason error) bool {
	s := newCleanScene(t)
	want, before := committedState(t, s.log)
	mem := s.fs
	if err := s.dirs.Close(); err != nil {
		t.Fatal(err)
	}
	armed, count, failed := false, 0, vfs.Op{}
	s.dirs = openDirs(t, vfs.NewFault(mem, func(op vfs.Op) error {
		if !armed || op.Kind == vfs.OpClose || op.Kind == vfs.OpUsage || op.Kind == vfs.OpStat {
			return nil
		}
		if count++; count-1 == n {
			failed = op
			return reason
		}
		return nil
	}), s.opt)
	s.log = s.dirs.Get(TP{cleanerTopic, 0})
	armed = true
	err := s.dirs.CleanNow(context.Background(), s.log)
	armed = false
	if count <= n {
		if err != nil {
			t.Fatal(err)
		}
		return false
	}
	what := fmt.Sprintf("%v at operation %d, %s", reason, n, failed)
	if err != nil && errors.Is(err, errSegmentsChanged) {
		t.Fatalf("%s is taken for a change: %v", what, err)
	}
	if s.dirs.Uncleanable(s.log) != nil {
		t.Fatalf("%s marks the log as damaged", what)
	}
	checkReadable(t, what, s.log, want, before)
	s.dirs.unlock()
	s.fs = mem
	s.open()
	checkReadable(t, what+", reopened", s.log, want, before)
	if err := s.dirs.CleanNow(context.Background(), s.log); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	checkReadable(t, what+", compacted", s.log, want, before)
	s.dirs.unlock()
	return true
}
