package sim

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// peerBroker is one that runs already, at -faults.peer, and that the command of -faults.bounce ends and starts again;
// ENDING in its environment is "stop" or "kill".
type peerBroker struct{}

func (peerBroker) dial() (net.Conn, error) { return tcp(*peerFlag)() }
func (peerBroker) log() string             { return "" }
func (peerBroker) close()                  {}

func (peerBroker) restart(how ending, _ uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", *bounceFlag)
	cmd.Env = append(os.Environ(), "ENDING="+how.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("-faults.bounce: %w: %s", err, out)
	}
	return nil
}

// TestRestartPeer does the same to a broker of this tree and to the peer, which must be empty: the model must hold for
// both, and after every restart both must show the same. Ids and clocks are each broker's own.
func TestRestartPeer(t *testing.T) {
	if *peerFlag == "" || *bounceFlag == "" || *restartsFlag == 0 {
		t.Skip("control: -faults.peer, -faults.bounce and -faults.restarts")
	}
	askAgain[kerr.UnknownTopicOrPartition.Code] = true // a new topic's partitions may come after its answer
	now := time.Now().UnixMilli()
	life := func(b restartable) []map[string]string {
		h := newHistoryOf(t, *seedFlag, b)
		h.w.now = now
		defer h.close()
		h.do(h.w.begin)
		for range *restartsFlag {
			for range 8 + h.rnd.IntN(16) {
				h.do(h.w.step)
			}
			h.restart(ending(h.rnd.IntN(2)))
		}
		return h.shown
	}
	theirs := life(peerBroker{})
	m, err := newMemoryBroker(false)
	ok(t, err)
	ours := life(m)
	for i := range theirs {
		for _, name := range slices.Sorted(maps.Keys(merge(theirs[i], ours[i]))) {
			if theirs[i][name] != ours[i][name] {
				t.Errorf("after restart %d: %s: the peer shows %q, this broker %q", i+1, name, theirs[i][name], ours[i][name])
			}
		}
	}
	t.Logf("seed %d: %d restarts, %d lines after the last", *seedFlag, len(theirs), len(theirs[len(theirs)-1]))
}

func merge(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

var (
	topicID     = regexp.MustCompile(`^id [0-9a-f]+`)
	ownEpoch    = regexp.MustCompile(`txn (true|false) leader epoch \d+$`)
	ownTime     = regexp.MustCompile(`ts \d+ \(append time true\)`)
	ownMember   = regexp.MustCompile(`member (client-\d+)-\S+`)
	ownProducer = regexp.MustCompile(`(producer|marker commit of|marker abort of|open) (\d+)`)
)

// plain is what was seen without what is each broker's own: ids, leader epochs, directories, append times, and what may or
// may not have been compacted yet.
func (h *history) plain(d *dump) map[string]string {
	names := map[string]string{}
	for i, p := range h.w.m.producers {
		names[fmt.Sprint(p.id)] = fmt.Sprint("idempotent-", i)
	}
	for name, x := range h.w.m.txns {
		names[fmt.Sprint(x.id)] = name
	}
	own := func(s string) string {
		s = ownEpoch.ReplaceAllString(ownTime.ReplaceAllString(topicID.ReplaceAllString(s, "id"), "ts now"), "txn $1")
		s = ownMember.ReplaceAllString(s, "member $1")
		return ownProducer.ReplaceAllStringFunc(s, func(found string) string {
			i := strings.LastIndex(found, " ")
			if name := names[found[i+1:]]; name != "" {
				return found[:i+1] + name
			}
			return found
		})
	}
	optional := h.w.m.expect().optional
	out := map[string]string{}
	for name, line := range d.lines {
		if optional[name] || name == "cluster" || strings.HasSuffix(name, " dir") || strings.HasPrefix(name, "log ") && strings.Contains(name, " epoch ") {
			continue
		}
		out[own(name)] = own(line)
	}
	return out
}
