package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestDeletedRecordsStayDeleted: an acknowledged DeleteRecords holds over a power cut.
func TestDeletedRecordsStayDeleted(t *testing.T) {
	m := vfs.NewMem()
	b := mustBoot(t, m, nil)
	c := b.client(t)
	ok(t, c.createTopic("t", 1, map[string]string{"flush.messages": "1"}))
	for range 10 {
		builder := record.NewBuilder(record.None, 0)
		builder.Append(0, nil, []byte("x"))
		_, err := c.produce(tp0, builder.Build(), -1)
		ok(t, err)
	}
	low, err := c.deleteRecords(tp0, 7)
	ok(t, err)
	crashed := m.Crash(vfs.Synced, 0)
	c.close()
	ok(t, b.end())
	b = mustBoot(t, crashed, nil)
	c = b.client(t)
	start, err := c.offset(tp0, -2)
	if err != nil || low != 7 || start != 7 {
		t.Errorf("log start %d (%v) after it was %d, want 7", start, err, low)
	}
	c.close()
	ok(t, b.end())
}

// runScript makes a script of so many steps on a new file system, and stops the broker at its end.
func runScript(t *testing.T, seed uint64, steps int) *script {
	m := vfs.NewMem()
	b := mustBoot(t, m, nil)
	c := b.client(t)
	s := newScript(t, m, c, seed)
	ok(t, s.begin())
	for range steps {
		ok(t, s.step())
	}
	c.close()
	ok(t, b.end())
	return s
}

// crash boots a broker on what a crash at op left, judges what it serves, and takes its power away again: the second start must
// find the same.
func (s *script) crash(t *testing.T, op int, policy vfs.Policy, seed uint64) {
	t.Helper()
	m := s.fs.CrashAt(op, policy, seed)
	first, at := s.inspect(t, m, int64(op))
	if t.Failed() {
		return
	}
	second := vfs.Policies()[seed%uint64(len(vfs.Policies()))]
	again, _ := s.inspect(t, m.CrashAt(at, second, seed), int64(op))
	if !t.Failed() && !sameFound(first, again) {
		t.Errorf("a second crash (%v) changed what is served", second)
	}
}

// inspect boots, looks and judges. It also returns the operation of the file system by which it had seen everything.
func (s *script) inspect(t *testing.T, m *vfs.Mem, op int64) (f found, at int) {
	t.Helper()
	b, err := boot(m, nil)
	if err != nil {
		t.Fatalf("refused to start: %v\n%s", err, b.log)
	}
	c := b.client(t)
	f, err = look(c)
	at = m.Ops()
	if err != nil {
		t.Errorf("reading after the crash: %v", err)
	} else {
		for _, p := range s.judge(f, op, true) {
			t.Error(p)
		}
	}
	c.close()
	if err := b.end(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if t.Failed() {
		t.Logf("the broker's log:\n%s", tail(b.log.String()))
	}
	return f, at
}

func sameFound(a, b found) bool {
	return sameTopics(a.topics, b.topics) && sameTopics(b.topics, a.topics) && maps.EqualFunc(a.views, b.views, func(x, y view) bool {
		return x.start == y.start && x.high == y.high && slices.EqualFunc(x.records, y.records, func(r, s seen) bool {
			return r.offset == s.offset && string(r.value) == string(s.value) && string(r.key) == string(s.key)
		})
	})
}

// TestPowerLoss takes the power away between any two operations on the disk, in every way the file system knows (R4, R16 for
// the whole broker): flush.messages=1 loses nothing acknowledged, other topics their unflushed ends at most, metadata
// never anything.
func TestPowerLoss(t *testing.T) {
	states := 250
	if testing.Short() {
		states = 60
	}
	powerLoss(t, 1, states)
}

// TestPowerLossCampaign is TestPowerLoss for long.
func TestPowerLossCampaign(t *testing.T) {
	if *statesFlag == 0 {
		t.Skip("campaign: -faults.states=10000")
	}
	powerLoss(t, *seedFlag, *statesFlag)
}

func powerLoss(t *testing.T, seed uint64, states int) {
	const perScript = 125
	for ; states > 0 && !t.Failed(); states -= perScript {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := runScript(t, seed, 120)
			rnd := rand.New(rand.NewPCG(seed, 6))
			ops := make([]int, min(perScript, states))
			for i := range ops {
				ops[i] = rnd.IntN(s.fs.Ops() + 1)
			}
			slices.Sort(ops)
			for i, op := range ops {
				policy := vfs.Policies()[i%len(vfs.Policies())]
				if !t.Run(fmt.Sprintf("op=%d/%v", op, policy), func(t *testing.T) { s.crash(t, op, policy, rnd.Uint64()) }) {
					return
				}
			}
		})
		seed++
	}
}

// TestDurableMode: with flush.messages=1 what is acknowledged is on disk, whichever acks were asked for.
func TestDurableMode(t *testing.T) {
	m := vfs.NewMem()
	b := mustBoot(t, m, nil)
	c := b.client(t)
	ok(t, c.createTopic("t", 1, map[string]string{"flush.messages": "1"}))
	l := newLedger()
	s := l.open(tp0, false)
	for i := range 20 {
		r := l.send(s, 1, 0)
		builder := record.NewBuilder(record.None, 0)
		builder.Append(0, r.key(), r.value(100))
		offset, err := c.produce(tp0, builder.Build(), []int16{1, -1}[i%2])
		ok(t, err)
		l.acknowledge(tp0, r, 1, offset, 0)
		crashed := mustBoot(t, m.Crash(vfs.Synced, 0), nil)
		cc := crashed.client(t)
		v, err := cc.view(tp0)
		ok(t, err)
		if p := l.check(tp0, v, judgement{at: now}); len(p) > 0 {
			t.Errorf("acks=%d: %v", []int16{1, -1}[i%2], p)
		}
		cc.close()
		ok(t, crashed.end())
	}
	c.close()
	ok(t, b.end())
}
