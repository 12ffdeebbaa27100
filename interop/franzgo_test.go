package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// clientTimeout bounds one call of a Go client.
const clientTimeout = 30 * time.Second

type franz struct{ addr string }

func TestFranzGo(t *testing.T) {
	exercise(t, franz{target(t).Addr}, offers{codecs: codecs, idempotence: true, consumes: true, admin: allVerbs})
}

func (c franz) produce(topic string, partition int32, codec, acks string, idempotent bool, n int) error {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(50 * time.Millisecond),
		kgo.RequiredAcks(map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}[acks]),
		kgo.ProducerBatchCompression(map[string]kgo.CompressionCodec{
			"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
			"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
		}[codec]),
	}
	if !idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{
			Topic: topic, Partition: partition, Key: []byte(key(i)), Value: []byte(value(i)),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}},
		})
	}
	return cl.ProduceSync(ctx, recs...).FirstErr()
}

func (c franz) consume(topic string, partition int32, offset int64, n int) ([]rec, error) {
	return c.read(topic, partition, kgo.NewOffset().At(offset), n)
}

func (c franz) consumeAt(topic string, partition int32, timestamp int64, n int) ([]rec, error) {
	return c.read(topic, partition, kgo.NewOffset().AfterMilli(timestamp), n)
}

func (c franz) read(topic string, partition int32, from kgo.Offset, n int) ([]rec, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addr),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: from}}))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	var out []rec
	for len(out) < n {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			return out, err
		}
		f.EachRecord(func(r *kgo.Record) {
			out = append(out, rec{r.Offset, r.Timestamp.UnixMilli(), string(r.Key), string(r.Value)})
		})
	}
	return out, nil
}

func (c franz) admin(f func(ctx context.Context, adm *kadm.Client) error) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addr))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	return f(ctx, kadm.NewClient(cl))
}

func (c franz) createTopic(topic string, partitions int32, configs map[string]string) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		values := map[string]*string{}
		for k, v := range configs {
			values[k] = kadm.StringPtr(v)
		}
		_, err := adm.CreateTopic(ctx, partitions, 1, values, topic)
		return err
	})
}

func (c franz) partitions(topic string) (n int, err error) {
	err = c.admin(func(ctx context.Context, adm *kadm.Client) error {
		details, err := adm.ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		n = len(details[topic].Partitions)
		return details[topic].Err
	})
	return n, err
}

func (c franz) setConfig(topic, key, value string) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		res, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, topic)
		if err != nil {
			return err
		}
		return res[0].Err
	})
}

func (c franz) config(topic, key string) (value string, err error) {
	err = c.admin(func(ctx context.Context, adm *kadm.Client) error {
		res, err := adm.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return err
		}
		for _, kv := range res[0].Configs {
			if kv.Key == key {
				value = kv.MaybeValue()
				return nil
			}
		}
		return errors.Join(res[0].Err, fmt.Errorf("no config %s", key))
	})
	return value, err
}

func (c franz) addPartitions(topic string, total int32) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		res, err := adm.UpdatePartitions(ctx, int(total), topic)
		if err != nil {
			return err
		}
		return res[topic].Err
	})
}

func (c franz) deleteRecords(topic string, partition int32, before int64) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, partition, before, -1)
		res, err := adm.DeleteRecords(ctx, offsets)
		if err != nil {
			return err
		}
		return res.Error()
	})
}

func (c franz) deleteTopic(topic string) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		_, err := adm.DeleteTopic(ctx, topic)
		return err
	})
}
