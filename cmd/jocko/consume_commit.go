package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitNow commits while the group may be changing: what doesn't get through now does later.
func (m *member) commitNow(ctx context.Context) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	if err := m.commit(ctx, nil); err != nil && !rejoins(err) && ctx.Err() == nil {
		return err
	}
	return nil
}

// commit commits what was printed of some partitions (nil: of all) and isn't committed yet.
func (m *member) commit(ctx context.Context, only []int32) error {
	offsets, err := m.uncommitted(only)
	if err != nil || len(offsets) == 0 {
		return err
	}
	m.membership.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{m.topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, failed error) {
			err = failed
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
				}
			}
		})
	if err != nil {
		return fmt.Errorf("group %s: the offsets of what was printed could not be committed: %w", m.flags.id, err)
	}
	m.printing.Lock()
	defer m.printing.Unlock()
	for id, o := range offsets {
		if p := m.positions[id]; p != nil {
			p.committed = o.Offset
		}
	}
	return nil
}

// uncommitted returns what is to be committed of some partitions (nil: of all). It is on the output by then.
func (m *member) uncommitted(only []int32) (map[int32]kgo.EpochOffset, error) {
	m.printing.Lock()
	defer m.printing.Unlock()
	if err := m.printer.flush(); err != nil {
		return nil, err
	}
	if only == nil {
		only = slices.Collect(maps.Keys(m.positions))
	}
	offsets := map[int32]kgo.EpochOffset{}
	for _, id := range only {
		if p := m.positions[id]; p != nil && p.next != p.committed {
			offsets[id] = kgo.EpochOffset{Epoch: -1, Offset: p.next}
		}
	}
	return offsets, nil
}

// locate finds out where to begin in partitions that the member was given.
func (m *member) locate(ctx context.Context, partitions []int32) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	committed, err := m.fetchCommitted(ctx)
	if err != nil {
		return err
	}
	starts, err := m.offsetsAt(ctx, partitions, atEarliest)
	if err != nil {
		return err
	}
	ends, err := m.offsetsAt(ctx, partitions, atLatest)
	if err != nil {
		return err
	}
	resets, err := m.offsetsAt(ctx, partitions, m.reset.at)
	if err != nil {
		return err
	}
	m.printing.Lock()
	defer m.printing.Unlock()
	for _, id := range partitions {
		p := &memberPosition{committed: -1}
		if o, ok := committed.Lookup(m.topic, id); ok {
			p.committed = o.At
		}
		p.next = beginAt(p.committed, starts[id], ends[id], resets[id])
		m.positions[id] = p
	}
	return nil
}

// beginAt returns where to begin: at what is committed if the log still holds it, else where a reset goes. -1: none.
func beginAt(committed, start, end, reset int64) int64 {
	switch {
	case committed >= start && committed >= 0 && committed <= end:
		return committed
	case reset < 0: // no record is that late
		return end
	}
	return reset
}

// fetchCommitted returns the group's offsets, once no transaction is about to change them.
func (m *member) fetchCommitted(ctx context.Context) (kadm.OffsetResponses, error) {
	adm := kadm.NewClient(m.client)
	for {
		committed, err := adm.FetchOffsets(kadm.RequireStable(ctx), m.flags.id)
		if err == nil {
			err = committed.Error()
		}
		switch {
		case err == nil:
			return committed, nil
		case !errors.Is(err, kerr.UnstableOffsetCommit):
			return nil, fmt.Errorf("group %s: %w", m.flags.id, err)
		}
		select {
		case <-time.After(fetchBackoff):
		case <-ctx.Done():
			return nil, fmt.Errorf("group %s: %w", m.flags.id, err)
		}
	}
}

// offsetsAt asks for the offset at a time, or at a special one, of each partition.
func (m *member) offsetsAt(ctx context.Context, partitions []int32, at int64) (map[int32]int64, error) {
	listed, err := listOffsets(ctx, m.client, m.topic, partitions, at, m.isolation)
	if err != nil {
		return nil, err
	}
	return offsetsOf(listed)
}

// stopAtEnd makes what is the end now the end of reading.
func (m *member) stopAtEnd(ctx context.Context, partitions []int32) (err error) {
	if m.starts, err = m.offsetsAt(ctx, partitions, atEarliest); err == nil {
		m.ends, err = m.offsetsAt(ctx, partitions, atLatest)
	}
	return err
}

// over tells whether the group has read to the end: this member what it has, and the others, as far as is committed, the
// rest. Own offsets are committed before, for other members may wait for them in the same way.
func (m *member) over(ctx context.Context) (bool, error) {
	if m.ends == nil {
		return false, nil
	}
	left, own := m.leftToRead()
	if !own {
		return false, nil
	}
	if err := m.commitNow(ctx); err != nil || len(left) == 0 {
		return err == nil, err
	}
	committed, err := m.fetchCommitted(ctx)
	if err != nil {
		return false, err
	}
	for _, id := range left {
		if o, ok := committed.Lookup(m.topic, id); !ok || o.At < m.ends[id] {
			return false, nil
		}
	}
	return true, nil
}

// leftToRead tells whether the member has an assignment and has printed all of it, and which partitions with records
// others have.
func (m *member) leftToRead() (others []int32, own bool) {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.printing.Lock()
	defer m.printing.Unlock()
	for id, end := range m.ends {
		p := m.positions[id]
		switch {
		case p == nil && end > m.starts[id]:
			others = append(others, id)
		case p != nil && p.next < end:
			return nil, false
		}
	}
	return others, m.joined
}
