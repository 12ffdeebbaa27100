package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// clerkVariable holds, in the environment of a client process, what it does, as JSON.
const clerkVariable = "JOCKO_SIM_CLERK"

// clerkOrders is what a client process does: it consumes transfers in a group, and writes the entries and the receipt of
// each poll in one transaction with the offsets, until its standard input ends or it can't go on.
type clerkOrders struct {
	Addr            string // of its proxy
	Group           string
	TransactionalID string
	Topics          topics
	Run             int32
	Old             bool // transactions version 1: an older client
	Consumer        bool // the consumer group protocol, not the classic one
	Timeout         time.Duration
	Session         time.Duration
	Poll            int // records in one transaction at most
}

// topics of one campaign.
type topics struct {
	Input, Receipts string
	Entries         [sides]string
	Partitions      int // of each topic of entries
}

func (o clerkOrders) options() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Addr), dialOnly(o.Addr),
		kgo.ConsumerGroup(o.Group), kgo.ConsumeTopics(o.Topics.Input), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.TransactionalID(o.TransactionalID), kgo.TransactionTimeout(o.Timeout), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.SessionTimeout(o.Session), kgo.RebalanceTimeout(2 * o.Session), kgo.HeartbeatInterval(o.Session / 10),
		kgo.RetryBackoffFn(func(n int) time.Duration { return time.Duration(min(n, 10)*20) * time.Millisecond }),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.ClientID(o.TransactionalID), kgo.UnknownTopicRetries(-1),
	}
	if o.Consumer {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	if o.Old {
		opts = append(opts, kgo.MaxVersions(kversion.V3_6_0()))
	}
	return opts
}

// dialOnly leads every connection to one address, whatever the broker says its own is.
func dialOnly(addr string) kgo.Opt {
	return kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	})
}

// transferAsChild is main of a client process.
func transferAsChild() int {
	var o clerkOrders
	if err := json.Unmarshal([]byte(os.Getenv(clerkVariable)), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := (&clerk{orders: o, rnd: rand.New(rand.NewPCG(uint64(o.Run), 7))}).work(ctx); err != nil {
		fmt.Println("failed", err)
		return 1
	}
	return 0
}

type clerk struct {
	orders  clerkOrders
	rnd     *rand.Rand
	session *kgo.GroupTransactSession
	number  int32 // of the transaction
}

func (c *clerk) work(ctx context.Context) error {
	s, err := kgo.NewGroupTransactSession(c.orders.options()...)
	if err != nil {
		return err
	}
	defer s.Close()
	c.session = s
	for {
		fetches := s.PollRecords(ctx, c.orders.Poll)
		if ctx.Err() != nil {
			return nil
		}
		if fetches.NumRecords() == 0 {
			continue // errors are retried by the client
		}
		if err := c.transaction(fetches); err != nil {
			return err
		}
	}
}

// transaction writes what follows from the records of one poll, and tells on standard output how it ended.
func (c *clerk) transaction(fetches kgo.Fetches) error {
	if err := c.session.Begin(); err != nil {
		return err
	}
	t := newTag(c.orders.Run, c.number)
	c.number++
	err := c.write(fetches, t)
	if err != nil && !errors.Is(err, errNotWritten) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	committed, endErr := c.session.End(ctx, kgo.TransactionEndTry(err == nil && c.rnd.IntN(25) > 0))
	switch {
	case endErr != nil:
		return fmt.Errorf("transaction %v: %w", t, endErr)
	case committed:
		fmt.Println("committed", int64(t))
	default:
		fmt.Println("aborted", int64(t))
	}
	return nil
}

// errNotWritten is that of a transaction some of whose records could not be written: it is aborted.
var errNotWritten = errors.New("not written")

func (c *clerk) write(fetches kgo.Fetches, t tag) error {
	to := c.orders.Topics
	r := receipt{tag: t, counts: make([]int32, sides*to.Partitions)}
	var failed atomic.Bool
	ctx := context.Background()
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Store(true)
		}
	}
	for it := fetches.RecordIter(); !it.Done(); {
		tr, err := readTransfer(it.Next().Value)
		if err != nil {
			return err
		}
		for side, e := range []entry{tr.debit(t), tr.credit(t)} {
			p := int(e.account) % to.Partitions
			r.counts[side*to.Partitions+p]++
			c.session.Produce(ctx, &kgo.Record{Topic: to.Entries[side], Partition: int32(p), Value: e.value()}, promise)
		}
	}
	c.session.Produce(ctx, &kgo.Record{Topic: to.Receipts, Value: r.value()}, promise)
	if err := c.session.Client().Flush(ctx); err != nil {
		return err
	}
	if failed.Load() {
		return errNotWritten
	}
	return nil
}
