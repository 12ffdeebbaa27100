package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
)

// partition names a partition.
type partition struct {
	topic string
	index int32
}

func (p partition) String() string { return fmt.Sprintf("%s-%d", p.topic, p.index) }

// id names one record ever sent: the stream that sent it and its number there. A stream writes to one partition.
type id struct {
	stream int32
	number int32
}

// Record contents are a function of their id: 8 bytes that are the id, then bytes that follow from it. So the ledger
// knows every record to the byte without keeping it.
const idSize = 8

func (r id) value(size int) []byte {
	b := make([]byte, max(size, idSize))
	binary.BigEndian.PutUint32(b, uint32(r.stream))
	binary.BigEndian.PutUint32(b[4:], uint32(r.number))
	x := uint64(r.stream)<<32 | uint64(uint32(r.number))
	for i := idSize; i < len(b); i++ {
		if i%16 == 8 { // runs of equal bytes and noise in turn: codecs have something to do and can't do everything
			x = x*6364136223846793005 + 1442695040888963407
		}
		b[i] = byte(x >> (8 * (i % 2)))
	}
	return b
}

func (r id) key() []byte {
	if r.number%3 == 0 {
		return nil
	}
	return fmt.Appendf(nil, "key-%d", r.number%100)
}

// seen is a record as a broker served it.
type seen struct {
	offset     int64
	key, value []byte
}

// read tells which record it is, and whether it is so to the byte.
func (s seen) read() (r id, whole bool) {
	if len(s.value) < idSize {
		return id{}, false
	}
	r = id{int32(binary.BigEndian.Uint32(s.value)), int32(binary.BigEndian.Uint32(s.value[4:]))}
	return r, bytes.Equal(s.value, r.value(len(s.value))) && bytes.Equal(s.key, r.key())
}

// view is what a broker serves of a partition at one moment.
type view struct {
	start, high int64 // log start offset and high watermark
	records     []seen
}

// anomaly is a kind of wrong history.
type anomaly string

const (
	lost         anomaly = "lost"         // acknowledged, or served once, and gone
	duplicated   anomaly = "duplicated"   // sent once, there twice
	reordered    anomaly = "reordered"    // at another offset than acknowledged, or out of its producer's order
	changed      anomaly = "changed"      // not the bytes that were sent
	hole         anomaly = "hole"         // an offset between start and high watermark without its record
	phantom      anomaly = "phantom"      // never sent, or sent elsewhere
	inconsistent anomaly = "inconsistent" // two records acknowledged at one offset
	wentBack     anomaly = "went back"    // a high watermark or log start offset below one seen before
)

type problem struct {
	kind anomaly
	text string
}

func (p problem) String() string { return string(p.kind) + ": " + p.text }

// stream is a sequence of records sent to one partition by one producer.
type stream struct {
	id        int32
	to        partition
	mayRepeat bool    // its producer retries without being idempotent
	sent      []int64 // moments at which each record was sent
}

// ack is an offset a record was acknowledged, or served, at.
type ack struct {
	offset int64
	record id
	at     int64 // moment
}

// account is what the ledger knows of a partition.
type account struct {
	acks     []ack
	start    int64 // the largest log start offset seen
	mayStart int64 // the largest that was asked for
	high     int64 // the largest high watermark seen
}

// ledger remembers what was sent, acknowledged and served. Moments are numbers that never fall: those of a workload that is
// crashed in hindsight are the operations of its file system, else all are 0.
type ledger struct {
	mu       sync.Mutex
	streams  []*stream
	accounts map[partition]*account
}

func newLedger() *ledger { return &ledger{accounts: make(map[partition]*account)} }

// open begins a stream.
func (l *ledger) open(to partition, mayRepeat bool) *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &stream{id: int32(len(l.streams)), to: to, mayRepeat: mayRepeat}
	l.streams = append(l.streams, s)
	l.accountLocked(to)
	return s
}

func (l *ledger) accountLocked(tp partition) *account {
	a := l.accounts[tp]
	if a == nil {
		a = &account{}
		l.accounts[tp] = a
	}
	return a
}

// send notes that the next n records of a stream are on their way and returns the first.
func (l *ledger) send(s *stream, n int, at int64) id {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := id{s.id, int32(len(s.sent))}
	for range n {
		s.sent = append(s.sent, at)
	}
	return first
}

// acknowledge notes that n records from first on were acknowledged at consecutive offsets.
func (l *ledger) acknowledge(to partition, first id, n int, offset, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(to)
	for i := range n {
		a.acks = append(a.acks, ack{offset + int64(i), id{first.stream, first.number + int32(i)}, at})
	}
}

// askStart notes that a log start offset was asked for, and startAt that it was acknowledged.
func (l *ledger) askStart(tp partition, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(tp)
	a.mayStart = max(a.mayStart, offset)
}

func (l *ledger) startAt(tp partition, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(tp)
	a.start, a.mayStart = max(a.start, offset), max(a.mayStart, offset)
}

// forget drops what is known of a topic that is being deleted.
func (l *ledger) forget(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for tp := range l.accounts {
		if tp.topic == topic {
			delete(l.accounts, tp)
		}
	}
	for _, s := range l.streams {
		if s.to.topic == topic {
			s.to, s.sent = partition{}, nil
		}
	}
}

// partitions lists those that something is known of.
func (l *ledger) partitions() []partition {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []partition
	for tp := range l.accounts {
		out = append(out, tp)
	}
	slices.SortFunc(out, func(a, b partition) int {
		if a.topic != b.topic {
			return bytes.Compare([]byte(a.topic), []byte(b.topic))
		}
		return int(a.index - b.index)
	})
	return out
}

// now is a moment after all others.
const now = math.MaxInt64

// judgement is how to judge a view.
type judgement struct {
	at        int64 // what was acknowledged until then must be there, what was sent later can't be
	lossy     bool  // the end of the log may be gone, if nothing before it is
	noLater   int   // acks that count, if the view was taken while more came in; 0: all
	freeStart bool  // the log start offset may be any that was asked for
}

// acked is the number of acknowledgements so far, for judgement.noLater.
func (l *ledger) acked(tp partition) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accountLocked(tp).acks)
}

// check compares a view with what it must and may be.
func (l *ledger) check(tp partition, v view, j judgement) []problem {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(tp)
	c := checking{l: l, tp: tp, a: a, v: v, j: j, at: make(map[id]int64, len(v.records))}
	c.bounds()
	c.served()
	c.acknowledged()
	return c.found
}

// adopt makes what was served a fact: it must be served ever after.
func (l *ledger) adopt(tp partition, v view) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(tp)
	a.acks = a.acks[:0]
	for _, s := range v.records {
		r, _ := s.read()
		a.acks = append(a.acks, ack{s.offset, r, 0})
	}
	a.start, a.high = max(a.start, v.start), max(a.high, v.high)
	a.mayStart = max(a.mayStart, a.start)
}

type checking struct {
	l     *ledger
	tp    partition
	a     *account
	v     view
	j     judgement
	at    map[id]int64 // where each record was served first
	found []problem
}

// maxProblems is how many are worth reading.
const maxProblems = 20

func (c *checking) add(kind anomaly, format string, args ...any) {
	if len(c.found) < maxProblems {
		c.found = append(c.found, problem{kind, c.tp.String() + ": " + fmt.Sprintf(format, args...)})
	}
}

func (c *checking) bounds() {
	v := c.v
	if v.high < v.start || v.start < 0 {
		c.add(hole, "log start %d, high watermark %d", v.start, v.high)
	}
	if v.high < c.a.high && !c.j.lossy {
		c.add(wentBack, "high watermark %d was %d", v.high, c.a.high)
	}
	if v.start < c.a.start && !c.j.freeStart {
		c.add(wentBack, "log start %d was %d", v.start, c.a.start)
	}
	if v.start > c.a.mayStart {
		c.add(lost, "log start %d, at most %d was asked for", v.start, c.a.mayStart)
	}
}

// served judges the records one after the other.
func (c *checking) served() {
	next := c.v.start
	last := make(map[int32]int32)
	for _, s := range c.v.records {
		if s.offset < c.v.start { // the rest of a batch that deleting records cut into
			continue
		}
		if s.offset != next {
			c.add(hole, "offset %d follows %d", s.offset, next-1)
		}
		next = s.offset + 1
		r, whole := s.read()
		if !whole {
			c.add(changed, "offset %d: %d bytes are not those of record %d/%d", s.offset, len(s.value), r.stream, r.number)
			continue
		}
		if !c.wasSent(r) {
			c.add(phantom, "offset %d holds record %d/%d, which was not sent to it", s.offset, r.stream, r.number)
			continue
		}
		if first, twice := c.at[r]; twice {
			if !c.l.streams[r.stream].mayRepeat {
				c.add(duplicated, "record %d/%d at offsets %d and %d", r.stream, r.number, first, s.offset)
			}
			continue
		}
		c.at[r] = s.offset
		if before, ok := last[r.stream]; ok && r.number < before && !c.l.streams[r.stream].mayRepeat {
			c.add(reordered, "offset %d: record %d/%d after %d", s.offset, r.stream, r.number, before)
		}
		last[r.stream] = r.number
	}
	if next < c.v.high {
		c.add(hole, "records end at offset %d, the high watermark is %d", next, c.v.high)
	}
}

func (c *checking) wasSent(r id) bool {
	if int(r.stream) >= len(c.l.streams) || r.stream < 0 || r.number < 0 {
		return false
	}
	s := c.l.streams[r.stream]
	return s.to == c.tp && int(r.number) < len(s.sent) && s.sent[r.number] <= c.j.at
}

// acknowledged looks for every record that must be there.
func (c *checking) acknowledged() {
	acks := c.a.acks
	if c.j.noLater > 0 {
		acks = acks[:c.j.noLater]
	}
	owner := make(map[int64]id, len(acks))
	served := make(map[int64]id, len(c.v.records))
	for _, s := range c.v.records {
		if r, whole := s.read(); whole {
			served[s.offset] = r
		}
	}
	for _, k := range acks {
		if k.at > c.j.at {
			continue
		}
		if other, taken := owner[k.offset]; taken && other != k.record {
			c.add(inconsistent, "records %v and %v were both acknowledged at offset %d", other, k.record, k.offset)
		}
		owner[k.offset] = k.record
		if k.offset < c.v.start || c.j.lossy && k.offset >= c.v.high || served[k.offset] == k.record {
			continue
		}
		if elsewhere, there := c.at[k.record]; there {
			c.add(reordered, "record %v, acknowledged at offset %d, is at %d", k.record, k.offset, elsewhere)
		} else {
			c.add(lost, "record %v, acknowledged at offset %d (log is %d to %d)", k.record, k.offset, c.v.start, c.v.high)
		}
	}
}
