package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/coordtest"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// counter is a machine that counts what was committed for each group.
type counter struct {
	sh       *coordinator.Shard
	at       map[string]int64
	pending  map[record.ProducerID]map[string]int64
	loaded   int
	unloaded int
	waiters  []*coordinator.Answer[string]
}

func (c *counter) Kinds(t int16) (key, value protocol.Record) {
	if t > 1 {
		return nil, nil
	}
	return new(protocol.OffsetCommitKey), new(protocol.OffsetCommitValue)
}

func (c *counter) Replay(at coordinator.At, key, value protocol.Record) {
	k := key.(*protocol.OffsetCommitKey)
	if value == nil {
		delete(c.at, k.Group)
		return
	}
	v := value.(*protocol.OffsetCommitValue).Offset
	if v == 13 {
		panic("thirteen")
	}
	if at.ProducerID >= 0 {
		if c.pending[at.ProducerID] == nil {
			c.pending[at.ProducerID] = make(map[string]int64)
		}
		c.pending[at.ProducerID][k.Group] = v
		return
	}
	c.at[k.Group] = v
}

func (c *counter) EndTxn(at coordinator.At, commit bool) {
	if commit {
		for g, v := range c.pending[at.ProducerID] {
			c.at[g] = v
		}
	}
	delete(c.pending, at.ProducerID)
}

func (c *counter) Loaded()   { c.loaded++ }
func (c *counter) Unloaded() { c.unloaded++ }

func set(group string, v int64) coordinator.Record {
	return coordinator.New(&protocol.OffsetCommitKey{Group: group}, &protocol.OffsetCommitValue{Offset: v})
}

// bench is a shard over a log in memory.
type rig struct {
	t       *testing.T
	rt      *coordinator.Runtime
	machine *counter // the newest
	cancel  context.CancelFunc
	done    chan struct{}
}

const topic = "__consumer_offsets"

func newRig(t *testing.T, log coordinator.Log) *rig {
	img, _, err := metadata.Empty().Apply([]metadata.Record{
		&protocol.TopicRecord{Name: topic, TopicId: protocol.UUID{1}},
		&protocol.PartitionRecord{TopicId: protocol.UUID{1}, PartitionId: 0, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, LeaderEpoch: 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, done: make(chan struct{})}
	r.rt = coordinator.NewRuntime(coordinator.Options{
		Topic: topic, Self: 1, Image: func() *metadata.Image { return img },
		Log: func(int32) (coordinator.Log, error) { return log, nil },
		New: func(sh *coordinator.Shard) coordinator.Machine {
			r.machine = &counter{sh: sh, at: make(map[string]int64), pending: make(map[record.ProducerID]map[string]int64)}
			return r.machine
		},
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), CommitTimeout: func() time.Duration { return 5 * time.Second },
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { defer close(r.done); _ = r.rt.Run(ctx) }()
	synctest.Wait()
	return r
}

func (r *rig) stop() { r.cancel(); <-r.done }

func (r *rig) shard() *coordinator.Shard {
	s, err := r.rt.Shard("any")
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) set(group string, v int64) (string, error) {
	return coordinator.Do(context.Background(), r.shard(), func(a *coordinator.Answer[string]) ([]coordinator.Record, error) {
		a.Give(fmt.Sprintf("%s was %d", group, r.machine.at[group]))
		return []coordinator.Record{set(group, v)}, nil
	})
}

func (r *rig) get(group string) int64 {
	r.t.Helper()
	v, err := coordinator.Read(context.Background(), r.shard(), func() int64 { return r.machine.at[group] })
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *rig) must(_ any, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func bubble(t *testing.T, log *coordtest.Log, f func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, log)
		defer r.stop()
		f(r)
	})
}

func TestStateIsWhatTheLogSays(t *testing.T) {
	log := &coordtest.Log{}
	bubble(t, log, func(r *rig) {
		r.must(r.set("a", 1))
		r.must(r.set("a", 2))
		r.must(r.set("b", 5))
	})
	bubble(t, log, func(r *rig) {
		if a, b := r.get("a"), r.get("b"); a != 2 || b != 5 {
			t.Errorf("after a restart a is %d, b is %d", a, b)
		}
	})
}

func TestAnswerWaitsForTheHighWatermark(t *testing.T) {
	log := &coordtest.Log{}
	bubble(t, log, func(r *rig) {
		log.Hold()
		answered := make(chan error, 2)
		go func() { _, err := r.set("a", 1); answered <- err }()
		synctest.Wait()
		go func() { r.get("a"); answered <- nil }() // sees what isn't committed, so it waits too
		synctest.Wait()
		if len(answered) > 0 {
			t.Fatal("answered before the records were committed")
		}
		log.Release()
		r.must(nil, <-answered)
		r.must(nil, <-answered)
	})
}

func TestUncommittedAnswerHasADeadline(t *testing.T) {
	log := &coordtest.Log{}
	bubble(t, log, func(r *rig) {
		log.Hold()
		began := time.Now()
		_, err := r.set("a", 1)
		if !errors.Is(err, protocol.ErrCoordinatorNotAvailable) || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		log.Release()
		if r.get("a") != 1 {
			t.Error("the state went with the answer")
		}
	})
}

func TestFailedAppendReplaysTheLog(t *testing.T) {
	log := &coordtest.Log{}
	log.Fail = func(n int, _ record.Batch) error {
		if n == 2 {
			return protocol.ErrKafkaStorageError
		}
		return nil
	}
	bubble(t, log, func(r *rig) {
		r.must(r.set("a", 1))
		deferred := make(chan error, 1)
		go func() {
			_, err := coordinator.Do(context.Background(), r.shard(), func(a *coordinator.Answer[string]) ([]coordinator.Record, error) {
				r.machine.waiters = append(r.machine.waiters, a)
				return nil, nil
			})
			deferred <- err
		}()
		synctest.Wait()
		if _, err := r.set("a", 2); !errors.Is(err, protocol.ErrNotCoordinator) {
			t.Errorf("the failed append was answered %v", err)
		}
		if err := <-deferred; !errors.Is(err, protocol.ErrNotCoordinator) {
			t.Errorf("the deferred answer was %v", err)
		}
		synctest.Wait()
		if v := r.get("a"); v != 1 {
			t.Errorf("a is %d after the replay", v)
		}
		r.must(r.set("a", 3))
	})
}

func TestPanicReplaysTheLog(t *testing.T) {
	log := &coordtest.Log{}
	bubble(t, log, func(r *rig) {
		r.must(r.set("a", 1))
		if _, err := r.set("a", 13); err == nil {
			t.Error("an operation that panicked was answered")
		}
		synctest.Wait()
		if v := r.get("a"); v != 1 {
			t.Errorf("a is %d", v)
		}
	})
}

func TestDeferredAnswerIsGivenByAnotherOperation(t *testing.T) {
	log := &coordtest.Log{}
	bubble(t, log, func(r *rig) {
		got := make(chan string, 1)
		go func() {
			v, _ := coordinator.Do(context.Background(), r.shard(), func(a *coordinator.Answer[string]) ([]coordinator.Record, error) {
				r.machine.sh.After(coordinator.TimerKey{Kind: "join"}, time.Minute, func() ([]coordinator.Record, error) {
					a.Give("joined")
					return []coordinator.Record{set("a", 7)}, nil
				})
				return nil, nil
			})
			got <- v
		}()
		if v := <-got; v != "joined" || r.get("a") != 7 {
			t.Errorf("got %q, a is %d", v, r.get("a"))
		}
	})
}

func TestTimerIsReplacedAndCanceled(t *testing.T) {
	log := &coordtest.Log{}
	bubble(t, log, func(r *rig) {
		arm := func(d time.Duration, v int64) {
			r.must(coordinator.Read(context.Background(), r.shard(), func() bool {
				r.machine.sh.After(coordinator.TimerKey{Kind: "x"}, d, func() ([]coordinator.Record, error) {
					return []coordinator.Record{set("a", v)}, nil
				})
				return true
			}))
		}
		arm(time.Second, 1)
		arm(2*time.Second, 2)
		time.Sleep(1500 * time.Millisecond)
		if v := r.get("a"); v != 0 {
			t.Errorf("a replaced timer ran: %d", v)
		}
		time.Sleep(time.Second)
		if v := r.get("a"); v != 2 {
			t.Errorf("a is %d", v)
		}
	})
}

func TestRefusedRecordChangesNothing(t *testing.T) {
	log := &coordtest.Log{MaxBytes: 330}
	bubble(t, log, func(r *rig) {
		long := string(make([]byte, 300))
		if v, err := r.set(long, 1); !errors.Is(err, protocol.ErrUnknownServerError) {
			t.Errorf("a record that is too large: %q, %v", v, err)
		}
		log.Refuse(protocol.ErrNotEnoughReplicas)
		if _, err := r.set("a", 1); !errors.Is(err, protocol.ErrCoordinatorNotAvailable) {
			t.Errorf("too few replicas: %v", err)
		}
		log.Refuse(nil)
		if r.get("a") != 0 || r.machine.unloaded != 0 {
			t.Error("a refusal changed the state")
		}
	})
}

func TestRecordsAreSplitOverBatches(t *testing.T) {
	log := &coordtest.Log{MaxBytes: 330}
	bubble(t, log, func(r *rig) {
		r.must(coordinator.Do(context.Background(), r.shard(), func(a *coordinator.Answer[int]) ([]coordinator.Record, error) {
			var out []coordinator.Record
			for i := range 20 {
				out = append(out, set(fmt.Sprint("group-", i), int64(100+i)))
			}
			a.Give(0)
			return out, nil
		}))
		if n := len(log.Batches()); n < 5 {
			t.Errorf("%d batches", n)
		}
		if v := r.get("group-19"); v != 119 {
			t.Errorf("the last record says %d", v)
		}
	})
}

func TestTransactionalRecordsHoldOnceItEnds(t *testing.T) {
	log := &coordtest.Log{}
	txn := coordinator.Txn{ProducerID: 9, ProducerEpoch: 2}
	end := func(r *rig, c record.ControlType) {
		r.must(nil, coordinator.EndTxn(context.Background(), r.shard(), record.Marker{Type: c, ProducerID: 9, ProducerEpoch: 2}, 2))
	}
	put := func(r *rig, v int64) error {
		_, err := coordinator.DoTxn(context.Background(), r.shard(), txn, func(a *coordinator.Answer[int]) ([]coordinator.Record, error) {
			a.Give(0)
			return []coordinator.Record{set("a", v)}, nil
		})
		return err
	}
	bubble(t, log, func(r *rig) {
		r.must(nil, put(r, 1))
		if v := r.get("a"); v != 0 {
			t.Errorf("a is %d within the transaction", v)
		}
		end(r, record.Commit)
		r.must(nil, put(r, 2))
		end(r, record.Abort)
		r.must(nil, put(r, 3))
	})
	bubble(t, log, func(r *rig) {
		if v := r.get("a"); v != 1 {
			t.Errorf("a is %d after a restart", v)
		}
		end(r, record.Commit)
		if v := r.get("a"); v != 3 {
			t.Errorf("a is %d after the open transaction ended", v)
		}
		txn.Verified = func(record.ProducerID, record.ProducerEpoch) error { return protocol.ErrInvalidTxnState }
		if err := put(r, 4); !errors.Is(err, protocol.ErrInvalidTxnState) || r.machine.unloaded > 0 {
			t.Errorf("a refused transaction: %v, unloaded %d", err, r.machine.unloaded)
		}
	})
}

func TestPartitionForIsJavasHash(t *testing.T) {
	for key, want := range map[string]int32{"": 0, "a": 47, "group": 47, "polygenelubricants": 0, "ж😀": 7} {
		if got := coordinator.PartitionFor(key, 50); got != want {
			t.Errorf("%q belongs to partition %d, not %d", key, got, want)
		}
	}
}

// An operation whose records fit into a batch has them in one, though others'
// records came before them.
func TestOperationIsNotTorn(t *testing.T) {
	log := &coordtest.Log{MaxBytes: 330}
	bubble(t, log, func(r *rig) {
		two := func(wait time.Duration, group string) {
			_, err := coordinator.Do(context.Background(), r.shard(), func(a *coordinator.Answer[bool]) ([]coordinator.Record, error) {
				time.Sleep(wait) // the others come meanwhile
				a.Give(true)
				return []coordinator.Record{set(group, 1), set(group, 2)}, nil
			})
			r.must(nil, err)
		}
		for i, group := range []string{"a", "b", "c", "d"} {
			go two(time.Duration(4-i)*time.Millisecond, group)
			synctest.Wait()
		}
		time.Sleep(time.Second)
		for i, b := range log.Batches() {
			if b.Count()%2 != 0 {
				t.Errorf("batch %d has %d records", i, b.Count())
			}
		}
		if n := len(log.Batches()); n < 2 || n > 4 {
			t.Errorf("%d batches", n)
		}
	})
}

// panicky is a log whose reads panic.
type panicky struct{ *coordtest.Log }

func (panicky) ReadInternal([]byte, record.Offset) ([]byte, record.Offset, error) {
	panic("unreadable")
}

func TestPanicWhileReadingIsAnError(t *testing.T) {
	log := &coordtest.Log{}
	bubble(t, log, func(r *rig) { r.must(r.set("a", 1)) })
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, panicky{log})
		defer r.stop()
		if _, err := r.set("a", 2); err == nil {
			t.Error("an operation was answered by a coordinator that can't be loaded")
		}
	})
}
