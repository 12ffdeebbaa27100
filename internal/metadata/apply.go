package metadata

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Record is one change of the metadata, as the metadata log holds it.
type Record = protocol.Record

// ErrUnknownRecord is returned for a type of record that has no place in an
// image: a later version has one for it.
var ErrUnknownRecord = errors.New("its type is not known to this version")

// Apply returns the image after the records and what they changed. An error
// says that a record makes no sense on this image, which no controller decides:
// the log and this node have come apart, and i stays as it is.
func (i *Image) Apply(records []Record) (*Image, *Delta, error) {
	b := builder{image: *i, touched: newTouched(), topics: make(map[TopicID]*Topic), created: make(map[string]bool)}
	for _, r := range records {
		if err := b.apply(r); err != nil {
			return nil, nil, fmt.Errorf("metadata record %T: %w", r, err)
		}
	}
	b.flush()
	return &b.image, b.touched.delta(&b.image), nil
}

// builder is an image in the making. Topics whose partitions change are copied
// once and entered into the maps at the end, so a topic of many partitions
// costs what one does.
type builder struct {
	image   Image
	touched *touched
	topics  map[TopicID]*Topic // copies that may be changed
	created map[string]bool    // names of topics that are only in topics yet
}

func (b *builder) apply(r Record) error {
	switch r := r.(type) {
	case *protocol.ClusterRecord:
		b.image.clusterID = r.ClusterId
		return nil
	case *protocol.TopicRecord:
		return b.topic(r)
	case *protocol.RemoveTopicRecord:
		return b.removeTopic(r)
	case *protocol.PartitionRecord:
		return b.partition(r)
	case *protocol.PartitionChangeRecord:
		return b.partitionChange(r)
	case *protocol.ConfigRecord:
		b.config(r)
		return nil
	case *protocol.RegisterBrokerRecord:
		b.setBroker(registeredBroker(r))
		b.image.brokerEpoch = max(b.image.brokerEpoch, r.BrokerEpoch)
		return nil
	case *protocol.BrokerRegistrationChangeRecord:
		return b.brokerChange(r)
	case *protocol.UnregisterBrokerRecord:
		b.image.brokers = b.image.brokers.Delete(r.BrokerId)
		b.image.brokerEpoch = max(b.image.brokerEpoch, r.BrokerEpoch)
		b.touched.brokers[BrokerID(r.BrokerId)] = true
		return nil
	case *protocol.FeatureLevelRecord:
		b.feature(r.Name, r.FeatureLevel)
		return nil
	case *protocol.ProducerIdsRecord:
		b.image.nextProducerID = max(b.image.nextProducerID, r.NextProducerId)
		return nil
	}
	return ErrUnknownRecord
}

// edit returns a copy of a topic that may be changed.
func (b *builder) edit(id TopicID) (*Topic, error) {
	if t := b.topics[id]; t != nil {
		return t, nil
	}
	before := b.image.TopicByID(id)
	if before == nil {
		return nil, fmt.Errorf("topic %v does not exist", id)
	}
	t := &Topic{Name: before.Name, ID: id, Partitions: slices.Clone(before.Partitions)}
	b.topics[id] = t
	b.touched.topic(id, before)
	return t, nil
}

// flush enters the topics that were edited.
func (b *builder) flush() {
	for id, t := range b.topics {
		b.image.topics = b.image.topics.Set(t.Name, t)
		b.image.byID = b.image.byID.Set(idKey(id), t)
	}
}

func (b *builder) topic(r *protocol.TopicRecord) error {
	id := r.TopicId
	if b.topics[id] != nil || b.image.TopicByID(id) != nil {
		return fmt.Errorf("topic id %v exists", id)
	}
	if b.created[r.Name] || b.image.Topic(r.Name) != nil {
		return fmt.Errorf("topic %s exists", r.Name)
	}
	b.topics[id] = &Topic{Name: r.Name, ID: id}
	b.created[r.Name] = true
	b.touched.topic(id, nil)
	return nil
}

func (b *builder) removeTopic(r *protocol.RemoveTopicRecord) error {
	t, err := b.edit(r.TopicId)
	if err != nil {
		return err
	}
	delete(b.topics, t.ID)
	delete(b.created, t.Name)
	b.image.partitions -= len(t.Partitions)
	b.image.topics = b.image.topics.Delete(t.Name)
	b.image.byID = b.image.byID.Delete(idKey(t.ID))
	if res := (Resource{TopicResource, t.Name}); b.image.Config(res) != nil {
		b.image.configs = b.image.configs.Delete(resourceKey(res))
		b.touched.configs[res] = true
	}
	return nil
}

func (b *builder) partition(r *protocol.PartitionRecord) error {
	t, err := b.edit(r.TopicId)
	if err != nil {
		return err
	}
	p := &Partition{
		ID: r.PartitionId, Leader: BrokerID(r.Leader), LeaderEpoch: record.LeaderEpoch(r.LeaderEpoch), PartitionEpoch: r.PartitionEpoch,
		Replicas: brokerIDs(r.Replicas), ISR: brokerIDs(r.Isr), ELR: brokerIDs(r.EligibleLeaderReplicas), LastKnownELR: brokerIDs(r.LastKnownElr),
		Adding: brokerIDs(r.AddingReplicas), Removing: brokerIDs(r.RemovingReplicas), Dirs: slices.Clone(r.Directories),
		Recovering: r.LeaderRecoveryState == 1,
	}
	switch {
	case p.ID >= 0 && int(p.ID) < len(t.Partitions):
		t.Partitions[p.ID] = p
	case int(p.ID) == len(t.Partitions):
		t.Partitions = append(t.Partitions, p)
		b.image.partitions++
	default:
		return fmt.Errorf("partition %d of a topic with %d", p.ID, len(t.Partitions))
	}
	return nil
}

func (b *builder) partitionChange(r *protocol.PartitionChangeRecord) error {
	t, err := b.edit(r.TopicId)
	if err != nil {
		return err
	}
	if r.PartitionId < 0 || int(r.PartitionId) >= len(t.Partitions) {
		return fmt.Errorf("partition %d of a topic with %d", r.PartitionId, len(t.Partitions))
	}
	p := *t.Partitions[r.PartitionId]
	p.PartitionEpoch++
	if r.Leader != -2 {
		p.Leader = BrokerID(r.Leader)
		p.LeaderEpoch++
	}
	if r.LeaderRecoveryState != -1 {
		p.Recovering = r.LeaderRecoveryState == 1
	}
	change(&p.Replicas, r.Replicas)
	change(&p.ISR, r.Isr)
	change(&p.ELR, r.EligibleLeaderReplicas)
	change(&p.LastKnownELR, r.LastKnownElr)
	change(&p.Adding, r.AddingReplicas)
	change(&p.Removing, r.RemovingReplicas)
	if r.Directories != nil {
		p.Dirs = slices.Clone(r.Directories)
	}
	t.Partitions[r.PartitionId] = &p
	return nil
}

func change(field *[]BrokerID, ids []int32) {
	if ids != nil {
		*field = brokerIDs(ids)
	}
}

func (b *builder) config(r *protocol.ConfigRecord) {
	res := Resource{r.ResourceType, r.ResourceName}
	next := maps.Clone(b.image.Config(res))
	if next == nil {
		next = make(map[string]string)
	}
	if r.Value == nil {
		delete(next, r.Name)
	} else {
		next[r.Name] = *r.Value
	}
	if len(next) == 0 {
		b.image.configs = b.image.configs.Delete(resourceKey(res))
	} else {
		b.image.configs = b.image.configs.Set(resourceKey(res), next)
	}
	b.touched.configs[res] = true
}

func (b *builder) feature(name string, level int16) {
	if level == 0 {
		b.image.features = b.image.features.Delete(name)
	} else {
		b.image.features = b.image.features.Set(name, level)
	}
	b.image.featuresEpoch++
	b.touched.feature = true
}

func (b *builder) setBroker(br *Broker) {
	b.image.brokers = b.image.brokers.Set(int32(br.ID), br)
	b.touched.brokers[br.ID] = true
}

func (b *builder) brokerChange(r *protocol.BrokerRegistrationChangeRecord) error {
	before := b.image.Broker(BrokerID(r.BrokerId))
	if before == nil {
		return fmt.Errorf("broker %d is not registered", r.BrokerId)
	}
	if before.Epoch != r.BrokerEpoch {
		return fmt.Errorf("broker %d is registered in epoch %d, not %d", r.BrokerId, before.Epoch, r.BrokerEpoch)
	}
	br := *before
	switch r.Fenced {
	case 1:
		br.Fenced = true
	case -1:
		br.Fenced = false
	}
	if r.InControlledShutdown == 1 {
		br.InControlledShutdown = true
	}
	if r.LogDirs != nil {
		br.Dirs = slices.Clone(r.LogDirs)
	}
	if r.CordonedLogDirs != nil {
		br.Cordoned = slices.Clone(r.CordonedLogDirs)
	}
	b.setBroker(&br)
	return nil
}

func registeredBroker(r *protocol.RegisterBrokerRecord) *Broker {
	br := &Broker{
		ID: BrokerID(r.BrokerId), Epoch: r.BrokerEpoch, Incarnation: r.IncarnationId, Fenced: r.Fenced,
		InControlledShutdown: r.InControlledShutdown, Rack: r.Rack, Dirs: slices.Clone(r.LogDirs), Cordoned: slices.Clone(r.CordonedLogDirs),
	}
	for _, e := range r.EndPoints {
		br.Listeners = append(br.Listeners, Listener{Name: e.Name, Host: e.Host, Port: int32(e.Port), Protocol: e.SecurityProtocol})
	}
	for _, f := range r.Features {
		br.Features = append(br.Features, SupportedFeature{Name: f.Name, Min: f.MinSupportedVersion, Max: f.MaxSupportedVersion})
	}
	return br
}

func brokerIDs(ids []int32) []BrokerID {
	out := make([]BrokerID, len(ids))
	for i, id := range ids {
		out[i] = BrokerID(id)
	}
	return out
}
