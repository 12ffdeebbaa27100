package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// group finds a group in the model, or makes it.
func (m *model) group(name, kind string) *groupModel {
	if m.groups[name] == nil {
		m.groups[name] = &groupModel{kind: kind, offsets: offsets{}}
	}
	return m.groups[name]
}

func (o offsets) partitions() []partition {
	return slices.SortedFunc(maps.Keys(o), func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.index, b.index))
	})
}

// someOffsets are for a few random partitions.
func (w *workload) someOffsets() (offsets, error) {
	o := offsets{}
	w.turn++
	for range 1 + w.rnd.IntN(4) {
		tp, _, _, err := w.part()
		if err != nil {
			return nil, err
		}
		o[tp] = committed{offset: int64(w.rnd.IntN(1000)), leaderEpoch: int32(w.rnd.IntN(3)) - 1, metadata: w.text(w.rnd.IntN(40)), turn: w.turn}
	}
	return o, nil
}

// commit commits offsets; of no member if the epoch is -1.
func (w *workload) commit(group, member string, epoch int32, o offsets) error {
	w.note("commit %d offsets of %s", len(o), group)
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Version, rq.Group, rq.MemberID, rq.Generation = 9, group, member, epoch
	for _, tp := range o.partitions() {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = tp.index, o[tp].offset, o[tp].leaderEpoch, ref(o[tp].metadata)
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
		rq.Topics = append(rq.Topics, t)
	}
	if _, err := ask[*kmsg.OffsetCommitResponse](w.s, rq); err != nil {
		return fmt.Errorf("commit offsets of %s: %w", group, err)
	}
	maps.Copy(w.m.group(group, "simple").offsets, o)
	return nil
}

func (w *workload) commitSimple() error {
	o, err := w.someOffsets()
	if err != nil {
		return err
	}
	return w.commit(fmt.Sprint("simple-", w.rnd.IntN(12)), "", -1, o)
}

// commitAsMember commits offsets of a group in the name of one of its members.
func (w *workload) commitAsMember() error {
	name, g, m, err := w.member("")
	if err != nil {
		return err
	}
	o, err := w.someOffsets()
	if err != nil {
		return err
	}
	epoch := g.epoch
	if g.kind == "consumer" {
		epoch = m.epoch
	}
	return w.commit(name, m.id, epoch, o)
}

// named picks a group by a rule.
func (w *workload) named(rule func(string, *groupModel) bool) (string, *groupModel, error) {
	var names []string
	for name, g := range w.m.groups {
		if rule(name, g) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	name, err := one(w, names)
	return name, w.m.groups[name], err
}

// member picks a member of a group of a kind, or of any.
func (w *workload) member(kind string) (string, *groupModel, *memberModel, error) {
	name, g, err := w.named(func(_ string, g *groupModel) bool { return len(g.members) > 0 && (kind == "" || kind == g.kind) })
	if err != nil {
		return "", nil, nil, err
	}
	return name, g, g.members[w.rnd.IntN(len(g.members))], nil
}

func (w *workload) deleteOffsets() error {
	name, g, err := w.named(func(name string, g *groupModel) bool {
		return g.kind == "simple" && len(g.offsets) > 0 && len(w.m.unstable(name)) == 0
	})
	if err != nil {
		return err
	}
	tp := g.offsets.partitions()[w.rnd.IntN(len(g.offsets))]
	w.note("delete the offset of %v of %s", tp, name)
	rq := kmsg.NewPtrOffsetDeleteRequest()
	rq.Group = name
	t := kmsg.NewOffsetDeleteRequestTopic()
	p := kmsg.NewOffsetDeleteRequestTopicPartition()
	p.Partition = tp.index
	t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	if _, err := ask[*kmsg.OffsetDeleteResponse](w.s, rq); err != nil {
		return fmt.Errorf("delete the offset of %v of %s: %w", tp, name, err)
	}
	delete(g.offsets, tp)
	return nil
}

func (w *workload) deleteGroup() error {
	name, _, err := w.named(func(name string, g *groupModel) bool {
		return len(g.members) == 0 && len(g.offsets) > 0 && len(w.m.unstable(name)) == 0
	})
	if err != nil {
		return err
	}
	w.note("delete group %s", name)
	rq := kmsg.NewPtrDeleteGroupsRequest()
	rq.Version, rq.Groups = 2, []string{name}
	if _, err := ask[*kmsg.DeleteGroupsResponse](w.s, rq); err != nil {
		return fmt.Errorf("delete group %s: %w", name, err)
	}
	delete(w.m.groups, name)
	return nil
}
