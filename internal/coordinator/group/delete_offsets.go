package group

import (
	"context"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// DeleteOffsets deletes committed offsets of a group. The answer has an error
// for each partition: GROUP_SUBSCRIBED_TO_TOPIC where a member may be using it.
// An error beside that refuses them all.
func (c *Coordinator) DeleteOffsets(ctx context.Context, group string, partitions []FetchPartition) ([]error, error) {
	return ask(ctx, c, group, func(m *Machine, a *coordinator.Answer[[]error]) ([]coordinator.Record, error) {
		return m.deleteOffsets(a, group, partitions)
	})
}

func (m *Machine) deleteOffsets(a *coordinator.Answer[[]error], id string, partitions []FetchPartition) ([]coordinator.Record, error) {
	g, err := m.group(id)
	if err == nil {
		err = g.checkOffsetDelete()
	}
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(partitions))
	var records []coordinator.Record
	for i, fp := range partitions {
		p := partition{fp.Topic, fp.Partition}
		if g.subscribed(p.topic) {
			errs[i] = protocol.ErrGroupSubscribedToTopic
		} else if m.offsets.known(id, p) {
			records = append(records, offsetTombstone(id, p))
		}
	}
	m.options.Offsets.Deleted.Add(len(records))
	a.Give(errs)
	return records, nil
}

// DeleteGroup deletes a group that has no members, with its offsets.
func (c *Coordinator) DeleteGroup(ctx context.Context, id string) error {
	_, err := ask(ctx, c, id, func(m *Machine, a *coordinator.Answer[struct{}]) ([]coordinator.Record, error) {
		g, err := m.group(id)
		if err == nil {
			err = g.checkDelete()
		}
		if err != nil {
			return nil, err
		}
		a.Give(struct{}{})
		return m.deleteGroup(g), nil
	})
	return err
}

// deleteGroup is the records that end a group and its offsets, the offsets
// first: they would make a group again.
func (m *Machine) deleteGroup(g group) []coordinator.Record {
	var records []coordinator.Record
	for _, p := range m.offsets.all(g.id()) {
		records = append(records, offsetTombstone(g.id(), p))
	}
	return append(records, g.tombstones()...)
}
