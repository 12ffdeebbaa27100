// Package metadata is the state of the cluster as one immutable value.
//
// Its main type is Image: topics and their partitions, brokers, configs,
// features, producer ids. Records change it, in the order of the metadata log,
// and every node that applied the same records has the same image. The
// invariant: an Image and everything it hands out never changes; Apply makes
// the next one and says what differs.
package metadata

import (
	"iter"
	"slices"

	"github.com/benbjohnson/immutable"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// BrokerID is a broker's node.id.
type BrokerID int32

// NoLeader is the leader of a partition that has none.
const NoLeader BrokerID = -1

// TopicID tells topics apart that had the same name one after the other.
type TopicID = protocol.UUID

// Topic is a topic and its partitions.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions []*Partition // the index is the partition's id
}

// Partition is what the cluster has agreed on about one partition.
type Partition struct {
	ID             int32
	Replicas       []BrokerID // in order of preference: the first is the preferred leader
	ISR            []BrokerID
	ELR            []BrokerID // eligible leader replicas (KIP-966)
	LastKnownELR   []BrokerID
	Adding         []BrokerID // by a reassignment under way
	Removing       []BrokerID
	Dirs           []protocol.UUID // the log dir of each replica
	Leader         BrokerID
	Recovering     bool // its leader was elected uncleanly, and nobody was in sync with it since
	LeaderEpoch    record.LeaderEpoch
	PartitionEpoch int32
}

// HasReplica tells whether a broker has a replica of the partition.
func (p *Partition) HasReplica(id BrokerID) bool { return slices.Contains(p.Replicas, id) }

// Broker is a registered broker.
type Broker struct {
	ID          BrokerID
	Epoch       int64 // of this registration; grows with each
	Incarnation protocol.UUID
	Listeners   []Listener
	Rack        *string
	Fenced      bool // not to lead, nor to be in an ISR
	// InControlledShutdown: it is about to leave and leads nothing any more.
	InControlledShutdown bool
	Dirs                 []protocol.UUID
	Cordoned             []protocol.UUID // of Dirs: they get no new replicas
	Features             []SupportedFeature
}

// SupportedFeature is a feature and the levels a broker can work at.
type SupportedFeature struct {
	Name     string
	Min, Max int16
}

// Listener is an address a broker advertises.
type Listener struct {
	Name     string
	Host     string
	Port     int32
	Protocol int16 // 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL
}

// Listener returns the broker's address for the clients of a listener.
func (b *Broker) Listener(name string) (Listener, bool) {
	for _, l := range b.Listeners {
		if l.Name == name {
			return l, true
		}
	}
	return Listener{}, false
}

// The types of resources that have configs, as in the protocol.
const (
	TopicResource         int8 = 2
	BrokerResource        int8 = 4 // the name is the node id, or "" for the cluster's default
	BrokerLoggerResource  int8 = 8
	ClientMetricsResource int8 = 16
	GroupResource         int8 = 32
)

// Resource is what configs belong to.
type Resource struct {
	Type int8
	Name string
}

// Image is the state of the cluster after some records of the metadata log.
type Image struct {
	clusterID      string
	topics         *immutable.SortedMap[string, *Topic]
	byID           *immutable.SortedMap[string, *Topic] // by idKey
	brokers        *immutable.SortedMap[int32, *Broker]
	configs        *immutable.SortedMap[string, map[string]string] // by resourceKey
	features       *immutable.SortedMap[string, int16]
	featuresEpoch  int64 // grows with every change of a feature
	nextProducerID int64
	brokerEpoch    int64 // the last that was given to a broker
	partitions     int
}

// Empty is the image before the first record.
func Empty() *Image {
	return &Image{
		topics:        immutable.NewSortedMap[string, *Topic](nil),
		byID:          immutable.NewSortedMap[string, *Topic](nil),
		brokers:       immutable.NewSortedMap[int32, *Broker](nil),
		configs:       immutable.NewSortedMap[string, map[string]string](nil),
		features:      immutable.NewSortedMap[string, int16](nil),
		featuresEpoch: -1,
	}
}

// ClusterID is the id the cluster got when it began, "" before.
func (i *Image) ClusterID() string { return i.clusterID }

// Topic returns the topic of a name, nil if there is none.
func (i *Image) Topic(name string) *Topic {
	t, _ := i.topics.Get(name)
	return t
}

// TopicByID returns the topic of an id, nil if there is none.
func (i *Image) TopicByID(id TopicID) *Topic {
	t, _ := i.byID.Get(idKey(id))
	return t
}

// Topics yields the topics by name.
func (i *Image) Topics() iter.Seq[*Topic] {
	return func(yield func(*Topic) bool) {
		for it := i.topics.Iterator(); !it.Done(); {
			if _, t, _ := it.Next(); !yield(t) {
				return
			}
		}
	}
}

// TopicCount and PartitionCount are how many there are.
func (i *Image) TopicCount() int     { return i.topics.Len() }
func (i *Image) PartitionCount() int { return i.partitions }

// Broker returns a registered broker, nil if there is none of that id.
func (i *Image) Broker(id BrokerID) *Broker {
	b, _ := i.brokers.Get(int32(id))
	return b
}

// Brokers yields the registered brokers by id, fenced ones included.
func (i *Image) Brokers() iter.Seq[*Broker] {
	return func(yield func(*Broker) bool) {
		for it := i.brokers.Iterator(); !it.Done(); {
			if _, b, _ := it.Next(); !yield(b) {
				return
			}
		}
	}
}

// BrokerCount is how many brokers are registered, fenced ones included.
func (i *Image) BrokerCount() int { return i.brokers.Len() }

// Config returns what is set on a resource. The map must not be changed.
func (i *Image) Config(r Resource) map[string]string {
	c, _ := i.configs.Get(resourceKey(r))
	return c
}

// Configs yields the resources that have something set, by type and name.
func (i *Image) Configs() iter.Seq2[Resource, map[string]string] {
	return func(yield func(Resource, map[string]string) bool) {
		for it := i.configs.Iterator(); !it.Done(); {
			if k, c, _ := it.Next(); !yield(resourceOf(k), c) {
				return
			}
		}
	}
}

// Feature returns the finalized level of a feature; 0 is off.
func (i *Image) Feature(name string) int16 {
	l, _ := i.features.Get(name)
	return l
}

// Features yields the finalized features that aren't off, by name.
func (i *Image) Features() iter.Seq2[string, int16] {
	return func(yield func(string, int16) bool) {
		for it := i.features.Iterator(); !it.Done(); {
			if n, l, _ := it.Next(); !yield(n, l) {
				return
			}
		}
	}
}

// FeaturesEpoch grows with every change of a feature; -1 before the first.
func (i *Image) FeaturesEpoch() int64 { return i.featuresEpoch }

// NextProducerID is the first producer id that no broker was given yet.
func (i *Image) NextProducerID() int64 { return i.nextProducerID }

// LastBrokerEpoch is the greatest epoch that any broker was registered in, also
// one that left; 0 before the first.
func (i *Image) LastBrokerEpoch() int64 { return i.brokerEpoch }

// idKey and resourceKey are the keys of the maps, whose library takes nothing
// but strings and numbers.
func idKey(id TopicID) string { return string(id[:]) }

func resourceKey(r Resource) string { return string(byte(r.Type)) + r.Name }

func resourceOf(key string) Resource { return Resource{Type: int8(key[0]), Name: key[1:]} }
