//go:build cgo

package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// librd is confluent-kafka-go: librdkafka, linked statically.
type librd struct{ addr string }

func TestConfluentKafkaGo(t *testing.T) {
	exercise(t, librd{target(t).Addr}, offers{codecs: codecs, idempotence: true, consumes: true, admin: allVerbs})
}

const clientTimeoutMs = 30_000

func (c librd) produce(topic string, partition int32, codec, acks string, idempotent bool, n int) error {
	p, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": c.addr, "compression.codec": codec, "acks": acks,
		"enable.idempotence": idempotent, "linger.ms": 50,
	})
	if err != nil {
		return err
	}
	defer p.Close()
	events := make(chan kafka.Event, n)
	for i := range n {
		err := p.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: partition},
			Key:            []byte(key(i)), Value: []byte(value(i)), Headers: []kafka.Header{{Key: "h", Value: []byte("v")}},
		}, events)
		if err != nil {
			return err
		}
	}
	if left := p.Flush(clientTimeoutMs); left > 0 {
		return fmt.Errorf("%d messages were not delivered", left)
	}
	for range n {
		if m := (<-events).(*kafka.Message); m.TopicPartition.Error != nil {
			return m.TopicPartition.Error
		}
	}
	return nil
}

func (c librd) consumer() (*kafka.Consumer, error) {
	return kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": c.addr, "group.id": "none", "enable.auto.commit": false, "auto.offset.reset": "error",
	})
}

func (c librd) consume(topic string, partition int32, offset int64, n int) ([]rec, error) {
	cons, err := c.consumer()
	if err != nil {
		return nil, err
	}
	defer cons.Close()
	return c.read(cons, topic, partition, kafka.Offset(offset), n)
}

func (c librd) read(cons *kafka.Consumer, topic string, partition int32, offset kafka.Offset, n int) ([]rec, error) {
	if err := cons.Assign([]kafka.TopicPartition{{Topic: &topic, Partition: partition, Offset: offset}}); err != nil {
		return nil, err
	}
	var out []rec
	for len(out) < n {
		m, err := cons.ReadMessage(clientTimeout)
		if err != nil {
			return out, err
		}
		out = append(out, rec{int64(m.TopicPartition.Offset), m.Timestamp.UnixMilli(), string(m.Key), string(m.Value)})
	}
	return out, nil
}

func (c librd) consumeAt(topic string, partition int32, timestamp int64, n int) ([]rec, error) {
	cons, err := c.consumer()
	if err != nil {
		return nil, err
	}
	defer cons.Close()
	times, err := cons.OffsetsForTimes([]kafka.TopicPartition{
		{Topic: &topic, Partition: partition, Offset: kafka.Offset(timestamp)},
	}, clientTimeoutMs)
	if err != nil {
		return nil, err
	}
	return c.read(cons, topic, partition, times[0].Offset, n)
}

func (c librd) admin(f func(context.Context, *kafka.AdminClient) error) error {
	adm, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": c.addr})
	if err != nil {
		return err
	}
	defer adm.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	return f(ctx, adm)
}

// failed turns librdkafka's error value into an error.
func failed(e kafka.Error) error {
	if e.Code() == kafka.ErrNoError {
		return nil
	}
	return e
}

func (c librd) createTopic(topic string, partitions int32, configs map[string]string) error {
	return c.admin(func(ctx context.Context, adm *kafka.AdminClient) error {
		res, err := adm.CreateTopics(ctx, []kafka.TopicSpecification{
			{Topic: topic, NumPartitions: int(partitions), ReplicationFactor: 1, Config: configs},
		})
		if err != nil {
			return err
		}
		return failed(res[0].Error)
	})
}

func (c librd) partitions(topic string) (n int, err error) {
	err = c.admin(func(ctx context.Context, adm *kafka.AdminClient) error {
		res, err := adm.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{topic}))
		if err != nil {
			return err
		}
		n = len(res.TopicDescriptions[0].Partitions)
		return failed(res.TopicDescriptions[0].Error)
	})
	return n, err
}

func (c librd) setConfig(topic, key, value string) error {
	return c.admin(func(ctx context.Context, adm *kafka.AdminClient) error {
		res, err := adm.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{
			Type: kafka.ResourceTopic, Name: topic,
			Config: []kafka.ConfigEntry{{Name: key, Value: value, IncrementalOperation: kafka.AlterConfigOpTypeSet}},
		}})
		if err != nil {
			return err
		}
		return failed(res[0].Error)
	})
}

func (c librd) config(topic, key string) (value string, err error) {
	err = c.admin(func(ctx context.Context, adm *kafka.AdminClient) error {
		res, err := adm.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: topic}})
		if err != nil {
			return err
		}
		value = res[0].Config[key].Value
		return failed(res[0].Error)
	})
	return value, err
}

func (c librd) addPartitions(topic string, total int32) error {
	return c.admin(func(ctx context.Context, adm *kafka.AdminClient) error {
		res, err := adm.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: int(total)}})
		if err != nil {
			return err
		}
		return failed(res[0].Error)
	})
}

func (c librd) deleteRecords(topic string, partition int32, before int64) error {
	return c.admin(func(ctx context.Context, adm *kafka.AdminClient) error {
		res, err := adm.DeleteRecords(ctx, []kafka.TopicPartition{{Topic: &topic, Partition: partition, Offset: kafka.Offset(before)}})
		if err != nil {
			return err
		}
		return res.DeleteRecordsResults[0].TopicPartition.Error
	})
}

func (c librd) deleteTopic(topic string) error {
	return c.admin(func(ctx context.Context, adm *kafka.AdminClient) error {
		res, err := adm.DeleteTopics(ctx, []string{topic})
		if err != nil {
			return err
		}
		return failed(res[0].Error)
	})
}
