package metadata

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Delta is what differs between two images: what a publisher of the image looks
// at. It names what changed; the values are in the images.
type Delta struct {
	DeletedTopics  []*Topic // as they were
	ChangedTopics  []*Topic // as they are: new ones, and those with a changed partition
	ChangedBrokers []BrokerID
	ChangedConfigs []Resource
	Features       bool
}

// Empty tells that nothing differs.
func (d *Delta) Empty() bool {
	return len(d.DeletedTopics) == 0 && len(d.ChangedTopics) == 0 && len(d.ChangedBrokers) == 0 && len(d.ChangedConfigs) == 0 && !d.Features
}

// touched collects what an Apply changed.
type touched struct {
	topics  map[TopicID]*Topic // as they were before, nil for new ones
	brokers map[BrokerID]bool
	configs map[Resource]bool
	feature bool
}

func newTouched() *touched {
	return &touched{topics: make(map[TopicID]*Topic), brokers: make(map[BrokerID]bool), configs: make(map[Resource]bool)}
}

func (t *touched) topic(id TopicID, before *Topic) {
	if _, known := t.topics[id]; !known {
		t.topics[id] = before
	}
}

// delta makes the Delta of what was touched on the way to next, in an order that
// doesn't depend on that of maps.
func (t *touched) delta(next *Image) *Delta {
	d := &Delta{Features: t.feature}
	for id, before := range t.topics {
		after := next.TopicByID(id)
		switch {
		case after != nil:
			d.ChangedTopics = append(d.ChangedTopics, after)
		case before != nil:
			d.DeletedTopics = append(d.DeletedTopics, before)
		}
	}
	slices.SortFunc(d.ChangedTopics, compareTopics)
	slices.SortFunc(d.DeletedTopics, compareTopics)
	d.ChangedBrokers = slices.Sorted(maps.Keys(t.brokers))
	d.ChangedConfigs = slices.SortedFunc(maps.Keys(t.configs), compareResources)
	return d
}

func compareTopics(a, b *Topic) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), slices.Compare(a.ID[:], b.ID[:]))
}

func compareResources(a, b Resource) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
}

// Diff is what differs between two images that no records connect: after a
// snapshot was restored. It compares what the maps don't share, which is
// everything after a restore.
func Diff(a, b *Image) *Delta {
	t := newTouched()
	for topic := range a.Topics() {
		if b.TopicByID(topic.ID) == nil {
			t.topic(topic.ID, topic)
		}
	}
	for topic := range b.Topics() {
		if before := a.TopicByID(topic.ID); before == nil || !sameTopic(before, topic) {
			t.topic(topic.ID, before)
		}
	}
	diffBrokers(t, a, b)
	diffConfigs(t, a, b)
	t.feature = a.featuresEpoch != b.featuresEpoch || !maps.Equal(maps.Collect(a.Features()), maps.Collect(b.Features()))
	return t.delta(b)
}

func diffBrokers(t *touched, a, b *Image) {
	for br := range a.Brokers() {
		if b.Broker(br.ID) == nil {
			t.brokers[br.ID] = true
		}
	}
	for br := range b.Brokers() {
		if before := a.Broker(br.ID); before == nil || !sameBroker(before, br) {
			t.brokers[br.ID] = true
		}
	}
}

func diffConfigs(t *touched, a, b *Image) {
	for r := range a.Configs() {
		if b.Config(r) == nil {
			t.configs[r] = true
		}
	}
	for r, c := range b.Configs() {
		if !maps.Equal(a.Config(r), c) {
			t.configs[r] = true
		}
	}
}

func sameTopic(a, b *Topic) bool {
	return a == b || a.Name == b.Name && slices.EqualFunc(a.Partitions, b.Partitions, samePartition)
}

func samePartition(a, b *Partition) bool {
	return a == b || a.ID == b.ID && a.Leader == b.Leader && a.LeaderEpoch == b.LeaderEpoch && a.PartitionEpoch == b.PartitionEpoch &&
		slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.ISR, b.ISR) && slices.Equal(a.ELR, b.ELR) &&
		slices.Equal(a.LastKnownELR, b.LastKnownELR) && slices.Equal(a.Adding, b.Adding) && slices.Equal(a.Removing, b.Removing) &&
		slices.Equal(a.Dirs, b.Dirs) && a.Recovering == b.Recovering
}

func sameBroker(a, b *Broker) bool {
	return a == b || a.ID == b.ID && a.Epoch == b.Epoch && a.Incarnation == b.Incarnation && a.Fenced == b.Fenced &&
		a.InControlledShutdown == b.InControlledShutdown && slices.Equal(a.Cordoned, b.Cordoned) &&
		samePointer(a.Rack, b.Rack) && slices.Equal(a.Listeners, b.Listeners) && slices.Equal(a.Dirs, b.Dirs) && slices.Equal(a.Features, b.Features)
}

func samePointer(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
