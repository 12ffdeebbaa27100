package broker

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Metadata (key 3)
//
//   - Names the brokers, by the address of the listener the request came in on,
//     and the partitions of the topics asked for: all with a null list (v0: an
//     empty one), none with an empty one.
//   - A topic that doesn't exist is created if both the request and
//     auto.create.topics.enable allow it, with the broker's defaults, before
//     the answer: Kafka answers first and lets the client ask again.
//   - Operations the client may do are all of them while there is no authorizer,
//     on a topic that doesn't exist too.
//   - A topic that is asked for in a way its version doesn't have, or in none,
//     costs the whole request: INVALID_REQUEST, without brokers.
//
// v1 controller, rack, internal. v2 cluster id. v4 auto creation is the
// client's choice. v5 offline replicas. v7 leader epochs. v8 authorized
// operations. v9 flexible. v10 topic ids in answers, v12 in questions.
// v13 top-level error.
func (b *Broker) metadata(ctx context.Context, rq *Request, m *protocol.MetadataRequest) *protocol.MetadataResponse {
	if misnamed(m, rq.Version()) {
		return refusedMetadata(m, protocol.ErrInvalidRequest)
	}
	img := rq.Image
	resp := &protocol.MetadataResponse{ControllerId: int32(b.controllerID()), ClusterAuthorizedOperations: noOperations, Topics: []protocol.MetadataResponseTopic{}}
	id := img.ClusterID()
	resp.ClusterId = &id
	for br := range img.Brokers() {
		if l, ok := br.Listener(rq.Conn.Listener()); ok && !br.Fenced {
			resp.Brokers = append(resp.Brokers, protocol.MetadataResponseBroker{NodeId: int32(br.ID), Host: l.Host, Port: l.Port, Rack: br.Rack})
		}
	}
	if m.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = clusterOperations
	}
	all := m.Topics == nil || rq.Version() == 0 && len(m.Topics) == 0
	if all {
		for t := range img.Topics() {
			resp.Topics = append(resp.Topics, describeTopic(rq, t))
		}
	} else {
		b.namedTopics(ctx, rq, m, resp)
	}
	if m.IncludeTopicAuthorizedOperations {
		for i := range resp.Topics {
			if resp.Topics[i].Name != nil {
				resp.Topics[i].TopicAuthorizedOperations = topicOperations
			}
		}
	}
	return resp
}

// What Kafka answers where nothing is forbidden: the bits of the operations
// that exist for a topic, for a group and for the cluster.
const (
	noOperations      = -1 << 31
	topicOperations   = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11
	groupOperations   = 1<<3 | 1<<6 | 1<<8 | 1<<10 | 1<<11
	clusterOperations = 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12
)

// namedTopics answers for the topics the request names.
func (b *Broker) namedTopics(ctx context.Context, rq *Request, m *protocol.MetadataRequest, resp *protocol.MetadataResponse) {
	create := rq.Version() < 4 || m.AllowAutoTopicCreation
	asked := make(map[string]bool, len(m.Topics))
	unknown := make(map[protocol.UUID]bool)
	for i := range m.Topics {
		q := &m.Topics[i]
		if q.TopicId != (protocol.UUID{}) {
			t := rq.Image.TopicByID(q.TopicId)
			switch {
			case t == nil && !unknown[q.TopicId]:
				unknown[q.TopicId] = true
				resp.Topics = append(resp.Topics, unknownTopic(q, protocol.ErrUnknownTopicId))
			case t != nil && !asked[t.Name]:
				asked[t.Name] = true
				resp.Topics = append(resp.Topics, describeTopic(rq, t))
			}
			continue
		}
		if asked[*q.Name] {
			continue
		}
		asked[*q.Name] = true
		t := rq.Image.Topic(*q.Name)
		var err error
		if t == nil {
			t, err = b.autoCreate(ctx, *q.Name, create)
		}
		if err != nil {
			resp.Topics = append(resp.Topics, unknownTopic(q, protocol.Error(b.code(err))))
			continue
		}
		resp.Topics = append(resp.Topics, describeTopic(rq, t))
	}
}

// misnamed tells whether the request asks for a topic without a name, or before
// version 12 with an id.
func misnamed(m *protocol.MetadataRequest, version int16) bool {
	for i := range m.Topics {
		q := &m.Topics[i]
		byID := q.TopicId != (protocol.UUID{})
		if q.Name == nil && !byID || version < 12 && (q.Name == nil || byID) {
			return true
		}
	}
	return false
}

// refusedMetadata is the answer to a request that is refused as a whole.
func refusedMetadata(m *protocol.MetadataRequest, err protocol.Error) *protocol.MetadataResponse {
	resp := &protocol.MetadataResponse{
		ErrorCode: int16(err), ControllerId: -1, ClusterAuthorizedOperations: noOperations,
		Brokers: []protocol.MetadataResponseBroker{}, Topics: []protocol.MetadataResponseTopic{},
	}
	for i := range m.Topics {
		resp.Topics = append(resp.Topics, unknownTopic(&m.Topics[i], err))
	}
	return resp
}

func unknownTopic(q *protocol.MetadataRequestTopic, err protocol.Error) protocol.MetadataResponseTopic {
	return protocol.MetadataResponseTopic{
		ErrorCode: int16(err), Name: q.Name, TopicId: q.TopicId, TopicAuthorizedOperations: noOperations,
		Partitions: []protocol.MetadataResponsePartition{},
	}
}

// describeTopic lists a topic's partitions. One without a leader says so; v0
// and v1 clients expect that error in the topic's place too.
func describeTopic(rq *Request, t *metadata.Topic) protocol.MetadataResponseTopic {
	name := t.Name
	out := protocol.MetadataResponseTopic{
		Name: &name, TopicId: t.ID, IsInternal: metadata.IsInternal(name), TopicAuthorizedOperations: noOperations,
		Partitions: make([]protocol.MetadataResponsePartition, len(t.Partitions)),
	}
	for i, p := range t.Partitions {
		o := &out.Partitions[i]
		o.PartitionIndex, o.LeaderId, o.LeaderEpoch = p.ID, int32(p.Leader), int32(p.LeaderEpoch)
		o.ReplicaNodes, o.IsrNodes, o.OfflineReplicas = metadata.WireIDs(p.Replicas), metadata.WireIDs(p.ISR), offline(rq.Image, p.Replicas)
		leader := rq.Image.Broker(p.Leader)
		if leader == nil {
			o.ErrorCode = int16(protocol.ErrLeaderNotAvailable)
		} else if _, ok := leader.Listener(rq.Conn.Listener()); !ok {
			o.ErrorCode = int16(protocol.ErrListenerNotFound)
			if rq.Version() < 6 {
				o.ErrorCode = int16(protocol.ErrLeaderNotAvailable)
			}
		}
	}
	return out
}

// offline lists the replicas whose broker is fenced or unknown.
func offline(img *metadata.Image, replicas []metadata.BrokerID) []int32 {
	out := []int32{}
	for _, id := range replicas {
		if br := img.Broker(id); br == nil || br.Fenced {
			out = append(out, int32(id))
		}
	}
	return out
}

// autoCreate creates a topic that a client asked about, with the broker's
// defaults, and returns it. Of one that was deleted a moment ago the answer is
// that it doesn't exist, as Kafka's always is: clients look in this way whether
// it is gone.
func (b *Broker) autoCreate(ctx context.Context, name string, allowed bool) (*metadata.Topic, error) {
	if err := metadata.CheckTopicName(name); err != nil {
		return nil, protocol.ErrInvalidTopicException
	}
	if metadata.IsInternal(name) || !allowed || !config.AutoCreateTopicsEnable.In(b.Config(b.image())) {
		return nil, protocol.ErrUnknownTopicOrPartition // a coordinator creates its topic, with a shape of its own
	}
	deleted := b.deletions.recent(name)
	req := &protocol.CreateTopicsRequest{TimeoutMs: 30_000, Topics: []protocol.CreateTopicsRequestCreatableTopic{
		{Name: name, NumPartitions: -1, ReplicationFactor: -1},
	}}
	resp := b.Controller.CreateTopics(ctx, req)
	if code := protocol.Error(resp.Topics[0].ErrorCode); code != 0 && code != protocol.ErrTopicAlreadyExists {
		return nil, code
	}
	if t := b.image().Topic(name); t != nil && !deleted {
		return t, nil
	}
	return nil, protocol.ErrUnknownTopicOrPartition
}

// deletions remembers the topics that were deleted lately.
type deletions struct {
	mu sync.Mutex
	at map[string]time.Time
}

// deletionMemory is how long a deletion counts as recent: longer than a client
// takes to look, shorter than people take to use the name again.
const deletionMemory = 5 * time.Second

// note remembers topics that are gone, and forgets those of earlier times.
func (d *deletions) note(topics []*metadata.Topic) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(d.at, func(_ string, at time.Time) bool { return now.Sub(at) >= deletionMemory })
	if d.at == nil {
		d.at = make(map[string]time.Time)
	}
	for _, t := range topics {
		d.at[t.Name] = now
	}
}

func (d *deletions) recent(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.at[name]
	return ok && time.Since(at) < deletionMemory
}
