package replica

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// self is the id of the broker that the tests are about.
const self = 1

// fixture is the replicas of one broker over log dirs of their own, and the
// metadata they follow.
type fixture struct {
	testing.TB
	fs       vfs.FS
	paths    []string
	dirs     *commitlog.Dirs
	replicas *Replicas
	image    *metadata.Image
	offline  chan string // paths of log dirs, once their partitions are offline
	topics   int         // made so far
	halt     func()
}

type fixtureOptions struct {
	fs       vfs.FS   // nil: memory
	paths    []string // nil: one
	tailRing int64    // 0: 1 MiB
}

func newFixture(tb testing.TB, o fixtureOptions) *fixture {
	tb.Helper()
	f := &fixture{TB: tb, fs: o.fs, paths: o.paths, image: metadata.Empty(), offline: make(chan string, 8)}
	if f.fs == nil {
		f.fs = vfs.NewVolatile()
	}
	if f.paths == nil {
		f.paths = []string{"/logs"}
	}
	if o.tailRing == 0 {
		o.tailRing = 1 << 20
	}
	logger := slog.New(slog.DiscardHandler)
	dirs, err := commitlog.OpenDirs(f.fs, commitlog.DirsOptions{
		Paths: f.paths, NodeID: self, Logger: logger,
		OnOffline: func(path string, cause error) {
			f.replicas.DirFailed(path, cause)
			f.offline <- path
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	f.dirs = dirs
	f.replicas = New(Options{
		Self: self, Dirs: dirs, Broker: brokerConfig, Logger: logger, TailRing: o.tailRing,
		Metrics: metrics.New(metrics.Options{
			APIName: func(int16) string { return "" }, ErrorName: func(int16) string { return "" },
		}),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- dirs.Run(ctx) }()
	f.halt = sync.OnceFunc(func() {
		cancel()
		<-done
		dirs.Close()
	})
	tb.Cleanup(f.halt)
	return f
}

// brokerConfig is the broker's configuration under an image.
func brokerConfig(img *metadata.Image) *config.Broker {
	return config.NewBroker(config.Map{}).WithDynamic(
		img.Config(metadata.Resource{Type: metadata.BrokerResource, Name: "1"}),
		img.Config(metadata.Resource{Type: metadata.BrokerResource}))
}

// apply changes the metadata, as one entry of its log does.
func (f *fixture) apply(records ...metadata.Record) {
	f.Helper()
	next, delta, err := f.image.Apply(records)
	if err != nil {
		f.Fatal(err)
	}
	prev := f.image
	f.image = next
	f.replicas.Apply(prev, next, delta)
}

// create makes a topic that this broker leads alone.
func (f *fixture) create(name string, partitions int) metadata.TopicID {
	f.Helper()
	return f.createOn(name, partitions, []int32{self}, self)
}

func (f *fixture) createOn(name string, partitions int, replicas []int32, leader int32) metadata.TopicID {
	f.Helper()
	f.topics++
	id := protocol.UUID{byte(f.topics), 0xee}
	records := []metadata.Record{&protocol.TopicRecord{Name: name, TopicId: id}}
	for i := range partitions {
		records = append(records, &protocol.PartitionRecord{
			PartitionId: int32(i), TopicId: id, Replicas: replicas, Isr: replicas, Leader: leader,
			Directories: make([]protocol.UUID, len(replicas)),
		})
	}
	f.apply(records...)
	return id
}

// change is a change of one partition that leaves everything as it is.
func (f *fixture) change(p *Partition) *protocol.PartitionChangeRecord {
	c := protocol.NewPartitionChangeRecord()
	c.TopicId, c.PartitionId = p.TopicID, p.Index
	return c
}

// lead makes a broker the leader, in a new leader epoch.
func (f *fixture) lead(p *Partition, leader int32) {
	f.Helper()
	c := f.change(p)
	c.Leader = leader
	f.apply(c)
}

func (f *fixture) config(resource int8, name, key, value string) {
	f.Helper()
	c := &protocol.ConfigRecord{ResourceType: resource, ResourceName: name, Name: key, Value: &value}
	if value == "" {
		c.Value = nil
	}
	f.apply(c)
}

func (f *fixture) partition(topic string, index int32) *Partition {
	f.Helper()
	p, err := f.replicas.ByName(topic, index)
	if err != nil {
		f.Fatal(err)
	}
	return p
}

// batchOf is a batch of n records of size bytes each.
func batchOf(n, size int) record.Batch {
	b := record.NewBuilder(record.None, 0)
	for range n {
		b.Append(1_000, nil, bytes.Repeat([]byte{'v'}, size))
	}
	return b.Build()
}

// frameOf is the batch in a frame, as the wire brings it.
func frameOf(b record.Batch) *protocol.Frame {
	f := protocol.GetFrame(len(b))
	copy(f.Bytes(), b)
	return f
}

// append appends as a producer's request does and drops its own reference.
func (f *fixture) append(p *Partition, n, size int, allISR bool) (Appended, error) {
	frame := frameOf(batchOf(n, size))
	defer frame.Release()
	return p.Append(frame.Bytes(), frame, 12, allISR, f.now())
}

// now is the wall clock of appends.
func (f *fixture) now() time.Time { return time.UnixMilli(2_000) }

func (f *fixture) mustAppend(p *Partition, n, size int) Appended {
	f.Helper()
	a, err := f.append(p, n, size, false)
	if err != nil {
		f.Fatal(err)
	}
	return a
}

// bytesOf reads what a response would send, and releases it.
func bytesOf(t testing.TB, records protocol.Records) []byte {
	t.Helper()
	var out []byte
	for _, r := range records {
		switch {
		case r.File != nil:
			b := make([]byte, r.Len)
			if _, err := r.File.ReadAt(b, r.Pos); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			out = append(out, b...)
		default:
			out = append(out, r.Bytes...)
		}
		if r.Pin != nil {
			r.Pin.Unpin()
		}
	}
	return out
}

// references counts who holds a frame.
func references(f *protocol.Frame) int64 {
	return reflect.ValueOf(f).Elem().FieldByName("refs").FieldByName("v").Int()
}

func (r *tailRing) usedBytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// check compares the ring's books with what the tails hold: the memory of each
// frame, once, and of each batch that is in none.
func (r *tailRing) check(t interface{ Errorf(string, ...any) }, tails ...*tail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var used int64
	var batches, slots int
	frames := make(map[*protocol.Frame]bool)
	if r.chunk != nil {
		frames[r.chunk] = true
	}
	for _, tl := range tails {
		held := tl.batches[tl.head:]
		for i, b := range held {
			if i > 0 && held[i-1].last+1 != b.first {
				t.Errorf("a hole in the tail: %d, then %d", held[i-1].last, b.first)
			}
			if b.frame != nil {
				frames[b.frame] = true
			} else {
				used += int64(cap(b.bytes))
			}
			batches++
		}
	}
	for f := range frames {
		used += int64(f.Cap())
	}
	used += int64(batches) * tailBatchOverhead
	for _, s := range r.slots[r.head:] {
		if s != nil {
			slots++
		}
	}
	if used != r.used || batches != slots || used > r.budget {
		t.Errorf("ring: %d bytes in %d slots by its books, %d in %d batches by the tails, budget %d", r.used, slots, used, batches, r.budget)
	}
}
