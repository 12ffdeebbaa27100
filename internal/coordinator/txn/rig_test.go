package txn

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/coordtest"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// rig is a coordinator over a log in memory.
type rig struct {
	t       *testing.T
	log     *coordtest.Log
	markers *markerLog
	image   atomic.Pointer[metadata.Image]
	nextID  atomic.Int64
	c       *Coordinator
	cancel  context.CancelFunc
	done    chan struct{}
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, log: new(coordtest.Log), markers: &markerLog{released: make(chan struct{})}}
	close(r.markers.released)
	r.nextID.Store(1000)
	r.image.Store(metadata.Empty())
	r.apply(
		&protocol.TopicRecord{Name: Topic, TopicId: protocol.UUID{1}},
		&protocol.PartitionRecord{TopicId: protocol.UUID{1}, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, LeaderEpoch: 3},
	)
	r.setFeature(2)
	r.start()
	return r
}

func (r *rig) apply(records ...metadata.Record) {
	img, _, err := r.image.Load().Apply(records)
	if err != nil {
		r.t.Fatal(err)
	}
	r.image.Store(img)
}

func (r *rig) setFeature(level int16) {
	r.apply(&protocol.FeatureLevelRecord{Name: Feature, FeatureLevel: level})
}

func (r *rig) start() {
	cfg := config.NewBroker(config.Map{})
	r.c = New(Options{
		Self: 1, Image: r.image.Load, Log: func(int32) (coordinator.Log, error) { return r.log, nil },
		Config: func() *config.Broker { return cfg },
		NewProducerID: func(context.Context) (int64, error) {
			return r.nextID.Add(1) - 1, nil
		},
		WriteMarkers: r.markers.write, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	go func() { defer close(r.done); _ = r.c.Run(ctx) }()
	synctest.Wait()
}

func (r *rig) stop() {
	r.cancel()
	<-r.done
	if n := r.c.gauges.states[Ongoing].Load(); n != 0 || len(r.c.gauges.open) != 0 {
		r.t.Errorf("after the end %d transactions are ongoing, %d open", n, len(r.c.gauges.open))
	}
}

// jump records an id in another epoch.
func (r *rig) jump(id string, epoch record.ProducerEpoch) error {
	_, err := ask(context.Background(), r.c, id, -1, func(m *Machine, _ record.ProducerID) (step[int], error) {
		t := m.byID[id]
		next := t.fields
		next.producer.Epoch = epoch
		records, err := m.put(t, next, -1)
		return step[int]{records: records}, err
	})
	return err
}

// machineState is what the machine has.
func (r *rig) machineState() map[string]fields {
	sh, err := r.c.ByPartition(0)
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := coordinator.Read(context.Background(), sh, func() map[string]fields {
		out := make(map[string]fields)
		for id, t := range sh.Machine().(*Machine).byID {
			out[id] = t.fields
		}
		return out
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// String is how scripts show what a record says. The fields that version 0 lacks
// are shown where they are set.
func (f fields) String() string {
	out := fmt.Sprintf("%v %d/%d prev=%d", f.state, f.producer.ID, f.producer.Epoch, f.previous)
	if f.next >= 0 {
		out += fmt.Sprintf(" next=%d", f.next)
	}
	return out + fmt.Sprintf(" v=%d started=%t %v", f.version, f.startMs >= 0, f.sorted())
}

// logged is one record of the log.
type logged struct {
	id      string
	version int16
	fields  *fields // nil: a tombstone
}

func (l logged) String() string {
	if l.fields == nil {
		return l.id + " tombstone"
	}
	return fmt.Sprintf("%s.%d %v", l.id, l.version, *l.fields)
}

// records are what the log holds.
func (r *rig) records() []logged {
	var out []logged
	for _, b := range r.log.Batches() {
		rd := record.Read(b, record.Limits{})
		for rd.Next() {
			out = append(out, r.decode(rd.Record()))
		}
		rd.Close()
	}
	return out
}

func (r *rig) decode(rec *record.Record) logged {
	var key protocol.TransactionLogKey
	var d protocol.Decoder
	d.Reset(rec.Key[2:])
	if err := key.Decode(&d, 0); err != nil {
		r.t.Fatal(err)
	}
	l := logged{id: key.TransactionalId}
	if rec.Value == nil {
		return l
	}
	l.version = int16(binary.BigEndian.Uint16(rec.Value))
	value := protocol.NewTransactionLogValue()
	d.Reset(rec.Value[2:])
	if err := value.Decode(&d, l.version); err != nil {
		r.t.Fatal(err)
	}
	f := decode(value)
	l.fields = &f
	return l
}

// logState is what the log says: the last record of each id.
func (r *rig) logState() map[string]fields {
	out := make(map[string]fields)
	for _, l := range r.records() {
		if l.fields == nil {
			delete(out, l.id)
		} else {
			out[l.id] = *l.fields
		}
	}
	return out
}

// markerLog stands for the partitions that markers are written to.
type markerLog struct {
	mu       sync.Mutex
	released chan struct{} // closed while markers may be written
	err      error         // what writing them gives
	deaf     bool          // writing them doesn't end with its context
	written  []string
	accepted []marker
}

// marker is one that a partition has taken, or refused for it knows better.
type marker struct{ where, end string }

// set is the command markers.
func (l *markerLog) set(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.released:
	default:
		close(l.released)
	}
	l.err = nil
	switch what {
	case "hold":
		l.released = make(chan struct{})
	case "release":
	default:
		for e := protocol.Error(1); ; e++ {
			if e.Name() == what {
				l.err = e
				return
			}
		}
	}
}

func (l *markerLog) write(ctx context.Context, m Markers) []error {
	l.mu.Lock()
	released := l.released
	if l.deaf {
		ctx = context.Background()
	}
	l.mu.Unlock()
	out := make([]error, len(m.Partitions))
	select {
	case <-released:
	case <-ctx.Done():
		for i := range out {
			out[i] = ctx.Err()
		}
		return out
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range m.Partitions {
		out[i] = l.err
		end := "Abort"
		if m.Commit {
			end = "Commit"
		}
		if l.err == nil || l.err == protocol.ErrInvalidProducerEpoch {
			l.accepted = append(l.accepted, marker{fmt.Sprintf("%v %d/%d", p, m.Producer.ID, m.Producer.Epoch), end})
		}
		if l.err == nil {
			l.written = append(l.written, fmt.Sprintf("%v %s %d/%d v=%d epoch=%d", p, strings.ToLower(end), m.Producer.ID, m.Producer.Epoch, m.TransactionVersion, m.CoordinatorEpoch))
		}
	}
	return out
}

func (l *markerLog) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.written)
}
