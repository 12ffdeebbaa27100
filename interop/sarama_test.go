package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/IBM/sarama"
)

type saramaClient struct{ addr string }

func TestSarama(t *testing.T) {
	exercise(t, saramaClient{target(t).Addr}, offers{codecs: codecs, idempotence: true, consumes: true, admin: allVerbs})
}

func (c saramaClient) settings() *sarama.Config {
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	conf.Net.MaxOpenRequests = 1
	return conf
}

func (c saramaClient) produce(topic string, partition int32, codec, acks string, idempotent bool, n int) error {
	conf := c.settings()
	conf.Producer.Return.Successes = true
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	conf.Producer.RequiredAcks = map[string]sarama.RequiredAcks{
		"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll,
	}[acks]
	conf.Producer.Compression = map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[codec]
	conf.Producer.Idempotent = idempotent
	p, err := sarama.NewSyncProducer([]string{c.addr}, conf)
	if err != nil {
		return err
	}
	var msgs []*sarama.ProducerMessage
	for i := range n {
		msgs = append(msgs, &sarama.ProducerMessage{
			Topic: topic, Partition: partition,
			Key: sarama.StringEncoder(key(i)), Value: sarama.StringEncoder(value(i)),
			Headers: []sarama.RecordHeader{{Key: []byte("h"), Value: []byte("v")}},
		})
	}
	if err := p.SendMessages(msgs); err != nil {
		p.Close()
		return err
	}
	return p.Close()
}

func (c saramaClient) consume(topic string, partition int32, offset int64, n int) ([]rec, error) {
	consumer, err := sarama.NewConsumer([]string{c.addr}, c.settings())
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	pc, err := consumer.ConsumePartition(topic, partition, offset)
	if err != nil {
		return nil, err
	}
	defer pc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	var out []rec
	for len(out) < n {
		select {
		case m := <-pc.Messages():
			out = append(out, rec{m.Offset, m.Timestamp.UnixMilli(), string(m.Key), string(m.Value)})
		case err := <-pc.Errors():
			return out, err
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
	return out, nil
}

func (c saramaClient) consumeAt(topic string, partition int32, timestamp int64, n int) ([]rec, error) {
	cl, err := sarama.NewClient([]string{c.addr}, c.settings())
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	offset, err := cl.GetOffset(topic, partition, timestamp)
	if err != nil {
		return nil, err
	}
	return c.consume(topic, partition, offset, n)
}

func (c saramaClient) admin(f func(sarama.ClusterAdmin) error) error {
	adm, err := sarama.NewClusterAdmin([]string{c.addr}, c.settings())
	if err != nil {
		return err
	}
	defer adm.Close()
	return f(adm)
}

func (c saramaClient) createTopic(topic string, partitions int32, configs map[string]string) error {
	return c.admin(func(adm sarama.ClusterAdmin) error {
		values := map[string]*string{}
		for k, v := range configs {
			values[k] = &v
		}
		return adm.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: values}, false)
	})
}

func (c saramaClient) partitions(topic string) (n int, err error) {
	err = c.admin(func(adm sarama.ClusterAdmin) error {
		meta, err := adm.DescribeTopics([]string{topic})
		if err != nil {
			return err
		}
		n = len(meta[0].Partitions)
		if meta[0].Err != sarama.ErrNoError {
			return meta[0].Err
		}
		return nil
	})
	return n, err
}

func (c saramaClient) setConfig(topic, key, value string) error {
	return c.admin(func(adm sarama.ClusterAdmin) error {
		return adm.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
			key: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
		}, false)
	})
}

func (c saramaClient) config(topic, key string) (value string, err error) {
	err = c.admin(func(adm sarama.ClusterAdmin) error {
		res, err := adm.DescribeConfigs([]*sarama.ConfigResource{
			{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{key}},
		}, sarama.DescribeConfigsOptions{})
		if err != nil {
			return err
		}
		if res[0].ErrorCode != sarama.ErrNoError {
			return res[0].ErrorCode
		}
		entries := res[0].Configs
		if len(entries) != 1 || entries[0].Name != key {
			return fmt.Errorf("asked for %s alone, got %v", key, entries)
		}
		value = entries[0].Value
		return nil
	})
	return value, err
}

func (c saramaClient) addPartitions(topic string, total int32) error {
	return c.admin(func(adm sarama.ClusterAdmin) error { return adm.CreatePartitions(topic, total, nil, false) })
}

func (c saramaClient) deleteRecords(topic string, partition int32, before int64) error {
	return c.admin(func(adm sarama.ClusterAdmin) error {
		return adm.DeleteRecords(topic, map[int32]int64{partition: before})
	})
}

func (c saramaClient) deleteTopic(topic string) error {
	return c.admin(func(adm sarama.ClusterAdmin) error { return adm.DeleteTopic(topic) })
}
