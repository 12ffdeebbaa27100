package replica

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestDeletionWakesAFetch has a fetch wait while its topic goes and comes back
// under the same name.
func TestDeletionWakesAFetch(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	id := f.create("t", 1)
	p := f.partition("t", 0)
	f.mustAppend(p, 2, 10)
	res, err := p.Read(nil, ReadParams{MaxBytes: 1000, CurrentEpoch: -1, LastFetchedEpoch: -1})
	if err != nil {
		t.Fatal(err)
	}
	w := NewWatcher()
	wt := w.NewWatch(nil)
	p.Watch(wt)
	f.apply(&protocol.RemoveTopicRecord{TopicId: id})
	f.create("t", 1)
	<-w.C
	if len(w.Take(nil)) != 1 || !p.Deleted() {
		t.Error("the fetch that waits was not told")
	}
	if _, err := p.Read(nil, ReadParams{CurrentEpoch: -1, LastFetchedEpoch: -1}); !errors.Is(err, protocol.ErrUnknownTopicOrPartition) {
		t.Errorf("a read of the deleted partition: %v", err)
	}
	if _, err := f.append(p, 1, 10, false); !errors.Is(err, protocol.ErrUnknownTopicOrPartition) {
		t.Errorf("an append to the deleted partition: %v", err)
	}
	if got := bytesOf(t, res.Records); len(got) == 0 || record.Batch(got).CheckCRC() != nil {
		t.Error("the response in hand lost its bytes")
	}
	p.Unwatch(wt)
	again := f.partition("t", 0)
	again.Watch(wt)
	f.mustAppend(again, 1, 10)
	if len(w.Take(nil)) != 1 || again.HighWatermark() != 1 || p.Log() == again.Log() {
		t.Error("the topic that was made again is not a new one")
	}
	if _, err := f.replicas.ByID(id, 0); !errors.Is(err, protocol.ErrUnknownTopicId) {
		t.Errorf("the old id: %v", err)
	}
}

// TestStrayFolders starts over folders that a past life of the topic left.
func TestStrayFolders(t *testing.T) {
	fs := vfs.NewVolatile()
	f := newFixture(t, fixtureOptions{fs: fs})
	for index := range int32(2) {
		log, err := f.dirs.Create(commitlog.TP{Topic: "t", Partition: index}, protocol.UUID{9}, commitlog.DefaultLogConfig())
		if err == nil {
			_, err = log.AppendLeader(batchOf(5, 10), 3, commitlog.AppendOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.create("t", 1)
	p := f.partition("t", 0)
	if p.Log().End() != 0 || p.HighWatermark() != 0 {
		t.Errorf("the new topic begins with %d records of the old one", p.Log().End())
	}
	f.mustAppend(p, 1, 10)
	entries, err := fs.ReadDir("/logs")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(entries, func(e vfs.DirEntry) bool {
		return strings.HasPrefix(e.Name, "t-0.") && strings.HasSuffix(e.Name, "-stray")
	}) {
		t.Errorf("the old folder was not kept aside: %v", entries)
	}
	if f.dirs.Get(commitlog.TP{Topic: "t", Partition: 1}) == nil {
		t.Error("a folder that nobody asked for was touched")
	}
}

// TestRestartGoesOnWhereItWas opens the same directories with the image that the
// metadata log gives back at start, as one difference from the empty one.
func TestRestartGoesOnWhereItWas(t *testing.T) {
	fs := vfs.NewVolatile()
	f := newFixture(t, fixtureOptions{fs: fs})
	f.create("t", 1)
	f.mustAppend(f.partition("t", 0), 4, 10)
	if _, err := f.partition("t", 0).DeleteRecords(2); err != nil {
		t.Fatal(err)
	}
	f.halt()

	g := newFixture(t, fixtureOptions{fs: fs})
	g.image = f.image
	g.replicas.Apply(nil, g.image, metadata.Diff(metadata.Empty(), g.image))
	p := g.partition("t", 0)
	if p.HighWatermark() != 4 || p.Log().Start() != 2 {
		t.Errorf("high watermark %d, log start offset %d", p.HighWatermark(), p.Log().Start())
	}
	if a := g.mustAppend(p, 1, 10); a.First != 4 || !a.Committed {
		t.Errorf("the next append: %+v", a)
	}
}

func TestReplicaOfOthersIsNotHere(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	id := f.createOn("t", 2, []int32{2, 3}, 2)
	for _, err := range []error{second(f.replicas.ByName("t", 0)), second(f.replicas.ByID(id, 1)), second(f.replicas.ByName("t", -1))} {
		if !errors.Is(err, protocol.ErrUnknownTopicOrPartition) {
			t.Errorf("a partition without a replica here: %v", err)
		}
	}
	if len(f.dirs.Logs()) != 0 {
		t.Error("a log was made for it")
	}
}

// TestMorePartitions keeps the partitions there are when a topic gets more.
func TestMorePartitions(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	id := f.create("t", 1)
	p := f.partition("t", 0)
	f.apply(&protocol.PartitionRecord{PartitionId: 1, TopicId: id, Replicas: []int32{self}, Isr: []int32{self}, Leader: self, Directories: make([]protocol.UUID, 1)})
	if f.partition("t", 0) != p {
		t.Error("the old partition was made anew")
	}
	f.mustAppend(f.partition("t", 1), 1, 10)
	seen := 0
	f.replicas.All(func(*Partition) bool { seen++; return true })
	if seen != 2 {
		t.Errorf("%d partitions", seen)
	}
}

// TestRecompressedBatchesAreTheirOwn: what the broker compressed anew lies in
// memory of its own, and the producer's frame goes at once.
func TestRecompressedBatchesAreTheirOwn(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	f.create("t", 1)
	f.config(metadata.TopicResource, "t", "compression.type", "lz4")
	p := f.partition("t", 0)
	b := batchOf(10, 100)
	frame := frameOf(b)
	if _, err := p.Append(frame.Bytes(), frame, 12, false, f.now()); err != nil {
		t.Fatal(err)
	}
	if references(frame) != 1 {
		t.Errorf("%d references to a frame that nothing aliases", references(frame))
	}
	clear(frame.Bytes())
	frame.Release()
	res, err := p.Read(nil, ReadParams{MaxBytes: 1 << 20, CurrentEpoch: -1, LastFetchedEpoch: -1})
	if err != nil {
		t.Fatal(err)
	}
	got := record.Batch(bytesOf(t, res.Records))
	if got.Codec() != record.LZ4 || got.CheckCRC() != nil || got.Count() != 10 {
		t.Errorf("codec %v, %d records, %v", got.Codec(), got.Count(), got.CheckCRC())
	}
}

// TestDuplicatesAreNotCached: a batch sent again is answered with its offsets and
// neither written nor kept.
func TestDuplicatesAreNotCached(t *testing.T) {
	f := newFixture(t, fixtureOptions{})
	f.create("t", 1)
	p := f.partition("t", 0)
	b := record.NewBuilder(record.None, 0)
	b.SetProducer(7, 0, 0, false)
	b.Append(1_000, nil, []byte("once"))
	batch := b.Build()
	for i := range 3 {
		frame := frameOf(batch)
		a, err := p.Append(frame.Bytes(), frame, 12, true, f.now())
		if err != nil || a.First != 0 || a.Duplicate != (i > 0) || !a.Committed {
			t.Errorf("append %d: %+v, %v", i, a, err)
		}
		if want := int64(1); i > 0 && references(frame) != want {
			t.Errorf("append %d: %d references", i, references(frame))
		}
		frame.Release()
	}
	if p.Log().End() != 1 {
		t.Errorf("the log ends at %d", p.Log().End())
	}
	ps, err := p.Producers()
	if err != nil || len(ps) != 1 || ps[0].ID != 7 {
		t.Errorf("producers: %+v, %v", ps, err)
	}
	txn := record.NewBuilder(record.None, 0)
	txn.SetProducer(8, 0, 0, true)
	txn.Append(1_000, nil, []byte("x"))
	if _, err := p.Append(txn.Build(), nil, 12, true, f.now()); !errors.Is(err, protocol.ErrInvalidTxnState) {
		t.Errorf("a batch of a transaction: %v", err)
	}
}
