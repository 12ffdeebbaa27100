package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progressPeriod is how often a progress line is drawn.
const progressPeriod = 500 * time.Millisecond

// isTerminal tells whether a person looks at, or types into, the stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// showProgress draws line over and over at the foot of a terminal, until stop is called; stop wipes it away. On
// anything but a terminal it does nothing.
func showProgress(w io.Writer, line func() string) (stop func()) {
	if !isTerminal(w) {
		return func() {}
	}
	done := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		tick := time.NewTicker(progressPeriod)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "\r\x1b[K%s", line())
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		drawing.Wait()
	})
}

// rate describes an amount per time for people.
func rate(records, bytes int64, d time.Duration) string {
	seconds := max(d.Seconds(), 1e-9)
	return fmt.Sprintf("%s/s, %.0f records/s", humanBytes(int64(float64(bytes)/seconds)), float64(records)/seconds)
}
