package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// durable topics lose nothing that was acknowledged, whatever happens.
func durable(configs map[string]string) bool { return configs["flush.messages"] == "1" }

// topicState is what the metadata says of a topic.
type topicState struct {
	id         protocol.UUID
	partitions int
	retention  string
	starts     map[int32]int64
}

// moment is the metadata as it is from one operation of the file system on.
type moment struct {
	begun, done int64 // when the change began, and when it was acknowledged
	topics      map[string]topicState
}

// script drives one broker in memory by a seed, one request at a time, and remembers when everything happened.
type script struct {
	t       *testing.T
	rnd     *rand.Rand
	fs      *vfs.Mem
	c       *client
	ledger  *ledger
	names   map[string]map[string]string // configs of topics that live or lived
	moments []moment
	writers []*scripted
	ordinal int
	touched string // the topic that the last change was of
}

// scripted is a stream of the script.
type scripted struct {
	s        *stream
	producer int64
	epoch    int16
	seq      int32
}

func newScript(t *testing.T, fs *vfs.Mem, c *client, seed uint64) *script {
	s := &script{t: t, rnd: rand.New(rand.NewPCG(seed, 5)), fs: fs, c: c, ledger: newLedger(), names: map[string]map[string]string{}}
	s.moments = []moment{{topics: map[string]topicState{}}}
	return s
}

func (s *script) now() int64 { return int64(s.fs.Ops()) }

// state is the newest metadata, to be changed and given to note.
func (s *script) state() map[string]topicState {
	out := maps.Clone(s.moments[len(s.moments)-1].topics)
	for name, t := range out {
		t.starts = maps.Clone(t.starts)
		out[name] = t
	}
	return out
}

func (s *script) note(begun int64, topics map[string]topicState) {
	s.moments = append(s.moments, moment{begun, s.now(), topics})
}

// create makes a topic. Names are never used twice, but by recreate.
func (s *script) create(name string, partitions int32, configs map[string]string) error {
	begun := s.now()
	s.touched = name
	configs = maps.Clone(configs)
	configs["retention.ms"] = "1000000000"
	if err := s.c.createTopic(name, partitions, configs); err != nil {
		return err
	}
	s.names[name] = configs
	topics, err := s.c.topics()
	if err != nil {
		return err
	}
	next := s.state()
	next[name] = topicState{id: topics[name].id, partitions: int(partitions), retention: configs["retention.ms"], starts: map[int32]int64{}}
	s.note(begun, next)
	for i := range partitions {
		w := &scripted{s: s.ledger.open(partition{name, i}, false), producer: -1}
		if s.rnd.IntN(2) == 0 {
			if w.producer, w.epoch, err = s.c.initProducerID(); err != nil {
				return err
			}
		}
		s.writers = append(s.writers, w)
	}
	return nil
}

// write sends one batch. An error without an answer, or one answered, leaves the batch sent and not acknowledged.
func (s *script) write(w *scripted) error {
	codecs := []record.Codec{record.None, record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd}
	n, begun := 1+s.rnd.IntN(5), s.now()
	first := s.ledger.send(w.s, n, begun)
	b := record.NewBuilder(codecs[s.rnd.IntN(len(codecs))], 0)
	if w.producer >= 0 {
		b.SetProducer(record.ProducerID(w.producer), record.ProducerEpoch(w.epoch), w.seq, false)
		w.seq += int32(n)
	}
	size := 300
	if s.rnd.IntN(8) == 0 {
		size = 3000
	}
	for i := range n {
		k := id{first.stream, first.number + int32(i)}
		b.Append(time.Now().UnixMilli(), k.key(), k.value(s.rnd.IntN(size)))
	}
	offset, err := s.c.produce(w.s.to, b.Build(), []int16{1, -1}[s.rnd.IntN(2)])
	if err != nil {
		w.producer = -1 // whether the batch is there isn't known: its sequence numbers are spent
		return err
	}
	s.ledger.acknowledge(w.s.to, first, n, offset, s.now())
	return nil
}

// begin makes the topics that every script has.
func (s *script) begin() error {
	for name, configs := range map[string]map[string]string{
		"durable": {"flush.messages": "1"}, "rolled": {"internal.segment.bytes": "20000", "index.interval.bytes": "1000"},
		"plain": {}, "both": {"flush.messages": "1", "internal.segment.bytes": "20000", "index.interval.bytes": "1000"},
	} {
		if err := s.create(name, 1+int32(len(configs)%2), configs); err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
	}
	return nil
}

// step does one random thing.
func (s *script) step() error {
	switch n := s.rnd.IntN(100); {
	case n < 80:
		return s.write(s.writers[s.rnd.IntN(len(s.writers))])
	case n < 84:
		s.ordinal++
		configs := []map[string]string{{}, {"flush.messages": "1"}}[s.rnd.IntN(2)]
		return s.create(fmt.Sprintf("extra-%d", s.ordinal), 1, configs)
	case n < 87:
		return s.delete(false)
	case n < 89:
		return s.delete(true)
	case n < 94:
		return s.configure()
	case n < 96:
		return s.grow()
	default:
		return s.deleteRecords()
	}
}

// pick returns a topic that lives.
func (s *script) pick() string {
	names := slices.Sorted(maps.Keys(s.moments[len(s.moments)-1].topics))
	s.touched = names[s.rnd.IntN(len(names))]
	return s.touched
}

// delete deletes a topic that begin didn't make. Records of a topic that is made again under the same name belong to
// another ledger's partition: their streams are new.
func (s *script) delete(again bool) error {
	name := s.pick()
	if len(name) < 6 || name[:6] != "extra-" {
		return nil
	}
	begun, configs := s.now(), s.names[name]
	s.touched = name
	if err := s.c.deleteTopic(name); err != nil {
		return err
	}
	next := s.state()
	delete(next, name)
	s.note(begun, next)
	s.writers = slices.DeleteFunc(s.writers, func(w *scripted) bool { return w.s.to.topic == name })
	if again {
		s.ordinal++
		return s.create(fmt.Sprintf("extra-%d", s.ordinal), 1, configs)
	}
	return nil
}

func (s *script) configure() error {
	name, begun := s.pick(), s.now()
	value := fmt.Sprint(1_000_000_000 + s.rnd.IntN(1_000_000))
	if err := s.c.setConfig(name, "retention.ms", value); err != nil {
		return err
	}
	next := s.state()
	t := next[name]
	t.retention = value
	next[name] = t
	s.note(begun, next)
	return nil
}

func (s *script) grow() error {
	name, begun := s.pick(), s.now()
	next := s.state()
	t := next[name]
	if t.partitions > 3 {
		return nil
	}
	t.partitions++
	if err := s.c.createPartitions(name, int32(t.partitions)); err != nil {
		return err
	}
	next[name] = t
	s.note(begun, next)
	s.writers = append(s.writers, &scripted{s: s.ledger.open(partition{name, int32(t.partitions - 1)}, false), producer: -1})
	return nil
}

func (s *script) deleteRecords() error {
	name, begun := s.pick(), s.now()
	tp := partition{name, 0}
	start, err := s.c.offset(tp, -2)
	if err != nil {
		return err
	}
	end, err := s.c.offset(tp, -1)
	if err != nil {
		return err
	}
	before := start + (end-start)/3
	s.ledger.askStart(tp, before)
	low, err := s.c.deleteRecords(tp, before)
	if err != nil {
		return err
	}
	next := s.state()
	next[name].starts[0] = low
	s.note(begun, next)
	return nil
}

// may lists the metadata that a crash at an operation may leave: the last that was acknowledged, and the one that was then
// on its way.
func (s *script) may(op int64) []map[string]topicState {
	i := 0
	for i+1 < len(s.moments) && s.moments[i+1].done <= op {
		i++
	}
	out := []map[string]topicState{s.moments[i].topics}
	if i+1 < len(s.moments) && s.moments[i+1].begun < op {
		out = append(out, s.moments[i+1].topics)
	}
	return out
}

// found is everything a broker serves.
type found struct {
	topics map[string]topicState
	views  map[partition]view
}

// look reads everything.
func look(c *client) (found, error) {
	f := found{topics: map[string]topicState{}, views: map[partition]view{}}
	topics, err := c.topics()
	if err != nil {
		return f, err
	}
	for name, info := range topics {
		t := topicState{id: info.id, partitions: info.partitions, starts: map[int32]int64{}}
		if t.retention, err = c.config(name, "retention.ms"); err != nil {
			return f, err
		}
		for i := range int32(info.partitions) {
			v, err := c.view(partition{name, i})
			if err != nil {
				return f, fmt.Errorf("%s-%d: %w", name, i, err)
			}
			f.views[partition{name, i}] = v
			t.starts[i] = v.start
		}
		f.topics[name] = t
	}
	return f, nil
}

// judge compares what a broker serves after a crash at op with what it may. powerLost says that unflushed records may be
// gone.
func (s *script) judge(f found, op int64, powerLost bool) []problem {
	var out []problem
	may := s.may(op)
	for tp, v := range f.views {
		if powerLost && !durable(s.names[tp.topic]) && v.start == v.high {
			f.topics[tp.topic].starts[tp.index] = now // where the end is gone the start can be no further up
		}
	}
	if !slices.ContainsFunc(may, func(m map[string]topicState) bool { return sameTopics(f.topics, m) }) {
		out = append(out, problem{lost, "metadata: " + differences(f.topics, may)})
	}
	for tp, v := range f.views {
		if s.names[tp.topic] == nil {
			continue // on its way at the end
		}
		out = append(out, s.ledger.check(tp, v, judgement{
			at: op, lossy: powerLost && !durable(s.names[tp.topic]), freeStart: true,
		})...)
	}
	return out
}

// differences says what differs between what is served and each state that it may be.
func differences(got map[string]topicState, may []map[string]topicState) string {
	var out string
	for i, want := range may {
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if g, there := got[name]; !there || !sameTopics(map[string]topicState{name: g}, map[string]topicState{name: want[name]}) {
				out += fmt.Sprintf(" [%d] %s is %v (there: %t), want %v;", i, name, g, there, want[name])
			}
		}
		for name := range got {
			if _, there := want[name]; !there {
				out += fmt.Sprintf(" [%d] %s is there;", i, name)
			}
		}
	}
	return out
}

// sameTopics tells whether what is served is one state of the metadata. A log start is never below the acknowledged one.
func sameTopics(got, want map[string]topicState) bool {
	return maps.EqualFunc(got, want, func(g, w topicState) bool {
		for i, start := range w.starts {
			if g.starts[i] < start {
				return false
			}
		}
		return g.id == w.id && g.partitions == w.partitions && g.retention == w.retention
	})
}
