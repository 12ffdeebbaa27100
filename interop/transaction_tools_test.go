package interop

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// admin calls f with an admin client.
func admin(t *testing.T, f func(adm *kadm.Client)) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(target(t).Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	f(kadm.NewClient(cl))
}

// openTransaction begins a transaction and writes n records to partition 0; it ends with the test.
func openTransaction(t *testing.T, id, topic string, n int) *kgo.Client {
	t.Helper()
	cl, err := franzTransactions{target(t).Addr}.producer(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "open-%d", i)})
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return cl
}

func transactionsTool(t *testing.T, args ...string) string {
	t.Helper()
	return tool(t, "", "transactions", append([]string{"--bootstrap-server", target(t).Addr}, args...)...)
}

// TestTransactionTools looks at an open transaction, and ends one from outside.
func TestTransactionTools(t *testing.T) {
	t.Parallel()
	topic := newTopic(t, 2)
	id := topicName(t) + "-id"
	cl := openTransaction(t, id, topic, 3)
	pid, _, err := cl.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	producer := strconv.FormatInt(pid, 10)

	row(t, transactionsTool(t, "list"), id, "1", producer, "Ongoing")
	row(t, transactionsTool(t, "list", "--transactional-id-pattern", id+".*"), id, "1", producer, "Ongoing")
	none(t, transactionsTool(t, "list", "--duration-filter", "3600000"), id)
	row(t, transactionsTool(t, "describe", "--transactional-id", id), "1", id, producer, "*", "Ongoing", "*", "*", "*", topic+"-0")
	row(t, transactionsTool(t, "describe-producers", "--topic", topic, "--partition", "0"), producer, "*", "*", "2", "*", "0")
	none(t, transactionsTool(t, "find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"), topic)

	transactionsTool(t, "forceTerminateTransaction", "--transactionalId", id)
	row(t, transactionsTool(t, "list"), id, "1", producer, "Empty") // as after InitProducerId, which the tool sends
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("the terminated transaction could be committed")
	}
	if err := (franzTransactions{target(t).Addr}).transact(id, topic, "next", 2, "commit"); err != nil {
		t.Error(err)
	}
}

// TestHangingTransaction finds and ends a transaction that its coordinator knows nothing of.
func TestHangingTransaction(t *testing.T) {
	t.Parallel()
	topic := newTopic(t, 1)
	pid, epoch := hang(t, topic)
	producer := strconv.FormatInt(pid, 10)
	hanging := func() string {
		t.Helper()
		return transactionsTool(t, "find-hanging", "--broker-id", "1", "--topic", topic, "--max-transaction-timeout", "0")
	}
	row(t, hanging(), topic, "0", producer, strconv.Itoa(int(epoch)), "*", "0")
	if stable := lastStable(t, topic); stable != 0 {
		t.Errorf("last stable offset %d before, want 0", stable)
	}
	transactionsTool(t, "abort", "--topic", topic, "--partition", "0", "--start-offset", "0")
	none(t, hanging(), topic)
	row(t, transactionsTool(t, "describe-producers", "--topic", topic, "--partition", "0"), producer, "*", "*", "*", "*", "None")
	if stable := lastStable(t, topic); stable != 3 { // two records and a marker
		t.Errorf("last stable offset %d after, want 3", stable)
	}
}

func none(t *testing.T, out, word string) {
	t.Helper()
	if strings.Contains(out, word) {
		t.Errorf("%q is in:\n%s", word, out)
	}
}

// hang writes two records of a transaction to a partition that was never added to it, which takes a
// broker that doesn't verify that, and returns the producer.
func hang(t *testing.T, topic string) (pid int64, epoch int16) {
	t.Helper()
	id := topicName(t) + "-id"
	if err := (franzTransactions{target(t).Addr}).transact(id, newTopic(t, 2), "other", 2, "commit"); err != nil {
		t.Fatal(err)
	}
	cl, err := franzTransactions{target(t).Addr}.producer(id)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if pid, epoch, err = cl.ProducerID(t.Context()); err != nil {
		t.Fatal(err)
	}
	verify(t, "false")
	defer verify(t, "true")
	b := wire.Values(0, baseTime.UnixMilli(), []byte("lost-0"), []byte("lost-1"))
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = pid, epoch, 0
	b.Attributes = 1 << 4 // transactional
	req := wire.ProduceRequest(9, -1, topic, 0, b.Encode())
	req.TransactionID = &id
	resp, err := dial(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
	return pid, epoch
}

// verify sets whether the broker verifies that a partition is in its producer's transaction.
func verify(t *testing.T, value string) {
	t.Helper()
	admin(t, func(adm *kadm.Client) {
		res, err := adm.AlterBrokerConfigs(context.Background(), []kadm.AlterConfig{
			{Op: kadm.SetConfig, Name: "transaction.partition.verification.enable", Value: &value},
		}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := res[0].Err; err != nil {
			t.Fatal(err, res[0].ErrMessage)
		}
		within(t, groupDeadline, func() error {
			got, err := adm.DescribeBrokerConfigs(context.Background(), 1)
			if err != nil {
				return err
			}
			for _, c := range got[0].Configs {
				if c.Key == "transaction.partition.verification.enable" && c.MaybeValue() == value {
					return nil
				}
			}
			return fmt.Errorf("the broker does not know yet that verification is %s", value)
		})
	})
}

// lastStable returns partition 0's last stable offset.
func lastStable(t *testing.T, topic string) (offset int64) {
	t.Helper()
	admin(t, func(adm *kadm.Client) {
		offsets, err := adm.ListCommittedOffsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		o, ok := offsets.Lookup(topic, 0)
		if !ok || o.Err != nil {
			t.Fatal(o.Err)
		}
		offset = o.Offset
	})
	return offset
}

// TestConsoleIsolation reads a topic with an aborted and an open transaction by both isolation
// levels.
func TestConsoleIsolation(t *testing.T) {
	t.Parallel()
	topic := newTopic(t, 2)
	tx := franzTransactions{target(t).Addr}
	for _, step := range [][2]string{{"first", "commit"}, {"lost", "abort"}, {"second", "commit"}} {
		if err := tx.transact(topic+"-id", topic, step[0], 4, step[1]); err != nil {
			t.Fatal(err)
		}
	}
	openTransaction(t, topic+"-open", topic, 2)
	read := func(level string, n int) string {
		t.Helper()
		return tool(t, "", "console-consumer", "--bootstrap-server", target(t).Addr, "--topic", topic, "--partition", "0",
			"--offset", "earliest", "--isolation-level", level, "--max-messages", strconv.Itoa(n), "--timeout-ms", "30000")
	}
	all := "first-0\nfirst-2\nlost-0\nlost-2\nsecond-0\nsecond-2\nopen-0\nopen-1\n"
	if got := read("read_uncommitted", 8); got != all {
		t.Errorf("read_uncommitted: %q, want %q", got, all)
	}
	if got, want := read("read_committed", 4), "first-0\nfirst-2\nsecond-0\nsecond-2\n"; got != want {
		t.Errorf("read_committed: %q, want %q", got, want)
	}
	if stable := lastStable(t, topic); stable != 9 { // six records and three markers lie before the open transaction
		t.Errorf("last stable offset %d, want 9", stable)
	}
}
