// Package replica is this broker's share of the data: its replicas of
// partitions, what it may do as their leader, how far they are committed, and
// who waits for that. Its main type is Partition. Its invariant: a record is
// acknowledged as committed, or shown to a consumer, only below the high
// watermark, and the high watermark never goes back under one leader.
package replica

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Replicas is the set of partitions this broker has a replica of. It follows
// the metadata: Apply is one of the publishers of the image.
type Replicas struct {
	self    metadata.BrokerID
	dirs    *commitlog.Dirs
	broker  func(*metadata.Image) *config.Broker
	metrics *metrics.Metrics
	logger  *slog.Logger
	ring    *tailRing

	mu     sync.RWMutex
	byName map[string]*topic
	byID   map[metadata.TopicID]*topic

	recovered []*commitlog.Log // of durable mode, with an end not known to be on disk; Apply's own
	starting  atomic.Bool      // the metadata is still that of earlier runs: partitions may have logs already
}

// topic is the partitions of one topic, by index; nil where this broker has no
// replica.
type topic struct {
	name       string
	id         metadata.TopicID
	traffic    *metrics.Topic
	partitions []*Partition
}

// Options are what New needs.
type Options struct {
	Self     metadata.BrokerID
	Dirs     *commitlog.Dirs
	Broker   func(*metadata.Image) *config.Broker // the broker configs in force under an image
	Metrics  *metrics.Metrics
	Logger   *slog.Logger
	TailRing int64 // bytes of recent batches kept in memory for all partitions
}

// New returns a set without partitions; the first Apply fills it.
func New(o Options) *Replicas {
	return &Replicas{
		self: o.Self, dirs: o.Dirs, broker: o.Broker, metrics: o.Metrics, logger: o.Logger, ring: newTailRing(o.TailRing),
		byName: make(map[string]*topic), byID: make(map[metadata.TopicID]*topic),
	}
}

// Started says that the metadata of earlier runs was applied, which began with
// an Apply without a previous image: partitions that come from now on are new
// and have no log anywhere.
//
// Folders that no topic owns are left alone and named: a topic whose deletion a
// crash cut short, or one that the metadata has lost.
func (r *Replicas) Started() {
	r.starting.Store(false)
	for _, log := range r.dirs.Logs() {
		tp := log.TP()
		if p, err := r.ByName(tp.Topic, tp.Partition); err != nil || p.Log() != log {
			r.logger.Warn("a folder belongs to no topic: it is left alone", "partition", tp, "dir", log.Dir(), "id", log.TopicID())
		}
	}
}

// ByName finds a partition by its topic's name.
func (r *Replicas) ByName(name string, index int32) (*Partition, error) {
	r.mu.RLock()
	t := r.byName[name]
	r.mu.RUnlock()
	return t.partition(index, protocol.ErrUnknownTopicOrPartition)
}

// ByID finds a partition by its topic's id.
func (r *Replicas) ByID(id metadata.TopicID, index int32) (*Partition, error) {
	r.mu.RLock()
	t := r.byID[id]
	r.mu.RUnlock()
	return t.partition(index, protocol.ErrUnknownTopicId)
}

func (t *topic) partition(index int32, unknown protocol.Error) (*Partition, error) {
	if t == nil {
		return nil, unknown
	}
	if index < 0 || int(index) >= len(t.partitions) || t.partitions[index] == nil {
		return nil, protocol.ErrUnknownTopicOrPartition
	}
	return t.partitions[index], nil
}

// All calls f for every partition until it returns false.
func (r *Replicas) All(f func(*Partition) bool) {
	r.mu.RLock()
	topics := make([]*topic, 0, len(r.byName))
	for _, t := range r.byName {
		topics = append(topics, t)
	}
	r.mu.RUnlock()
	for _, t := range topics {
		for _, p := range t.partitions {
			if p != nil && !f(p) {
				return
			}
		}
	}
}

// Apply follows a change of the metadata. It runs on the goroutine that applies
// the metadata log, so that whoever learns that a topic was created finds its
// partitions here.
func (r *Replicas) Apply(prev, next *metadata.Image, delta *metadata.Delta) {
	if prev == nil {
		r.starting.Store(true)
	}
	for _, t := range delta.DeletedTopics {
		r.remove(t)
	}
	for _, t := range delta.ChangedTopics {
		r.update(next, t)
	}
	r.flushRecovered()
	r.configure(next, delta)
}

// flushRecovered puts the ends of durable logs on disk that were found after an
// unclean stop. Their high watermarks would wait for it until somebody
// produces, below what was acknowledged and read before.
func (r *Replicas) flushRecovered() {
	var flushes errgroup.Group
	flushes.SetLimit(8)
	for _, log := range r.recovered {
		flushes.Go(func() error { return log.Flush() })
	}
	r.recovered = nil
	if err := flushes.Wait(); err != nil {
		r.logger.Error("flushing what was recovered failed", "error", err) // the log dir is offline
	}
}

// remove ends the partitions of a deleted topic and gives their folders to the
// log dirs to delete.
func (r *Replicas) remove(mt *metadata.Topic) {
	r.mu.Lock()
	t := r.byID[mt.ID]
	delete(r.byID, mt.ID)
	if t != nil && r.byName[t.name] == t {
		delete(r.byName, t.name)
	}
	r.mu.Unlock()
	if t == nil {
		return
	}
	for _, p := range t.partitions {
		if p == nil {
			continue
		}
		if err := p.delete(); err != nil {
			r.logger.Error("deleting a partition's log failed", "topic", t.name, "partition", p.Index, "error", err)
		}
	}
	r.metrics.ReleaseTopic(t.traffic)
}

// update makes the partitions that are new and tells the others what changed.
func (r *Replicas) update(img *metadata.Image, mt *metadata.Topic) {
	r.mu.RLock()
	old := r.byID[mt.ID]
	r.mu.RUnlock()
	t := &topic{name: mt.Name, id: mt.ID, partitions: make([]*Partition, len(mt.Partitions))}
	if old != nil {
		copy(t.partitions, old.partitions)
		t.traffic = old.traffic
	} else {
		t.traffic = r.metrics.Topic(mt.Name)
	}
	cfg := newTopicConfig(r.topicLookup(img, mt.Name))
	for i, mp := range mt.Partitions {
		if t.partitions[i] == nil && mp.HasReplica(r.self) {
			t.partitions[i] = r.open(img, t, mp, cfg)
		}
		if p := t.partitions[i]; p != nil {
			p.mu.Lock()
			p.applyLocked(r.self, mp)
			p.mu.Unlock()
		}
	}
	r.mu.Lock()
	r.byName[t.name], r.byID[t.id] = t, t
	r.mu.Unlock()
}

// topicLookup is a topic's configs in force: its own over the broker's.
func (r *Replicas) topicLookup(img *metadata.Image, name string) config.Lookup {
	return config.Inherited{Own: img.Config(metadata.Resource{Type: metadata.TopicResource, Name: name}), Broker: r.broker(img)}
}

// open finds the partition's log among those recovered at start, or creates it.
// A log that can't be had leaves the partition offline: it is in nobody's way
// but that of its own clients.
func (r *Replicas) open(img *metadata.Image, t *topic, mp *metadata.Partition, cfg *topicConfig) *Partition {
	p := &Partition{Topic: t.name, TopicID: t.id, Index: mp.ID, Traffic: t.traffic, replicas: r, leader: -1, leaderEpoch: -1}
	p.config.Store(cfg)
	tp := commitlog.TP{Topic: t.name, Partition: mp.ID}
	log := r.find(tp, t)
	if log == nil && r.starting.Load() && r.dirMissing(img) {
		r.logger.Error("a partition has no log, which may be in the log dir that is offline or missing", "topic", t.name, "partition", mp.ID)
		p.state = offline
		return p
	}
	if log == nil {
		var err error
		if log, err = r.dirs.Create(tp, t.id, cfg.log); err != nil {
			r.logger.Error("creating a partition's log failed", "topic", t.name, "partition", mp.ID, "error", err)
			p.state, p.uncreated = offline, true
			return p
		}
	} else {
		log.SetConfig(cfg.log)
		if cfg.log.Durable() && log.FlushedOffset() < log.End() {
			r.recovered = append(r.recovered, log)
		}
	}
	p.log = log
	log.OnFlush(p.flushed)
	p.highWatermark = log.RecoveredHighWatermark()
	return p
}

// find returns the topic's log of a partition, or nil. Folders of other topics
// of the same name are set aside.
func (r *Replicas) find(tp commitlog.TP, t *topic) *commitlog.Log {
	for {
		log := r.dirs.Get(tp)
		if log == nil || log.TopicID() == t.id {
			return log
		}
		if log.TopicID() == (metadata.TopicID{}) {
			r.identify(log, t)
			return log
		}
		r.logger.Warn("a folder belongs to another topic of the same name: set aside", "topic", tp.Topic, "partition", tp.Partition, "id", log.TopicID())
		if err := r.dirs.SetAside(log); err != nil {
			r.logger.Error("setting a stray folder aside failed", "topic", tp.Topic, "partition", tp.Partition, "error", err)
		}
	}
}

// dirMissing tells whether a log dir can't be looked into, or isn't there though
// this broker was registered with it: a disk that isn't mounted, or a key that
// was changed.
func (r *Replicas) dirMissing(img *metadata.Image) bool {
	var there []metadata.TopicID
	for _, d := range r.dirs.List() {
		if d.Err != nil {
			return true
		}
		there = append(there, d.ID)
	}
	b := img.Broker(r.self)
	return b != nil && slices.ContainsFunc(b.Dirs, func(id metadata.TopicID) bool { return !slices.Contains(there, id) })
}

// Whole reports whether each partition of this broker has its log.
func (r *Replicas) Whole() bool {
	whole := true
	r.All(func(p *Partition) bool {
		whole = p.Log() != nil
		return whole
	})
	return whole
}

// identify gives a log whose partition.metadata was lost or damaged its topic's
// id: what its folder holds is all there is of the partition. Where the id can't
// be written the log is used without it, or is offline already.
func (r *Replicas) identify(log *commitlog.Log, t *topic) {
	r.logger.Warn("a folder does not say which topic it belongs to: it is taken for the one of that name", "partition", log.TP(), "id", t.id)
	if err := log.SetTopicID(t.id); err != nil {
		r.logger.Error("writing a folder's topic id failed", "partition", log.TP(), "error", err)
	}
}

// configure gives partitions whose configs changed their new ones.
func (r *Replicas) configure(img *metadata.Image, delta *metadata.Delta) {
	for _, t := range r.affected(delta) {
		cfg := newTopicConfig(r.topicLookup(img, t.name))
		for _, p := range t.partitions {
			if p != nil {
				p.setConfig(cfg)
			}
		}
	}
}

// affected lists the topics whose effective configs a change touches: broker
// configs are the defaults of all.
func (r *Replicas) affected(delta *metadata.Delta) []*topic {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []*topic
	for _, res := range delta.ChangedConfigs {
		if res.Type == metadata.BrokerResource {
			out = out[:0]
			for _, t := range r.byName {
				out = append(out, t)
			}
			return out
		}
		if t := r.byName[res.Name]; res.Type == metadata.TopicResource && t != nil {
			out = append(out, t)
		}
	}
	return out
}

func (p *Partition) setConfig(cfg *topicConfig) {
	p.config.Store(cfg)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log == nil {
		return
	}
	p.log.SetConfig(cfg.log)
	if p.state == leading {
		p.advanceLocked() // leaving durable mode commits what wasn't flushed yet
	}
}

// delete ends the partition: who waits on it looks again and finds it gone.
// The log dirs may wait for a sync in hand, so they are called without the lock.
func (p *Partition) delete() error {
	p.mu.Lock()
	p.state, p.uncreated = deleted, false
	p.replicas.ring.cut(&p.tail)
	p.wakeLocked()
	log := p.log
	p.mu.Unlock()
	if log == nil {
		return nil
	}
	return p.replicas.dirs.Delete(log)
}

// Deleted tells that the partition's topic is gone.
func (p *Partition) Deleted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state == deleted
}

// DirFailed takes the partitions of a failed log dir offline.
func (r *Replicas) DirFailed(path string, cause error) {
	var n int
	r.All(func(p *Partition) bool {
		p.mu.Lock()
		if p.log != nil && p.log.Dir() == path && p.state != deleted {
			p.state = offline
			p.replicas.ring.cut(&p.tail)
			p.wakeLocked()
			n++
		}
		p.mu.Unlock()
		return true
	})
	r.logger.Error("log dir is offline: its partitions answer KAFKA_STORAGE_ERROR", "dir", path, "partitions", n, "error", cause)
}

var errNoLog = fmt.Errorf("%w: the partition's log is not available", protocol.ErrKafkaStorageError)

// leaderLog returns the log if this replica may answer as leader.
func (p *Partition) leaderLog(current record.LeaderEpoch) (*commitlog.Log, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkLeaderLocked(current); err != nil {
		return nil, err
	}
	if p.log == nil {
		return nil, errNoLog
	}
	return p.log, nil
}
