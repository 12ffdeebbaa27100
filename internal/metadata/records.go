package metadata

import (
	"iter"
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// Records yields records that make this image out of the empty one: what a
// snapshot holds. Only the epoch of the features is not among them as such; it
// is the number of feature records less one, so levels are repeated to reach it.
func (i *Image) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		_ = i.yieldCluster(yield) && i.yieldBrokers(yield) && i.yieldTopics(yield) && i.yieldConfigs(yield)
	}
}

func (i *Image) yieldCluster(yield func(Record) bool) bool {
	if i.clusterID != "" && !yield(&protocol.ClusterRecord{ClusterId: i.clusterID}) {
		return false
	}
	if !i.yieldFeatures(yield) {
		return false
	}
	return i.nextProducerID == 0 || yield(&protocol.ProducerIdsRecord{BrokerId: -1, BrokerEpoch: -1, NextProducerId: i.nextProducerID})
}

func (i *Image) yieldFeatures(yield func(Record) bool) bool {
	last := &protocol.FeatureLevelRecord{Name: "metadata.version"}
	n := int64(-1)
	for name, level := range i.Features() {
		last = &protocol.FeatureLevelRecord{Name: name, FeatureLevel: level}
		if n++; !yield(last) {
			return false
		}
	}
	for ; n < i.featuresEpoch; n++ {
		if !yield(last) {
			return false
		}
	}
	return true
}

func (i *Image) yieldBrokers(yield func(Record) bool) bool {
	last := int64(0)
	for br := range i.Brokers() {
		last = max(last, br.Epoch)
		if !yield(br.Record()) {
			return false
		}
	}
	// That no epoch is given twice must survive the broker that had the last one.
	return last == i.brokerEpoch || yield(&protocol.UnregisterBrokerRecord{BrokerId: -1, BrokerEpoch: i.brokerEpoch})
}

// Record is the record that registers the broker as it is.
func (b *Broker) Record() *protocol.RegisterBrokerRecord {
	r := &protocol.RegisterBrokerRecord{
		BrokerId: int32(b.ID), IncarnationId: b.Incarnation, BrokerEpoch: b.Epoch, Rack: b.Rack, Fenced: b.Fenced,
		InControlledShutdown: b.InControlledShutdown, LogDirs: b.Dirs, CordonedLogDirs: b.Cordoned,
	}
	for _, l := range b.Listeners {
		r.EndPoints = append(r.EndPoints, protocol.RegisterBrokerRecordBrokerEndpoint{
			Name: l.Name, Host: l.Host, Port: uint16(l.Port), SecurityProtocol: l.Protocol,
		})
	}
	for _, f := range b.Features {
		r.Features = append(r.Features, protocol.RegisterBrokerRecordBrokerFeature{
			Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max,
		})
	}
	return r
}

func (i *Image) yieldTopics(yield func(Record) bool) bool {
	for t := range i.Topics() {
		if !yield(&protocol.TopicRecord{Name: t.Name, TopicId: t.ID}) {
			return false
		}
		for _, p := range t.Partitions {
			if !yield(partitionRecord(t.ID, p)) {
				return false
			}
		}
	}
	return true
}

func partitionRecord(id TopicID, p *Partition) *protocol.PartitionRecord {
	r := &protocol.PartitionRecord{
		PartitionId: p.ID, TopicId: id, Replicas: WireIDs(p.Replicas), Isr: WireIDs(p.ISR), RemovingReplicas: WireIDs(p.Removing),
		AddingReplicas: WireIDs(p.Adding), Leader: int32(p.Leader), LeaderEpoch: int32(p.LeaderEpoch), PartitionEpoch: p.PartitionEpoch,
		Directories: p.Dirs, EligibleLeaderReplicas: WireIDs(p.ELR), LastKnownElr: WireIDs(p.LastKnownELR),
	}
	if p.Recovering {
		r.LeaderRecoveryState = 1
	}
	return r
}

func (i *Image) yieldConfigs(yield func(Record) bool) bool {
	for res, c := range i.Configs() {
		for _, name := range slices.Sorted(maps.Keys(c)) {
			value := c[name]
			if !yield(&protocol.ConfigRecord{ResourceType: res.Type, ResourceName: res.Name, Name: name, Value: &value}) {
				return false
			}
		}
	}
	return true
}

// WireIDs are broker ids as messages and records hold them; never nil.
func WireIDs(ids []BrokerID) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}
