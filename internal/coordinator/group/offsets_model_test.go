package group

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// ledger is what clients know of the offsets they committed: a naive model, kept from their requests and answers alone.
type ledger struct {
	committed map[place]entry
	held      map[record.ProducerID]map[place]entry
	commits   int
	started   time.Time // the coordinator, last
}

type place struct {
	group, topic string
	index        int32
}

type entry struct {
	offset int64
	order  int       // of the commits
	at     time.Time // when it was committed
	free   time.Time // when the last transaction that held the place ended
}

const (
	modelRetention = time.Minute
	modelCheck     = time.Second
	reader         = "reader" // the group that has a member, who reads x
)

func (l *ledger) unstable(p place) bool {
	for _, held := range l.held {
		if _, ok := held[p]; ok {
			return true
		}
	}
	return false
}

// forget removes a place, also from open transactions.
func (l *ledger) forget(gone func(place) bool) {
	for _, entries := range l.held {
		for p := range entries {
			if gone(p) {
				delete(entries, p)
			}
		}
	}
	for p := range l.committed {
		if gone(p) {
			delete(l.committed, p)
		}
	}
}

func (l *ledger) end(id record.ProducerID, commit bool) {
	held := l.held[id]
	delete(l.held, id)
	for p, e := range held {
		old, ok := l.committed[p]
		if commit && (!ok || old.order < e.order) {
			l.committed[p] = e
		}
		if e, ok := l.committed[p]; ok {
			e.free = time.Now()
			l.committed[p] = e
		}
	}
}

// mayGo and mustGo tell whether an offset may, or must, have expired.
func (l *ledger) mayGo(p place, e entry) bool {
	return !l.unstable(p) && !(p.group == reader && p.topic == "x") && time.Since(e.at) >= modelRetention
}

func (l *ledger) mustGo(p place, e entry) bool {
	since := e.at.Add(modelRetention)
	for _, t := range []time.Time{e.free, l.started} {
		if t.After(since) {
			since = t
		}
	}
	return l.mayGo(p, e) && time.Since(since) > 2*modelCheck
}

// modelRun is a random workload beside its ledger.
type modelRun struct {
	*rig
	ledger
	rnd    *rand.Rand
	places []place
	log    []string // what was done
}

// TestOffsetsModel commits, in transactions and without, deletes, lets time pass, restarts the coordinator and has appends
// fail; after each step every offset is what the clients' ledger says, and a coordinator that loads the log is in the same
// state.
func TestOffsetsModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runModel(t, seed, 250) })
		})
	}
}

func runModel(t *testing.T, seed uint64, steps int) {
	m := &modelRun{rig: newRig(t), rnd: rand.New(rand.NewPCG(seed, 17))}
	m.committed, m.held = make(map[place]entry), make(map[record.ProducerID]map[place]entry)
	defer func() { m.stop() }()
	for _, g := range []string{"a", "b", reader} {
		for _, topic := range []string{"x", "y"} {
			for p := range int32(2) {
				m.places = append(m.places, place{g, topic, p})
			}
		}
	}
	m.config = map[string]string{
		"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000", "group.max.session.timeout.ms": "86400000",
	}
	for _, line := range []string{
		"restart", "topic x 2", "topic y 2",
		"join reader client=r session=24h protocols=range:[x]", "join reader client=r member=r-1 session=24h protocols=range:[x]",
		"advance 5s", "sync reader member=r-1 generation=1 assign=r-1:all",
	} {
		m.run(line)
	}
	for i := 0; i < steps && !t.Failed(); i++ {
		m.step()
		synctest.Wait()
		m.verify()
		if i%10 == 0 {
			m.compare("the state after " + m.log[len(m.log)-1])
		}
	}
	if t.Failed() {
		for _, line := range m.log[max(0, len(m.log)-40):] {
			t.Log(line)
		}
	}
}

func (m *modelRun) did(err error, format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...)+": "+errorName(err))
}

// step does something.
func (m *modelRun) step() {
	switch n := m.rnd.IntN(20); {
	case n < 6:
		m.commitSome(-1)
	case n < 11:
		m.commitSome(record.ProducerID(m.rnd.IntN(3)))
	case n < 14:
		id, kind := record.ProducerID(m.rnd.IntN(3)), record.Commit
		if m.rnd.IntN(3) == 0 {
			kind = record.Abort
		}
		err := m.endTxn(id, kind)
		m.did(err, "end of transaction %d, commit %t", id, kind == record.Commit)
		if err == nil {
			m.end(id, kind == record.Commit)
		}
	case n < 16:
		m.deleteSome()
	case n < 18:
		d := time.Duration(m.rnd.IntN(40)) * time.Second
		time.Sleep(d)
		m.did(nil, "%v pass", d)
	case n < 19:
		m.run("restart")
		m.started = time.Now()
		m.did(nil, "restart")
	default:
		next := m.rig.log.Appends() + 1
		m.rig.log.SetFail(func(n int, _ record.Batch) error {
			if n == next {
				return protocol.ErrKafkaStorageError
			}
			return nil
		})
		m.started = time.Now() // when the append fails the state is loaded again; step takes no time but in a pause
		m.did(nil, "the next append fails")
	}
}

func (m *modelRun) commitSome(id record.ProducerID) {
	first := m.places[m.rnd.IntN(len(m.places))]
	rq := &CommitRequest{Group: first.group, Epoch: -1, RetentionMs: -1}
	if id >= 0 {
		rq.Txn = &coordinator.Txn{ProducerID: id}
	} else if first.group == reader {
		rq.Member, rq.Epoch = m.id("r-1"), 1
	}
	var places []place
	for _, p := range m.places {
		if p == first || p.group == first.group && m.rnd.IntN(4) == 0 {
			places = append(places, p)
			rq.Offsets = append(rq.Offsets, Commit{
				Topic: p.topic, TopicID: topicID(p.topic), Partition: p.index, Offset: int64(m.commits*10 + len(places)), LeaderEpoch: -1,
			})
		}
	}
	began := time.Now()
	_, err := m.c.CommitOffsets(context.Background(), Client{Version: 9}, rq)
	m.did(err, "commit of %v by %d at %d", places, id, m.commits)
	if err != nil {
		m.started = time.Now()
		return
	}
	into := m.committed
	if id >= 0 {
		if m.held[id] == nil {
			m.held[id] = make(map[place]entry)
		}
		into = m.held[id]
	}
	for i, p := range places {
		into[p] = entry{offset: int64(m.commits*10 + i + 1), order: m.commits, at: began}
	}
	m.commits++
}

func (m *modelRun) deleteSome() {
	p := m.places[m.rnd.IntN(len(m.places))]
	if m.rnd.IntN(3) == 0 && p.group != reader {
		err := m.c.DeleteGroup(context.Background(), p.group)
		m.did(err, "deletion of group %s", p.group)
		if err == nil {
			m.forget(func(q place) bool { return q.group == p.group })
		}
		return
	}
	errs, err := m.c.DeleteOffsets(context.Background(), p.group, []FetchPartition{{Topic: p.topic, Partition: p.index}})
	m.did(err, "deletion of %v, %v", p, errs)
	switch {
	case err != nil:
	case p.group == reader && p.topic == "x":
		if errs[0] == nil {
			m.t.Errorf("the offset of %v was deleted, which a member reads", p)
		}
	default:
		m.forget(func(q place) bool { return q == p })
	}
}

// verify compares what the coordinator tells with the ledger.
func (m *modelRun) verify() {
	m.t.Helper()
	for _, p := range m.places {
		if m.unstable(p) && m.fetch(p, true).Err != protocol.ErrUnstableOffsetCommit {
			m.t.Errorf("%v: a transaction holds it, and it is told as stable", p)
		}
		got, e := m.fetch(p, false), m.committed[p]
		_, known := m.committed[p]
		switch {
		case got.Err != nil:
			m.t.Errorf("%v: %v", p, got.Err)
		case known && got.Offset < 0 && m.mayGo(p, e):
			delete(m.committed, p)
		case known && got.Offset != e.offset:
			m.t.Errorf("%v: %d was committed, %d is told", p, e.offset, got.Offset)
		case known && m.mustGo(p, e):
			m.t.Errorf("%v: %d was committed %v ago and hasn't expired", p, e.offset, time.Since(e.at))
		case !known && got.Offset >= 0:
			m.t.Errorf("%v: nothing was committed, %d is told", p, got.Offset)
		}
		if stable := m.fetch(p, true); !m.unstable(p) && (stable.Err != nil || stable.Offset != got.Offset) {
			m.t.Errorf("%v: stable %d, %v, else %d", p, stable.Offset, stable.Err, got.Offset)
		}
	}
}

func (m *modelRun) fetch(p place, stable bool) FetchedOffset {
	rq := &FetchRequest{Group: p.group, Epoch: -1, Stable: stable, Partitions: []FetchPartition{{Topic: p.topic, TopicID: topicID(p.topic), Partition: p.index}}}
	got, err := m.c.FetchOffsets(context.Background(), rq)
	if err != nil {
		return FetchedOffset{Err: err}
	}
	return got[0]
}
