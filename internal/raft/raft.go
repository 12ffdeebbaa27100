// Package raft keeps the cluster's metadata: records are proposed to HashiCorp Raft, and what is committed is applied to
// a metadata.Image, which every node has.
//
// Its main type is Node. The invariant: an image is published when, and only when, the entries that make it are durable
// on a majority of voters; entries are applied in the order of the log, each once, by every node with the same result.
//
// Everything on disk goes through vfs.FS and lies in one directory: the log (raft-wal's segments), term and vote, and
// snapshots. Log and vote are synced before anything is answered. A failed write stops the node for good (Done tells
// why), but for a full disk: then the node gives up its leadership, goes on serving its image, and comes back by itself
// when there is space.
package raft

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Options say where and as whom a Node runs. Fields left zero have the default in their comment.
type Options struct {
	FS          vfs.FS
	Dir         string
	NodeID      metadata.BrokerID
	DirectoryID protocol.UUID // of Dir: a voter that lost its disk comes back as another server
	Log         *slog.Logger  // slog.Default()

	// Transport connects the servers. Nil is for a node that is alone: nothing listens.
	Transport hraft.Transport
	// Voters are the servers a new cluster begins with: this node alone.
	Voters []Voter

	SegmentBytes     int           // 4 MiB
	MaxEntryBytes    int           // 16 MiB; records of one proposal, encoded
	SnapshotEntries  uint64        // 8192: a snapshot is taken after so many entries,
	SnapshotBytes    int64         // 64 MiB: or so many bytes of entries
	SnapshotInterval time.Duration // 30 s: how often, at least, SnapshotEntries is looked at
	TrailingEntries  uint64        // 1024: kept in the log behind a snapshot, for followers that lag
}

// Voter is a server of a new cluster.
type Voter struct {
	ID      string // ServerID
	Address string
}

// ServerID is the name of a node among the Raft servers.
func ServerID(node metadata.BrokerID, directory protocol.UUID) string {
	return strconv.Itoa(int(node)) + "-" + directory.String()
}

func parseServerID(id string) (metadata.BrokerID, protocol.UUID, error) {
	node, directory, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(node, 10, 32)
	if err != nil {
		return -1, protocol.UUID{}, err
	}
	u, err := protocol.ParseUUID(directory)
	return metadata.BrokerID(n), u, err
}

func (o Options) withDefaults() Options {
	setDefault(&o.SegmentBytes, 4<<20)
	setDefault(&o.MaxEntryBytes, 16<<20)
	setDefault(&o.SnapshotEntries, 8192)
	setDefault(&o.SnapshotBytes, 64<<20)
	setDefault(&o.SnapshotInterval, 30*time.Second)
	setDefault(&o.TrailingEntries, 1024)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Node is this process's member of the Raft cluster.
type Node struct {
	opt          Options
	id           hraft.ServerID
	fsm          *fsm
	onLeadership []func(leader bool, term uint64)

	closing chan struct{}
	stopped chan struct{} // run has ended
	done    chan error

	mu       sync.Mutex
	storage  *storage // opened, but not yet given to an instance
	instance *instance
	started  bool
	closed   bool
	full     bool // the disk is full: no instance runs
	leader   bool
	term     uint64        // in which this node leads, or last led
	settled  uint64        // the term of the last Barrier
	changed  chan struct{} // closed when leadership or instance change
}

// Open opens the storage and loads the image as of the last entry known to be committed. Nothing runs before Start.
func Open(o Options) (*Node, error) {
	o = o.withDefaults()
	n := &Node{
		opt:     o,
		id:      hraft.ServerID(ServerID(o.NodeID, o.DirectoryID)),
		fsm:     newFSM(),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
		done:    make(chan error, 1),
		changed: make(chan struct{}),
	}
	s, err := n.openStorage()
	if err != nil {
		return nil, err
	}
	n.storage = s
	return n, nil
}

// Subscribe adds a publisher. Publishers are called in the order in which they were added, which must be before Start.
// What was loaded by Open is not published: start from Image.
func (n *Node) Subscribe(p Publisher) { n.fsm.publishers = append(n.fsm.publishers, p) }

// OnLeadership adds a function that is told when this node becomes the leader, with the term, and when it no longer is.
// It must be added before Start, and must return soon. A new leader decides nothing before Barrier has returned.
func (n *Node) OnLeadership(f func(leader bool, term uint64)) {
	n.onLeadership = append(n.onLeadership, f)
}

// Image is the current state of the cluster.
func (n *Node) Image() *metadata.Image { return n.fsm.image.Load() }

// Applied is the index of the last entry in the image.
func (n *Node) Applied() uint64 { return n.fsm.index.Load() }

// Done returns a channel that yields the error that stopped the node, and is closed after Close.
func (n *Node) Done() <-chan error { return n.done }

// Start lets the node take part. A new directory is bootstrapped; a lone voter elects itself at once.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.started || n.closed {
		panic("BUG: raft node started twice or after Close")
	}
	inst, err := n.startInstance(n.storage)
	n.storage = nil
	if err != nil {
		return err
	}
	n.instance, n.started = inst, true
	go n.run(inst)
	return nil
}

// Close stops the node and releases its directory.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		<-n.stopped
		return nil
	}
	n.closed = true
	started, s := n.started, n.storage
	n.mu.Unlock()
	close(n.closing)
	if started {
		<-n.stopped
		return nil
	}
	close(n.stopped)
	close(n.done)
	if s != nil {
		return s.close()
	}
	return nil
}

// run looks after one instance after the other until the node is closed or its storage fails.
func (n *Node) run(inst *instance) {
	defer close(n.stopped)
	defer close(n.done)
	for inst != nil {
		err := n.watch(inst)
		if err != nil {
			n.opt.Log.Error("the metadata log can't go on", "dir", n.opt.Dir, "err", err)
		}
		n.stop(inst, isFull(err))
		switch {
		case err == nil:
			return
		case !isFull(err):
			n.done <- err
			return
		}
		if inst, err = n.reopen(); err != nil {
			n.done <- err
			return
		}
	}
}

// watch handles what the instance has to say until it fails or the node is closed.
func (n *Node) watch(inst *instance) error {
	for {
		select {
		case leader := <-inst.leadership:
			n.setLeader(leader && inst.raft.State() == hraft.Leader, inst.raft.CurrentTerm())
		case <-inst.storage.logs.long:
			go inst.raft.Snapshot()
		case err := <-inst.storage.failed:
			return err
		case err := <-n.fsm.failed:
			return err
		case <-n.closing:
			return nil
		}
	}
}

func (n *Node) setLeader(leader bool, term uint64) {
	n.mu.Lock()
	was, wasTerm := n.leader, n.term
	if leader {
		n.term = term
	}
	n.leader = leader
	n.changedLocked()
	n.mu.Unlock()
	if was && (!leader || term != wasTerm) {
		n.tellLeadership(false, wasTerm)
	}
	if leader && !(was && term == wasTerm) {
		n.tellLeadership(true, term)
	}
}

func (n *Node) changedLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *Node) tellLeadership(leader bool, term uint64) {
	n.opt.Log.Info("metadata leadership", "leader", leader, "term", term)
	for _, f := range n.onLeadership {
		f(leader, term)
	}
}

// stop shuts the instance down; full tells that it will come back.
func (n *Node) stop(inst *instance, full bool) {
	n.mu.Lock()
	n.instance, n.full = nil, full
	n.changedLocked()
	n.mu.Unlock()
	if err := inst.stop(); err != nil {
		n.opt.Log.Warn("closing raft storage", "err", err)
	}
	n.setLeader(false, 0)
}

// spaceInterval is how often a node without space looks whether there is some.
const spaceInterval = 500 * time.Millisecond

// reopen waits until the disk has space and starts another instance. Both results are nil when the node is closed.
func (n *Node) reopen() (*instance, error) {
	for {
		select {
		case <-n.closing:
			return nil, nil
		case <-time.After(spaceInterval):
		}
		if !n.hasSpace() {
			continue
		}
		inst, err := n.tryReopen()
		switch {
		case err == nil:
			n.opt.Log.Info("raft storage has space again", "dir", n.opt.Dir)
			n.mu.Lock()
			n.instance, n.full = inst, false
			n.changedLocked()
			n.mu.Unlock()
			return inst, nil
		case !isFull(err):
			return nil, err
		}
	}
}

// hasSpace tells whether a segment fits beside what else must be written.
func (n *Node) hasSpace() bool {
	_, free, err := n.opt.FS.Usage(n.opt.Dir)
	return err != nil || free >= int64(n.opt.SegmentBytes)+int64(n.opt.SegmentBytes)/4
}

func (n *Node) tryReopen() (*instance, error) {
	s, err := n.openStorage()
	if err != nil {
		return nil, err
	}
	return n.startInstance(s)
}

// openStorage opens the storage and applies what is committed and not yet in the image.
func (n *Node) openStorage() (*storage, error) {
	s, err := openStorage(storageOptions{
		fs: n.opt.FS, dir: n.opt.Dir, log: n.opt.Log,
		segmentBytes: n.opt.SegmentBytes, longLog: n.opt.SnapshotBytes,
	})
	if err != nil {
		return nil, err
	}
	if err := s.load(n.fsm); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// load brings the state machine to the last entry known to be committed.
func (s *storage) load(f *fsm) error {
	metas, err := s.snaps.List()
	if err != nil {
		return err
	}
	var reached uint64
	if len(metas) > 0 {
		_, r, err := s.snaps.Open(metas[0].ID)
		if err != nil {
			return err
		}
		if err := f.Restore(r); err != nil {
			return fmt.Errorf("snapshot %s: %w", metas[0].ID, err)
		}
		reached = metas[0].Index
	}
	first, err := s.logs.FirstIndex()
	if err != nil {
		return err
	}
	if first > reached+1 {
		return fmt.Errorf("%w: entries %d to %d are neither in a snapshot nor in the log", ErrCorrupt, reached+1, first-1)
	}
	s.logs.readEarly(reached + 1)
	for index := max(f.index.Load(), reached) + 1; index <= s.logs.committed; index++ {
		if err := s.loadEntry(f, index); err != nil {
			return err
		}
	}
	return nil
}

func (s *storage) loadEntry(f *fsm, index uint64) error {
	var l hraft.Log
	if err := s.logs.GetLog(index, &l); err != nil {
		return err
	}
	if err := checkType(&l); err != nil {
		return err
	}
	if l.Type == hraft.LogCommand {
		f.Apply(&l) // its error was for whoever proposed the entry
	}
	if err := f.broken(); err != nil {
		return err
	}
	f.index.Store(index)
	return nil
}

// checkType refuses an entry of Raft's own of a kind that came later.
func checkType(l *hraft.Log) error {
	if l.Type > hraft.LogConfiguration {
		return notUnderstood(entryName(l), fmt.Errorf("its type is %d", l.Type))
	}
	return nil
}
