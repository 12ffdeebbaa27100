package txn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// begun is a rig with a transaction in partition x-0.
func begun(t *testing.T) (*rig, Producer) {
	r := newRig(t)
	p, err := r.c.InitProducerID(context.Background(), "a", 60_000, NoProducer)
	if err == nil {
		err = r.c.AddPartitions(context.Background(), "a", p, partitions([]string{"x-0"}), 2, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

func (r *rig) end(p Producer) chan error {
	out := make(chan error, 1)
	go func() {
		_, err := r.c.EndTxn(context.Background(), "a", p, true, 2)
		out <- err
	}()
	synctest.Wait()
	return out
}

func TestMarkersWaitForTheDecisionToBeCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := begun(t)
		defer r.stop()
		r.log.Hold()
		answer := r.end(p)
		if len(answer) > 0 || len(r.markers.list()) > 0 {
			t.Fatalf("before the end is committed: %d answers, markers %v", len(answer), r.markers.list())
		}
		r.log.Release()
		synctest.Wait()
		if err := <-answer; err != nil || len(r.markers.list()) != 1 {
			t.Errorf("%v, markers %v", err, r.markers.list())
		}
	})
}

// TestMarkersOfALostMachineAreNotWrittenLate loses the machine while a marker is
// on its way. The next machine, which writes it again, waits until that one is
// there: after the transaction is complete it would end another.
func TestMarkersOfALostMachineAreNotWrittenLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := begun(t)
		defer r.stop()
		r.markers.deaf = true // goes on when it is told to stop
		r.markers.set("hold")
		if err := <-r.end(p); err != nil {
			t.Fatal(err)
		}
		r.log.SetFail(func(int, record.Batch) error { return protocol.ErrKafkaStorageError })
		_, _ = r.c.InitProducerID(context.Background(), "b", 60_000, NoProducer)
		r.log.SetFail(nil)
		synctest.Wait()
		time.Sleep(time.Minute)
		if s := r.machineState()["a"].state; s != PrepareCommit {
			t.Fatalf("%v while a marker of the machine before is on its way", s)
		}
		r.markers.set("release")
		synctest.Wait()
		if s := r.machineState()["a"].state; s != CompleteCommit || len(r.markers.list()) != 2 {
			t.Errorf("%v, markers %v", s, r.markers.list())
		}
	})
}

// TestNoMarkersForTheCoordinatorsOwnTopic ends a transaction of which the log says
// that a partition of Topic takes part. A marker there would come behind the back
// of the machine, which would load again and write another, for ever.
func TestNoMarkersForTheCoordinatorsOwnTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := begun(t)
		defer r.stop()
		_, err := ask(context.Background(), r.c, "a", -1, func(m *Machine, _ record.ProducerID) (step[int], error) {
			t := m.byID["a"]
			next := t.fields
			next.partitions = t.with(partitions([]string{Topic + "-0"}))
			records, err := m.put(t, next, -1)
			return step[int]{records: records}, err
		})
		if err == nil {
			err = <-r.end(p)
		}
		synctest.Wait()
		if s := r.machineState()["a"].state; err != nil || s != CompleteCommit {
			t.Errorf("%v, %v", err, s)
		}
		if m := r.markers.list(); len(m) != 1 || m[0][:3] != "x-0" {
			t.Errorf("markers %v", m)
		}
	})
}
