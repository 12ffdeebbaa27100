package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// workload does random things to a broker, one at a time, and tells the model what the broker answered. What it does
// next follows from its seed and the model, so that a seed does the same again.
type workload struct {
	rnd *rand.Rand
	s   *speaker
	m   *model
	ops []string // since the last comparison that found nothing

	dial    dialer
	ordinal int
	next    []func() error // what the next steps do, if that is decided
	turn    int            // of the last commit of offsets
	touched string         // the group or transaction that the last step changed in several requests
	moves   bool           // there are two log dirs
	now     int64          // the present, roughly
}

func newWorkload(seed uint64, dial dialer) *workload {
	return &workload{now: time.Now().UnixMilli(), rnd: rand.New(rand.NewPCG(seed, 18)), m: newModel(), dial: dial, s: newSpeaker(dial, "workload")}
}

func (w *workload) close() {
	w.s.close()
	for _, g := range w.m.groups {
		for _, m := range g.members {
			m.line.close()
		}
	}
}

func (w *workload) note(format string, args ...any) {
	w.ops = append(w.ops, fmt.Sprintf(format, args...))
}

// errNothing is that of an operation that had nothing to work on.
var errNothing = errors.New("nothing to do it to")

// step does one random thing.
func (w *workload) step() error {
	w.touched = ""
	if len(w.next) > 0 {
		next := w.next[0]
		w.next = w.next[1:]
		return next()
	}
	ops := []struct {
		weight int
		do     func() error
	}{
		{30, w.produce},
		{4, w.resend},
		{2, w.leaveGap},
		{5, w.createTopic},
		{2, w.createOld},
		{3, w.deleteTopic},
		{2, w.recreateTopic},
		{2, w.grow},
		{4, w.setTopicConfig},
		{4, w.setConfig},
		{4, w.deleteRecords},
		{2, w.compact},
		{2, w.move},
		{5, w.initTxn},
		{14, w.produceTxn},
		{6, w.commitInTxn},
		{7, w.endTxn},
		{10, w.commitSimple},
		{3, w.deleteOffsets},
		{2, w.deleteGroup},
		{4, w.joinClassic},
		{2, w.leaveClassic},
		{4, w.joinConsumer},
		{2, w.leaveConsumer},
		{5, w.commitAsMember},
	}
	sum := 0
	for _, o := range ops {
		sum += o.weight
	}
	for {
		n := w.rnd.IntN(sum)
		for _, o := range ops {
			if n -= o.weight; n < 0 {
				if err := o.do(); !errors.Is(err, errNothing) {
					return err
				}
				break
			}
		}
	}
}

// begin makes what every history has: topics of each kind, the coordinators' topics, and now and then groups whose offsets
// are more than one piece of their coordinator's log.
func (w *workload) begin() error {
	rq := kmsg.NewPtrMetadataRequest()
	rq.Version = 12
	rs, err := ask[*kmsg.MetadataResponse](w.s, rq)
	if err != nil {
		return err
	}
	w.m.cluster = *rs.ClusterID
	for kind, key := range []string{"g", "x"} {
		rq := kmsg.NewPtrFindCoordinatorRequest()
		rq.Version, rq.CoordinatorType, rq.CoordinatorKey = 3, int8(kind), key
		if _, err := ask[*kmsg.FindCoordinatorResponse](w.s, rq); err != nil {
			return fmt.Errorf("find coordinator: %w", err)
		}
	}
	for i := range topicKinds {
		if err := w.create(fmt.Sprintf("t%d", i), topicKinds[i], 1+i%2); err != nil {
			return err
		}
	}
	if err := w.create(membersTopic, nil, 4); err != nil {
		return err
	}
	if w.rnd.IntN(2) == 0 {
		return w.fill()
	}
	return nil
}

// fill commits so much in several groups that each coordinator has more than a piece of its log to load.
func (w *workload) fill() error {
	const parts = 30
	w.note("fill: commits of large metadata")
	if err := w.create("wide", map[string]string{"retention.bytes": "1"}, parts); err != nil {
		return err
	}
	rounds := 4 + w.rnd.IntN(10)
	for g := range 2 * offsetsPartitions {
		for range rounds {
			o := offsets{}
			for p := range int32(parts) {
				o[partition{"wide", p}] = committed{offset: int64(w.rnd.IntN(1000)), leaderEpoch: -1, metadata: w.text(3500)}
			}
			if err := w.commit(fmt.Sprintf("large-%d", g), "", -1, o); err != nil {
				return err
			}
		}
	}
	return nil
}

const membersTopic = "members"

var topicKinds = []map[string]string{
	{},
	{"internal.segment.bytes": "12000", "index.interval.bytes": "1000"},
	{"message.timestamp.type": "LogAppendTime"},
	{"cleanup.policy": "compact", "internal.segment.bytes": "12000", "min.cleanable.dirty.ratio": "0.0", "index.interval.bytes": "1000"},
	{"flush.messages": "1", "internal.segment.bytes": "12000", "index.interval.bytes": "100"},
}

func (w *workload) text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + w.rnd.IntN(26))
	}
	return string(b)
}

// one picks one of a list, and fails if that is empty.
func one[T any](w *workload, list []T) (T, error) {
	if len(list) == 0 {
		var none T
		return none, errNothing
	}
	return list[w.rnd.IntN(len(list))], nil
}

// topic picks a topic that may be written to and deleted.
func (w *workload) topic() (string, *topicModel, error) {
	name, err := one(w, slices.DeleteFunc(slices.Sorted(maps.Keys(w.m.topics)), func(s string) bool { return s == membersTopic || s == "wide" }))
	return name, w.m.topics[name], err
}

// part picks a partition of such a topic.
func (w *workload) part() (partition, *topicModel, *logModel, error) {
	name, t, err := w.topic()
	if err != nil {
		return partition{}, nil, nil, err
	}
	i := w.rnd.IntN(len(t.parts))
	return partition{name, int32(i)}, t, t.parts[i], nil
}

// batch makes entries with odd timestamps, headers, keys and values.
func (w *workload) batch(t *topicModel, producer int64, epoch int16, seq int32) []logEntry {
	es := make([]logEntry, 1+w.rnd.IntN(5))
	codec := int8(max(0, w.rnd.IntN(9)-4))
	base, step := w.now-int64(w.rnd.IntN(1_000_000)), int64(w.rnd.IntN(2000)-1000)
	odd := w.rnd.IntN(6)
	if producer >= 0 && t.compacted() || producer >= 0 && odd < 2 && w.rnd.IntN(4) > 0 {
		odd = 2 // producers whose last record is old are forgotten when a log is opened
	}
	switch odd {
	case 0:
		base, step = 0, 0
	case 1:
		base, step = 0, int64(w.rnd.IntN(50))
	case 2:
		step = 0
	}
	for i := range es {
		e := logEntry{ts: base + int64(i)*step, codec: codec, producer: producer, epoch: epoch, seq: -1}
		if producer >= 0 {
			e.seq = seq + int32(i)
		}
		if w.rnd.IntN(3) > 0 || t.compacted() {
			e.key = fmt.Appendf(nil, "key-%d", w.rnd.IntN(12))
		}
		if w.rnd.IntN(10) > 0 {
			e.value = []byte(w.text(w.rnd.IntN([]int{20, 300, 300, 2000}[w.rnd.IntN(4)])))
		}
		for range w.rnd.IntN(3) * w.rnd.IntN(2) {
			e.headers = append(e.headers, kmsg.Header{Key: w.text(3), Value: []byte(w.text(w.rnd.IntN(9)))})
		}
		es[i] = e
	}
	return es
}

// send produces a batch and returns what the broker answered.
func (w *workload) send(tp partition, es []logEntry, txn string, old bool, acks int16) (*kmsg.ProduceResponseTopicPartition, error) {
	rq := kmsg.NewPtrProduceRequest()
	rq.Version, rq.Acks, rq.TimeoutMillis = 12, acks, 15_000
	if old {
		rq.Version = 11
	}
	if txn != "" {
		rq.TransactionID = &txn
	}
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = tp.index, encodeEntries(es)
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	rs, err := ask[*kmsg.ProduceResponse](w.s, rq)
	if rs == nil {
		return nil, err
	}
	return &rs.Topics[0].Partitions[0], err
}

// write produces a batch and notes it in the model, if the broker says that it is where the model's log ends.
func (w *workload) write(tp partition, t *topicModel, l *logModel, es []logEntry, x *transaction, txn string, old bool) error {
	acks := []int16{1, -1}[w.rnd.IntN(2)]
	if x != nil {
		acks = -1
	}
	w.note("produce %d records to %v at %d: ts %d to %d, codec %d, producer %d/%d seq %d, txn %q, acks %d", len(es), tp, l.end, es[0].ts, es[len(es)-1].ts,
		es[0].codec, es[0].producer, es[0].epoch, es[0].seq, txn, acks)
	for i := range es {
		es[i].txn = x != nil
	}
	p, err := w.send(tp, es, txn, old, acks)
	if err != nil {
		return fmt.Errorf("produce to %v: %w", tp, err)
	}
	if p.BaseOffset != l.end {
		return fmt.Errorf("produce to %v: was told offset %d, the log ended at %d", tp, p.BaseOffset, l.end)
	}
	for i := range es {
		if t.appendTime() {
			es[i].ts, es[i].appendTime = p.LogAppendTime, true
		}
	}
	if es[0].producer >= 0 {
		l.last[es[0].producer] = lastBatch{slices.Clone(es), p.BaseOffset}
	}
	l.add(es, x)
	return nil
}

func (w *workload) produce() error {
	tp, t, l, err := w.part()
	if err != nil {
		return err
	}
	if w.rnd.IntN(2) == 0 {
		return w.write(tp, t, l, w.batch(t, -1, -1, -1), nil, "", false)
	}
	p, err := w.producer()
	if err != nil {
		return err
	}
	es := w.batch(t, p.id, p.epoch, p.seq[tp])
	if err := w.write(tp, t, l, es, nil, "", false); err != nil {
		return err
	}
	p.seq[tp] += int32(len(es))
	return nil
}

// producer picks an idempotent producer, or makes one.
func (w *workload) producer() (*producerModel, error) {
	if len(w.m.producers) > 0 && (len(w.m.producers) > 5 || w.rnd.IntN(4) > 0) {
		return w.m.producers[w.rnd.IntN(len(w.m.producers))], nil
	}
	w.note("init producer id")
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.Version, rq.TransactionTimeoutMillis = 4, 60_000
	rs, err := ask[*kmsg.InitProducerIDResponse](w.s, rq)
	if err != nil {
		return nil, fmt.Errorf("init producer id: %w", err)
	}
	for _, p := range w.producerIDs() {
		if p == rs.ProducerID {
			return nil, fmt.Errorf("init producer id: %d is given out twice", p)
		}
	}
	p := &producerModel{id: rs.ProducerID, epoch: rs.ProducerEpoch, seq: map[partition]int32{}}
	w.m.producers = append(w.m.producers, p)
	return p, nil
}

// producerIDs are all that were given out.
func (w *workload) producerIDs() []int64 {
	var out []int64
	for _, p := range w.m.producers {
		out = append(out, p.id)
	}
	for _, x := range w.m.txns {
		out = append(out, x.id)
	}
	return out
}

// sent are the last batches of idempotent producers that are still in the log.
func (w *workload) sent() []lastSent {
	var out []lastSent
	for name, t := range w.m.topics {
		for i, l := range t.parts {
			for _, p := range w.m.producers {
				if b, found := l.last[p.id]; found && b.base >= l.start && b.entries[len(b.entries)-1].ts > w.now-producerMemory {
					out = append(out, lastSent{partition{name, int32(i)}, b, p})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b lastSent) int {
		return cmp.Or(cmp.Compare(a.tp.topic, b.tp.topic), cmp.Compare(a.tp.index, b.tp.index), cmp.Compare(a.base, b.base))
	})
	return out
}

// producerMemory is an age in ms at which a producer's last record is not yet old enough for it to be forgotten.
const producerMemory = 12 * 3600 * 1000

type lastSent struct {
	tp partition
	lastBatch
	p *producerModel
}

// resend sends a producer's last batch again, which is a duplicate.
func (w *workload) resend() error {
	b, err := one(w, w.sent())
	if err != nil {
		return err
	}
	return w.resendOne(b)
}

func (w *workload) resendOne(b lastSent) error {
	w.note("send producer %d's last batch to %v again", b.p.id, b.tp)
	es := slices.Clone(b.entries)
	got, err := w.send(b.tp, es, "", false, -1)
	if err != nil {
		return fmt.Errorf("producer %d's last batch in %v, at %d, again: %w", b.p.id, b.tp, b.base, err)
	}
	if got.BaseOffset != b.base {
		return fmt.Errorf("producer %d's last batch in %v again: was told offset %d, the first time %d", b.p.id, b.tp, got.BaseOffset, b.base)
	}
	return nil
}

// leaveGap sends a batch with a sequence number too high, which is refused.
func (w *workload) leaveGap() error {
	b, err := one(w, w.sent())
	if err != nil {
		return err
	}
	return w.gapOne(b)
}

func (w *workload) gapOne(b lastSent) error {
	w.note("send a batch of producer %d to %v with a gap before it", b.p.id, b.tp)
	es := w.batch(w.m.topics[b.tp.topic], b.p.id, b.p.epoch, b.p.seq[b.tp]+7)
	if _, err := w.send(b.tp, es, "", false, -1); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
		return fmt.Errorf("producer %d's batch for %v after a gap: %v", b.p.id, b.tp, err)
	}
	return nil
}
