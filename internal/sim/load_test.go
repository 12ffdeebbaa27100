package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// load is what clients do to a broker that is killed now and then. Between begin and pause its workers run, until the
// broker is gone.
type load struct {
	t      *testing.T
	ledger *ledger
	dial   dialer
	addr   string
	seed   uint64

	generation int
	topics     []string // of this generation
	workers    []worker
	franz      []*franz
	admin      *admin
	extra      []string // topics whose records are not looked at

	cancel context.CancelFunc
	wg     sync.WaitGroup
	down   atomic.Bool   // the broker is being killed: errors are expected
	failed chan struct{} // closed with the first error that was not
	once   sync.Once

	batches, repeats, adminOps atomic.Int64
}

// worker does something until ctx ends or the broker is gone, which is its error.
type worker interface {
	work(ctx context.Context) error
}

func newLoad(t *testing.T, l *ledger, dial dialer, addr string, seed uint64) *load {
	ld := &load{t: t, ledger: l, dial: dial, addr: addr, seed: seed, failed: make(chan struct{})}
	ld.admin = &admin{l: ld, rnd: rand.New(rand.NewPCG(seed, 4)), topics: map[string]*metaTopic{}}
	ld.populate()
	t.Cleanup(func() { // also of a test that ended early: its workers would report to a test that is over, which is a panic
		ld.dying()
		if ld.cancel != nil {
			ld.pause()
		}
		for _, f := range ld.franz {
			f.client.Close()
		}
	})
	return ld
}

// populate makes the topics of a generation and the workers that write to them. The broker is up and nobody works.
func (l *load) populate() {
	t := l.t
	c, err := connect(l.dial)
	ok(t, err)
	defer c.close()
	g := l.generation
	plain, small, durable := fmt.Sprintf("plain-%d", g), fmt.Sprintf("small-%d", g), fmt.Sprintf("durable-%d", g)
	l.topics = []string{plain, small, durable}
	ok(t, c.createTopic(plain, 2, nil))
	ok(t, c.createTopic(small, 2, map[string]string{"segment.bytes": "1048576", "index.interval.bytes": "1024"}))
	ok(t, c.createTopic(durable, 1, map[string]string{"flush.messages": "1"}))
	l.workers = []worker{
		l.newRaw(partition{plain, 0}, 1, false, record.None),
		l.newRaw(partition{small, 0}, -1, false, record.Gzip, record.Snappy, record.LZ4, record.Zstd),
		l.newRaw(partition{plain, 1}, -1, true, record.None, record.LZ4),
		l.newRaw(partition{small, 1}, 1, true, record.Zstd),
		l.newRaw(partition{durable, 0}, -1, false, record.None),
		l.newFranz(true, partition{plain, 0}, partition{small, 1}),
		l.newFranz(false, partition{plain, 1}),
		l.admin,
	}
}

// rotate goes on with new topics and deletes the old ones. The broker is up and nobody works.
func (l *load) rotate() {
	t := l.t
	l.flush()
	c, err := connect(l.dial)
	ok(t, err)
	defer c.close()
	for _, tp := range l.ledger.partitions() {
		if l.running(tp.topic) {
			v, err := c.view(tp)
			ok(t, err)
			for _, p := range l.ledger.check(tp, v, judgement{at: now}) {
				t.Error(p)
			}
		}
	}
	for _, name := range append(l.topics, l.extra...) {
		ok(t, c.deleteTopic(name))
		l.ledger.forget(name)
	}
	l.extra = nil
	l.generation++
	l.populate()
}

// flush waits until what franz-go has buffered is acknowledged, and ends these clients.
func (l *load) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	for _, f := range l.franz {
		if err := f.client.Flush(ctx); err != nil {
			l.t.Errorf("franz-go could not send what it had: %v", err)
		}
		f.client.Close()
	}
	l.franz = nil
}

func (l *load) end() { l.flush() }

// running tells whether records may still arrive in a topic by themselves.
func (l *load) running(topic string) bool {
	for _, name := range l.topics {
		if name == topic {
			return true
		}
	}
	return false
}

func (l *load) unchecked(topic string) { l.extra = append(l.extra, topic) }

func (l *load) begin() {
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	l.down.Store(false)
	for _, w := range l.workers {
		l.wg.Go(func() {
			if err := w.work(ctx); err != nil {
				l.judge(err)
			}
		})
	}
}

// judge tells whether an error is what a client of a killed broker sees.
func (l *load) judge(err error) {
	var answered protocol.Error
	if l.down.Load() && !errors.As(err, &answered) {
		return
	}
	l.t.Errorf("before the kill: %v", err)
	l.once.Do(func() { close(l.failed) })
}

// dying is called just before the broker is killed.
func (l *load) dying() { l.down.Store(true) }

// pause waits until nobody works.
func (l *load) pause() {
	l.cancel()
	l.wg.Wait()
}

func (l *load) summary() string {
	return fmt.Sprintf("%d batches, %d repeated after a kill, %d changes of topics", l.batches.Load(), l.repeats.Load(), l.adminOps.Load())
}

// raw sends one batch after the other to one partition.
type raw struct {
	l      *load
	s      *stream
	acks   int16
	codecs []record.Codec
	rnd    *rand.Rand

	idempotent bool
	producer   int64
	epoch      int16
	pending    *sentBatch // idempotent: not answered yet, to be sent again as it is
	seq        int32
}

type sentBatch struct {
	first id
	n     int
	bytes []byte
	sent  bool // once at least
}

func (l *load) newRaw(tp partition, acks int16, idempotent bool, codecs ...record.Codec) *raw {
	s := l.ledger.open(tp, false)
	return &raw{l: l, s: s, acks: acks, codecs: codecs, idempotent: idempotent, producer: -1, rnd: rand.New(rand.NewPCG(l.seed, uint64(s.id)+100))}
}

func (r *raw) work(ctx context.Context) error {
	c, err := connect(r.l.dial)
	if err != nil {
		return err
	}
	defer c.close()
	if r.idempotent && r.producer < 0 {
		if r.producer, r.epoch, err = c.initProducerID(); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		b := r.pending
		if b == nil {
			b = r.build()
		} else {
			r.l.repeats.Add(1)
		}
		if r.idempotent {
			r.pending = b
		}
		offset, err := c.produce(r.s.to, b.bytes, r.acks)
		if err != nil {
			return fmt.Errorf("produce to %v: %w", r.s.to, err)
		}
		r.pending = nil
		r.l.ledger.acknowledge(r.s.to, b.first, b.n, offset, 0)
		r.l.batches.Add(1)
	}
	return nil
}

func (r *raw) build() *sentBatch {
	n := 1 + r.rnd.IntN(20)
	first := r.l.ledger.send(r.s, n, 0)
	b := record.NewBuilder(r.codecs[r.rnd.IntN(len(r.codecs))], 0)
	if r.idempotent {
		b.SetProducer(record.ProducerID(r.producer), record.ProducerEpoch(r.epoch), r.seq, false)
		r.seq = record.AddSequence(r.seq, int32(n))
	}
	for i := range n {
		k := id{first.stream, first.number + int32(i)}
		b.Append(time.Now().UnixMilli(), k.key(), k.value(r.rnd.IntN(2000)))
	}
	return &sentBatch{first: first, n: n, bytes: clone(b.Build())}
}

// franz sends through franz-go, which retries over kills by itself.
type franz struct {
	l       *load
	client  *kgo.Client
	streams []*stream
	slots   chan struct{} // records on their way
	rnd     *rand.Rand
}

func (l *load) newFranz(idempotent bool, to ...partition) *franz {
	f := &franz{l: l, slots: make(chan struct{}, 200), rnd: rand.New(rand.NewPCG(l.seed, uint64(l.generation)+1000))}
	opts := []kgo.Opt{
		kgo.SeedBrokers(l.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.RequestTimeoutOverhead(10 * time.Second),
		kgo.StopProducerOnDataLossDetected(), kgo.UnknownTopicRetries(-1), kgo.RecordRetries(1 << 30),
	}
	if !idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	}
	var err error
	f.client, err = kgo.NewClient(opts...)
	ok(l.t, err)
	for _, tp := range to {
		f.streams = append(f.streams, l.ledger.open(tp, !idempotent))
	}
	l.franz = append(l.franz, f)
	return f
}

func (f *franz) work(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f.slots <- struct{}{}:
		}
		s := f.streams[f.rnd.IntN(len(f.streams))]
		r := f.l.ledger.send(s, 1, 0)
		rec := &kgo.Record{Topic: s.to.topic, Partition: s.to.index, Key: r.key(), Value: r.value(f.rnd.IntN(1000))}
		f.client.Produce(context.Background(), rec, func(rec *kgo.Record, err error) {
			<-f.slots
			if errors.Is(err, kgo.ErrClientClosed) {
				return // the test is over
			}
			if err != nil {
				f.l.t.Errorf("franz-go to %v: %v", s.to, err)
				return
			}
			f.l.ledger.acknowledge(s.to, r, 1, rec.Offset, 0)
			f.l.batches.Add(1)
		})
	}
}

// admin creates, changes and deletes topics, and deletes records of others.
type admin struct {
	l      *load
	rnd    *rand.Rand
	topics map[string]*metaTopic
}

// metaTopic is what is known of a topic. While a call is under way, or wasn't answered, there are two possibilities.
type metaTopic struct {
	exists, mayChange bool
	partitions        [2]int
	retention         [2]string
}

const metaTopics = 6

func (a *admin) work(ctx context.Context) error {
	c, err := connect(a.l.dial)
	if err != nil {
		return err
	}
	defer c.close()
	for ctx.Err() == nil {
		if err := a.step(c); err != nil {
			return err
		}
		a.l.adminOps.Add(1)
	}
	return nil
}

func (a *admin) step(c *client) error {
	name := fmt.Sprintf("meta-%d", a.rnd.IntN(metaTopics))
	m := a.topics[name]
	if m == nil {
		m = &metaTopic{}
		a.topics[name] = m
	}
	if !m.exists {
		return a.create(c, name, m)
	}
	switch a.rnd.IntN(4) {
	case 0:
		m.mayChange = true
		if err := c.deleteTopic(name); err != nil {
			return fmt.Errorf("delete %s: %w", name, err)
		}
		*m = metaTopic{}
		a.l.ledger.forget(name)
	case 1:
		m.partitions[1]++
		if err := c.createPartitions(name, int32(m.partitions[1])); err != nil {
			return fmt.Errorf("partitions of %s: %w", name, err)
		}
		m.partitions[0] = m.partitions[1]
	case 2:
		m.retention[1] = fmt.Sprint(1_000_000_000 + a.rnd.IntN(1_000_000))
		if err := c.setConfig(name, "retention.ms", m.retention[1]); err != nil {
			return fmt.Errorf("config of %s: %w", name, err)
		}
		m.retention[0] = m.retention[1]
	case 3:
		return a.deleteRecords(c)
	}
	return nil
}

func (a *admin) create(c *client, name string, m *metaTopic) error {
	m.mayChange = true
	m.partitions, m.retention = [2]int{1, 1}, [2]string{"1000000000", "1000000000"}
	if err := c.createTopic(name, 1, map[string]string{"retention.ms": "1000000000"}); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	m.exists, m.mayChange = true, false
	s := a.l.ledger.open(partition{name, 0}, false)
	first := a.l.ledger.send(s, 3, 0)
	b := record.NewBuilder(record.None, 0)
	for i := range int32(3) {
		k := id{first.stream, first.number + i}
		b.Append(time.Now().UnixMilli(), k.key(), k.value(100))
	}
	offset, err := c.produce(s.to, b.Build(), -1)
	if err != nil {
		return fmt.Errorf("produce to %s: %w", name, err)
	}
	a.l.ledger.acknowledge(s.to, first, 3, offset, 0)
	return nil
}

// deleteRecords moves the log start of a data partition a little up.
func (a *admin) deleteRecords(c *client) error {
	tp := partition{a.l.topics[a.rnd.IntN(2)], 0}
	start, err := c.offset(tp, -2)
	if err != nil {
		return err
	}
	end, err := c.offset(tp, -1)
	if err != nil {
		return err
	}
	before := start + (end-start)/8
	a.l.ledger.askStart(tp, before)
	low, err := c.deleteRecords(tp, before)
	if err != nil {
		return fmt.Errorf("delete records of %v: %w", tp, err)
	}
	a.l.ledger.startAt(tp, low)
	return nil
}

// verifyTopics compares the topics with what is known of them and settles what was not known.
func (l *load) verifyTopics(c *client) {
	t := l.t
	t.Helper()
	topics, err := c.topics()
	ok(t, err)
	for name, m := range l.admin.topics {
		info, there := topics[name]
		delete(topics, name)
		if there != m.exists && !m.mayChange {
			t.Errorf("topic %s: it is there: %t, want %t", name, there, m.exists)
		}
		if !there {
			*m = metaTopic{}
			l.ledger.forget(name)
			continue
		}
		m.exists, m.mayChange = true, false
		if info.partitions < m.partitions[0] || info.partitions > m.partitions[1] || info.offline > 0 {
			t.Errorf("topic %s: %d partitions, %d offline, want %v", name, info.partitions, info.offline, m.partitions)
		}
		value, err := c.config(name, "retention.ms")
		if err != nil || value != m.retention[0] && value != m.retention[1] {
			t.Errorf("topic %s: retention.ms is %s (%v), want one of %v", name, value, err, m.retention)
		}
		m.partitions, m.retention = [2]int{info.partitions, info.partitions}, [2]string{value, value}
	}
	for _, name := range append(l.topics, l.extra...) {
		if info, there := topics[name]; !there || info.offline > 0 {
			t.Errorf("topic %s: there: %t, partitions offline: %d", name, there, info.offline)
		}
		delete(topics, name)
	}
	for name := range topics {
		if !strings.HasPrefix(name, "heavy-") {
			t.Errorf("topic %s was never created", name)
		}
	}
}
