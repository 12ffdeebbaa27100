package raft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

const testDir = "/data/__raft"

func options(fsys vfs.FS, dir string) Options {
	return Options{FS: fsys, Dir: dir, NodeID: 1, DirectoryID: protocol.UUID{1}, Log: quiet}
}

func memory(t testing.TB) *vfs.Mem {
	m := vfs.NewMem()
	ok(t, m.MkdirAll(filepath.Dir(testDir)))
	ok(t, m.SyncDir("/"))
	return m
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t testing.TB, o Options) *Node {
	t.Helper()
	n, err := Open(o)
	ok(t, err)
	t.Cleanup(func() { n.Close() })
	ok(t, n.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ok(t, n.WaitReady(ctx))
	return n
}

// setting is a record that sets a config; what the image holds then tells which records it was made of.
func setting(name, value string) metadata.Record {
	return &protocol.ConfigRecord{ResourceType: metadata.BrokerResource, Name: name, Value: &value}
}

func settings(img *metadata.Image) map[string]string {
	return img.Config(metadata.Resource{Type: metadata.BrokerResource})
}

func set(t testing.TB, n *Node, name, value string) {
	t.Helper()
	_, err := n.Propose(t.Context(), []metadata.Record{setting(name, value)})
	ok(t, err)
}

func TestProposalIsAppliedAndSurvivesRestart(t *testing.T) {
	m := memory(t)
	n := start(t, options(m, testDir))
	for i := range 10 {
		index, err := n.Propose(t.Context(), []metadata.Record{setting(fmt.Sprint(i), "v"), setting("last", fmt.Sprint(i))})
		ok(t, err)
		if got := settings(n.Image())["last"]; got != fmt.Sprint(i) || n.Applied() != index {
			t.Fatalf("after proposal %d the image has %q, index %d of %d", i, got, n.Applied(), index)
		}
	}
	ok(t, n.Close())
	if _, err := n.Propose(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("propose after close: %v", err)
	}
	again := start(t, options(m, testDir))
	if got := settings(again.Image()); len(got) != 11 || got["last"] != "9" {
		t.Fatalf("after the restart: %v", got)
	}
}

func TestPublishersSeeEveryImageInOrder(t *testing.T) {
	n, err := Open(options(memory(t), testDir))
	ok(t, err)
	defer n.Close()
	var mu sync.Mutex
	last, seen := n.Image(), 0
	n.Subscribe(func(prev, next *metadata.Image, d *metadata.Delta) {
		mu.Lock()
		defer mu.Unlock()
		if prev != last || len(d.ChangedConfigs) != 1 {
			t.Errorf("image %d does not follow the one before it, or its delta is %+v", seen, d)
		}
		last = next
		seen++
	})
	type change struct {
		leader bool
		term   uint64
	}
	changes := make(chan change, 8)
	n.OnLeadership(func(leader bool, term uint64) { changes <- change{leader, term} })
	ok(t, n.Start())
	ok(t, n.WaitReady(t.Context()))
	for i := range 20 {
		set(t, n, "k", fmt.Sprint(i))
	}
	mu.Lock()
	if seen != 20 || last != n.Image() {
		t.Fatalf("%d images were published", seen)
	}
	mu.Unlock()
	term := n.Term()
	ok(t, n.Close())
	if up, down := <-changes, <-changes; up != (change{true, term}) || down != (change{false, term}) {
		t.Fatalf("leadership changes %v, %v in term %d", up, down, term)
	}
}

// TestStaleTermIsDiscarded: what a leader decided in an earlier term must not take effect in a later one.
func TestStaleTermIsDiscarded(t *testing.T) {
	m := memory(t)
	n := start(t, options(m, testDir))
	_, old := n.Leading()
	set(t, n, "k", "old")
	ok(t, n.Close())

	n = start(t, options(m, testDir))
	if _, term := n.Leading(); term <= old {
		t.Fatalf("term %d after term %d", term, old)
	}
	before := n.Image()
	if _, err := n.ProposeIn(t.Context(), old, []metadata.Record{setting("k", "stale")}); !errors.Is(err, ErrStaleTerm) {
		t.Fatalf("proposal of term %d: %v", old, err)
	}
	if n.Image() != before {
		t.Fatal("a discarded entry made a new image")
	}
	set(t, n, "other", "new")
	ok(t, n.Close())
	n = start(t, options(m, testDir))
	if got := settings(n.Image()); got["k"] != "old" || got["other"] != "new" {
		t.Fatalf("after a replay: %v", got)
	}
}

func TestRefusals(t *testing.T) {
	o := options(memory(t), testDir)
	o.MaxEntryBytes = 1000
	n, err := Open(o)
	ok(t, err)
	if _, err := n.Propose(t.Context(), nil); !errors.Is(err, ErrNotLeader) || protocol.CodeOf(err) != int16(protocol.ErrNotController) {
		t.Fatalf("propose before start: %v", err)
	}
	ok(t, n.Start())
	defer n.Close()
	ok(t, n.WaitReady(t.Context()))
	if _, err := n.Propose(t.Context(), []metadata.Record{setting("k", string(make([]byte, 2000)))}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("a large entry: %v", err)
	}
	before := n.Image()
	if _, err := n.Propose(t.Context(), []metadata.Record{setting("a", "b"), &protocol.RemoveTopicRecord{TopicId: protocol.UUID{9}}}); err == nil {
		t.Fatal("a record that does not fit the image was accepted")
	}
	if n.Image() != before {
		t.Fatal("a refused entry changed the image")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Propose(ctx, []metadata.Record{setting("a", "b")}); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled proposal: %v", err)
	}
}

func TestDirectoryOfAnotherServerIsRefused(t *testing.T) {
	m := memory(t)
	ok(t, start(t, options(m, testDir)).Close())
	o := options(m, testDir)
	o.DirectoryID = protocol.UUID{2}
	n, err := Open(o)
	ok(t, err)
	defer n.Close()
	if err := n.Start(); err == nil {
		t.Fatal("started on the directory of another server")
	}
	n, err = Open(options(m, testDir))
	ok(t, err)
	if _, err := Open(options(m, testDir)); !errors.Is(err, vfs.ErrLocked) {
		t.Fatalf("second open of a directory: %v", err)
	}
	ok(t, n.Close())
}

func TestSnapshotsCompactTheLog(t *testing.T) {
	m := memory(t)
	o := options(m, testDir)
	o.SegmentBytes, o.SnapshotBytes, o.TrailingEntries, o.SnapshotEntries = 16<<10, 20<<10, 5, 1
	n := start(t, o)
	value := string(make([]byte, 1000))
	for i := range 200 {
		set(t, n, fmt.Sprint(i%30), value+fmt.Sprint(i))
	}
	ok(t, n.instance.raft.Snapshot().Error())
	first, err := n.instance.storage.logs.FirstIndex()
	ok(t, err)
	if first < 100 {
		t.Fatalf("the log begins at %d after %d entries", first, n.Applied())
	}
	set(t, n, "after", "snapshot")
	want := n.Image()
	ok(t, n.Close())

	snapshots := 0
	entries, err := m.ReadDir(testDir)
	ok(t, err)
	for _, e := range entries {
		if filepath.Ext(e.Name) == snapshotSuffix {
			snapshots++
		}
	}
	if snapshots != retainSnapshots {
		t.Fatalf("%d snapshots are kept: %v", snapshots, entries)
	}
	n = start(t, o)
	if d := metadata.Diff(want, n.Image()); !d.Empty() {
		t.Fatalf("the image differs after a restart from a snapshot: %+v", d)
	}
}

// TestProducerIDsAreGivenOnce keeps the ledger that clients would: every block that was given, over snapshots that are all
// that is left of the log, and starts.
func TestProducerIDsAreGivenOnce(t *testing.T) {
	m := memory(t)
	o := options(m, testDir)
	o.TrailingEntries = 1
	given := make(map[int64]int)
	for life := range 6 {
		n := start(t, o)
		for block := range 5 {
			first := n.Image().NextProducerID()
			for id := first; id < first+1000; id += 100 {
				if other, again := given[id]; again {
					t.Fatalf("life %d, block %d: producer id %d was given in life %d", life, block, id, other)
				}
				given[id] = life
			}
			_, err := n.Propose(t.Context(), []metadata.Record{&protocol.ProducerIdsRecord{BrokerId: 1, BrokerEpoch: 1, NextProducerId: first + 1000}})
			ok(t, err)
			if block == 4-life%2 {
				set(t, n, "life", fmt.Sprint(life)) // the last entry, which stays in the log
				ok(t, n.instance.raft.Snapshot().Error())
			}
		}
		ok(t, n.Close())
	}
	if len(given) != 300 {
		t.Errorf("%d ids", len(given))
	}
}

func TestStatus(t *testing.T) {
	n := start(t, options(memory(t), testDir))
	set(t, n, "k", "v")
	s := n.Status()
	if s.LeaderID != 1 || s.Term == 0 || s.CommitIndex != s.LastIndex || s.Applied == 0 || len(s.Voters) != 1 || len(s.Observers) != 0 {
		t.Fatalf("%+v", s)
	}
	if v := s.Voters[0]; v.NodeID != 1 || v.DirectoryID != (protocol.UUID{1}) || v.LastIndex != int64(s.LastIndex) {
		t.Fatalf("voter %+v", v)
	}
}

func TestDump(t *testing.T) {
	m := memory(t)
	o := options(m, testDir)
	o.SegmentBytes, o.TrailingEntries = 8<<10, 1
	n := start(t, o)
	_, term := n.Leading()
	for i := range 100 {
		set(t, n, fmt.Sprint(i), string(make([]byte, 200)))
		if i == 50 {
			ok(t, n.instance.raft.Snapshot().Error())
		}
	}
	if _, err := n.ProposeIn(t.Context(), term-1, []metadata.Record{setting("stale", "x")}); err == nil {
		t.Fatal("stale entry accepted")
	}
	dump := func() {
		image, last := metadata.Empty(), uint64(0)
		err := Dump(m, testDir, func(index, term uint64, recs []metadata.Record) error {
			next, _, err := image.Apply(recs)
			if err == nil {
				image = next
			}
			if index < last {
				t.Errorf("index %d after %d", index, last)
			}
			last = index
			return err
		})
		ok(t, err)
		if d := metadata.Diff(image, n.Image()); !d.Empty() || last < n.Applied() {
			t.Fatalf("what is dumped differs: %+v; ends at %d, not %d", d, last, n.Applied())
		}
	}
	dump()
	ok(t, n.Close())
	ops := m.Ops()
	dump()
	if m.Ops() != ops {
		t.Fatal("dump wrote")
	}
}

// cluster is three nodes on an in-memory network.
func cluster(t *testing.T) []*Node {
	var voters []Voter
	var transports []*hraft.InmemTransport
	for i := range 3 {
		id := ServerID(metadata.BrokerID(i), protocol.UUID{byte(i)})
		_, tr := hraft.NewInmemTransport(hraft.ServerAddress(id))
		transports = append(transports, tr)
		voters = append(voters, Voter{ID: id, Address: id})
	}
	for _, a := range transports {
		for _, b := range transports {
			a.Connect(b.LocalAddr(), b)
		}
	}
	nodes := make([]*Node, 3)
	for i := range nodes {
		o := options(memory(t), testDir)
		o.NodeID, o.DirectoryID, o.Transport, o.Voters = metadata.BrokerID(i), protocol.UUID{byte(i)}, transports[i], voters
		n, err := Open(o)
		ok(t, err)
		nodes[i] = n
	}
	return nodes
}

// TestThreeNodesAgree: also a seam for the cluster to come. A new leader's term refuses what the old one decided.
func TestThreeNodesAgree(t *testing.T) {
	nodes := cluster(t)
	leaders := make(chan *Node, 8)
	applied := make(chan string, 64)
	for _, n := range nodes {
		n.OnLeadership(func(leader bool, _ uint64) {
			if leader {
				leaders <- n
			}
		})
		n.Subscribe(func(_, next *metadata.Image, _ *metadata.Delta) {
			applied <- fmt.Sprint(n.opt.NodeID, settings(next)["k"])
		})
		ok(t, n.Start())
		defer n.Close()
	}
	first := <-leaders
	ok(t, first.Barrier(t.Context()))
	_, term := first.Leading()
	set(t, first, "k", "one")
	for range 3 {
		<-applied
	}
	ok(t, first.instance.raft.LeadershipTransfer().Error())
	second := <-leaders
	ok(t, second.Barrier(t.Context()))
	if _, err := first.Propose(t.Context(), []metadata.Record{setting("k", "x")}); !errors.Is(err, ErrNotLeader) {
		t.Fatalf("old leader: %v", err)
	}
	if _, err := second.ProposeIn(t.Context(), term, []metadata.Record{setting("k", "x")}); !errors.Is(err, ErrStaleTerm) {
		t.Fatalf("old decision: %v", err)
	}
	set(t, second, "k", "two")
	ok(t, second.instance.raft.LeadershipTransferToServer(first.id, hraft.ServerAddress(first.id)).Error())
	if again := <-leaders; again != first {
		t.Fatal("leadership did not come back")
	}
	if _, err := first.Propose(t.Context(), []metadata.Record{setting("k", "x")}); !errors.Is(err, ErrStaleTerm) {
		t.Fatalf("proposal after a barrier of an earlier term: %v", err)
	}
	got := map[string]bool{}
	for range 3 {
		got[<-applied] = true
	}
	if len(got) != 3 || !got["0two"] || !got["1two"] || !got["2two"] {
		t.Fatalf("published: %v", got)
	}
}
