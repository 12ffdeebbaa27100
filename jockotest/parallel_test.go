package jockotest_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/travisjeffery/jocko/jockotest"
)

// Every broker of these tests must be gone when they are over, with all its
// goroutines.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFiftyInParallel has fifty brokers in the process at one time, each with a
// topic of the same name and data of its own.
func TestFiftyInParallel(t *testing.T) {
	const brokers = 50
	var all, done sync.WaitGroup
	all.Add(brokers)
	addrs := make([]string, brokers)
	for i := range brokers {
		done.Go(func() {
			b := jockotest.Start(t)
			addrs[i] = b.Addr()
			all.Done()
			all.Wait() // nobody produces before everybody is there
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			cl := client(t, b.Addr())
			value := fmt.Sprint("of ", i)
			if err := cl.ProduceSync(ctx, record(value), record(value)).FirstErr(); err != nil {
				t.Errorf("broker %d: %v", i, err)
			}
		})
	}
	done.Wait()
	for i, addr := range addrs {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		cl := client(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtStart()}}))
		got := 0
		for got < 2 && ctx.Err() == nil {
			for r := range cl.PollFetches(ctx).RecordsAll() {
				if string(r.Value) != fmt.Sprint("of ", i) {
					t.Fatalf("broker %d has %q", i, r.Value)
				}
				got++
			}
		}
		cancel()
		if got != 2 {
			t.Errorf("broker %d has %d records, want 2", i, got)
		}
	}
}

// TestDirKeepsTheData looks at the files that Dir asks for, and at none without.
func TestDirKeepsTheData(t *testing.T) {
	dir := t.TempDir()
	b := jockotest.Start(t, jockotest.Dir(dir))
	produceConsume(t, b, 10)
	b.Stop()
	b.Stop()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, want := range []string{"t-0", "meta.properties", ".kafka_cleanshutdown", "__raft"} {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+want+" ") {
			t.Errorf("no %s in %v", want, names)
		}
	}
	produced := jockotest.Start(t, jockotest.Dir(dir))
	consume(t, produced, 10)
}

// TestConfigReachesTheBroker: a key that Start was given is in force.
func TestConfigReachesTheBroker(t *testing.T) {
	b := jockotest.Start(t, jockotest.Config("auto.create.topics.enable", "false"))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cl := client(t, b.Addr(), kgo.UnknownTopicRetries(0))
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err == nil {
		t.Error("the topic was created by itself")
	}
}

func TestRestartInMemoryKeepsTheData(t *testing.T) {
	b := jockotest.Start(t)
	produceConsume(t, b, 100)
	addr := b.Addr()
	b.Restart()
	if b.Addr() != addr {
		t.Errorf("the address went from %s to %s", addr, b.Addr())
	}
	consume(t, b, 100)
}

func record(value string) *kgo.Record { return &kgo.Record{Topic: "t", Value: []byte(value)} }
