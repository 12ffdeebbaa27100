package replica

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// gate lets syncs of segments pass or holds them.
type gate struct {
	mu   sync.Mutex
	hold chan struct{} // nil: open
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.hold)
	g.hold = nil
}

func (g *gate) check(op vfs.Op) error {
	if op.Kind != vfs.OpSync && op.Kind != vfs.OpDatasync || !strings.HasSuffix(op.Path, ".log") {
		return nil
	}
	g.mu.Lock()
	hold := g.hold
	g.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return nil
}

// durable is a fixture with one partition in durable mode, whose syncs wait
// until the gate opens.
func durable(t *testing.T) (*fixture, *Partition, *gate) {
	g := &gate{}
	f := newFixture(t, fixtureOptions{fs: vfs.NewFault(vfs.NewVolatile(), g.check)})
	f.create("t", 1)
	f.config(metadata.TopicResource, "t", "flush.messages", "1")
	g.close()
	return f, f.partition("t", 0), g
}

func TestDurableModeCommitsWhatIsFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p, g := durable(t)
		a := f.mustAppend(p, 3, 10)
		synctest.Wait()
		if a.Committed || p.HighWatermark() != 0 {
			t.Fatalf("high watermark %d before the flush", p.HighWatermark())
		}
		res, err := p.Read(nil, ReadParams{MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: -1, LastFetchedEpoch: -1})
		if err != nil || res.Bytes != 0 {
			t.Fatalf("%d bytes (%v) were read that a power cut may take back", res.Bytes, err)
		}
		w := NewWatcher()
		wt := w.NewWatch(nil)
		p.Watch(wt)
		done := make(chan error, 1)
		go func() { done <- p.AwaitCommitted(t.Context(), a, time.Now().Add(time.Minute)) }()
		synctest.Wait()
		if p.WaitingProduces() != 1 {
			t.Fatalf("%d produces wait", p.WaitingProduces())
		}
		g.open()
		synctest.Wait()
		if err := <-done; err != nil || p.HighWatermark() != 3 || p.WaitingProduces() != 0 {
			t.Errorf("after the flush: %v, high watermark %d", err, p.HighWatermark())
		}
		if len(w.Take(nil)) != 1 {
			t.Error("the flush woke no consumer")
		}
		if err := p.AwaitCommitted(t.Context(), a, time.Now()); err != nil {
			t.Errorf("waiting for what is committed: %v", err)
		}
		f.halt()
	})
}

func TestLeavingDurableModeCommitsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p, g := durable(t)
		f.mustAppend(p, 3, 10)
		f.config(metadata.TopicResource, "t", "flush.messages", "")
		if p.HighWatermark() != 3 {
			t.Errorf("high watermark %d", p.HighWatermark())
		}
		f.config(metadata.TopicResource, "t", "flush.messages", "1")
		if p.HighWatermark() != 3 {
			t.Errorf("the high watermark went back to %d", p.HighWatermark())
		}
		g.open()
		f.halt()
	})
}

func TestAwaitEnds(t *testing.T) {
	tests := map[string]struct {
		end  func(f *fixture, p *Partition, cancel context.CancelFunc)
		want error
	}{
		"deadline":            {func(*fixture, *Partition, context.CancelFunc) {}, protocol.ErrRequestTimedOut},
		"stop":                {func(_ *fixture, _ *Partition, cancel context.CancelFunc) { cancel() }, protocol.ErrRequestTimedOut},
		"another leader":      {func(f *fixture, p *Partition, _ context.CancelFunc) { f.lead(p, 2) }, protocol.ErrNotLeaderOrFollower},
		"no leader":           {func(f *fixture, p *Partition, _ context.CancelFunc) { f.lead(p, -1) }, protocol.ErrNotLeaderOrFollower},
		"leader in new epoch": {func(f *fixture, p *Partition, _ context.CancelFunc) { f.lead(p, self) }, protocol.ErrNotLeaderOrFollower},
		"deleted": {func(f *fixture, p *Partition, _ context.CancelFunc) {
			// Its files are renamed once the sync in hand is over, which nobody else waits for.
			go f.replicas.remove(f.image.Topic(p.Topic))
		}, protocol.ErrNotLeaderOrFollower},
		"log dir failed": {func(f *fixture, p *Partition, _ context.CancelFunc) {
			f.replicas.DirFailed("/logs", errors.New("the disk is gone"))
		}, protocol.ErrNotLeaderOrFollower},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, p, g := durable(t)
				a := f.mustAppend(p, 3, 10)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start, done := time.Now(), make(chan error, 1)
				go func() { done <- p.AwaitCommitted(ctx, a, start.Add(time.Second)) }()
				synctest.Wait()
				test.end(f, p, cancel)
				if err := <-done; !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if name == "deadline" && time.Since(start) != time.Second {
					t.Errorf("the wait of 1 s took %v", time.Since(start))
				}
				if p.WaitingProduces() != 0 {
					t.Error("the wait stays on the partition's list")
				}
				g.open() // the flush comes, and too late
				synctest.Wait()
				f.halt()
			})
		})
	}
}

func TestNotEnoughReplicas(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	f.createOn("t", 1, []int32{1, 2}, self)
	p := f.partition("t", 0)
	c := f.change(p)
	c.Isr = []int32{self}
	f.apply(c)
	f.config(metadata.TopicResource, "t", "min.insync.replicas", "2")
	if _, err := f.append(p, 1, 10, true); !errors.Is(err, protocol.ErrNotEnoughReplicas) {
		t.Errorf("acks=all on one of two replicas: %v", err)
	}
	if p.Log().End() != 0 {
		t.Error("a refused batch was written")
	}
	if a, err := f.append(p, 1, 10, false); err != nil || !a.Committed {
		t.Errorf("acks=1: %+v, %v", a, err)
	}
	f.config(metadata.TopicResource, "t", "min.insync.replicas", "")
	if _, err := f.append(p, 1, 10, true); err != nil {
		t.Errorf("acks=all after the config went: %v", err)
	}
	f.config(metadata.BrokerResource, "", "min.insync.replicas", "3")
	if _, err := f.append(p, 1, 10, true); !errors.Is(err, protocol.ErrNotEnoughReplicas) {
		t.Errorf("acks=all under the broker's min.insync.replicas: %v", err)
	}
	f.create("alone", 1)
	if _, err := f.append(f.partition("alone", 0), 1, 10, true); err != nil {
		t.Errorf("acks=all where no other replica could be in sync: %v", err)
	}
}

// TestADirThatFailsTakesItsPartitionsAlone fails one of two disks under writes.
func TestADirThatFailsTakesItsPartitionsAlone(t *testing.T) {
	var mu sync.Mutex
	var broken string
	fs := vfs.NewFault(vfs.NewVolatile(), func(op vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if broken != "" && strings.HasPrefix(op.Path, broken) && (op.Kind == vfs.OpWriteAt || op.Kind == vfs.OpTruncate || op.Kind == vfs.OpSync || op.Kind == vfs.OpDatasync) {
			return errors.New("input/output error")
		}
		return nil
	})
	f := newFixture(t, fixtureOptions{fs: fs, paths: []string{"/a", "/b"}})
	f.create("t", 2)
	bad, good := f.partition("t", 0), f.partition("t", 1)
	if bad.Log().Dir() == good.Log().Dir() {
		t.Fatal("both partitions are in one directory")
	}
	f.mustAppend(bad, 1, 10)
	f.mustAppend(good, 1, 10)
	w := NewWatcher()
	bad.Watch(w.NewWatch(nil))
	mu.Lock()
	broken = bad.Log().Dir()
	mu.Unlock()
	if _, err := f.append(bad, 1, 10, false); !errors.Is(err, protocol.ErrKafkaStorageError) {
		t.Errorf("the failed write: %v", err)
	}
	if path := <-f.offline; filepath.Clean(path) != broken {
		t.Errorf("directory %s went offline", path)
	}
	if len(w.Take(nil)) != 1 {
		t.Error("a fetch that waits was not told")
	}
	for what, err := range map[string]error{
		"append": second(f.append(bad, 1, 10, false)),
		"read":   second(bad.Read(nil, ReadParams{CurrentEpoch: -1, LastFetchedEpoch: -1, MaxBytes: 1000})),
		"list":   second(bad.ListOffset(-1, -1, false)),
		"delete": second(bad.DeleteRecords(0)),
	} {
		if !errors.Is(err, protocol.ErrKafkaStorageError) {
			t.Errorf("%s on the failed disk: %v", what, err)
		}
	}
	if f.replicas.ring.check(t, &bad.tail, &good.tail); len(bad.tail.batches) != 0 {
		t.Error("the ring still answers for the failed disk")
	}
	if a := f.mustAppend(good, 1, 10); a.First != 1 || !a.Committed {
		t.Errorf("the other disk's partition: %+v", a)
	}
	f.lead(bad, self)
	if _, err := f.append(bad, 1, 10, false); !errors.Is(err, protocol.ErrKafkaStorageError) {
		t.Errorf("a new leader epoch brought the failed log back: %v", err)
	}
	f.create("u", 2)
	for i := range int32(2) {
		if p := f.partition("u", i); p.Log().Dir() == broken {
			t.Error("a new log in the failed directory")
		}
		f.mustAppend(f.partition("u", i), 1, 10)
	}
}

func second[T any](_ T, err error) error { return err }
