package group

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// partition is a partition of a topic, within one group.
type partition struct {
	topic string
	index int32
}

// offset is a committed offset.
type offset struct {
	offset      int64
	leaderEpoch int32 // of the record before it, -1: none
	metadata    string
	committed   int64         // when, ms
	expires     int64         // ms, -1: by the broker's retention
	topicID     protocol.UUID // zero: not known
	at          record.Offset // of its record
}

// groupOffsets are the offsets of one group.
type groupOffsets map[partition]offset

// offsets are the committed offsets of all groups, and those of transactions
// that are open.
type offsets struct {
	byGroup map[string]groupOffsets
	count   int
	// pending is what open transactions will commit, by producer and group;
	// producers are the producers of a group's pending offsets.
	pending   map[record.ProducerID]map[string]groupOffsets
	producers map[string]map[record.ProducerID]struct{}
}

func newOffsets() offsets {
	return offsets{
		byGroup: make(map[string]groupOffsets), pending: make(map[record.ProducerID]map[string]groupOffsets),
		producers: make(map[string]map[record.ProducerID]struct{}),
	}
}

// put stores a committed offset.
func (o *offsets) put(group string, p partition, v offset) {
	g := o.byGroup[group]
	if g == nil {
		g = make(groupOffsets)
		o.byGroup[group] = g
	}
	before := len(g)
	g[p] = v
	o.count += len(g) - before
}

// hold stores an offset that a transaction will commit.
func (o *offsets) hold(id record.ProducerID, group string, p partition, v offset) {
	groups := o.pending[id]
	if groups == nil {
		groups = make(map[string]groupOffsets)
		o.pending[id] = groups
	}
	if groups[group] == nil {
		groups[group] = make(groupOffsets)
	}
	groups[group][p] = v
	if o.producers[group] == nil {
		o.producers[group] = make(map[record.ProducerID]struct{})
	}
	o.producers[group][id] = struct{}{}
}

// remove forgets an offset, and what open transactions hold for its partition.
func (o *offsets) remove(group string, p partition) {
	if g := o.byGroup[group]; g != nil {
		before := len(g)
		delete(g, p)
		o.count += len(g) - before
		if len(g) == 0 {
			delete(o.byGroup, group)
		}
	}
	for id := range o.producers[group] {
		delete(o.pending[id][group], p)
	}
}

// end applies the end of a producer's transaction. Of an offset that was
// committed both ways the later record holds: compaction may have taken the
// other.
func (o *offsets) end(id record.ProducerID, commit bool) {
	groups := o.pending[id]
	delete(o.pending, id)
	for group, held := range groups {
		delete(o.producers[group], id)
		if len(o.producers[group]) == 0 {
			delete(o.producers, group)
		}
		if !commit {
			continue
		}
		for p, v := range held {
			if old, ok := o.byGroup[group][p]; !ok || v.at > old.at {
				o.put(group, p, v)
			}
		}
	}
}

// held tells whether an open transaction may commit an offset of the partition.
func (o *offsets) held(group string, p partition) bool {
	for id := range o.producers[group] {
		if _, ok := o.pending[id][group][p]; ok {
			return true
		}
	}
	return false
}

// known tells whether there is an offset of the partition, committed or held.
func (o *offsets) known(group string, p partition) bool {
	_, ok := o.byGroup[group][p]
	return ok || o.held(group, p)
}

// all are the partitions of a group that have an offset, committed or held, in
// order.
func (o *offsets) all(group string) []partition {
	all := slices.Collect(maps.Keys(o.byGroup[group]))
	for id := range o.producers[group] {
		all = slices.AppendSeq(all, maps.Keys(o.pending[id][group]))
	}
	slices.SortFunc(all, comparePartitions)
	return slices.Compact(all)
}

func comparePartitions(a, b partition) int {
	return cmp.Or(strings.Compare(a.topic, b.topic), cmp.Compare(a.index, b.index))
}

// replayOffset applies the record of an offset. A group of that name is there
// from then on, if only as somebody who commits.
func (m *Machine) replayOffset(at coordinator.At, k *protocol.OffsetCommitKey, v *protocol.OffsetCommitValue) {
	p := partition{k.Topic, k.Partition}
	if v == nil {
		m.offsets.remove(k.Group, p)
		return
	}
	if m.groups[k.Group] == nil {
		m.simpleGroup(k.Group)
	}
	o := offset{
		offset: v.Offset, leaderEpoch: v.LeaderEpoch, metadata: v.Metadata, committed: v.CommitTimestamp,
		expires: v.ExpireTimestamp, topicID: v.TopicId, at: at.Offset,
	}
	if at.ProducerID < 0 {
		m.offsets.put(k.Group, p, o)
	} else {
		m.offsets.hold(at.ProducerID, k.Group, p, o)
	}
}

// offsetTombstone is the record that deletes an offset.
func offsetTombstone(group string, p partition) coordinator.Record {
	return coordinator.Tombstone(&protocol.OffsetCommitKey{Group: group, Topic: p.topic, Partition: p.index})
}
