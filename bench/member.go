package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/interop/wire"
)

// member is one member of a group. Two kinds exist: one of each group protocol. A member is a bare
// protocol loop that consumes nothing: a real client would add its metadata, offset and fetch
// requests, and the CPU time of a thousand clients beside the broker's.
type member interface {
	// run joins the group and stays in it until the context ends. It tells the board what it holds.
	run(ctx context.Context, b *board) error
	// beat sends one heartbeat. It is an error that the group has something new to say.
	beat() error
	// leave leaves the group. It uses any connection, since run has ended and may have closed its own.
	leave(c *wire.Conn) error
}

// pace is how long the members of a group wait between heartbeats. A member hears of a rebalance by
// its next one: with the default of 3 or 5 s the clock would measure that alone, and with a short
// one all the time a group at rest would keep the broker busy.
type pace struct {
	mu      sync.Mutex
	every   time.Duration
	changed chan struct{} // closed when every changes
}

func newPace(every time.Duration) *pace { return &pace{every: every, changed: make(chan struct{})} }

// set changes the pace. Every member that waits sends a heartbeat at once.
func (p *pace) set(every time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every = every
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pace) wait(ctx context.Context) {
	p.mu.Lock()
	timer, changed := time.NewTimer(p.every), p.changed
	p.mu.Unlock()
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}

// board keeps what each member of one group holds.
type board struct {
	mu    sync.Mutex
	holds map[int]holding // by the member's index
	want  share
	met   chan struct{} // closed when the group is as wanted
}

// holding is what a member holds, and since which generation or member epoch.
type holding struct {
	epoch int32
	parts []string // one for each partition
}

// share is what makes a group stable: so many members in one generation or epoch hold so many
// partitions, and none of them more than most.
type share struct{ members, partitions, most int }

func newBoard() *board { return &board{holds: map[int]holding{}} }

func (b *board) report(i int, h holding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holds[i] = h
	b.look()
}

// remove forgets a member that is about to leave.
func (b *board) remove(i int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.holds, i)
}

// expect returns a channel that is closed when the group is as wanted.
func (b *board) expect(s share) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.want, b.met = s, make(chan struct{})
	met := b.met
	b.look()
	return met
}

// look closes met when it is time.
func (b *board) look() {
	if b.met == nil || len(b.holds) != b.want.members {
		return
	}
	sum, epochs := 0, map[int32]bool{}
	for _, h := range b.holds {
		sum += len(h.parts)
		epochs[h.epoch] = true
		if len(epochs) > 1 || len(h.parts) > b.want.most {
			return
		}
	}
	if sum == b.want.partitions {
		close(b.met)
		b.met = nil
	}
}

// verify checks that no two members hold the same partition.
func (b *board) verify() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	owner := map[string]int{}
	for _, i := range slices.Sorted(maps.Keys(b.holds)) {
		for _, p := range b.holds[i].parts {
			if j, taken := owner[p]; taken {
				return fmt.Errorf("VOID: members %d and %d both hold %s", j, i, p)
			}
			owner[p] = i
		}
	}
	return nil
}
