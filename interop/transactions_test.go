package interop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// transactor is a client library with transactions. A value is one word.
type transactor interface {
	// transact writes the values prefix-0 to prefix-(n-1) to the two partitions of a topic in one
	// transaction, and ends it: commit or abort.
	transact(id, topic, prefix string, n int, end string) error
	// move reads n records of a topic as the only member of a group, writes them to another topic and
	// commits their offsets, all in one transaction, and ends it: commit or abort.
	move(id, group, from, to string, n int, end string) error
	// committed returns the values of the first n records that a read_committed consumer sees.
	committed(topic string, n int) ([]string, error)
	// fenced begins a transaction, lets a second producer take its id, and returns an error unless the
	// first one is told that it is fenced.
	fenced(id, topic string) error
}

const perTransaction = 20

// exactlyOnce puts a client through its transactions.
func exactlyOnce(t *testing.T, c transactor) {
	t.Helper()
	t.Run("commit and abort", func(t *testing.T) {
		topic, id := newTopic(t, 2), topicName(t)+"-id"
		for _, tx := range [][2]string{{"one", "commit"}, {"two", "abort"}, {"three", "commit"}} {
			if err := c.transact(id, topic, tx[0], perTransaction, tx[1]); err != nil {
				t.Fatalf("%s %s: %v", tx[1], tx[0], err)
			}
		}
		sameValues(t, readValues(t, topic, kgo.ReadUncommitted(), 3*perTransaction), values("one", "two", "three"))
		got, err := c.committed(topic, 2*perTransaction)
		if err != nil {
			t.Fatal(err)
		}
		sameValues(t, got, values("one", "three"))
	})
	t.Run("offsets", func(t *testing.T) {
		from, to, id := newTopic(t, 2), newTopic(t, 2), topicName(t)+"-id"
		if err := c.transact(id, from, "in", perTransaction, "commit"); err != nil {
			t.Fatal(err)
		}
		group := id + "-group"
		if err := c.move(id, group, from, to, perTransaction, "abort"); err != nil {
			t.Fatal(err)
		}
		if n := groupOffsets(t, group, from); n != 0 {
			t.Errorf("%d offsets committed by an aborted transaction", n)
		}
		if err := c.move(id, group, from, to, perTransaction, "commit"); err != nil {
			t.Fatal(err)
		}
		// Both partitions: the records and the marker of the transaction that wrote them.
		if n := groupOffsets(t, group, from); n < perTransaction || n > perTransaction+2 {
			t.Errorf("offsets of %d records committed, want %d", n, perTransaction)
		}
		got, err := c.committed(to, perTransaction)
		if err != nil {
			t.Fatal(err)
		}
		sameValues(t, got, values("in"))
	})
	t.Run("fenced", func(t *testing.T) {
		if err := c.fenced(topicName(t)+"-id", newTopic(t, 2)); err != nil {
			t.Error(err)
		}
	})
}

// values are those of the transactions with these prefixes.
func values(prefixes ...string) []string {
	var out []string
	for _, p := range prefixes {
		for i := range perTransaction {
			out = append(out, fmt.Sprintf("%s-%d", p, i))
		}
	}
	return out
}

// sameValues fails the test unless both hold the same values, in any order: partitions have none.
func sameValues(t *testing.T, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("read %d values, want %d: %q, want %q", len(got), len(want), got, want)
	}
}

// readValues reads a topic from its start until it has n records or more.
func readValues(t *testing.T, topic string, level kgo.IsolationLevel, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(target(t).Addr), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(level),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	var out []string
	for len(out) < n {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", len(out), n, err)
		}
		f.EachRecord(func(r *kgo.Record) { out = append(out, string(r.Value)) })
	}
	return out
}

// groupOffsets returns the sum of a group's committed offsets in a topic, pending ones awaited.
func groupOffsets(t *testing.T, group, topic string) int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(target(t).Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	offsets, err := kadm.NewClient(cl).FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	offsets.Each(func(r kadm.OffsetResponse) {
		if r.Err != nil {
			t.Error(r.Err)
		}
		if r.Topic == topic {
			n += max(r.At, 0)
		}
	})
	return n
}

// processTransactions is a transactor that runs in a process, by these commands:
//
//	transact ID TOPIC PREFIX COUNT commit|abort
//	move ID GROUP FROM TO COUNT commit|abort
//	committed TOPIC COUNT                       -> values VALUE ...
//	fenced ID TOPIC
type processTransactions struct{ *process }

func (p processTransactions) transact(id, topic, prefix string, n int, end string) error {
	return p.run("transact %s %s %s %d %s", id, topic, prefix, n, end)
}

func (p processTransactions) move(id, group, from, to string, n int, end string) error {
	return p.run("move %s %s %s %s %d %s", id, group, from, to, n, end)
}

func (p processTransactions) committed(topic string, n int) ([]string, error) {
	s, err := p.one("values", "committed %s %d", topic, n)
	return strings.Fields(s), err
}

func (p processTransactions) fenced(id, topic string) error { return p.run("fenced %s %s", id, topic) }
