package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// harness runs workloads and keeps their results.
type harness struct {
	opt     options
	machine machine
	results []result
	topics  int
}

// result is one workload in one placement.
type result struct {
	w         *workload
	placement string
	pairs     []pair
}

// pair is one run of each broker, with the probes around them.
type pair struct {
	ours, theirs  values
	before, after probes
}

func (p pair) noisy() bool { return p.before.differ(p.after) > 0.15 }

// workload runs one workload in one placement, pairs times.
func (h *harness) workload(ctx context.Context, w *workload, placement string) error {
	fmt.Printf("== %s %s (%s)\n", w.id, w.title, placement)
	restore, err := place(placement)
	if err != nil {
		return err
	}
	defer restore()
	runners := map[brokers.Kind]*runner{}
	defer func() {
		for _, r := range runners {
			r.close()
		}
	}()
	for _, kind := range h.opt.kinds {
		r := &runner{h: h, w: w, kind: kind, placement: placement, dir: filepath.Join(h.opt.dir, w.id+"-"+string(kind))}
		runners[kind] = r
		if err := r.open(ctx); err != nil {
			return err
		}
	}
	res := result{w: w, placement: placement}
	for i := range h.opt.pairs {
		p, err := h.pair(ctx, runners, i)
		if err != nil {
			return errors.Join(err, h.keep(res))
		}
		if h.opt.strict && p.noisy() {
			fmt.Printf("   pair %d dropped: the machine's probes differ by %.0f %%\n", i+1, 100*p.before.differ(p.after))
			continue
		}
		res.pairs = append(res.pairs, p)
	}
	return h.keep(res)
}

func (h *harness) keep(res result) error {
	if len(res.pairs) > 0 {
		h.results = append(h.results, res)
	}
	return nil
}

// pair runs each broker once; which one is first alternates.
func (h *harness) pair(ctx context.Context, runners map[brokers.Kind]*runner, i int) (pair, error) {
	var p pair
	var err error
	if p.before, err = probe(h.opt.dir); err != nil {
		return p, err
	}
	order := slices.Clone(h.opt.kinds)
	if i%2 == 1 {
		slices.Reverse(order)
	}
	for _, kind := range order {
		v, err := runners[kind].once(ctx, false)
		if err != nil {
			return p, fmt.Errorf("%s: %w", kind, err)
		}
		fmt.Printf("   %d %-5s %s\n", i+1, kind, v)
		if kind == brokers.Jocko {
			p.ours = v
		} else {
			p.theirs = v
		}
	}
	p.after, err = probe(h.opt.dir)
	return p, err
}

// String lists the values by name.
func (v values) String() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, fmt.Sprintf("%s=%s", k, number(v[k])))
	}
	return strings.Join(parts, "  ")
}

// runner runs one workload on one broker.
type runner struct {
	h         *harness
	w         *workload
	kind      brokers.Kind
	placement string
	dir       string
	broker    *brokers.Broker
	runs      int
}

// open starts the broker, unless the workload starts its own, and warms it up.
func (r *runner) open(ctx context.Context) error {
	if r.w.own {
		return nil
	}
	var err error
	if r.broker, err = r.start(ctx, r.dir); err != nil {
		return err
	}
	return r.warm(ctx)
}

func (r *runner) start(ctx context.Context, dir string) (*brokers.Broker, error) {
	opt := brokers.Options{Dir: dir, Heap: r.h.opt.heap, Config: map[string]string{
		"auto.create.topics.enable":            "false",
		"log.segment.delete.delay.ms":          "1000",
		"log.retention.check.interval.ms":      "30000",
		"group.initial.rebalance.delay.ms":     "0",
		"log.initial.task.delay.ms":            "1000",
		"message.max.bytes":                    "8388608",
		"num.partitions":                       "1",
		"log.cleaner.backoff.ms":               "1000",
		"offsets.topic.num.partitions":         "1",
		"transaction.state.log.num.partitions": "1",
	}}
	switch {
	case r.kind == brokers.Jocko:
		maps.Copy(opt.Config, r.h.opt.config)
	case !r.w.own:
		// While it is stopped it sends its controller no heartbeats. A broker that is restarted needs
		// the default: it waits for its former session to end.
		opt.Config["broker.session.timeout.ms"] = "3600000"
	}
	maps.Copy(opt.Config, r.w.config)
	if r.placement == pinned {
		opt.CPUs = "0"
	}
	return brokers.Start(ctx, r.kind, opt)
}

// warm repeats the workload until the broker had its time: the JVM compiles as it runs.
func (r *runner) warm(ctx context.Context) error {
	length := r.h.opt.warm
	if r.kind == brokers.Jocko {
		length /= 10
	}
	if length <= 0 {
		return r.pause()
	}
	began := time.Now()
	for time.Since(began) < length {
		if _, err := r.measure(ctx, true); err != nil {
			return fmt.Errorf("warm up %s: %w", r.kind, err)
		}
	}
	fmt.Printf("   warmed %s for %.0f s\n", r.kind, time.Since(began).Seconds())
	return r.pause()
}

// once runs the workload once while the other broker stands still.
func (r *runner) once(ctx context.Context, warming bool) (values, error) {
	if r.broker == nil {
		return r.measure(ctx, warming)
	}
	if err := r.resume(ctx); err != nil {
		return nil, err
	}
	v, err := r.measure(ctx, warming)
	return v, errors.Join(err, r.pause())
}

func (r *runner) measure(ctx context.Context, warming bool) (values, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	r.runs++
	r.h.topics++
	e := &env{
		kind: r.kind, broker: r.broker, start: r.start, placement: r.placement, warming: warming,
		dir:   filepath.Join(r.dir, fmt.Sprintf("run-%d", r.runs)),
		topic: fmt.Sprintf("bench-%d", r.h.topics),
		short: r.h.opt.short, seconds: r.h.opt.seconds, bytes: r.h.opt.bytes, steady: r.h.opt.steady, logBytes: r.h.opt.logBytes,
	}
	defer os.RemoveAll(e.dir)
	return r.w.run(ctx, e)
}

// pause stops the broker's process without ending it, so that its upkeep costs the other nothing.
func (r *runner) pause() error { return r.signal(syscall.SIGSTOP) }

// resume continues the broker and waits until it has settled: a broker that stood still finds that
// its session with its controller has run out, and registers again.
func (r *runner) resume(ctx context.Context) error {
	if err := r.signal(syscall.SIGCONT); err != nil {
		return err
	}
	return settle(ctx, r.broker.Addr)
}

func (r *runner) signal(s syscall.Signal) error { return syscall.Kill(r.broker.PID(), s) }

func (r *runner) close() {
	if r.broker != nil {
		_ = r.signal(syscall.SIGCONT) // it may have ended
		r.broker.Kill()
	}
	_ = os.RemoveAll(r.dir)
}
