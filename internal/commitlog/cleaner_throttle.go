package commitlog

import (
	"context"
	"sync"
	"time"
)

// throttle holds the cleaner's reading and writing to a number of bytes a second, over all its threads.
type throttle struct {
	mu   sync.Mutex
	free time.Time // when what was let through so far has been paid for
}

// throttleBurst is what may be used at once after a rest, in time.
const throttleBurst = 100 * time.Millisecond

// wait lets n bytes through at a rate, in bytes a second; 0 is no limit.
func (t *throttle) wait(ctx context.Context, n int64, rate float64) error {
	if rate <= 0 || rate > 1<<50 {
		return ctx.Err()
	}
	t.mu.Lock()
	now := time.Now()
	if earliest := now.Add(-throttleBurst); t.free.Before(earliest) {
		t.free = earliest
	}
	t.free = t.free.Add(time.Duration(float64(n) / rate * float64(time.Second)))
	pause := t.free.Sub(now)
	t.mu.Unlock()
	if pause <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, pause)
}

// sleep returns early, with an error, when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
