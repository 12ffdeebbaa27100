package broker

import (
	"context"
	"strconv"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// internalTopic is the shape of a coordinator's topic.
type internalTopic struct {
	name              string
	partitions        int
	replicationFactor int
	configs           [][2]string
}

// offsetsTopic and transactionTopic have the configs that Kafka gives them.
func offsetsTopic(cfg config.Lookup) internalTopic {
	return internalTopic{
		name:              group.Topic,
		partitions:        config.OffsetsTopicNumPartitions.In(cfg),
		replicationFactor: config.OffsetsTopicReplicationFactor.In(cfg),
		configs: [][2]string{
			{"cleanup.policy", "compact"},
			{"compression.type", "producer"},
			{"segment.bytes", strconv.FormatInt(config.OffsetsTopicSegmentBytes.In(cfg), 10)},
		},
	}
}

func transactionTopic(cfg config.Lookup) internalTopic {
	return internalTopic{
		name:              txn.Topic,
		partitions:        config.TransactionStateLogNumPartitions.In(cfg),
		replicationFactor: config.TransactionStateLogReplicationFactor.In(cfg),
		configs: [][2]string{
			{"cleanup.policy", "compact"},
			{"compression.type", "uncompressed"},
			{"min.insync.replicas", strconv.Itoa(config.TransactionStateLogMinISR.In(cfg))},
			{"segment.bytes", strconv.FormatInt(config.TransactionStateLogSegmentBytes.In(cfg), 10)},
			{"unclean.leader.election.enable", "false"},
		},
	}
}

// internalTopicTimeout bounds the creation of a coordinator's topic, for which
// the first client that needs it waits.
const internalTopicTimeout = 30_000 // ms

// createInternal creates a coordinator's topic and returns it. It has as many
// replicas as it should have, or as there are brokers registered: Kafka would
// wait for the others.
func (b *Broker) createInternal(ctx context.Context, t internalTopic) (*metadata.Topic, error) {
	req := &protocol.CreateTopicsRequest{TimeoutMs: internalTopicTimeout, Topics: []protocol.CreateTopicsRequestCreatableTopic{{
		Name: t.name, NumPartitions: int32(t.partitions),
		ReplicationFactor: int16(max(1, min(t.replicationFactor, b.image().BrokerCount()))),
	}}}
	for _, kv := range t.configs {
		req.Topics[0].Configs = append(req.Topics[0].Configs, protocol.CreateTopicsRequestCreatableTopicConfig{Name: kv[0], Value: &kv[1]})
	}
	resp := b.Controller.CreateTopics(ctx, req)
	if code := protocol.Error(resp.Topics[0].ErrorCode); code != 0 && code != protocol.ErrTopicAlreadyExists {
		b.Logger.Warn("a coordinator's topic could not be created", "topic", t.name, "error", code)
		return nil, protocol.ErrCoordinatorNotAvailable
	}
	if topic := b.image().Topic(t.name); topic != nil {
		return topic, nil
	}
	return nil, protocol.ErrCoordinatorNotAvailable
}
