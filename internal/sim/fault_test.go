package sim

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// failing fails one call of a kind.
type failing struct {
	kind vfs.OpKind
	at   int // which call, from 1 on
	err  error

	mu   sync.Mutex
	seen int
	hit  *vfs.Op
}

func (f *failing) check(op vfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op.Kind != f.kind {
		return nil
	}
	if f.seen++; f.seen != f.at {
		return nil
	}
	f.hit = &op
	return f.err
}

// what tells which operation was failed, nil if there were fewer.
func (f *failing) what() *vfs.Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// kinds are the operations whose failure the broker must bear: all that can fail on a disk.
var kinds = []vfs.OpKind{
	vfs.OpWriteAt, vfs.OpSync, vfs.OpDatasync, vfs.OpSyncDir, vfs.OpCreate, vfs.OpOpen, vfs.OpOpenWrite, vfs.OpRename,
	vfs.OpTruncate, vfs.OpPreallocate, vfs.OpReadAt, vfs.OpReadDir, vfs.OpMkdirAll, vfs.OpRemove, vfs.OpRemoveAll,
	vfs.OpSize, vfs.OpStat, vfs.OpClose, vfs.OpUsage, vfs.OpLock,
}

// TestFailedCall fails each of the first calls of every kind once, under a whole broker (R19).
func TestFailedCall(t *testing.T) {
	calls := 6
	if testing.Short() {
		calls = 2
	}
	failCalls(t, calls, 7)
}

// TestFailedCallCampaign is TestFailedCall for many calls.
func TestFailedCallCampaign(t *testing.T) {
	if *callsFlag == 0 {
		t.Skip("campaign: -faults.calls=500")
	}
	failCalls(t, *callsFlag, 1)
}

// failCalls fails the calls 1, 1+stride, ... of each kind.
func failCalls(t *testing.T, calls, stride int) {
	runs := 0
	for _, kind := range kinds {
		for _, failure := range []error{syscall.EIO, syscall.ENOSPC} {
			if failure == syscall.ENOSPC && kind != vfs.OpWriteAt && kind != vfs.OpCreate && kind != vfs.OpSync && kind != vfs.OpMkdirAll {
				continue // the others take no space
			}
			for i := range calls {
				at, done := 1+i*stride, false
				t.Run(fmt.Sprintf("%v/%v/%d", kind, failure, at), func(t *testing.T) { done = failCall(t, &failing{kind: kind, at: at, err: failure}) })
				runs++
				if done || t.Failed() {
					break
				}
			}
		}
	}
	t.Logf("%d calls failed", runs)
}

// failCall runs a script on a disk of which one call fails, and starts the broker anew on what is left. done: there was no such
// call.
func failCall(t *testing.T, f *failing) (done bool) {
	m := vfs.NewMem()
	b, err := boot(vfs.NewFault(m, f.check), nil)
	s := newScript(t, m, nil, 1)
	unknown := map[string]bool{}
	if err == nil {
		s.attempt(b, unknown)
		if op := f.what(); op != nil {
			s.checkOffline(b, f, op)
		}
		_ = b.end() // may well be an error
	} else if f.what() == nil {
		t.Fatalf("without a failure: %v", err)
	}
	if f.what() == nil {
		return true
	}
	for _, policy := range []vfs.Policy{vfs.Synced, vfs.Written} {
		s.restart(t, m.Crash(policy, 1), unknown, policy == vfs.Synced || f.kind == vfs.OpSync || f.kind == vfs.OpDatasync)
		if t.Failed() {
			t.Logf("failed was %v, crash policy %v; the log then:\n%s", f.what(), policy, tail(b.log.String()))
			return false
		}
	}
	return false
}

// attempt does a script's steps as far as they go. It collects the topics of which it isn't known what became of them.
func (s *script) attempt(b *broker, unknown map[string]bool) {
	defer func() { s.c.close() }()
	do := func(step func() error) bool {
		if s.c == nil {
			c, err := connect(b.net.dial)
			if err != nil {
				return false
			}
			s.c = c
		}
		s.touched = ""
		err := step()
		if err == nil {
			return true
		}
		if s.touched != "" {
			unknown[s.touched] = true
		}
		if answered := protocol.Error(0); !errors.As(err, &answered) {
			s.c.close()
			s.c = nil
		}
		return true
	}
	for _, name := range []string{"durable", "rolled", "both", "plain"} {
		configs := map[string]string{}
		if name == "durable" || name == "both" {
			configs["flush.messages"] = "1"
		}
		if name == "rolled" || name == "both" {
			configs["internal.segment.bytes"] = "8000"
		}
		if !do(func() error { return s.create(name, 1, configs) }) {
			return
		}
	}
	for range 60 {
		if len(s.writers) == 0 || !do(s.step) {
			return
		}
	}
}

// checkOffline: after a sync has failed, nothing durable is acknowledged any more, or the broker has ended.
func (s *script) checkOffline(b *broker, f *failing, op *vfs.Op) {
	t := s.t
	if f.kind != vfs.OpSync && f.kind != vfs.OpDatasync && f.kind != vfs.OpSyncDir || f.err == syscall.ENOSPC {
		return
	}
	c, err := connect(b.net.dial)
	if err != nil {
		return // it has ended
	}
	defer c.close()
	s.c = c
	if strings.Contains(op.Path, "__raft") {
		if err := c.createTopic("after", 1, nil); err == nil {
			t.Errorf("a topic was created after %v had failed", op)
		}
		return
	}
	for _, w := range s.writers {
		if durable(s.names[w.s.to.topic]) {
			if err := s.write(w); err == nil {
				t.Errorf("a durable write was acknowledged after %v had failed", op)
			}
		}
	}
	s.c = nil
}

// restart boots on what is left and judges it. Of unknown topics only records are judged.
func (s *script) restart(t *testing.T, m *vfs.Mem, unknown map[string]bool, lossy bool) {
	b, err := boot(m, nil)
	if err != nil {
		t.Errorf("refused to start: %v\n%s", err, b.log)
		return
	}
	c := b.client(t)
	f, err := look(c)
	if err != nil {
		t.Errorf("reading after the restart: %v", err)
	} else {
		s.judgeKnown(t, f, unknown, lossy)
	}
	c.close()
	if err := b.end(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if t.Failed() {
		t.Logf("the restarted broker's log:\n%s", tail(b.log.String()))
	}
}

func (s *script) judgeKnown(t *testing.T, f found, unknown map[string]bool, lossy bool) {
	want := maps.Clone(s.moments[len(s.moments)-1].topics)
	got := maps.Clone(f.topics)
	for name := range unknown {
		delete(want, name)
		delete(got, name)
	}
	for tp, v := range f.views {
		if lossy && v.start == v.high && f.topics[tp.topic].starts != nil {
			f.topics[tp.topic].starts[tp.index] = now
		}
	}
	if !sameTopics(got, want) {
		t.Errorf("metadata: %s", differences(got, []map[string]topicState{want}))
	}
	for tp, v := range f.views {
		if s.names[tp.topic] == nil {
			continue
		}
		for _, p := range s.ledger.check(tp, v, judgement{at: now, lossy: lossy && !durable(s.names[tp.topic]), freeStart: true}) {
			t.Error(p)
		}
	}
}
