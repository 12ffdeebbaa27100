package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/travisjeffery/jocko/internal/record"
)

// Who and when `transact hang` is: a producer that no coordinator knows, longer ago than any time-out.
const (
	hangingProducer  = 1 << 40
	hangingTimestamp = 1_000_000_000_000
)

// transact is a program of the scripts: `transact open|commit TOPIC ID` writes a record in a transaction to partition 0,
// and leaves it open, or commits it. `transact hang TOPIC ID` does what a transaction needs of a partition without its
// coordinator, so that it is one that hangs.
func transact() {
	how := map[string]func(ctx context.Context, topic, id string) error{
		"open":   func(ctx context.Context, topic, id string) error { return transactThrough(ctx, topic, id, false) },
		"commit": func(ctx context.Context, topic, id string) error { return transactThrough(ctx, topic, id, true) },
		"hang":   transactAround,
	}
	if len(os.Args) != 4 || how[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "transact: want open, commit or hang, TOPIC and ID")
		os.Exit(exitUsage)
	}
	if err := how[os.Args[1]](context.Background(), os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "transact:", err)
		os.Exit(exitError)
	}
}

// transactThrough uses the coordinator, as every producer does.
func transactThrough(ctx context.Context, topic, id string, commit bool) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv(bootstrapEnv)), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(id)}).FirstErr(); err != nil || !commit {
		return err // and nothing is closed: that would end the transaction
	}
	return client.EndTransaction(ctx, kgo.TryCommit)
}

// transactAround sends a batch of a transaction that was never begun. Brokers take it only in the versions of Produce
// from before they began transactions by themselves (KIP-890), and without transaction.partition.verification.enable.
func transactAround(ctx context.Context, topic, id string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv(bootstrapEnv)), kgo.MaxVersions(kversion.V3_7_0()))
	if err != nil {
		return err
	}
	defer client.Close()
	batch := record.NewBuilder(record.None, 0)
	batch.SetProducer(hangingProducer, 0, 0, true)
	batch.Append(hangingTimestamp, nil, []byte(id))
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = &id, -1, 5000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = batch.Build()
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		err = codeError(resp.Topics[0].Partitions[0].ErrorCode, resp.Topics[0].Partitions[0].ErrorMessage)
		if !errors.Is(err, kerr.InvalidProducerIDMapping) && !errors.Is(err, kerr.InvalidTxnState) {
			return err
		}
		select { // the config is on its way to the broker
		case <-time.After(fetchBackoff):
		case <-ctx.Done():
			return err
		}
	}
}
