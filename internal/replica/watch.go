package replica

import "sync"

// A Watcher learns which of a set of partitions moved. A fetch session keeps
// one for its whole life: an idle partition costs it nothing, however many
// there are, and a fetch looks only at those that moved since the last one.
//
// "Moved" says no more than "look again": the high watermark or the last
// stable offset advanced, the leader epoch changed, the partition went away.
type Watcher struct {
	// C receives when a watch moves. It holds one signal; a receiver looks at
	// Take and not at the number of signals.
	C chan struct{}

	mu    sync.Mutex
	moved []*Watch // in the order they moved; a watch is in it at most once
}

// A Watch is a Watcher's interest in one partition.
type Watch struct {
	Tag any // the owner's word for the partition; never looked at here

	watcher *Watcher
	queued  bool // guarded by watcher.mu; true while in watcher.moved

	partition *Partition // guarded by partition.mu once added
	index     int        // place in partition.watches; guarded by partition.mu
}

// NewWatcher returns a Watcher without partitions.
func NewWatcher() *Watcher { return &Watcher{C: make(chan struct{}, 1)} }

// NewWatch returns a watch that belongs to w and to no partition. It can be
// marked, which is how an owner puts partitions with errors into the next look.
func (w *Watcher) NewWatch(tag any) *Watch { return &Watch{Tag: tag, watcher: w} }

// Mark puts the watch among those that moved and signals C.
func (wt *Watch) Mark() {
	w := wt.watcher
	w.mu.Lock()
	if !wt.queued {
		wt.queued = true
		w.moved = append(w.moved, wt)
	}
	w.mu.Unlock()
	select {
	case w.C <- struct{}{}:
	default:
	}
}

// Take appends the watches that moved since the last Take to buf, oldest
// first, and forgets them.
func (w *Watcher) Take(buf []*Watch) []*Watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, wt := range w.moved {
		wt.queued = false
		buf = append(buf, wt)
		w.moved[i] = nil
	}
	w.moved = w.moved[:0]
	return buf
}

// Watch makes p mark wt whenever it moves, until Unwatch. A watch watches one
// partition at a time.
func (p *Partition) Watch(wt *Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wt.partition != nil {
		panic("BUG: watch added to a second partition")
	}
	wt.partition, wt.index = p, len(p.watches)
	p.watches = append(p.watches, wt)
}

// Unwatch ends Watch. It may be called for a watch that was never added.
func (p *Partition) Unwatch(wt *Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wt.partition != p {
		return
	}
	last := len(p.watches) - 1
	moved := p.watches[last]
	p.watches[wt.index], moved.index = moved, wt.index
	p.watches[last] = nil
	p.watches = p.watches[:last]
	wt.partition = nil
}

// wakeLocked marks every watch and releases the produce waits that are
// satisfied, or all of them when the partition's leadership ended.
func (p *Partition) wakeLocked() {
	for _, wt := range p.watches {
		wt.Mark()
	}
	if len(p.waits) == 0 {
		return
	}
	hw, kept := p.highWatermark, p.waits[:0]
	for _, w := range p.waits {
		if w.offset <= hw || w.epoch != p.leaderEpoch || p.state != leading {
			w.done <- struct{}{} // capacity 1, sent once: never blocks
			continue
		}
		kept = append(kept, w)
	}
	clear(p.waits[len(kept):])
	p.waits = kept
}

// WaitingProduces counts the produce requests that wait for the high watermark.
func (p *Partition) WaitingProduces() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waits)
}

// Watches counts the fetch sessions and fetches that watch the partition.
func (p *Partition) Watches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.watches)
}
