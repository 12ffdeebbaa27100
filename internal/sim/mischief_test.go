package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// fateKind is what becomes of a request in a proxy.
type fateKind int

const (
	passed     fateKind = iota
	delayed             // held back, and with it all that follow on its connection
	overtaken           // sent after the next one
	twice               // sent twice in a row
	late                // sent, and sent again later on another connection
	unsent              // the connection is cut before it is sent
	unanswered          // sent, and the connection is cut instead of the answer
	fateKinds
)

var fateNames = [fateKinds]string{"passed", "delayed", "overtaken", "twice", "late", "unsent", "unanswered"}

// fate is what becomes of one request; after is how long it takes.
type fate struct {
	kind  fateKind
	after time.Duration
}

// mischief draws the fates of requests. Its zero and nil values draw none but passed.
type mischief struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	odds   map[protocol.Key]odds
	counts map[protocol.Key]*[fateKinds]int
}

// odds are how many requests of 10,000 meet each fate but passed.
type odds [fateKinds]int

// transactional are the requests that make a transaction, beside those of producing.
var transactional = []protocol.Key{
	protocol.InitProducerId, protocol.AddPartitionsToTxn, protocol.AddOffsetsToTxn, protocol.TxnOffsetCommit, protocol.EndTxn,
}

// newMischief treats the requests that write in a transaction, or by a sequence. With transactions version 1 nothing
// tells an old EndTxn or TxnOffsetCommit from one of the next transaction of the same producer (the hole that KIP-890
// closes), so holes says whether these may come late; to a broker of Kafka's they do harm then.
func newMischief(seed uint64, holes bool) *mischief {
	m := &mischief{rnd: rand.New(rand.NewPCG(seed, 5)), odds: map[protocol.Key]odds{}, counts: map[protocol.Key]*[fateKinds]int{}}
	for _, k := range transactional {
		m.odds[k] = odds{delayed: 400, overtaken: 200, twice: 600, late: 600, unsent: 40, unanswered: 80}
	}
	m.odds[protocol.Produce] = odds{delayed: 200, overtaken: 200, twice: 400, late: 400, unsent: 20, unanswered: 40}
	if !holes {
		for _, k := range []protocol.Key{protocol.TxnOffsetCommit, protocol.EndTxn} {
			o := m.odds[k]
			o[late] = 0
			m.odds[k] = o
		}
	}
	// A second InitProducerId with a transactional id fences the first one's producer: right, and costly.
	m.odds[protocol.InitProducerId] = odds{delayed: 400, twice: 300, late: 100, unsent: 40, unanswered: 80}
	return m
}

func (m *mischief) fate(k protocol.Key) fate {
	if m == nil {
		return fate{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, treated := m.odds[k]
	if !treated {
		return fate{}
	}
	f := fate{kind: passed}
	n := m.rnd.IntN(10_000)
	for kind := delayed; kind < fateKinds; kind++ {
		if n -= o[kind]; n < 0 {
			f.kind = kind
			break
		}
	}
	switch f.kind {
	case delayed:
		f.after = time.Duration(1+m.rnd.IntN(150)) * time.Millisecond
	case overtaken:
		f.after = 20 * time.Millisecond
	case late: // within the same transaction or, mostly, a later one
		f.after = time.Duration(1+m.rnd.IntN(800)) * time.Millisecond
	}
	if m.counts[k] == nil {
		m.counts[k] = new([fateKinds]int)
	}
	m.counts[k][f.kind]++
	return f
}

// done tells how often each fate was met.
func (m *mischief) done() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(m.counts)) {
		var b strings.Builder
		fmt.Fprintf(&b, "%v:", k)
		for kind, n := range m.counts[k] {
			fmt.Fprintf(&b, " %d %s", n, fateNames[kind])
		}
		lines = append(lines, b.String())
	}
	return strings.Join(lines, "; ")
}
