package sim

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// history is one broker's life: work, and restarts between which nothing observable may change.
type history struct {
	t        *testing.T
	seed     uint64
	rnd      *rand.Rand // of restarts, apart from the workload's
	b        restartable
	w        *workload
	restarts int
	endings  []string
	shown    []map[string]string // after each restart, without what is the broker's own; kept beside a peer
}

// TestRestart ends brokers in every way, again and again, and compares everything observable with what clients know: before
// the end, and after the start.
func TestRestart(t *testing.T) {
	t.Parallel()
	restarts := 40
	if testing.Short() {
		restarts = 10
	}
	restartHistories(t, 1, restarts)
}

// TestRestartCampaign is TestRestart for long.
func TestRestartCampaign(t *testing.T) {
	if *restartsFlag == 0 {
		t.Skip("campaign: -faults.restarts=2000")
	}
	restartHistories(t, *seedFlag, *restartsFlag)
}

func restartHistories(t *testing.T, seed uint64, restarts int) {
	begin, done, histories := time.Now(), 0, 0
	for ; done < restarts && !t.Failed(); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			h := newHistory(t, seed)
			defer h.close()
			h.live()
			done += h.restarts
			histories++
		})
	}
	t.Logf("%d restarts in %d histories took %v", done, histories, time.Since(begin).Round(time.Millisecond))
}

// newHistory makes a broker of the kind that the seed says: every eighth in a process of its own.
func newHistory(t *testing.T, seed uint64) *history {
	if seed%8 == 0 {
		return newHistoryOf(t, seed, newProcessBroker(t))
	}
	b, err := newMemoryBroker(seed%2 == 0)
	ok(t, err)
	return newHistoryOf(t, seed, b)
}

func newHistoryOf(t *testing.T, seed uint64, b restartable) *history {
	h := &history{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 19)), b: b}
	h.w = newWorkload(seed, func() (net.Conn, error) { return h.b.dial() })
	_, h.w.moves = h.b.(*memoryBroker)
	h.w.moves = h.w.moves && *peerFlag == ""
	return h
}

func (h *history) close() {
	h.w.close()
	h.b.close()
}

// durable says whether everything acknowledged survives a power cut.
func (h *history) durable() bool {
	m, ok := h.b.(*memoryBroker)
	return ok && m.configs["log.flush.interval.messages"] == "1"
}

func (h *history) live() {
	h.do(h.w.begin)
	for range 4 {
		for range 8 + h.rnd.IntN(16) {
			h.do(h.w.step)
		}
		how := ending(h.rnd.IntN(2))
		if h.durable() {
			how = ending(h.rnd.IntN(3))
		}
		h.restart(how)
	}
	if m, ok := h.b.(*memoryBroker); ok {
		h.interrupt(m)
	}
}

func (h *history) do(op func() error) {
	h.t.Helper()
	if err := op(); err != nil {
		h.fail(err.Error())
	}
}

// fail reports what was found, with all that is needed to see it again.
func (h *history) fail(found string) {
	h.t.Helper()
	h.t.Fatalf("seed %d, restart %d (%s):\n%s\n\nsince the last good comparison:\n%s\n\nthe broker's log:\n%s",
		h.seed, h.restarts, strings.Join(h.endings, ", "), found, strings.Join(h.w.ops, "\n"), tail(h.b.log()))
}

// restart compares, ends the broker, starts it, and compares again.
func (h *history) restart(how ending) {
	h.t.Helper()
	before := h.settled()
	before.moved = h.w.moved()
	h.endings = append(h.endings, how.String())
	h.w.note("restart: %v", how)
	h.w.close()
	if err := h.b.restart(how, h.rnd.Uint64()); err != nil {
		h.fail(err.Error())
	}
	h.restarts++
	h.adopt()
	after, differences := h.lookAgain(before)
	if len(differences) > 0 {
		h.fail(firstOf(differences))
	}
	if *peerFlag != "" {
		h.shown = append(h.shown, h.plain(after))
	}
	h.probe()
	h.w.ops = nil
}

// lookAgain compares after a restart: at once, for what is answered must be right. Only a peer is given time: Apache Kafka
// lists no transactions for a moment after its start.
func (h *history) lookAgain(before *dump) (*dump, []string) {
	h.t.Helper()
	_, peer := h.b.(peerBroker)
	for deadline := time.Now().Add(10 * time.Second); ; {
		after, differences := h.look()
		differences = append(differences, unchanged(before, after)...)
		if len(differences) == 0 || !peer || time.Now().After(deadline) {
			return after, differences
		}
	}
}

// settled compares until nothing differs: what a broker does behind its answers may take a moment.
func (h *history) settled() *dump {
	h.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		seen, differences := h.look()
		if len(differences) == 0 {
			return seen
		}
		if time.Now().After(deadline) {
			h.fail("before the restart:\n" + firstOf(differences))
		}
		<-time.After(5 * time.Millisecond)
	}
}

// look observes and compares with the model.
func (h *history) look() (*dump, []string) {
	h.t.Helper()
	seen, err := observe(h.w.s)
	if err != nil {
		h.fail(err.Error())
	}
	want := h.w.m.expect()
	want.expectEpochs(seen, h.w.m.leaders())
	return seen, compare(want, seen)
}

// adopt tells the model the leader epochs of a new start, which may not go back.
func (h *history) adopt() {
	h.t.Helper()
	leaders, err := leaderEpochs(h.w.s)
	if err != nil {
		h.fail(err.Error())
	}
	for name, t := range h.w.m.topics {
		for i, l := range t.parts {
			was, now := l.epochs[len(l.epochs)-1].epoch, leaders[partition{name, int32(i)}]
			if now < was {
				h.fail(fmt.Sprintf("%s-%d: leader epoch %d after %d", name, i, now, was))
			}
			l.epochs = led(l.epochs, now, l.end)
		}
	}
}

// probe asks what changes something when it is wrong: members' heartbeats, duplicates, gaps.
func (h *history) probe() {
	h.t.Helper()
	h.do(h.w.stillMembers)
	for i, b := range h.w.sent() {
		h.do(func() error { return h.w.resendOne(b) })
		if i%2 == 0 {
			h.do(func() error { return h.w.gapOne(b) })
		}
	}
}

// leaders are the newest leader epochs that the model knows.
func (m *model) leaders() map[partition]int32 {
	out := map[partition]int32{}
	for name, t := range m.topics {
		for i, l := range t.parts {
			out[partition{name, int32(i)}] = l.epochs[len(l.epochs)-1].epoch
		}
	}
	return out
}

// interrupt goes on working, and then looks at what is left if the broker had ended in the middle of it: of each
// operation that was not answered, everything, nothing, or a part must be there, and everything of those before it.
func (h *history) interrupt(m *memoryBroker) {
	h.t.Helper()
	const steps, looks = 6, 3
	moments := []restartMoment{{at: m.fs.Ops(), want: h.w.m.expect()}}
	for range steps {
		h.do(h.w.step)
		moments = append(moments, restartMoment{m.fs.Ops(), h.w.m.expect(), h.w.ops[len(h.w.ops)-1], h.w.touched})
	}
	h.w.close()
	for range looks {
		at := moments[0].at + h.rnd.IntN(moments[steps].at-moments[0].at+1)
		i := 1
		for i < steps && moments[i].at < at {
			i++
		}
		policy := vfs.Written
		if h.durable() {
			policy = vfs.Policies()[h.rnd.IntN(len(vfs.Policies()))]
		}
		h.lookAt(m, at, policy, moments[i-1], moments[i])
	}
}

// lookAt starts a broker on what an ending after so many operations of the file system left.
func (h *history) lookAt(m *memoryBroker, at int, policy vfs.Policy, before, after restartMoment) {
	h.t.Helper()
	h.endings = append(h.endings, fmt.Sprintf("%v at %d in %q", policy, at, after.op))
	other := &memoryBroker{configs: m.configs, fs: m.fs.CrashAt(at, policy, h.rnd.Uint64())}
	if err := other.boot(); err != nil {
		h.fail(fmt.Sprintf("%v\n%s", err, other.log()))
	}
	h.restarts++
	s := newSpeaker(other.dial, "observer")
	defer other.close()
	defer s.close()
	leaders, err := leaderEpochs(s)
	if err != nil {
		h.fail(err.Error())
	}
	seen, err := observe(s)
	if err != nil {
		h.fail(fmt.Sprintf("%v\n%s", err, tail(other.log())))
	}
	before.want.expectEpochs(seen, leaders)
	after.want.expectEpochs(seen, leaders)
	if differences := either(before, after, seen); len(differences) > 0 {
		h.fail(firstOf(differences) + "\n" + tail(other.log()))
	}
}
