package group

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// FetchRequest asks for committed offsets of a group.
type FetchRequest struct {
	Group  string
	Member *string // nil: the request names none
	Epoch  int32   // of the member, -1: none
	// Partitions are those asked for; nil asks for all.
	Partitions []FetchPartition
	// Stable refuses, with UNSTABLE_OFFSET_COMMIT, to tell an offset that an open
	// transaction may replace (KIP-447).
	Stable bool
}

// FetchPartition is a partition whose offset is asked for.
type FetchPartition struct {
	Topic     string
	TopicID   protocol.UUID // of the topic of that name, zero: none
	Partition int32
}

// FetchedOffset is a committed offset.
type FetchedOffset struct {
	Topic       string
	Partition   int32
	Offset      int64 // -1: none is committed
	LeaderEpoch int32 // -1: none
	Metadata    string
	Err         error
}

// FetchOffsets returns committed offsets: those of the partitions asked for in
// their order, or all by topic and partition. A group that doesn't exist has
// none.
func (c *Coordinator) FetchOffsets(ctx context.Context, r *FetchRequest) ([]FetchedOffset, error) {
	return view(ctx, c, r.Group, func(m *Machine) ([]FetchedOffset, error) { return m.fetchOffsets(r) })
}

func (m *Machine) fetchOffsets(r *FetchRequest) ([]FetchedOffset, error) {
	g := m.groups[r.Group]
	if g != nil {
		err := g.checkFetch(r.Member, r.Epoch)
		if errors.Is(err, protocol.ErrGroupIdNotFound) {
			g, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if r.Partitions == nil {
		return m.fetchAll(g, r), nil
	}
	out := make([]FetchedOffset, len(r.Partitions))
	for i, p := range r.Partitions {
		out[i] = m.fetchOffset(g, r, p)
	}
	return out, nil
}

func (m *Machine) fetchOffset(g group, r *FetchRequest, p FetchPartition) FetchedOffset {
	out := FetchedOffset{Topic: p.Topic, Partition: p.Partition, Offset: -1, LeaderEpoch: -1}
	key := partition{p.Topic, p.Partition}
	if r.Stable && m.offsets.held(r.Group, key) {
		out.Err = protocol.ErrUnstableOffsetCommit
		return out
	}
	o, ok := m.offsets.byGroup[r.Group][key]
	if g == nil || !ok || otherTopic(o.topicID, p.TopicID) {
		return out
	}
	out.Offset, out.LeaderEpoch, out.Metadata = o.offset, o.leaderEpoch, o.metadata
	return out
}

// otherTopic tells that an offset was committed for an earlier topic of the same
// name.
func otherTopic(committed, now protocol.UUID) bool {
	return committed != protocol.UUID{} && now != protocol.UUID{} && committed != now
}

func (m *Machine) fetchAll(g group, r *FetchRequest) []FetchedOffset {
	out := []FetchedOffset{}
	if g == nil {
		return out
	}
	image := m.options.Image()
	for p, o := range m.offsets.byGroup[r.Group] {
		var id protocol.UUID
		if t := image.Topic(p.topic); t != nil {
			id = t.ID
		}
		if otherTopic(o.topicID, id) {
			continue
		}
		out = append(out, m.fetchOffset(g, r, FetchPartition{Topic: p.topic, Partition: p.index}))
	}
	slices.SortFunc(out, func(a, b FetchedOffset) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}
