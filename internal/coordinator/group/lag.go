package group

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator"
)

// CommittedOffset is an offset that a group has committed.
type CommittedOffset struct {
	Group, Topic string
	Partition    int32
	Offset       int64
}

// Committed yields the committed offsets of all groups coordinated here, shard
// by shard, until ctx ends. Shards that aren't loaded are left out.
func (c *Coordinator) Committed(ctx context.Context) func(yield func(CommittedOffset) bool) {
	return func(yield func(CommittedOffset) bool) {
		for _, sh := range c.Shards() {
			offsets, err := coordinator.Read(ctx, sh, func() []CommittedOffset { return sh.Machine().(*Machine).committed() })
			if err != nil {
				continue
			}
			for _, o := range offsets {
				if !yield(o) {
					return
				}
			}
		}
	}
}

func (m *Machine) committed() []CommittedOffset {
	out := make([]CommittedOffset, 0, m.offsets.count)
	for group, offsets := range m.offsets.byGroup {
		for p, o := range offsets {
			out = append(out, CommittedOffset{group, p.topic, p.index, o.offset})
		}
	}
	return out
}
