package main

import (
	"context"
	"time"
)

// pace tells when each record of a run is due. The times follow from the record's number alone: whoever falls behind
// doesn't move them, so what waits behind a slow answer counts as slow too (no coordinated omission).
type pace struct {
	start time.Time
	rate  int64               // per second; 0: everything is due at once
	nap   func(time.Duration) // sleeps the last bit before a record is due
}

// napTime is how long before a record is due the timer ends and the nap begins: Go's timers may be a millisecond late.
const napTime = 2 * time.Millisecond

// due returns when record i (from 0) is to be sent.
func (p pace) due(i int64) time.Time {
	if p.rate <= 0 {
		return p.start
	}
	whole, rest := i/p.rate, i%p.rate
	return p.start.Add(time.Duration(whole)*time.Second + time.Duration(rest*int64(time.Second)/p.rate))
}

// wait returns when record i is due, at once if that has passed, and the time it was due. Without a rate that is now.
func (p pace) wait(ctx context.Context, i int64) (time.Time, error) {
	if p.rate <= 0 {
		return time.Now(), ctx.Err()
	}
	due := p.due(i)
	if left := time.Until(due) - napTime; left > 0 {
		t := time.NewTimer(left)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return due, ctx.Err()
		}
	}
	if left := time.Until(due); left > 0 {
		p.nap(left)
	}
	return due, ctx.Err()
}
