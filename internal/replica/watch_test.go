package replica

import (
	"slices"
	"sync"
	"testing"

	"github.com/travisjeffery/jocko/internal/record"
)

func TestWatcherTakesWhatMoved(t *testing.T) {
	w := NewWatcher()
	a, b := w.NewWatch("a"), w.NewWatch("b")
	b.Mark()
	a.Mark()
	b.Mark()
	<-w.C
	select {
	case <-w.C:
		t.Error("two signals for what one Take takes")
	default:
	}
	if got := w.Take(nil); !slices.Equal(got, []*Watch{b, a}) {
		t.Errorf("took %d watches, want b, a", len(got))
	}
	if got := w.Take(nil); len(got) != 0 {
		t.Errorf("took %d watches again", len(got))
	}
	a.Mark()
	if got := w.Take(nil); len(got) != 1 || got[0].Tag != "a" {
		t.Error("a watch that was taken can't move again")
	}
}

func TestWatchEnds(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	f.create("t", 2)
	p, other := f.partition("t", 0), f.partition("t", 1)
	w := NewWatcher()
	watches := make([]*Watch, 5)
	for i := range watches {
		watches[i] = w.NewWatch(i)
		p.Watch(watches[i])
	}
	p.Unwatch(watches[1])
	p.Unwatch(watches[4])
	p.Unwatch(watches[4])
	other.Unwatch(watches[0]) // not its own: nothing happens
	if p.Watches() != 3 {
		t.Fatalf("%d watches, want 3", p.Watches())
	}
	f.mustAppend(p, 1, 10)
	var moved []int
	for _, wt := range w.Take(nil) {
		moved = append(moved, wt.Tag.(int))
	}
	slices.Sort(moved)
	if !slices.Equal(moved, []int{0, 2, 3}) {
		t.Errorf("moved: %v, want those that still watch", moved)
	}
	other.Watch(watches[1]) // free again
	defer func() {
		if recover() == nil {
			t.Error("a watch of two partitions went unnoticed")
		}
	}()
	p.Watch(watches[1])
}

// TestNoWakeUpIsLost has consumers that look only where their watcher says so,
// and producers; every consumer must see every record.
func TestNoWakeUpIsLost(t *testing.T) {
	const partitions, consumers, appends = 4, 4, 200
	f := newFixture(t, fixtureOptions{})
	f.create("t", partitions)
	var wg sync.WaitGroup
	for range consumers {
		w := NewWatcher()
		for i := range partitions {
			p := f.partition("t", int32(i))
			wt := w.NewWatch(p)
			p.Watch(wt)
			defer p.Unwatch(wt)
		}
		wg.Go(func() {
			seen := make(map[*Partition]record.Offset)
			for total := record.Offset(0); total < partitions*appends; {
				<-w.C // a lost wake-up ends in the test's time limit
				for _, wt := range w.Take(nil) {
					p := wt.Tag.(*Partition)
					hw := p.HighWatermark()
					total += hw - seen[p]
					seen[p] = hw
				}
			}
		})
	}
	for i := range partitions {
		p := f.partition("t", int32(i))
		wg.Go(func() {
			for range appends {
				f.mustAppend(p, 1, 10)
			}
		})
	}
	wg.Wait()
}

func TestIdleWatchesCostNothing(t *testing.T) {
	const idle = 10_000
	f := newFixture(t, fixtureOptions{})
	f.create("t", 2)
	busy, quiet := f.partition("t", 0), f.partition("t", 1)
	w := NewWatcher()
	for range idle {
		quiet.Watch(w.NewWatch(nil))
	}
	wt := w.NewWatch("busy")
	busy.Watch(wt)
	buf := make([]*Watch, 0, 16)
	if allocs := testing.AllocsPerRun(100, func() {
		wt.Mark()
		<-w.C
		buf = w.Take(buf[:0])
	}); allocs != 0 {
		t.Errorf("%v allocations a wake-up beside %d idle watches", allocs, idle)
	}
	f.mustAppend(busy, 1, 10)
	if got := w.Take(nil); len(got) != 1 || got[0] != wt {
		t.Errorf("an append woke %d watches beside %d idle ones, want 1", len(got), idle)
	}
	f.mustAppend(quiet, 1, 10)
	if got := w.Take(nil); len(got) != idle {
		t.Errorf("an append woke %d watches, want all %d", len(got), idle)
	}
}
