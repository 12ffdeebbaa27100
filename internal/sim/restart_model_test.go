package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// model is what clients that remember everything know of a broker: plain maps and lists, by Kafka's rules, without anything
// of the broker's code. Ids, epochs and append times are those that the broker's answers told.
type model struct {
	cluster   string
	topics    map[string]*topicModel
	producers []*producerModel // idempotent ones
	txns      map[string]*txnModel
	groups    map[string]*groupModel
	configs   map[string]map[string]string // by resource: "broker 1", "broker ", "group g", "metrics m"
}

func newModel() *model {
	return &model{topics: map[string]*topicModel{}, txns: map[string]*txnModel{}, groups: map[string]*groupModel{}, configs: map[string]map[string]string{}}
}

type topicModel struct {
	id      [16]byte
	configs map[string]string
	parts   []*logModel
}

func (t *topicModel) compacted() bool  { return t.configs["cleanup.policy"] == "compact" }
func (t *topicModel) appendTime() bool { return t.configs["message.timestamp.type"] == "LogAppendTime" }

// logModel is one partition.
type logModel struct {
	start, end int64
	entries    []logEntry
	fate       map[int64]*transaction // of an entry's offset; none: not of a transaction
	open       map[int64]int64        // first offset of each producer's open transaction
	epochs     []epochStart
	last       map[int64]lastBatch // of idempotent producers
	dir        string
}

// epochStart says where a leader epoch began.
type epochStart struct {
	epoch int32
	start int64
}

// lastBatch is what a producer sent last to a partition, and where it went.
type lastBatch struct {
	entries []logEntry
	base    int64
}

// transaction is one, while it is open and after.
type transaction struct{ ended, committed bool }

func newLogModel(epoch int32) *logModel {
	return &logModel{fate: map[int64]*transaction{}, open: map[int64]int64{}, last: map[int64]lastBatch{}, epochs: []epochStart{{epoch, 0}}}
}

func (l *logModel) stable() int64 {
	at := l.end
	for _, first := range l.open {
		at = min(at, first)
	}
	return at
}

// add appends entries that the broker took at its end.
func (l *logModel) add(es []logEntry, x *transaction) {
	for _, e := range es {
		e.offset, e.leaderEpoch = l.end, l.epochs[len(l.epochs)-1].epoch
		if x != nil {
			l.fate[e.offset] = x
			if _, found := l.open[e.producer]; !found && e.control == 0 {
				l.open[e.producer] = e.offset
			}
		}
		l.entries = append(l.entries, e)
		l.end++
	}
}

// deleteBefore is DeleteRecords.
func (l *logModel) deleteBefore(offset int64) {
	l.start = offset
	l.entries = slices.DeleteFunc(l.entries, func(e logEntry) bool { return e.offset < offset })
	for len(l.epochs) > 1 && l.epochs[1].start <= offset {
		l.epochs = l.epochs[1:]
	}
	l.epochs[0].start = max(l.epochs[0].start, min(offset, l.end))
}

// led notes that a leader began with an epoch. Epochs in which nothing was written are forgotten, as Kafka does.
func led(epochs []epochStart, epoch int32, end int64) []epochStart {
	if len(epochs) > 0 && epochs[len(epochs)-1].epoch >= epoch {
		return epochs
	}
	out := slices.DeleteFunc(slices.Clone(epochs), func(e epochStart) bool { return e.start >= end })
	return append(out, epochStart{epoch, end})
}

// endOf answers OffsetForLeaderEpoch.
func endOf(epochs []epochStart, asked int32, end int64) (epoch int32, offset int64) {
	last := epochs[len(epochs)-1]
	switch {
	case asked == last.epoch:
		return asked, end
	case asked > last.epoch:
		return -1, -1
	case asked < epochs[0].epoch:
		return asked, epochs[0].start
	}
	for i := len(epochs) - 2; i >= 0; i-- {
		if epochs[i].epoch <= asked {
			return epochs[i].epoch, epochs[i+1].start
		}
	}
	return -1, -1
}

type producerModel struct {
	id    int64
	epoch int16
	seq   map[partition]int32 // next
}

// txnModel is a transactional producer.
type txnModel struct {
	producerModel
	old     bool // transactions version 1
	state   string
	timeout int32
	now     *transaction       // the open one
	parts   map[partition]bool // with records in it
	pending map[string]offsets // by group
}

// offsets are commits of a group.
type offsets map[partition]committed

type committed struct {
	offset      int64
	leaderEpoch int32
	metadata    string
	turn        int // of the commit among all: of two the later holds, also if a transaction ends after it
}

// groupModel is a group of any kind.
type groupModel struct {
	kind    string // "simple", "classic", "consumer"
	offsets offsets
	members []*memberModel
	epoch   int32 // generation of a classic group, epoch of a consumer group
}

type memberModel struct {
	id, client string
	epoch      int32
	metadata   []byte
	assigned   []byte             // classic
	owned      map[string][]int32 // consumer, by topic
	line       *speaker
}

// dump is everything observable, as text by name: what is compared.
type dump struct {
	lines    map[string]string
	optional map[string]bool // lines that compaction may have removed
	moved    []string        // partitions that were moved to another log dir since the last comparison
	logs     map[partition]logEnds
	extra    map[string]string // what only an observer knows: equal before and after
	problems []string          // contradictions in what was observed
}

// logEnds is what the answers about leader epochs follow from.
type logEnds struct {
	epochs []epochStart
	end    int64
}

func newDump() *dump {
	return &dump{lines: map[string]string{}, optional: map[string]bool{}, logs: map[partition]logEnds{}, extra: map[string]string{}}
}

// expect is what an observer should see.
func (m *model) expect() *dump {
	d := newDump()
	d.lines["cluster"] = m.cluster
	for name, t := range m.topics {
		d.lines["topic "+name] = fmt.Sprintf("id %x, %d partitions", t.id, len(t.parts))
		d.lines["config topic "+name] = settings(t.configs)
		for i, l := range t.parts {
			tp := partition{name, int32(i)}
			d.logs[tp] = logEnds{slices.Clone(l.epochs), l.end}
			d.expectLog(tp, t, l)
		}
	}
	for resource, c := range m.configs {
		d.lines["config "+resource] = settings(c)
	}
	for name, x := range m.txns {
		d.lines["txn "+name] = x.String()
	}
	for name, g := range m.groups {
		g.expect(d, name, m.unstable(name))
	}
	return d
}

func settings(c map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(c)) {
		out = append(out, k+"="+brief([]byte(c[k])))
	}
	return strings.Join(out, " ")
}

func (d *dump) expectLog(tp partition, t *topicModel, l *logModel) {
	stable := l.stable()
	d.lines[fmt.Sprintf("log %v bounds", tp)] = fmt.Sprintf("start %d, end %d, stable %d", l.start, l.end, stable)
	if l.dir != "" {
		d.lines[fmt.Sprintf("log %v dir", tp)] = l.dir
	}
	for producer, first := range l.open {
		d.lines[fmt.Sprintf("log %v open %d", tp, producer)] = fmt.Sprint("from ", first)
	}
	latest := map[string]int64{}
	for _, e := range l.entries {
		if x := l.fate[e.offset]; e.control == 0 && (x == nil || x.committed) {
			latest[string(e.key)] = e.offset
		}
	}
	for i := range l.entries {
		e := &l.entries[i]
		x := l.fate[e.offset]
		aborted := x != nil && x.ended && !x.committed
		optional := t.compacted() && (e.control != 0 || aborted || latest[string(e.key)] > e.offset)
		name := fmt.Sprintf("log %v @%08d", tp, e.offset)
		d.lines[name] = e.String()
		if optional {
			d.optional[name] = true
		}
		if name := name + " committed"; e.control == 0 && !aborted && e.offset < stable {
			d.lines[name] = "visible"
			if optional {
				d.optional[name] = true
			}
		}
	}
}

func (x *txnModel) String() string {
	var parts []string
	if x.now != nil {
		for tp := range x.parts {
			parts = append(parts, tp.String())
		}
		for g := range x.pending {
			parts = append(parts, fmt.Sprint("__consumer_offsets-", coordinatorOf(g)))
		}
	}
	slices.Sort(parts)
	parts = slices.Compact(parts)
	return fmt.Sprintf("%s, producer %d/%d, timeout %d, partitions %v", x.state, x.id, x.epoch, x.timeout, parts)
}

// unstable are the partitions of a group that open transactions have offsets for.
func (m *model) unstable(group string) map[partition]bool {
	out := map[partition]bool{}
	for _, x := range m.txns {
		for tp := range x.pending[group] {
			out[tp] = true
		}
	}
	return out
}

func (g *groupModel) expect(d *dump, name string, unstable map[partition]bool) {
	for tp, c := range g.offsets {
		d.lines[fmt.Sprintf("group %s offset %v", name, tp)] = c.String()
	}
	for tp := range unstable {
		d.lines[fmt.Sprintf("group %s unstable %v", name, tp)] = "pending"
	}
	if g.kind == "simple" || len(g.members) == 0 {
		return
	}
	state := "Stable"
	d.lines["group "+name] = fmt.Sprintf("%s %s, %d members", g.kind, state, len(g.members))
	for _, m := range g.members {
		what := fmt.Sprintf("client %s metadata %s assigned %s", m.client, brief(m.metadata), brief(m.assigned))
		if g.kind == "consumer" {
			what = fmt.Sprintf("client %s epoch %d owns %v", m.client, m.epoch, m.owned)
		}
		d.lines[fmt.Sprintf("group %s member %s", name, m.id)] = what
	}
}

func (c committed) String() string {
	return fmt.Sprintf("%d, leader epoch %d, metadata %s", c.offset, c.leaderEpoch, brief([]byte(c.metadata)))
}

// coordinatorOf is the partition of __consumer_offsets that a group's offsets go to: Java's hash of its name.
func coordinatorOf(group string) int32 {
	var h int32
	for _, c := range []byte(group) {
		h = 31*h + int32(c)
	}
	return h & 0x7fffffff % offsetsPartitions
}
