package commitlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// CleanerOptions says how logs with cleanup.policy=compact are compacted. The comments name the keys. The zero value stands for
// DefaultCleanerOptions.
type CleanerOptions struct {
	Enabled           bool          // log.cleaner.enable
	Threads           int           // log.cleaner.threads: logs that are compacted at a time
	DedupeBytes       int64         // log.cleaner.dedupe.buffer.size: memory for the keys, all threads together
	LoadFactor        float64       // log.cleaner.io.buffer.load.factor: how full the map of keys may get
	IOBytes           int64         // log.cleaner.io.buffer.size: buffers for reading and writing, all threads together
	MaxBytesPerSecond float64       // log.cleaner.io.max.bytes.per.second: read and written; 0: no limit
	Backoff           time.Duration // log.cleaner.backoff.ms: pause when there was nothing to do
}

// DefaultCleanerOptions is Kafka's configuration of the cleaner.
func DefaultCleanerOptions() CleanerOptions {
	return CleanerOptions{
		Enabled: true, Threads: 1, DedupeBytes: 128 << 20, LoadFactor: 0.9, IOBytes: 512 << 10,
		MaxBytesPerSecond: math.MaxFloat64, Backoff: 15 * time.Second,
	}
}

func (o *CleanerOptions) setDefaults() {
	d := DefaultCleanerOptions()
	if *o == (CleanerOptions{}) {
		*o = d
	}
	setDefault(&o.DedupeBytes, d.DedupeBytes)
	setDefault(&o.IOBytes, d.IOBytes)
	if o.LoadFactor <= 0 || o.LoadFactor > 1 {
		o.LoadFactor = d.LoadFactor
	}
}

// CleanerCounters tell what the cleaner did since start. They are for metrics and for tests.
type CleanerCounters struct {
	Passes       atomic.Int64 // over logs, finished
	BytesRead    atomic.Int64
	BytesWritten atomic.Int64
	RecordsRead  atomic.Int64
	RecordsKept  atomic.Int64
	Nanos        atomic.Int64 // spent on passes
	Failures     atomic.Int64 // passes that ended with an error
	Uncleanable  atomic.Int64 // logs that are not compacted any more, for damage in them
	MaxDirty     atomic.Int64 // percent of the dirtiest log when one was looked for last
}

// cleaner compacts logs: of each key it keeps the last record. A log's clean part, from its start, was compacted; of the dirty
// part behind it, up to a bound that is stable, the last offset of each key is collected, and then all segments up to
// the bound are written anew without the records that a later one replaces.
type cleaner struct {
	dirs     *Dirs
	throttle throttle
	counters CleanerCounters

	mu      sync.Mutex
	opt     CleanerOptions
	changed chan struct{} // closed when opt changes
	busy    map[*Log]bool
	blocked map[*Log]blockedLog
}

// blockedLog is a log whose compaction failed.
type blockedLog struct {
	err   error
	until time.Time // zero: for good
}

// cleanRetryPause is how long a log rests whose compaction failed for a reason that may go away, such as a full disk.
const cleanRetryPause = time.Minute

func newCleaner(d *Dirs, opt CleanerOptions) *cleaner {
	opt.setDefaults()
	return &cleaner{
		dirs: d, opt: opt, changed: make(chan struct{}), busy: make(map[*Log]bool), blocked: make(map[*Log]blockedLog),
	}
}

// SetCleaner changes the cleaner's options. What it is at is begun anew.
func (d *Dirs) SetCleaner(opt CleanerOptions) {
	opt.setDefaults()
	c := d.cleaner
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opt != opt {
		c.opt = opt
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// CleanerCounters tell what the cleaner did since start.
func (d *Dirs) CleanerCounters() *CleanerCounters { return &d.cleaner.counters }

// CleanNow compacts a log as far as it may be, however little that brings, and returns when that is done. It gives up, with
// an error, when the log is truncated or trimmed meanwhile.
func (d *Dirs) CleanNow(ctx context.Context, l *Log) error {
	c := d.cleaner
	if !c.take(l) {
		return fmt.Errorf("%w: partition %s is being compacted", protocol.ErrOperationNotAttempted, l.tp)
	}
	defer c.release(l)
	return c.clean(ctx, l)
}

func (c *cleaner) options() (CleanerOptions, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opt, c.changed
}

// run compacts until ctx ends.
func (c *cleaner) run(ctx context.Context) {
	for ctx.Err() == nil {
		opt, changed := c.options()
		working, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for range opt.Threads {
			if opt.Enabled {
				wg.Go(func() { c.work(working, opt.Backoff) })
			}
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
		stop()
		wg.Wait()
	}
}

func (c *cleaner) work(ctx context.Context, backoff time.Duration) {
	for ctx.Err() == nil {
		l := c.next()
		if l == nil {
			_ = sleep(ctx, max(backoff, time.Millisecond)) // the loop looks at ctx
			continue
		}
		_ = c.clean(ctx, l) // was judged and logged
		c.release(l)
	}
}

// next takes the log that needs compaction most: of those that are dirty enough or have waited too long, the one whose dirty
// part is the largest in relation. nil: there is none.
func (c *cleaner) next() *Log {
	logs := c.dirs.Logs()
	c.forgetOthers(logs)
	var best *Log
	var ratio, dirtiest float64
	for _, l := range logs {
		if !l.Config().Compact || l.Err() != nil || !c.available(l) {
			continue
		}
		p, err := l.dirtyPart()
		if err != nil {
			c.judge(l, err)
			continue
		}
		r := p.ratio()
		dirtiest = max(dirtiest, r)
		if p.due() && (best == nil || r > ratio) {
			best, ratio = l, r
		}
	}
	c.counters.MaxDirty.Store(int64(dirtiest * 100))
	if best == nil || !c.take(best) {
		return nil
	}
	return best
}

// forgetOthers drops what is known of logs that are gone.
func (c *cleaner) forgetOthers(logs []*Log) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.blocked) == 0 {
		return
	}
	kept := make(map[*Log]blockedLog, len(c.blocked))
	uncleanable := int64(0)
	for _, l := range logs {
		if b, ok := c.blocked[l]; ok {
			kept[l] = b
			if b.until.IsZero() {
				uncleanable++
			}
		}
	}
	c.blocked = kept
	c.counters.Uncleanable.Store(uncleanable)
}

func (c *cleaner) available(l *Log) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, blocked := c.blocked[l]
	return !c.busy[l] && (!blocked || !b.until.IsZero() && time.Now().After(b.until))
}

func (c *cleaner) take(l *Log) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[l] {
		return false
	}
	c.busy[l] = true
	return true
}

func (c *cleaner) release(l *Log) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, l)
}

// clean compacts a log that was taken, and judges what went wrong.
func (c *cleaner) clean(ctx context.Context, l *Log) (err error) {
	begin, changes := time.Now(), l.changes.Load()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			l.env.opt.Logger.Error("compaction panicked", "partition", l.tp.String(), "panic", p, "stack", string(debug.Stack()))
			c.block(l, err, time.Time{})
		}
		c.counters.Nanos.Add(int64(time.Since(begin)))
	}()
	opt, _ := c.options()
	job := newCleaning(ctx, c, l, opt)
	if err = job.run(); err == nil {
		c.mu.Lock()
		delete(c.blocked, l)
		c.mu.Unlock()
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) && l.changes.Load() != changes {
		err = fmt.Errorf("%w: %w", errSegmentsChanged, err)
	}
	if ctx.Err() != nil || errors.Is(err, errSegmentsChanged) || l.Err() != nil {
		return err // the log was truncated, trimmed or deleted meanwhile, or nobody wants it any more: the next pass sees
	}
	return c.judge(l, err)
}

// judge decides what an error means for the log: damage ends its compaction for good, a full disk for a while, and any other
// error of the file system takes the directory offline.
func (c *cleaner) judge(l *Log, err error) error {
	c.counters.Failures.Add(1)
	var code protocol.Error
	var bad *record.Error
	switch {
	case errors.As(err, &bad), errors.As(err, &code) && code == protocol.ErrCorruptMessage:
		l.env.opt.Logger.Error("a log is not compacted any more: it is damaged", "partition", l.tp.String(), "dir", l.Dir(), "error", err)
		c.block(l, err, time.Time{})
		return err
	case vfs.IsNoSpace(err):
		l.env.opt.Logger.Warn("compaction failed for want of space", "partition", l.tp.String(), "dir", l.Dir(), "error", err)
		c.block(l, err, time.Now().Add(cleanRetryPause))
	}
	return l.logDir().ioError("compact "+l.tp.String(), err)
}

func (c *cleaner) block(l *Log, err error, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was, ok := c.blocked[l]; until.IsZero() && (!ok || !was.until.IsZero()) {
		c.counters.Uncleanable.Add(1)
	}
	c.blocked[l] = blockedLog{err, until}
}

// Uncleanable tells why a log isn't compacted any more; nil: it is.
func (d *Dirs) Uncleanable(l *Log) error {
	c := d.cleaner
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.blocked[l]; ok && b.until.IsZero() {
		return b.err
	}
	return nil
}
