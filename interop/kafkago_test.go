package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

type kafkaGo struct{ addr string }

func TestKafkaGo(t *testing.T) {
	exercise(t, kafkaGo{target(t).Addr}, offers{
		codecs: codecs, consumes: true, // it has neither an idempotent producer nor DeleteRecords
		admin: []string{"create", "describe", "set", "config", "grow", "delete"},
	})
}

func (c kafkaGo) produce(topic string, partition int32, codec, acks string, _ bool, n int) error {
	w := &kafka.Writer{
		Addr: kafka.TCP(c.addr), Topic: topic, BatchSize: n, BatchTimeout: 50 * time.Millisecond,
		RequiredAcks: map[string]kafka.RequiredAcks{"0": kafka.RequireNone, "1": kafka.RequireOne, "all": kafka.RequireAll}[acks],
		Compression: map[string]kafka.Compression{
			"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
		}[codec],
		Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return int(partition) }),
		// The default one, shared by all, remembers for seconds which topics there are.
		Transport: new(kafka.Transport),
	}
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	var msgs []kafka.Message
	for i := range n {
		msgs = append(msgs, kafka.Message{
			Key: []byte(key(i)), Value: []byte(value(i)), Headers: []kafka.Header{{Key: "h", Value: []byte("v")}},
		})
	}
	return errors.Join(w.WriteMessages(ctx, msgs...), w.Close())
}

func (c kafkaGo) read(topic string, partition int32, n int, seek func(context.Context, *kafka.Reader) error) ([]rec, error) {
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{c.addr}, Topic: topic, Partition: int(partition), MaxWait: 100 * time.Millisecond})
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	if err := seek(ctx, r); err != nil {
		return nil, err
	}
	var out []rec
	for len(out) < n {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return out, err
		}
		out = append(out, rec{m.Offset, m.Time.UnixMilli(), string(m.Key), string(m.Value)})
	}
	return out, nil
}

func (c kafkaGo) consume(topic string, partition int32, offset int64, n int) ([]rec, error) {
	return c.read(topic, partition, n, func(_ context.Context, r *kafka.Reader) error { return r.SetOffset(offset) })
}

func (c kafkaGo) consumeAt(topic string, partition int32, timestamp int64, n int) ([]rec, error) {
	return c.read(topic, partition, n, func(ctx context.Context, r *kafka.Reader) error {
		return r.SetOffsetAt(ctx, time.UnixMilli(timestamp))
	})
}

func (c kafkaGo) client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(c.addr), Timeout: clientTimeout, Transport: new(kafka.Transport)}
}

func (c kafkaGo) createTopic(topic string, partitions int32, configs map[string]string) error {
	tc := kafka.TopicConfig{Topic: topic, NumPartitions: int(partitions), ReplicationFactor: 1}
	for k, v := range configs {
		tc.ConfigEntries = append(tc.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
	}
	res, err := c.client().CreateTopics(context.Background(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{tc}})
	if err != nil {
		return err
	}
	return res.Errors[topic]
}

func (c kafkaGo) partitions(topic string) (int, error) {
	res, err := c.client().Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	return len(res.Topics[0].Partitions), res.Topics[0].Error
}

func (c kafkaGo) setConfig(topic, key, value string) error {
	res, err := c.client().IncrementalAlterConfigs(context.Background(), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: key, Value: value, ConfigOperation: kafka.ConfigOperationSet}},
		}},
	})
	if err != nil {
		return err
	}
	return res.Resources[0].Error
}

func (c kafkaGo) config(topic, key string) (string, error) {
	res, err := c.client().DescribeConfigs(context.Background(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{key},
		}},
	})
	if err != nil {
		return "", err
	}
	r := res.Resources[0]
	if r.Error != nil || len(r.ConfigEntries) != 1 {
		return "", fmt.Errorf("%d entries: %w", len(r.ConfigEntries), r.Error)
	}
	return r.ConfigEntries[0].ConfigValue, nil
}

func (c kafkaGo) addPartitions(topic string, total int32) error {
	res, err := c.client().CreatePartitions(context.Background(), &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: total}},
	})
	if err != nil {
		return err
	}
	return res.Errors[topic]
}

func (c kafkaGo) deleteRecords(string, int32, int64) error { return errors.ErrUnsupported }

func (c kafkaGo) deleteTopic(topic string) error {
	res, err := c.client().DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return res.Errors[topic]
}
