package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// preciseNaps returns a sleep that is late by some ten microseconds where time.Sleep would be by up to a millisecond. It
// keeps the calling goroutine on its thread, whose timer slack is taken away, until done is called.
func preciseNaps() (nap func(time.Duration), done func()) {
	runtime.LockOSThread()
	const slack, defaultSlack = 1, 0 // ns; 0 means the default
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, slack, 0, 0, 0)
	nap = func(d time.Duration) {
		ts := unix.NsecToTimespec(int64(d))
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, &ts) == unix.EINTR {
		}
	}
	return nap, func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, defaultSlack, 0, 0, 0)
		runtime.UnlockOSThread()
	}
}
