package group

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// deletions are the topics whose offsets are still to be deleted. They outlive
// the machines: a topic may go while a shard is being loaded.
type deletions struct {
	mu      sync.Mutex
	byShard map[int32]deletedTopics
}

// deletedTopics are the names of topics that are gone, by id.
type deletedTopics map[protocol.UUID]string

func (d *deletions) add(shard int32, topics []*metadata.Topic) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byShard[shard] == nil {
		d.byShard[shard] = make(deletedTopics)
	}
	for _, t := range topics {
		d.byShard[shard][t.ID] = t.Name
	}
}

func (d *deletions) of(shard int32) deletedTopics {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.byShard[shard])
}

func (d *deletions) remove(shard int32, topics deletedTopics) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.byShard[shard], func(id protocol.UUID, _ string) bool { return topics[id] != "" })
}

// had tells whether an offset was committed for one of the topics.
func (d deletedTopics) had(p partition, o *offset) bool {
	if o.topicID != (protocol.UUID{}) {
		_, ok := d[o.topicID]
		return ok
	}
	for _, name := range d { // the offset's record is older than topic ids
		if name == p.topic {
			return true
		}
	}
	return false
}

// Apply follows a change of the metadata. It never waits.
func (c *Coordinator) Apply(prev, next *metadata.Image, delta *metadata.Delta) {
	c.countTopics(prev, delta)
	c.Runtime.Apply(prev, next, delta)
	if len(delta.DeletedTopics) == 0 {
		return
	}
	for _, sh := range c.Shards() {
		c.options.deleted.add(sh.Index, delta.DeletedTopics)
		sh.Tell(func() ([]coordinator.Record, error) { return sh.Machine().(*Machine).forgetTopics() })
	}
}

// forgetTimer is the timer of the sweep for offsets of deleted topics.
var forgetTimer = coordinator.TimerKey{Kind: "forget"}

// forgetRetry is how long a sweep whose records the log refused is put off.
const forgetRetry = time.Second

// forgetTopics begins to delete the offsets of topics that are gone, with those
// that are due from before.
func (m *Machine) forgetTopics() ([]coordinator.Record, error) {
	m.sh.Cancel(forgetTimer)
	gone := m.options.deleted.of(m.sh.Index)
	if len(gone) == 0 {
		return nil, nil
	}
	s := m.newSweep(forgetTimer, func(id string, room int) ([]coordinator.Record, int) { return m.forget(gone, id, room) })
	s.done = func() { m.options.deleted.remove(m.sh.Index, gone) }
	s.refused = func() { m.sh.After(forgetTimer, forgetRetry, m.forgetTopics) }
	return s.step()
}

// forget is the records that delete a group's offsets of topics that are gone,
// those that open transactions hold too.
func (m *Machine) forget(gone deletedTopics, id string, room int) (records []coordinator.Record, looked int) {
	found := make(map[partition]struct{})
	look := func(offsets groupOffsets) {
		for p, o := range offsets {
			if looked++; len(found) < room && gone.had(p, &o) {
				found[p] = struct{}{}
			}
		}
	}
	look(m.offsets.byGroup[id])
	for producer := range m.offsets.producers[id] {
		look(m.offsets.pending[producer][id])
	}
	for _, p := range slices.SortedFunc(maps.Keys(found), comparePartitions) {
		records = append(records, offsetTombstone(id, p))
	}
	return records, looked
}
