package commitlog

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
)

// flushKind says what a log wants from the flusher.
type flushKind uint8

const (
	flushData   flushKind = 1 << iota // records on disk: somebody waits
	flushEpochs                       // the leader epochs in their file
	flushAll                          // everything, so that the recovery point moves up
)

const (
	// flushBytes is how much a log may have above its recovery point before it is flushed in the background. While that
	// happens as much again may come, so a recovery scans at most twice of it per partition.
	flushBytes = 32 << 20
	// flushWorkers sync files of one log directory at a time: enough for a disk to work on several at once.
	flushWorkers = 4
)

// flusher syncs the logs of one log directory in the background. A log that asks while it is already queued costs nothing: one
// sync serves all appends that came before it.
type flusher struct {
	dir  *logDir
	wake chan struct{}

	mu      *sync.Mutex // one for all directories, for logs move between them
	queue   []*Log
	timed   deadlines // logs with flush.ms
	retimed chan struct{}
}

func newFlusher(d *logDir) *flusher {
	return &flusher{dir: d, mu: &d.env.queues, wake: make(chan struct{}, 1), retimed: make(chan struct{}, 1)}
}

// request queues a log. It is called with Log.mu held and doesn't wait.
func (f *flusher) request(l *Log, kind flushKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.queued == 0 && !l.served {
		f.queue = append(f.queue, l)
		signal(f.wake)
	}
	l.queued |= kind
}

// requestBy queues a log for when the first of its unflushed records has the age.
func (f *flusher) requestBy(l *Log, age time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.timed {
		return
	}
	l.timed = true
	heap.Push(&f.timed, deadline{time.Now().Add(age), l})
	if f.timed[0].log == l {
		signal(f.retimed)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// next takes a log from the queue and wakes the next worker if there are more.
func (f *flusher) next() (*Log, flushKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		f.queue = nil
		return nil, 0
	}
	l := f.queue[0]
	f.queue[0] = nil
	f.queue = f.queue[1:]
	kind := l.queued
	l.queued, l.served = 0, true
	if len(f.queue) > 0 {
		signal(f.wake)
	}
	return l, kind
}

// done puts a log that has asked again meanwhile back into the queue.
func (f *flusher) done(l *Log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.served = false
	if l.queued != 0 {
		f.queue = append(f.queue, l)
		signal(f.wake)
	}
}

// run works until ctx ends.
func (f *flusher) run(ctx context.Context) {
	var wg sync.WaitGroup
	for range flushWorkers {
		wg.Go(func() { f.work(ctx) })
	}
	wg.Go(func() { f.watch(ctx) })
	wg.Wait()
}

func (f *flusher) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		for l, kind := f.next(); l != nil && ctx.Err() == nil; l, kind = f.next() {
			f.serve(l, kind)
			f.done(l)
		}
	}
}

// serve does what a log asked for. Errors have taken the log directory offline and were logged there.
func (f *flusher) serve(l *Log, kind flushKind) {
	if kind&flushData != 0 {
		_ = l.flushData()
	}
	switch {
	case kind&flushAll != 0:
		_ = l.Flush()
	case kind&flushEpochs != 0:
		_ = l.flushEpochs()
	}
}

// watch queues logs whose flush.ms has come.
func (f *flusher) watch(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(f.queueDue(time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-f.retimed:
		case <-timer.C:
		}
	}
}

// queueDue queues what is due and tells how long to wait for the next.
func (f *flusher) queueDue(now time.Time) time.Duration {
	f.mu.Lock()
	var due []*Log
	for len(f.timed) > 0 && !f.timed[0].at.After(now) {
		d := heap.Pop(&f.timed).(deadline)
		d.log.timed = false
		due = append(due, d.log)
	}
	wait := time.Hour
	if len(f.timed) > 0 {
		wait = f.timed[0].at.Sub(now)
	}
	f.mu.Unlock()
	for _, l := range due {
		f.request(l, flushData)
	}
	return wait
}

type deadline struct {
	at  time.Time
	log *Log
}

// deadlines is a heap, the earliest in front.
type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	old := *d
	x := old[len(old)-1]
	old[len(old)-1] = deadline{}
	*d = old[:len(old)-1]
	return x
}

// flushWaiter waits for an offset to be flushed.
type flushWaiter struct {
	offset record.Offset
	done   chan struct{} // closed when it is, or when the log fails
}

// WaitFlushed asks for the records below the offset to be flushed and waits until they are.
func (l *Log) WaitFlushed(ctx context.Context, o record.Offset) error {
	for {
		l.mu.Lock()
		if err := l.checkLocked(); err != nil || l.FlushedOffset() >= o {
			l.mu.Unlock()
			return err
		}
		w := flushWaiter{o, make(chan struct{})}
		l.waiters = append(l.waiters, w)
		l.dir.flusher.request(l, flushData)
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.done:
		}
	}
}

// OnFlush sets the function that is called, with no lock held, each time the flushed offset has moved up.
func (l *Log) OnFlush(f func(flushed record.Offset)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onFlush = f
}

// flushedLocked notes that all records below the offset are on disk. It returns what is to be called without locks.
func (l *Log) flushedLocked(o record.Offset) func() {
	if int64(o) <= l.flushed.Load() {
		return func() {}
	}
	l.flushed.Store(int64(o))
	kept := l.waiters[:0]
	for _, w := range l.waiters {
		if w.offset <= o {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	clear(l.waiters[len(kept):])
	l.waiters = kept
	if l.onFlush == nil {
		return func() {}
	}
	f := l.onFlush
	return func() { f(o) }
}

// wakeWaitersLocked lets all waiters look again.
func (l *Log) wakeWaitersLocked() {
	for _, w := range l.waiters {
		close(w.done)
	}
	l.waiters = nil
}
