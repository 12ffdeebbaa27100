package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// committedReader reads topics with read_committed from their start on and keeps a fingerprint of what it was served.
type committedReader struct {
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}
	take   func(*kgo.Record) // nil, or called for each record

	mu       sync.Mutex
	progress map[partition]*progress
	moved    chan struct{} // has room for one: something was read
}

// progress is how far a partition was read.
type progress struct {
	next    int64 // offset after the last record or marker
	records int64
	prints  []print
}

// print is a fingerprint of all records up to an offset.
type print struct {
	offset int64
	sum    uint64
}

// printEvery is how many records lie between two prints that are kept.
const printEvery = 500

func newCommittedReader(t *testing.T, addr string, take func(*kgo.Record), names ...string) *committedReader {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(names...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
	ok(t, err)
	r := &committedReader{client: cl, take: take, progress: map[partition]*progress{}, moved: make(chan struct{}, 1), done: make(chan struct{})}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	go r.read(ctx)
	t.Cleanup(r.close)
	return r
}

func (r *committedReader) close() {
	r.cancel()
	<-r.done
	r.client.Close()
}

func (r *committedReader) read(ctx context.Context) {
	defer close(r.done)
	for {
		fetches := r.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		fetches.EachRecord(r.seeLocked)
		r.mu.Unlock()
		select {
		case r.moved <- struct{}{}:
		default:
		}
	}
}

func (r *committedReader) seeLocked(rec *kgo.Record) {
	tp := partition{rec.Topic, rec.Partition}
	p := r.progress[tp]
	if p == nil {
		p = &progress{prints: []print{{}}}
		r.progress[tp] = p
	}
	p.next = rec.Offset + 1
	if rec.Attrs.IsControl() {
		return
	}
	h := fnv.New64a()
	last := &p.prints[len(p.prints)-1]
	fmt.Fprint(h, last.sum, rec.Offset)
	h.Write(rec.Value)
	if p.records++; p.records%printEvery == 0 {
		p.prints = append(p.prints, *last)
		last = &p.prints[len(p.prints)-1]
	}
	*last = print{rec.Offset, h.Sum64()}
	if r.take != nil {
		r.take(rec)
	}
}

// until waits until everything below the ends was read, or d has passed, and says what is missing.
func (r *committedReader) until(ends map[partition]int64, d time.Duration) error {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		missing := r.missing(ends)
		if missing == "" {
			return nil
		}
		select {
		case <-r.moved:
		case <-deadline.C:
			return fmt.Errorf("not read within %v: %s", d, missing)
		}
	}
}

func (r *committedReader) missing(ends map[partition]int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for tp, end := range ends {
		var next int64
		if p := r.progress[tp]; p != nil {
			next = p.next
		}
		if next < end {
			return fmt.Sprintf("%v from %d to %d", tp, next, end)
		}
	}
	return ""
}

// differences compares what two readers were served, who both have read up to the same ends.
func (r *committedReader) differences(again *committedReader) []problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	again.mu.Lock()
	defer again.mu.Unlock()
	var out []problem
	for _, tp := range slices.SortedFunc(maps.Keys(r.progress), func(a, b partition) int { return int(a.index - b.index) }) {
		a, b := r.progress[tp], again.progress[tp]
		if b == nil {
			out = append(out, problem{unstable, fmt.Sprintf("%v: %d records, and none the second time", tp, a.records)})
			continue
		}
		for i := range min(len(a.prints), len(b.prints)) {
			if a.prints[i] != b.prints[i] {
				out = append(out, problem{unstable, fmt.Sprintf("%v: differs between records %d and %d: offset %d the first time, %d the second; %d and %d records in all",
					tp, i*printEvery, (i+1)*printEvery, a.prints[i].offset, b.prints[i].offset, a.records, b.records)})
				break
			}
		}
	}
	return out
}
