package broker

import (
	"container/list"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/replica"
)

// A fetchSession remembers which partitions a consumer reads and from where, so
// that a request names only what changed and a response only what moved
// (KIP-227). Between two fetches an idle partition costs nothing: its replica
// marks the session's watcher when there is something to look at.
//
// A fetch outside any session uses one of its own and closes it at the end.
type fetchSession struct {
	id      int32
	usesIDs bool // named by topic id (v13) or by name; a session is one or the other

	mu         sync.Mutex // guards all below; held while a fetch looks, not while it waits
	epoch      int32      // the epoch the next request must carry
	topics     map[topicKey]*fetchTopic
	partitions int
	watcher    *replica.Watcher
	closed     bool

	// Guarded by fetchSessions.mu.
	element  *list.Element
	created  time.Time
	lastUsed time.Time
	size     int
}

// topicKey names a topic the way the client did.
type topicKey struct {
	name string
	id   protocol.UUID
}

type fetchTopic struct {
	key        topicKey
	partitions map[int32]*fetchPartition
	slot       int // 1 + its place in the response being built, 0 outside one
}

// fetchPartition is one partition of a session.
type fetchPartition struct {
	topic *fetchTopic
	index int32

	partition *replica.Partition // nil while it can't be found
	watch     *replica.Watch
	read      replica.ReadParams

	chosen bool // among the candidates of the fetch in hand

	// What the last response said, to leave out what hasn't changed.
	sentHW, sentLogStart int64
}

func newFetchSession(usesIDs bool) *fetchSession {
	return &fetchSession{usesIDs: usesIDs, topics: make(map[topicKey]*fetchTopic), watcher: replica.NewWatcher()}
}

// put adds a partition or changes where it is read from, and marks it: a fetch
// position that moved needs a look.
func (s *fetchSession) put(key topicKey, fp *protocol.FetchRequestFetchPartition) {
	t := s.topics[key]
	if t == nil {
		t = &fetchTopic{key: key, partitions: make(map[int32]*fetchPartition)}
		s.topics[key] = t
	}
	p := t.partitions[fp.Partition]
	if p == nil {
		p = &fetchPartition{topic: t, index: fp.Partition, sentHW: -1, sentLogStart: -1}
		p.watch = s.watcher.NewWatch(p)
		t.partitions[fp.Partition] = p
		s.partitions++
	}
	p.read = readParams(fp)
	p.watch.Mark()
}

// forget takes a partition out of the session.
func (s *fetchSession) forget(key topicKey, index int32) {
	t := s.topics[key]
	if t == nil {
		return
	}
	p := t.partitions[index]
	if p == nil {
		return
	}
	p.unwatch()
	p.topic = nil // a mark that is still queued finds a partition of no topic
	delete(t.partitions, index)
	s.partitions--
	if len(t.partitions) == 0 {
		delete(s.topics, key)
	}
}

// close ends every watch. A fetch that still holds the session finds nothing.
func (s *fetchSession) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for _, t := range s.topics {
		for _, p := range t.partitions {
			p.unwatch()
		}
	}
}

func (p *fetchPartition) unwatch() {
	if p.partition != nil {
		p.partition.Unwatch(p.watch)
		p.partition = nil
	}
}

// fetchSessions is the broker's cache of sessions, bounded by
// max.incremental.fetch.session.cache.slots. A full cache gives a new session
// the place of one that was idle longer than
// min.incremental.fetch.session.eviction.ms, or of a smaller one that is older
// than that; else the fetch is served without a session.
type fetchSessions struct {
	mu       sync.Mutex
	slots    int
	eviction time.Duration
	byID     map[int32]*fetchSession
	byUse    *list.List // least recently used first
}

func newFetchSessions(slots int, eviction time.Duration) *fetchSessions {
	return &fetchSessions{slots: slots, eviction: eviction, byID: make(map[int32]*fetchSession), byUse: list.New()}
}

// add gives the session an id and a place, if there is one.
func (c *fetchSessions) add(s *fetchSession, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.byID) >= c.slots && !c.evictForLocked(s, now) {
		return false
	}
	for s.id == 0 || c.byID[s.id] != nil {
		s.id = rand.Int32N(1<<31-1) + 1
	}
	s.created, s.lastUsed, s.size = now, now, s.partitions
	c.byID[s.id] = s
	s.element = c.byUse.PushBack(s)
	return true
}

func (c *fetchSessions) evictForLocked(s *fetchSession, now time.Time) bool {
	front := c.byUse.Front()
	if front == nil {
		return false
	}
	oldest := front.Value.(*fetchSession)
	if now.Sub(oldest.lastUsed) <= c.eviction {
		oldest = nil
		for e := front; e != nil; e = e.Next() {
			o := e.Value.(*fetchSession)
			if o.size < s.partitions && now.Sub(o.created) > c.eviction && (oldest == nil || o.size < oldest.size) {
				oldest = o
			}
		}
	}
	if oldest == nil {
		return false
	}
	c.removeLocked(oldest)
	go oldest.close() // its lock may be held by a fetch in hand, which must not wait for ours
	return true
}

// use finds a session and marks it as used now.
func (c *fetchSessions) use(id int32, now time.Time) *fetchSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.byID[id]
	if s != nil {
		s.lastUsed = now
		c.byUse.MoveToBack(s.element)
	}
	return s
}

// resize records how many partitions a session has after a request.
func (c *fetchSessions) resize(s *fetchSession, partitions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.size = partitions
}

// remove takes a session out and ends it.
func (c *fetchSessions) remove(id int32) {
	c.mu.Lock()
	s := c.byID[id]
	if s != nil {
		c.removeLocked(s)
	}
	c.mu.Unlock()
	if s != nil {
		s.close()
	}
}

func (c *fetchSessions) removeLocked(s *fetchSession) {
	delete(c.byID, s.id)
	c.byUse.Remove(s.element)
}

// Len returns the number of sessions.
func (c *fetchSessions) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byID)
}
