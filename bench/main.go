// Command bench runs Jocko and Apache Kafka in turn on the same work with the same client, and
// prints the ratios with their 95 % intervals beside what the machine itself can do.
//
//	go run . -list
//	go run . -only P1,P9 -pairs 3 -short
//	go run . -only P1 -brokers jocko -config admin.listener=127.0.0.1:8080   # to take a profile
//
// The rules: both brokers alternate on the same machine and the same file system, with a fresh
// topic each time; the machine is probed around every pair; Kafka is warmed up first; every run
// reads back what it wrote and checks count, order and checksums, and one wrong byte voids it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

type options struct {
	only      string
	pairs     int
	short     bool
	placement string
	kinds     []brokers.Kind
	warm      time.Duration
	seconds   time.Duration
	bytes     int64
	logBytes  int64
	steady    int64
	dir       string
	out       string
	heap      string
	config    map[string]string
	strict    bool
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	opt, list, err := parse()
	if err != nil {
		return err
	}
	if list {
		for _, w := range workloads {
			fmt.Printf("%-5s %-7s %s\n", w.id, w.placement, w.title)
		}
		return nil
	}
	picked, err := pick(opt.only, opt.short)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if opt.dir, err = os.MkdirTemp(opt.dir, "jocko-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(opt.dir)
	h := &harness{opt: opt, machine: describeMachine(ctx)}
	var errs []error
	for _, w := range picked {
		for _, p := range placements(w, opt.placement) {
			if err := h.workload(ctx, w, p); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", w.id, err))
			}
			if ctx.Err() != nil {
				return errors.Join(append(errs, ctx.Err())...)
			}
		}
	}
	h.print(os.Stdout)
	if opt.out != "" {
		errs = append(errs, h.appendTo(opt.out))
	}
	return errors.Join(errs...)
}

func parse() (opt options, list bool, err error) {
	opt.config = map[string]string{}
	var kinds string
	flag.BoolVar(&list, "list", false, "list the workloads")
	flag.StringVar(&opt.only, "only", "", "run these workloads: P1,P9,...")
	flag.IntVar(&opt.pairs, "pairs", 7, "pairs of runs")
	flag.BoolVar(&opt.short, "short", false, "3 pairs, less data, a short warm-up, one placement")
	flag.StringVar(&opt.placement, "placement", "", "pinned (broker on CPU 0, client on CPU 1), free, or both; each workload has its own default")
	flag.StringVar(&kinds, "brokers", "kafka,jocko", "which brokers to run; with one there are no ratios")
	flag.DurationVar(&opt.warm, "warm", 60*time.Second, "how long Kafka is warmed up; Jocko gets a tenth")
	flag.DurationVar(&opt.seconds, "time", 20*time.Second, "length of a timed run")
	flag.Int64Var(&opt.bytes, "bytes", 2<<30, "bytes of a run that is measured by size")
	flag.Int64Var(&opt.steady, "steady-bytes", 20e9, "bytes of a run in the steady state (P1s, P2s, P7as to P7ds)")
	flag.Int64Var(&opt.logBytes, "log-bytes", 5e9, "bytes of the internal topic that G2 loads")
	flag.StringVar(&opt.dir, "dir", "", "folder for the brokers' data; default the system's temporary folder")
	flag.StringVar(&opt.out, "out", "", "append the table to this file; default docs/benchmarks.md when all pairs have both brokers, - for none")
	flag.StringVar(&opt.heap, "heap", "1g", "Kafka's heap")
	flag.BoolVar(&opt.strict, "strict", false, "drop a pair when the probes around it differ by more than 15 %")
	flag.Func("config", "key=value for Jocko's configuration; may be given again", func(s string) error {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want key=value")
		}
		opt.config[k] = v
		return nil
	})
	flag.Parse()
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if opt.short {
		shorten(&opt, set)
	}
	for k := range strings.SplitSeq(kinds, ",") {
		opt.kinds = append(opt.kinds, brokers.Kind(k))
	}
	switch {
	case opt.out == "-" || (opt.out == "" && len(opt.kinds) < 2):
		opt.out = ""
	case opt.out == "":
		root, err := brokers.Root()
		if err != nil {
			return opt, list, err
		}
		opt.out = filepath.Join(root, "docs", "benchmarks.md")
	}
	if opt.pairs < 1 {
		return opt, list, errors.New("-pairs must be 1 or more")
	}
	return opt, list, nil
}

// shorten sets the short form's figures where the command line says nothing else.
func shorten(opt *options, set map[string]bool) {
	if !set["pairs"] {
		opt.pairs = 3
	}
	if !set["warm"] {
		opt.warm = 20 * time.Second
	}
	if !set["time"] {
		opt.seconds = 8 * time.Second
	}
	if !set["bytes"] {
		opt.bytes = 1 << 30
	}
	if !set["log-bytes"] {
		opt.logBytes = 5e8
	}
}

func pick(only string, short bool) ([]*workload, error) {
	if only == "" {
		return slices.DeleteFunc(slices.Clone(workloads), func(w *workload) bool { return short && w.long }), nil
	}
	var picked []*workload
	for id := range strings.SplitSeq(only, ",") {
		if with, ok := measuredWith[strings.ToUpper(id)]; ok {
			id = with
		}
		n := len(picked)
		for _, w := range workloads {
			// P3 stands for P3a, P3b and P3c; P1 for itself, not for P10.
			if strings.EqualFold(w.id, id) || strings.EqualFold(strings.TrimRight(w.id, "abcd"), id) {
				picked = append(picked, w)
			}
		}
		if len(picked) == n {
			return nil, fmt.Errorf("no workload %q; -list shows them", id)
		}
	}
	return picked, nil
}

// measuredWith names the rows that measure another goal too.
var measuredWith = map[string]string{"F2": "P1", "F13": "F12"}

func placements(w *workload, asked string) []string {
	switch asked {
	case "":
		return []string{w.placement}
	case "both":
		return []string{pinned, free}
	default:
		return []string{asked}
	}
}
