package server

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func newBudget(limit int64) *budget {
	b := new(budget)
	b.init(limit, new(atomic.Int64))
	return b
}

// claimed runs wait in a goroutine and returns its outcome's channel.
func claimed(ctx context.Context, b *budget, c *claim, n int64) chan error {
	done := make(chan error, 1)
	go func() { done <- c.wait(ctx, b, n) }()
	synctest.Wait()
	return done
}

// granted reports whether a wait is over.
func granted(done chan error) bool {
	synctest.Wait()
	return len(done) == 1
}

func TestBudgetServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ctx := newBudget(100), t.Context()
		var first, second, third, fourth claim
		if !first.take(b, 80) {
			t.Fatal("the first claim doesn't fit")
		}
		if second.take(b, 30) {
			t.Fatal("a claim above the limit fits")
		}
		two := claimed(ctx, b, &second, 30)
		if third.take(b, 1) {
			t.Error("a claim overtook the queue")
		}
		three := claimed(ctx, b, &third, 70)
		four := claimed(ctx, b, &fourth, 1)
		if granted(two) || granted(three) || granted(four) {
			t.Error("granted above the limit")
		}
		first.release(b)
		if !granted(two) || !granted(three) || granted(four) {
			t.Errorf("granted: %v %v %v, want the second and third", granted(two), granted(three), granted(four))
		}
		second.release(b)
		if !granted(four) {
			t.Error("the last wasn't granted")
		}
		third.release(b)
		fourth.release(b)
		if n := b.used.Load(); n != 0 {
			t.Errorf("%d bytes still claimed", n)
		}
	})
}

// Claims that each hold a part of their request don't wait for each other for ever: one goes over the limit.
func TestBudgetLetsOneFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ctx := newBudget(100), t.Context()
		var fresh, first, second claim
		if !first.take(b, 50) || !second.take(b, 50) {
			t.Fatal("the first parts don't fit")
		}
		none := claimed(ctx, b, &fresh, 10)
		one := claimed(ctx, b, &first, 200)
		two := claimed(ctx, b, &second, 200)
		if granted(none) || !granted(one) || granted(two) {
			t.Errorf("granted: %v %v %v, want only the first of those that hold a part", granted(none), granted(one), granted(two))
		}
		if <-claimed(ctx, b, &first, 300) != nil { // the same request may grow on
			t.Error("the claim over the limit wasn't served again")
		}
		first.release(b)
		if !granted(none) || !granted(two) {
			t.Errorf("after the first was released, granted: %v %v, want both", granted(none), granted(two))
		}
		second.release(b)
		fresh.release(b)
		if n := b.used.Load(); n != 0 || b.over {
			t.Errorf("%d bytes still claimed, over the limit: %v", n, b.over)
		}
	})
}

func TestBudgetWaitIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100)
		var first, second, third claim
		first.take(b, 100)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		two := claimed(ctx, b, &second, 100)
		three := claimed(t.Context(), b, &third, 10)
		if err := <-two; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the cancelled wait returned %v", err)
		}
		first.release(b)
		if !granted(three) {
			t.Error("the claim behind the cancelled one wasn't granted")
		}
		second.release(b)
		third.release(b)
		if n := b.used.Load(); n != 0 || b.waiting.Load() != 0 {
			t.Errorf("%d bytes claimed, %d waiting", n, b.waiting.Load())
		}
	})
}

// A request larger than the whole budget gets through when nothing else is in flight.
func TestBudgetTakesOneLargeRequest(t *testing.T) {
	b := newBudget(100)
	var large claim
	if !large.take(b, 1000) {
		t.Error("refused")
	}
	large.release(b)
}

func TestPace(t *testing.T) {
	const timeout = 10 * time.Second
	at := func(s float64) int64 { return int64(s*1e9) + 1 }
	var p pace
	if p.tooSlow(at(1000), timeout) {
		t.Error("nothing under way is too slow")
	}
	p.wait(at(100))
	p.wait(at(105)) // waits on
	if p.tooSlow(at(110), timeout) || !p.tooSlow(at(110.1), timeout) {
		t.Error("no progress: want too slow after 10 s")
	}
	p.move(at(109), 20*MinRate)
	if p.tooSlow(at(119), timeout) || !p.tooSlow(at(119.1), timeout) {
		t.Error("want too slow 10 s after the last progress")
	}
	p.move(at(119), 1)
	if p.tooSlow(at(120), timeout) || !p.tooSlow(at(120.1), timeout) {
		t.Error("want too slow when the rate falls below MinRate")
	}
	begun := p.suspend()
	if p.tooSlow(at(500), timeout) {
		t.Error("too slow while we made it wait")
	}
	p.resume(begun, at(119.5), at(519.5))
	if p.tooSlow(at(520), timeout) || !p.tooSlow(at(520.1), timeout) {
		t.Error("our own wait was counted")
	}
	p.end()
	if p.tooSlow(at(1e6), timeout) {
		t.Error("too slow after the end")
	}
}
