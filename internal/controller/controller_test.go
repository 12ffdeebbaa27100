package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// memoryLog is a metadata log of one node that is never written down.
type memoryLog struct {
	mu       sync.Mutex
	image    *metadata.Image
	entries  int
	barriers int
	delay    time.Duration // of a commit
	fail     error         // of the next proposal, which commits all the same
	deposed  bool          // another node leads
}

func (l *memoryLog) Image() *metadata.Image {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.image
}

func (l *memoryLog) Propose(ctx context.Context, records []metadata.Record) (uint64, error) {
	time.Sleep(l.delay)
	l.mu.Lock()
	defer l.mu.Unlock()
	next, _, err := l.image.Apply(records)
	if err != nil {
		return 0, err
	}
	l.image = next
	l.entries++
	err, l.fail = l.fail, nil
	return uint64(l.entries), err
}

func (l *memoryLog) Barrier(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deposed {
		return errors.New("another node leads")
	}
	l.barriers++
	return nil
}

func (l *memoryLog) Leading() (bool, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.deposed, 1
}

func (l *memoryLog) depose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deposed = true
}

func newTestController(log *memoryLog) *Controller {
	next, _, err := metadata.Empty().Apply([]metadata.Record{(&metadata.Broker{ID: 1, Epoch: 1}).Record()})
	if err != nil {
		panic(err)
	}
	log.image = next
	var ids uint32
	broker := config.NewBroker(nil)
	return New(Options{
		Log: log, Broker: func(*metadata.Image) *config.Broker { return broker }, Logger: slog.New(slog.DiscardHandler),
		NewID: func() protocol.UUID {
			ids++
			return protocol.UUID{12: byte(ids >> 24), 13: byte(ids >> 16), 14: byte(ids >> 8), 15: byte(ids)}
		},
		Rand: rand.New(rand.NewPCG(1, 2)),
	})
}

// run runs a controller inside a bubble until the test is over.
func run(t *testing.T, log *memoryLog, test func(*testing.T, *Controller)) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestController(log)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		test(t, c)
		cancel()
		<-done
	})
}

func create(name string, partitions int32) *protocol.CreateTopicsRequest {
	return &protocol.CreateTopicsRequest{TimeoutMs: 60_000, Topics: []protocol.CreateTopicsRequestCreatableTopic{
		{Name: name, NumPartitions: partitions, ReplicationFactor: 1},
	}}
}

func code(resp *protocol.CreateTopicsResponse) protocol.Error {
	return protocol.Error(resp.Topics[0].ErrorCode)
}

func TestRequestsThatWaitShareAnEntry(t *testing.T) {
	log := &memoryLog{delay: time.Second}
	run(t, log, func(t *testing.T, c *Controller) {
		var wg sync.WaitGroup
		codes := make([]protocol.Error, 100)
		for i := range codes {
			wg.Go(func() { codes[i] = code(c.CreateTopics(t.Context(), create(fmt.Sprint("t", i), 1))) })
		}
		wg.Wait()
		for i, got := range codes {
			if got != 0 {
				t.Errorf("t%d: %v", i, got)
			}
		}
	})
	if n := log.image.TopicCount(); n != 100 || log.entries > 2 {
		t.Errorf("%d topics in %d entries, want 100 in at most 2", n, log.entries)
	}
	if log.barriers != 1 {
		t.Errorf("%d barriers, want one, before the first decision", log.barriers)
	}
}

func TestADecisionSeesTheOneBeforeIt(t *testing.T) {
	log := &memoryLog{delay: time.Second}
	run(t, log, func(t *testing.T, c *Controller) {
		var wg sync.WaitGroup
		codes := make([]protocol.Error, 3)
		for i := range codes {
			wg.Go(func() { codes[i] = code(c.CreateTopics(t.Context(), create("same", 1))) })
		}
		wg.Wait()
		made := 0
		for _, got := range codes {
			switch got {
			case 0:
				made++
			case protocol.ErrTopicAlreadyExists:
			default:
				t.Errorf("answered %v", got)
			}
		}
		if made != 1 {
			t.Errorf("made %d times", made)
		}
	})
}

func TestAProposalThatFailsIsForgotten(t *testing.T) {
	log := &memoryLog{fail: errors.New("leadership lost")}
	run(t, log, func(t *testing.T, c *Controller) {
		if got := code(c.CreateTopics(t.Context(), create("a", 1))); got != protocol.ErrNotController {
			t.Errorf("a proposal that nobody knows the end of is answered %v", got)
		}
		// It was committed after all, which the barrier before the next shows.
		if got := code(c.CreateTopics(t.Context(), create("a", 1))); got != protocol.ErrTopicAlreadyExists {
			t.Errorf("the next decision is %v", got)
		}
	})
	if log.barriers != 2 {
		t.Errorf("%d barriers, want 2", log.barriers)
	}
}

// TestADeposedControllerDecidesNothing asks for what needs no records, which no
// failed proposal gives away.
func TestADeposedControllerDecidesNothing(t *testing.T) {
	log := &memoryLog{}
	run(t, log, func(t *testing.T, c *Controller) {
		if got := code(c.CreateTopics(t.Context(), create("a", 1))); got != 0 {
			t.Fatal(got)
		}
		log.depose()
		dry := create("b", 1)
		dry.ValidateOnly = true
		for _, m := range []*protocol.CreateTopicsRequest{create("a", 1), dry} {
			if got := code(c.CreateTopics(t.Context(), m)); got != protocol.ErrNotController {
				t.Errorf("%s: %v", m.Topics[0].Name, got)
			}
		}
	})
}

func TestARequestWaitsNoLongerThanItsTimeout(t *testing.T) {
	run(t, &memoryLog{delay: time.Minute}, func(t *testing.T, c *Controller) {
		m := create("a", 1)
		m.TimeoutMs = 1000
		start := time.Now()
		if got := code(c.CreateTopics(t.Context(), m)); got != protocol.ErrRequestTimedOut || time.Since(start) != time.Second {
			t.Errorf("answered %v after %v", got, time.Since(start))
		}
		synctest.Wait()
	})
}

func TestNobodyWaitsForAControllerThatStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestController(&memoryLog{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := code(c.CreateTopics(t.Context(), create("a", 1))); got != protocol.ErrNotController {
			t.Errorf("answered %v", got)
		}
	})
}

func TestProducerIDsAreGivenOnce(t *testing.T) {
	run(t, &memoryLog{}, func(t *testing.T, c *Controller) {
		for want := int64(0); want < 3000; want += 1000 {
			if first, n, err := c.AllocateProducerIDs(t.Context(), 1); err != nil || first != want || n != 1000 {
				t.Errorf("block %d, %d ids, %v; want %d", first, n, err, want)
			}
		}
	})
}

// TestBrokerEpochsAreGivenOnce, also to a broker that left and came back, and over snapshots: whoever acts under an old one is
// found out by it.
func TestBrokerEpochsAreGivenOnce(t *testing.T) {
	img, last := metadata.Empty(), int64(0)
	for _, id := range []metadata.BrokerID{1, 2, 2, 1, 3, 2} {
		records, epoch := registerBroker(img, "c", metadata.Broker{ID: id})
		if epoch <= last {
			t.Errorf("broker %d gets the epoch %d after %d", id, epoch, last)
		}
		last = epoch
		for _, records := range [][]metadata.Record{records, {&protocol.UnregisterBrokerRecord{BrokerId: int32(id), BrokerEpoch: epoch}}} {
			img = applied(t, img, records)
			img = applied(t, metadata.Empty(), slices.Collect(img.Records())) // a snapshot
		}
	}
}

func applied(t *testing.T, img *metadata.Image, records []metadata.Record) *metadata.Image {
	t.Helper()
	next, _, err := img.Apply(records)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// BenchmarkCreate10000Partitions creates 100 topics of 100 partitions, each by a
// request of its own.
func BenchmarkCreate10000Partitions(b *testing.B) {
	for b.Loop() {
		c := newTestController(&memoryLog{})
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if resp := c.CreateTopics(ctx, create(fmt.Sprint("t", i), 100)); code(resp) != 0 {
					b.Error(code(resp))
				}
			})
		}
		wg.Wait()
		cancel()
		<-done
	}
}
