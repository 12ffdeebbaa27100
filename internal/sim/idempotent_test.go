package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// windowed is an idempotent producer that has up to five batches of one partition on their way, as Kafka's clients have,
// and sends what was not acknowledged again, as it was and in its order.
type windowed struct {
	ledger   *ledger
	to       *stream
	dial     dialer
	rnd      *rand.Rand
	producer int64
	epoch    int16
	sequence int32
	window   []*sentBatch // not acknowledged

	records, repeats, refusals *atomic.Int64
}

// window is how many batches of a producer a partition remembers, and so how many may be on their way.
const window = 5

// TestIdempotence sends through a proxy that repeats, reorders and loses requests, over kills of the broker (R6).
func TestIdempotence(t *testing.T) {
	t.Parallel()
	records := int64(30_000)
	if testing.Short() {
		records = 5_000
	}
	runIdempotence(t, 1, records, 2*time.Second)
}

// TestIdempotenceCampaign is TestIdempotence for long.
func TestIdempotenceCampaign(t *testing.T) {
	if *transfersFlag == 0 {
		t.Skip("campaign: -faults.transfers=5000000")
	}
	runIdempotence(t, *seedFlag, *transfersFlag, 15*time.Second)
}

func runIdempotence(t *testing.T, seed uint64, records int64, bounce time.Duration) {
	t.Logf("seed %d", seed)
	if *peerFlag != "" {
		bounce *= 10
	}
	b := newTarget(t)
	topic := fmt.Sprintf("idempotent-%x", time.Now().UnixNano()&0xffffff)
	c, err := connect(tcp(b.addr))
	ok(t, err)
	defer c.close()
	ok(t, c.createTopic(topic, 4, map[string]string{"segment.bytes": "16777216"}))
	b.await(topic)
	m, l := newMischief(seed, true), newLedger()
	p := newProxy(t, tcp(b.addr), m, nil)
	var sent, repeats, refusals atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer func() { // also when the test ends early: reporting to one that is over is a panic
		stop()
		wg.Wait()
	}()
	for i := range int32(8) {
		w := &windowed{
			ledger: l, to: l.open(partition{topic, i % 4}, false), dial: tcp(p.addr()), rnd: rand.New(rand.NewPCG(seed, uint64(i)+20)),
			producer: -1, records: &sent, repeats: &repeats, refusals: &refusals,
		}
		wg.Go(func() {
			if err := w.work(ctx); err != nil {
				t.Errorf("producer %d: %v", i, err)
				stop()
			}
		})
	}
	kills := 0
	tick := time.NewTicker(bounce)
	defer tick.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for ctx.Err() == nil && sent.Load() < records {
		select {
		case <-tick.C:
			b.bounce()
			kills++
		case <-look.C:
		case <-ctx.Done():
		}
	}
	stop()
	wg.Wait()
	p.close()
	b.bounce()
	b.await(topic)
	checkAll(t, b, l)
	t.Logf("%d records acknowledged; %d batches sent again, %d answers of errors, %d kills; %s", sent.Load(), repeats.Load(), refusals.Load(), kills+1, m.done())
}

// checkAll compares all partitions that a ledger knows with what is served.
func checkAll(t *testing.T, b *target, l *ledger) {
	c, err := connect(tcp(b.addr))
	ok(t, err)
	defer c.close()
	for _, tp := range l.partitions() {
		v, err := c.view(tp)
		ok(t, err)
		for _, p := range l.check(tp, v, judgement{at: now}) {
			t.Error(p)
		}
	}
}

// stuck is how long a producer may be without an acknowledgement.
const stuck = time.Minute

func (w *windowed) work(ctx context.Context) error {
	progress := time.Now()
	for ctx.Err() == nil {
		before := len(w.window)
		err := w.connection(ctx, &progress)
		var answered protocol.Error
		if errors.As(err, &answered) {
			return err
		}
		if time.Since(progress) > stuck {
			return fmt.Errorf("%d batches, before %d, are not acknowledged since %v: %w", len(w.window), before, time.Since(progress), err)
		}
	}
	return nil
}

// connection sends on one connection until it ends, which is its error.
func (w *windowed) connection(ctx context.Context, progress *time.Time) error {
	c, err := connect(w.dial)
	if err != nil {
		return err
	}
	defer c.close()
	if w.producer < 0 || len(w.window) == 0 && w.rnd.IntN(20) == 0 {
		if w.producer, w.epoch, err = c.initProducerID(); err != nil {
			w.producer = -1
			var answered protocol.Error
			if errors.As(err, &answered) && answered == protocol.ErrCoordinatorLoadInProgress {
				return net.ErrClosed
			}
			return err
		}
		w.sequence = 0
	}
	for ctx.Err() == nil {
		if err := w.round(c); err != nil {
			return err
		}
		*progress = time.Now()
	}
	return nil
}

// round sends a window of batches, those that were sent before first, and takes their answers.
func (w *windowed) round(c *client) error {
	for len(w.window) < window {
		w.window = append(w.window, w.build())
	}
	n := 1 + w.rnd.IntN(window)
	for _, b := range w.window[:n] {
		rq := protocol.ProduceRequest{Acks: -1, TimeoutMs: 10_000, TopicData: []protocol.ProduceRequestTopicProduceData{{
			Name: w.to.to.topic, PartitionData: []protocol.ProduceRequestPartitionProduceData{{Index: w.to.to.index, Records: b.bytes}},
		}}}
		if b.sent {
			w.repeats.Add(1)
		}
		b.sent = true
		c.correlation++
		if err := c.send(frame(&rq, produceVersion, c.correlation)); err != nil {
			return err
		}
	}
	var left []*sentBatch
	for _, b := range w.window[:n] {
		offset, err := c.produced()
		var answered protocol.Error
		switch {
		case err == nil:
			w.ledger.acknowledge(w.to.to, b.first, b.n, offset, 0)
			w.records.Add(int64(b.n))
			continue
		case !errors.As(err, &answered):
			return err // what was acknowledged before is sent again, and must be found a duplicate
		case answered != protocol.ErrOutOfOrderSequenceNumber && answered != protocol.ErrNotLeaderOrFollower:
			return fmt.Errorf("records from %d on, %d batches before them unacknowledged: %w", b.first.number, len(left), err)
		}
		w.refusals.Add(1)
		left = append(left, b)
	}
	w.window = append(left, w.window[n:]...)
	return nil
}

// produced reads the answer to a produce request of one batch.
func (c *client) produced() (int64, error) {
	body, err := c.receive()
	if err != nil {
		return -1, err
	}
	d := protocol.NewDecoder(body)
	if _, err := protocol.DecodeResponseHeader(d, protocol.Produce, produceVersion); err != nil {
		return -1, err
	}
	var rs protocol.ProduceResponse
	if err := rs.Decode(d, produceVersion); err != nil {
		return -1, err
	}
	p := rs.Responses[0].PartitionResponses[0]
	return p.BaseOffset, code(p.ErrorCode)
}

func (w *windowed) build() *sentBatch {
	n := 1 + w.rnd.IntN(20)
	first := w.ledger.send(w.to, n, 0)
	b := record.NewBuilder(record.None, 0)
	b.SetProducer(record.ProducerID(w.producer), record.ProducerEpoch(w.epoch), w.sequence, false)
	w.sequence = record.AddSequence(w.sequence, int32(n))
	for i := range n {
		k := id{first.stream, first.number + int32(i)}
		b.Append(time.Now().UnixMilli(), k.key(), k.value(w.rnd.IntN(200)))
	}
	return &sentBatch{first: first, n: n, bytes: clone(b.Build())}
}
