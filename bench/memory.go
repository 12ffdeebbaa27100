package main

import (
	"syscall"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// memorySampler keeps the highest memory of a broker while something runs.
type memorySampler struct {
	quit chan struct{}
	peak chan float64
}

// sampleMemory reads the broker's proportional set size twice a second until stop.
func sampleMemory(b *brokers.Broker) *memorySampler {
	s := &memorySampler{quit: make(chan struct{}), peak: make(chan float64, 1)}
	go func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		var most int64
		for {
			if u, err := b.Usage(); err == nil {
				most = max(most, u.PSS)
			}
			select {
			case <-tick.C:
			case <-s.quit:
				s.peak <- float64(most) / mib
				return
			}
		}
	}()
	return s
}

// stop returns the peak in MiB.
func (s *memorySampler) stop() float64 {
	close(s.quit)
	return <-s.peak
}

// selfCPU is what this process, the client, has used.
func selfCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
