package main

import (
	"context"
	"fmt"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// The placements of broker and client on CPUs.
const (
	pinned = "pinned" // broker on CPU 0, client on CPU 1
	free   = "free"   // the kernel decides
)

// values are what one run measured, by name: "MB/s", "CPU s/GB", "p99 ms", ...
type values map[string]float64

// workload is one row of the goals. run measures once; the harness repeats it, in turn with the
// other broker.
type workload struct {
	id, title string
	placement string            // the default
	config    map[string]string // broker configuration
	long      bool              // not part of the short form, unless asked for
	own       bool              // run starts and stops brokers itself; none is kept between runs
	run       func(ctx context.Context, e *env) (values, error)
	goals     []goal
}

// goal is what a value must reach: as a ratio to Kafka's, or in itself.
type goal struct {
	value string  // which value
	less  bool    // lower is better
	floor float64 // ratio, 0 for none
	goal  float64 // ratio, 0 for none
	abs   float64 // bound on our own value, 0 for none
}

func more(value string, floor, aim float64) goal { return goal{value: value, floor: floor, goal: aim} }

func less(value string, floor, aim float64) goal {
	return goal{value: value, less: true, floor: floor, goal: aim}
}

func (g goal) atMost(abs float64) goal { g.abs = abs; return g }

// env is what a run gets.
type env struct {
	kind      brokers.Kind
	broker    *brokers.Broker // running, unless the workload starts its own
	start     func(ctx context.Context, dir string) (*brokers.Broker, error)
	dir       string // fresh folder of this run
	topic     string // fresh topic name of this run
	placement string
	warming   bool // the result is thrown away
	short     bool
	seconds   time.Duration
	bytes     int64
	steady    int64 // of a run in the steady state
	logBytes  int64 // of an internal topic that is loaded
}

// scaled returns full, or one tenth of it in the short form.
func (e *env) scaled(full int) int {
	if e.short {
		return full / 10
	}
	return full
}

func (e *env) size() int64 {
	if e.warming {
		return e.bytes / 2
	}
	return e.bytes
}

func (e *env) length() time.Duration {
	if e.warming {
		return e.seconds / 2
	}
	return e.seconds
}

// meter measures the broker's CPU time over a stretch of work.
type meter struct {
	broker *brokers.Broker
	cpu    time.Duration
	began  time.Time
}

func (e *env) meter() (*meter, error) {
	cpu, err := e.broker.CPU()
	return &meter{broker: e.broker, cpu: cpu, began: time.Now()}, err
}

// stop returns the CPU seconds and the seconds since the meter was made.
func (m *meter) stop() (cpu, wall float64, err error) {
	took := time.Since(m.began)
	now, err := m.broker.CPU()
	return (now - m.cpu).Seconds(), took.Seconds(), err
}

const (
	mb  = 1e6
	gb  = 1e9
	mib = 1 << 20
)

// perSize fills the values of a run that moved n bytes in records records.
func perSize(m *meter, n int64, records int64) (values, error) {
	cpu, wall, err := m.stop()
	if err != nil {
		return nil, err
	}
	return values{
		"MB/s": float64(n) / wall / mb, "CPU s/GB": cpu / (float64(n) / gb),
		"records/s": float64(records) / wall, "CPU us/record": cpu * 1e6 / float64(records),
		"broker CPU %": cpu / wall * 100,
	}, nil
}

func (e *env) String() string { return fmt.Sprintf("%s %s", e.kind, e.placement) }
