package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// maxPartitionsPerRequest bounds the partitions that one request may make, as
// in Kafka.
const maxPartitionsPerRequest = 10_000

// metadataTopic is what the metadata log is called where it shows.
const metadataTopic = "__cluster_metadata"

// CreateTopics creates topics, each on its own: one that is refused doesn't
// keep the others from being made.
func (c *Controller) CreateTopics(ctx context.Context, m *protocol.CreateTopicsRequest) *protocol.CreateTopicsResponse {
	ctx, cancel := within(ctx, m.TimeoutMs)
	defer cancel()
	resp, err := ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, *protocol.CreateTopicsResponse) {
		return createTopics(img, m, c.Broker(img), c.NewID, c.placer(img))
	})
	if err == nil {
		return resp
	}
	resp = &protocol.CreateTopicsResponse{}
	code, text := codeAndText(err)
	for i := range m.Topics {
		resp.Topics = append(resp.Topics, failedTopic(m.Topics[i].Name, code, text))
	}
	return resp
}

func failedTopic(name string, code int16, text *string) protocol.CreateTopicsResponseCreatableTopicResult {
	return protocol.CreateTopicsResponseCreatableTopicResult{
		Name: name, ErrorCode: code, ErrorMessage: text, NumPartitions: -1, ReplicationFactor: -1,
		Configs: []protocol.CreateTopicsResponseCreatableTopicConfigs{},
	}
}

// createTopics decides on a CreateTopics request.
func createTopics(img *metadata.Image, m *protocol.CreateTopicsRequest, broker *config.Broker, newID func() protocol.UUID, place *placer) ([]metadata.Record, *protocol.CreateTopicsResponse) {
	resp := &protocol.CreateTopicsResponse{Topics: []protocol.CreateTopicsResponseCreatableTopicResult{}}
	var records []metadata.Record
	if partitionsAsked(m, broker) > maxPartitionsPerRequest {
		code, text := codeAndText(protocol.Refuse(protocol.ErrPolicyViolation, "Excessively large number of partitions per request."))
		for i := range m.Topics {
			resp.Topics = append(resp.Topics, failedTopic(m.Topics[i].Name, code, text))
		}
		return nil, resp
	}
	named := make(map[string]int)
	for i := range m.Topics {
		named[m.Topics[i].Name]++
	}
	collisions := &collisions{image: img}
	for i := range m.Topics {
		t := &m.Topics[i]
		switch named[t.Name] {
		case 0: // answered as a duplicate
			continue
		case 1:
		default:
			code, text := codeAndText(protocol.Refuse(protocol.ErrInvalidRequest, "Duplicate topic name."))
			resp.Topics = append(resp.Topics, failedTopic(t.Name, code, text))
			named[t.Name] = 0
			continue
		}
		rs, result, err := createTopic(img, t, broker, newID, place, collisions)
		if err != nil {
			code, text := codeAndText(err)
			resp.Topics = append(resp.Topics, failedTopic(t.Name, code, text))
			continue
		}
		if m.ValidateOnly {
			result.TopicId = protocol.UUID{}
		} else {
			records = append(records, rs...)
		}
		resp.Topics = append(resp.Topics, result)
	}
	return records, resp
}

func partitionsAsked(m *protocol.CreateTopicsRequest, broker config.Lookup) int {
	n := 0
	for i := range m.Topics {
		switch t := &m.Topics[i]; {
		case len(t.Assignments) > 0:
			n += len(t.Assignments)
		case t.NumPartitions > 0:
			n += int(t.NumPartitions)
		default:
			n += config.NumPartitions.In(broker)
		}
	}
	return n
}

// collisions finds topics that the metrics of Kafka can't tell from another: "."
// and "_" are the same there. It looks at all topics once, if it must.
type collisions struct {
	image *metadata.Image
	names map[string]string // by collision key
}

func (c *collisions) with(name string) (other string, found bool) {
	if !strings.ContainsAny(name, "._") {
		return "", false
	}
	if c.names == nil {
		c.names = make(map[string]string, c.image.TopicCount())
		for t := range c.image.Topics() {
			c.names[metadata.CollisionKey(t.Name)] = t.Name
		}
	}
	other, found = c.names[metadata.CollisionKey(name)]
	return other, found
}

// createTopic makes one topic's records and its part of the response.
func createTopic(img *metadata.Image, t *protocol.CreateTopicsRequestCreatableTopic, broker *config.Broker, newID func() protocol.UUID, place *placer, collisions *collisions) ([]metadata.Record, protocol.CreateTopicsResponseCreatableTopicResult, error) {
	var none protocol.CreateTopicsResponseCreatableTopicResult
	if t.Name == metadataTopic {
		return nil, none, protocol.Refuse(protocol.ErrInvalidRequest, "Creation of internal topic "+metadataTopic+" is prohibited.")
	}
	if err := checkTopicName(t.Name); err != nil {
		return nil, none, err
	}
	if img.Topic(t.Name) != nil {
		return nil, none, protocol.Refuse(protocol.ErrTopicAlreadyExists, fmt.Sprintf("Topic '%s' already exists.", t.Name))
	}
	if other, found := collisions.with(t.Name); found {
		return nil, none, protocol.Refuse(protocol.ErrInvalidTopicException, fmt.Sprintf("Topic '%s' collides with existing topic: %s", t.Name, other))
	}
	configs, err := topicConfigs(t, broker)
	if err != nil {
		return nil, none, err
	}
	assignment, err := assign(img, t, broker, place)
	if err != nil {
		return nil, none, err
	}
	id := newID()
	records := []metadata.Record{&protocol.TopicRecord{Name: t.Name, TopicId: id}}
	for _, cr := range configs {
		records = append(records, cr)
	}
	for p, replicas := range assignment {
		records = append(records, newPartition(img, id, int32(p), replicas))
	}
	result := protocol.CreateTopicsResponseCreatableTopicResult{
		Name: t.Name, TopicId: id, NumPartitions: int32(len(assignment)), ReplicationFactor: int16(len(assignment[0])),
		Configs: createdConfigs(values(configs), broker),
	}
	return records, result, nil
}

// topicConfigs checks what the request sets and makes its records, in the order
// of the names.
func topicConfigs(t *protocol.CreateTopicsRequestCreatableTopic, broker *config.Broker) ([]*protocol.ConfigRecord, error) {
	var out []*protocol.ConfigRecord
	var nulls []string
	own := make(map[string]string)
	for i := range t.Configs {
		kv := &t.Configs[i]
		if kv.Value == nil {
			nulls = append(nulls, kv.Name)
			continue
		}
		own[kv.Name] = *kv.Value
		value := *kv.Value
		out = append(out, &protocol.ConfigRecord{ResourceType: metadata.TopicResource, ResourceName: t.Name, Name: kv.Name, Value: &value})
	}
	if len(nulls) > 0 {
		return nil, protocol.Refuse(protocol.ErrInvalidConfig, "Null value not supported for topic configs: "+strings.Join(nulls, ","))
	}
	if err := config.CheckTopic(own, broker); err != nil {
		return nil, refuseConfig(err)
	}
	slices.SortStableFunc(out, func(a, b *protocol.ConfigRecord) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func values(records []*protocol.ConfigRecord) map[string]string {
	m := make(map[string]string, len(records))
	for _, r := range records {
		m[r.Name] = *r.Value
	}
	return m
}

// createdConfigs are the configs in force that the answer shows (KIP-525), the
// topic's own ones as they came.
func createdConfigs(own map[string]string, broker *config.Broker) []protocol.CreateTopicsResponseCreatableTopicConfigs {
	out := []protocol.CreateTopicsResponseCreatableTopicConfigs{}
	for _, e := range config.DescribeTopic(own, broker) {
		if v, ok := own[e.Name]; ok {
			e.Value = &v
		}
		out = append(out, protocol.CreateTopicsResponseCreatableTopicConfigs{
			Name: e.Name, Value: e.Value, ReadOnly: e.ReadOnly, ConfigSource: int8(e.Source), IsSensitive: e.Sensitive(),
		})
	}
	return out
}

// newPartition is a partition in its first state: all replicas on
// brokers that are alive are in sync, the first of them leads.
func newPartition(img *metadata.Image, id metadata.TopicID, index int32, replicas []metadata.BrokerID) *protocol.PartitionRecord {
	r := &protocol.PartitionRecord{PartitionId: index, TopicId: id, Leader: -1, LeaderEpoch: 0, PartitionEpoch: 0}
	for _, b := range replicas {
		r.Replicas = append(r.Replicas, int32(b))
		br := img.Broker(b)
		dir := protocol.UUID{}
		if br != nil && len(br.Dirs) == 1 {
			dir = br.Dirs[0]
		}
		r.Directories = append(r.Directories, dir)
		if alive(img, b) {
			r.Isr = append(r.Isr, int32(b))
		}
	}
	if len(r.Isr) > 0 {
		r.Leader = r.Isr[0]
	}
	return r
}
