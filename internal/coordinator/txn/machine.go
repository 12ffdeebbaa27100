package txn

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Machine is the transactional ids of one partition of Topic. It implements
// coordinator.Machine.
type Machine struct {
	sh     *coordinator.Shard
	c      *Coordinator
	byID   map[string]*transaction
	loaded bool

	// ctx ends with the machine. senders are the goroutines that write markers
	// for it; those of the machine before it must have ended before this one
	// writes any, or a late marker could end a transaction that began since.
	ctx      context.Context
	cancel   context.CancelFunc
	senders  sync.WaitGroup
	previous *Machine

	// What Kinds lends.
	key   protocol.TransactionLogKey
	value protocol.TransactionLogValue
}

func newMachine(sh *coordinator.Shard, c *Coordinator) *Machine {
	m := &Machine{sh: sh, c: c, byID: make(map[string]*transaction)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.previous = c.succeed(m)
	return m
}

// Kinds implements coordinator.Machine. Key and value are lent.
func (m *Machine) Kinds(keyType int16) (key, value protocol.Record) {
	if keyType != m.key.RecordType() {
		return nil, nil
	}
	return &m.key, &m.value
}

// Replay implements coordinator.Machine.
func (m *Machine) Replay(_ coordinator.At, key, value protocol.Record) {
	id := key.(*protocol.TransactionLogKey).TransactionalId
	t := m.byID[id]
	if value == nil {
		if t != nil {
			m.remove(t)
		}
		return
	}
	next := decode(value.(*protocol.TransactionLogValue))
	if t == nil {
		t = &transaction{id: id, lastEpoch: -1}
		m.byID[id] = t
	} else {
		m.c.gauges.leave(t)
	}
	before := t.state
	t.fields = next
	m.c.gauges.enter(t)
	if m.loaded {
		m.follow(t, before)
	}
}

// follow keeps timers and those who wait in step with a change of state.
func (m *Machine) follow(t *transaction, before State) {
	switch {
	case t.state == Ongoing && before != Ongoing:
		m.armTimeout(t)
	case t.state != Ongoing && before == Ongoing:
		m.sh.Cancel(timeoutKey(t.id))
	}
	if !t.state.preparing() {
		t.release()
	}
}

// remove forgets an id.
func (m *Machine) remove(t *transaction) {
	m.c.gauges.leave(t)
	t.release()
	m.sh.Cancel(timeoutKey(t.id))
	delete(m.byID, t.id)
}

// release lets those go on who wait for the end of the transaction.
func (t *transaction) release() {
	if t.done != nil {
		close(t.done)
		t.done = nil
	}
}

// ended is closed when the markers are written, or the machine is lost.
func (t *transaction) ended() <-chan struct{} {
	if t.done == nil {
		t.done = make(chan struct{})
	}
	return t.done
}

// EndTxn implements coordinator.Machine. No record of Topic is itself part of a
// transaction.
func (m *Machine) EndTxn(coordinator.At, bool) {}

// Loaded implements coordinator.Machine: ongoing transactions time out, and the
// markers of those whose end was decided are written again, for nobody knows
// which of them were.
func (m *Machine) Loaded() {
	m.loaded = true
	var preparing []string
	for _, t := range m.byID {
		switch {
		case t.state == Ongoing:
			m.armTimeout(t)
		case t.state.preparing():
			preparing = append(preparing, t.id)
		}
	}
	slices.Sort(preparing)
	m.sh.After(coordinator.TimerKey{Kind: "resume"}, 0, func() ([]coordinator.Record, error) {
		for _, id := range preparing {
			m.sh.Then(func() { m.sendMarkers(id) }) // once what was loaded is known to be committed
		}
		return nil, nil
	})
	m.scheduleExpiry()
}

// Unloaded implements coordinator.Machine.
func (m *Machine) Unloaded() {
	m.cancel()
	for _, t := range m.byID {
		m.c.gauges.leave(t)
		t.release()
	}
}

// put makes the record of a change. What the log would refuse is refused here,
// before soft state changes: what is returned is replayed at once, or the machine
// is lost.
func (m *Machine) put(t *transaction, next fields, lastEpoch record.ProducerEpoch) ([]coordinator.Record, error) {
	next.updateMs = m.now().UnixMilli()
	records := []coordinator.Record{next.encode(t.id, m.c.feature())}
	if err := m.sh.Check(records); err != nil {
		return nil, err
	}
	t.lastEpoch = lastEpoch
	return records, nil
}

func (m *Machine) now() time.Time { return m.sh.Now() }

func timeoutKey(id string) coordinator.TimerKey {
	return coordinator.TimerKey{Kind: "timeout", ID: id}
}

// armTimeout has an ongoing transaction aborted when its time is over.
func (m *Machine) armTimeout(t *transaction) {
	id, producer := t.id, t.producer
	wait := max(t.deadline().Sub(m.now()), 0)
	m.sh.After(timeoutKey(id), wait, func() ([]coordinator.Record, error) {
		m.background(func() { m.c.abortTimedOut(m.ctx, m.sh, id, producer) })
		return nil, nil
	})
}

// background runs f outside of the shard's goroutine. f ends soon after ctx.
func (m *Machine) background(f func()) {
	m.senders.Add(1)
	m.c.running.Add(1)
	go func() {
		defer m.c.running.Done()
		defer m.senders.Done()
		f()
	}()
}

const (
	// maxExpired bounds the ids that expire in one operation.
	maxExpired = 1000
	// expiryPause is between two such operations: without it they could be parts of one
	// turn of the shard, and what others ask would be answered behind them all.
	expiryPause = 5 * time.Millisecond
)

// scheduleExpiry looks for ids that nobody uses any longer, now and then.
func (m *Machine) scheduleExpiry() {
	m.expireAfter(config.TransactionRemoveExpiredTransactionCleanupIntervalMs.In(m.c.options.Config()))
}

func (m *Machine) expireAfter(d time.Duration) {
	m.sh.After(coordinator.TimerKey{Kind: "expiry"}, d, m.expire)
}

// expire ends the ids that were idle for transactional.id.expiration.ms, at most
// maxExpired in one operation.
func (m *Machine) expire() ([]coordinator.Record, error) {
	limit := m.now().Add(-config.TransactionalIdExpirationMs.In(m.c.options.Config())).UnixMilli()
	var ids []string
	for _, t := range m.byID {
		if t.state.idle() && t.updateMs <= limit {
			ids = append(ids, t.id)
		}
		if len(ids) == maxExpired {
			break
		}
	}
	slices.Sort(ids)
	var out []coordinator.Record
	for _, id := range ids {
		out = append(out, coordinator.Tombstone(&protocol.TransactionLogKey{TransactionalId: id}))
	}
	err := m.sh.Check(out)
	if err == nil && len(out) == maxExpired {
		m.expireAfter(expiryPause)
	} else {
		m.scheduleExpiry()
	}
	return out, err
}
