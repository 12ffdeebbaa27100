// Text pipes real text through a broker and compares what comes out with what went in, byte for byte.
//
// The text is the Go source files of this machine behind some odd lines (see text); each line becomes a
// record. Every writer puts it, with every codec, into a topic of one partition with acks=all; raw
// requests look at what was stored; three readers of another make, assigned to the partition, each
// return a stream whose SHA-256 must be that of the text. The main type is campaign; what holds is that
// nothing counts as the same unless its sum, its length and its number of lines are.
//
//	go run ./text                       15 runs of 500 MB and one of 10 GB
//	go run ./text -mb 2 -big-mb 0       a try
//	go run ./text -out ../docs/text-round-trip.md
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

// options are the flags.
type options struct {
	mb, bigMB       int64
	writers, codecs string
	readers         string
	big             string
	sources         string
	target          string
	dir, out        string
	together        bool
	atOnce          int
	timeout         time.Duration
}

func main() {
	var o options
	flag.Int64Var(&o.mb, "mb", 500, "size of each run in `MB` (1,000,000 bytes); 0 leaves them out")
	flag.Int64Var(&o.bigMB, "big-mb", 10_000, "size of the big run in `MB`; 0 leaves it out")
	flag.StringVar(&o.big, "big", "jocko produce/lz4", "the big run's `writer/codec`")
	flag.StringVar(&o.writers, "writers", "kcat,jocko produce,Java producer", "who writes, comma separated: `writer` or writer/codec")
	flag.StringVar(&o.codecs, "codecs", strings.Join(codecs, ","), "with which codecs, comma separated")
	flag.StringVar(&o.readers, "readers", "", "who may read, comma separated (default all)")
	flag.StringVar(&o.sources, "sources", "", "folders of .go files, comma separated (default Go's and the module cache)")
	flag.StringVar(&o.target, "target", string(brokers.Jocko), "broker: jocko or kafka")
	flag.StringVar(&o.dir, "dir", "", "folder for the text and the broker's data (default a temporary one)")
	flag.StringVar(&o.out, "out", "", "append the results to this `file`")
	flag.BoolVar(&o.together, "together", false, "let the readers of a run read at the same time")
	flag.IntVar(&o.atOnce, "at-once", 1, "how many runs at the same time")
	flag.DurationVar(&o.timeout, "timeout", 30*time.Minute, "how long one write or read may take")
	flag.Parse()
	if o.atOnce < 1 {
		fmt.Fprintln(os.Stderr, "-at-once: want 1 or more")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) (err error) {
	runs, pool, err := o.plan()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "jocko-text-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := &campaign{dir: dir, pool: pool, log: os.Stderr, timeout: o.timeout, together: o.together}
	if err := o.prepare(ctx, c); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.broker.Stop()) }()
	began := time.Now()
	results := c.all(ctx, runs, o.atOnce)
	for _, r := range results {
		err = errors.Join(err, r.failed())
	}
	report := o.report(c.text, results, began)
	fmt.Print(report)
	if o.out != "" {
		err = errors.Join(err, appendFile(o.out, report))
	}
	if len(results) < len(runs) {
		err = errors.Join(err, fmt.Errorf("%d of %d runs were not done", len(runs)-len(results), len(runs)))
	}
	return err
}

// prepare makes the text and starts the broker.
func (o *options) prepare(ctx context.Context, c *campaign) error {
	sources, err := defaultSources()
	if o.sources != "" {
		sources, err = strings.Split(o.sources, ","), nil
	}
	if err != nil {
		return err
	}
	if c.text, err = makeText(c.dir, sources, max(o.mb, o.bigMB)*1_000_000); err != nil {
		return err
	}
	if err := c.compileJava(ctx); err != nil {
		return err
	}
	c.broker, err = startBroker(ctx, brokers.Kind(o.target), c.dir)
	return err
}

// startBroker starts a broker of the kind. Jocko is built for any, because its commands are clients.
func startBroker(ctx context.Context, kind brokers.Kind, dir string) (*brokers.Broker, error) {
	if _, err := brokers.BuildJocko(ctx); err != nil {
		return nil, err
	}
	return brokers.Start(ctx, kind, brokers.Options{
		Dir: filepath.Join(dir, "broker"),
		Config: map[string]string{
			"log.segment.delete.delay.ms": "1000", // room for the next run's
		},
	})
}

// plan lists the runs that the flags ask for, the big one first.
func (o *options) plan() ([]run, []*reader, error) {
	var runs []run
	if o.bigMB > 0 {
		name, codec, _ := strings.Cut(o.big, "/")
		r, err := newRun(name, codec, o.bigMB)
		if err != nil {
			return nil, nil, err
		}
		runs = append(runs, r)
	}
	for _, name := range strings.Split(o.writers, ",") {
		name, only, ok := strings.Cut(name, "/")
		if !ok {
			only = o.codecs
		}
		for _, codec := range strings.Split(only, ",") {
			if o.mb == 0 {
				continue
			}
			r, err := newRun(name, codec, o.mb)
			if err != nil {
				return nil, nil, err
			}
			runs = append(runs, r)
		}
	}
	pool := readers
	if o.readers != "" {
		pool = nil
		for _, name := range strings.Split(o.readers, ",") {
			i := slices.IndexFunc(readers, func(r *reader) bool { return r.name == name })
			if i < 0 {
				return nil, nil, fmt.Errorf("no reader %q", name)
			}
			pool = append(pool, readers[i])
		}
	}
	return runs, pool, nil
}

// newRun names the readers by what it is, so that they are the same whatever else runs.
func newRun(name, codec string, mb int64) (run, error) {
	i := slices.IndexFunc(writers, func(w *writer) bool { return w.name == name })
	if i < 0 {
		return run{}, fmt.Errorf("no writer %q", name)
	}
	j := slices.Index(codecs, codec)
	if j < 0 {
		return run{}, fmt.Errorf("no codec %q", codec)
	}
	return run{writer: writers[i], codec: codec, size: mb * 1_000_000, turn: i + j}, nil
}

func appendFile(name, text string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
