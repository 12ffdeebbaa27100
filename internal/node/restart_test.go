package node

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/vfs"
)

const (
	restartGroups = 48
	restartParts  = 30
	restartIDs    = 40
)

// TestRestartChangesNoCoordinator restarts a node that leads groups and transactions in many partitions, and compares with
// what the clients did.
func TestRestartChangesNoCoordinator(t *testing.T) {
	for _, procs := range []int{2, 8} {
		t.Run(fmt.Sprint("GOMAXPROCS=", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			env := Env{FS: vfs.NewVolatile()}
			n := run(t, env, nil)
			cl := client(t, n.Addr())
			if _, err := kadm.NewClient(cl).CreateTopic(within(t), restartParts, 1, nil, "t"); err != nil {
				t.Fatal(err)
			}
			each(restartGroups, func(g int) { commitRounds(t, cl, g) })
			ids := make([]string, restartIDs) // what a description of each has to say
			each(restartIDs, func(i int) { ids[i] = transact(t, cl, i) })
			each(restartIDs, func(i int) { checkTransaction(t, cl, i, ids[i]) })
			for range 4 {
				if err := n.stop(); err != nil {
					t.Fatal(err)
				}
				n = run(t, env, nil)
				cl := client(t, n.Addr())
				each(restartGroups, func(g int) { checkCommitted(t, cl, g) })
				each(restartIDs, func(i int) { checkTransaction(t, cl, i, ids[i]) })
			}
		})
	}
}

// each calls f for 0 to n-1, all at once.
func each(n int, f func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func restartOffset(group, partition int) (offset int64, metadata string) {
	return int64(1000*group + partition), fmt.Sprintf("%d/%d %s", group, partition, strings.Repeat("m", 1500))
}

// commitRounds commits offsets that are superseded, and at last those that restartOffset tells.
func commitRounds(t *testing.T, cl *kgo.Client, group int) {
	for round := range int64(4) {
		offsets := make(kadm.Offsets)
		for p := range restartParts {
			at, metadata := restartOffset(group, p)
			offsets.Add(kadm.Offset{Topic: "t", Partition: int32(p), At: at - 3 + round, LeaderEpoch: -1, Metadata: metadata})
		}
		if err := kadm.NewClient(cl).CommitAllOffsets(within(t), fmt.Sprint("g", group), offsets); err != nil {
			t.Error(err)
		}
	}
}

func checkCommitted(t *testing.T, cl *kgo.Client, group int) {
	got, err := kadm.NewClient(cl).FetchOffsets(within(t), fmt.Sprint("g", group))
	if err != nil {
		t.Errorf("group %d: %v", group, err)
	}
	for p := range restartParts {
		at, metadata := restartOffset(group, p)
		if o, ok := got.Lookup("t", int32(p)); !ok || o.Err != nil || o.At != at || o.Metadata != metadata {
			t.Errorf("group %d, partition %d: %d was committed, %d is told", group, p, at, o.At)
			return
		}
	}
}

// transact begins a transaction in one partition, if i is even, and returns what describes it.
func transact(t *testing.T, cl *kgo.Client, i int) string {
	id := fmt.Sprint("id", i)
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.TransactionalID, rq.TransactionTimeoutMillis = &id, 600_000
	rsp, err := rq.RequestWith(within(t), cl)
	if err == nil {
		err = kerr.ErrorForCode(rsp.ErrorCode)
	}
	if err != nil {
		t.Error(err)
		return ""
	}
	if i%2 > 0 {
		return fmt.Sprint(rsp.ProducerID, rsp.ProducerEpoch, " Empty")
	}
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = id, rsp.ProducerID, rsp.ProducerEpoch
	topic := kmsg.NewAddPartitionsToTxnRequestTopic()
	topic.Topic, topic.Partitions = "t", []int32{int32(i % restartParts)}
	add.Topics = append(add.Topics, topic)
	added, err := add.RequestWith(within(t), cl)
	if err == nil {
		err = kerr.ErrorForCode(added.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(rsp.ProducerID, rsp.ProducerEpoch, " Ongoing t", i%restartParts)
}

func checkTransaction(t *testing.T, cl *kgo.Client, i int, want string) {
	id := fmt.Sprint("id", i)
	d, err := kadm.NewClient(cl).DescribeTransactions(within(t), id)
	if err != nil || d[id].Err != nil {
		t.Errorf("%s: %v, %v", id, err, d[id].Err)
		return
	}
	got := fmt.Sprint(d[id].ProducerID, d[id].ProducerEpoch, " ", d[id].State)
	for _, p := range d[id].Topics.Sorted() {
		got += fmt.Sprint(" ", p.Topic, p.Partitions[0])
	}
	if got != want {
		t.Errorf("%s was %q and is %q", id, want, got)
	}
}
