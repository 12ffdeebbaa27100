package group

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// manyOffsets commits so many offsets, in groups of a size.
func manyOffsets(r *rig, offsets, size int) {
	for done := 0; done < offsets; done += size {
		rq := &CommitRequest{Group: fmt.Sprintf("g%d", done/size), Epoch: -1, RetentionMs: -1}
		for p := range size {
			rq.Offsets = append(rq.Offsets, Commit{Topic: "x", TopicID: topicID("x"), Partition: int32(p), Offset: 1, LeaderEpoch: -1})
		}
		if _, err := r.c.CommitOffsets(context.Background(), Client{}, rq); err != nil {
			r.t.Fatal(err)
		}
	}
}

// known counts the offsets that the coordinator tells of.
func known(r *rig, groups int) (n int) {
	for g := range groups {
		offsets, err := r.c.FetchOffsets(context.Background(), &FetchRequest{Group: fmt.Sprintf("g%d", g), Epoch: -1})
		if err != nil {
			r.t.Fatal(err)
		}
		n += len(offsets)
	}
	return n
}

// Offsets that go all at once, in one group or in many, expired or with their topic, go in pieces.
func TestSweepsAreBounded(t *testing.T) {
	sweeps := map[string]func(*rig){
		"expired": func(r *rig) { time.Sleep(62 * time.Second) },
		"deleted topic": func(r *rig) {
			r.apply(&protocol.RemoveTopicRecord{TopicId: topicID("x")})
			time.Sleep(time.Second)
		},
	}
	const offsets = 4500
	for name, sweep := range sweeps {
		for _, size := range []int{1, 100, offsets} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					defer func() { r.stop() }()
					r.config = map[string]string{"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000"}
					r.run("restart")
					r.run("topic x 1")
					manyOffsets(r, offsets, size)
					before := len(r.log.Batches())
					sweep(r)
					synctest.Wait()
					if n := known(r, offsets/size); n > 0 {
						t.Errorf("%d offsets are left", n)
					}
					sizes := batchSizes(r.log.Batches()[before:])
					if len(sizes) < 5 || slices.Max(sizes) > maxSwept+10 {
						t.Errorf("batches of %v records", sizes)
					}
					if name == "expired" && r.state(r.c, "") != "nothing" {
						t.Error("groups are left")
					}
				})
			})
		}
	}
}

func batchSizes(batches []record.Batch) (sizes []int) {
	for _, b := range batches {
		sizes = append(sizes, int(b.Count()))
	}
	return sizes
}

// slowLog is a log that is read when the gate is open.
type slowLog struct {
	coordinator.Log
	gate chan struct{}
}

func (l slowLog) ReadInternal(buf []byte, from record.Offset) ([]byte, record.Offset, error) {
	<-l.gate
	return l.Log.ReadInternal(buf, from)
}

// A topic's offsets go with it too when it is deleted while they are loaded, when their deletion fails, and while the log
// takes nothing.
func TestDeletedTopicIsForgottenLate(t *testing.T) {
	whiles := map[string]func(r *rig, deletion func()){
		"loading": func(r *rig, deletion func()) {
			r.stop()
			gate := make(chan struct{})
			r.wrap = func(l coordinator.Log) coordinator.Log { return slowLog{l, gate} }
			r.start()
			deletion()
			synctest.Wait()
			close(gate)
		},
		"failing": func(r *rig, deletion func()) {
			failed := r.log.Appends() + 2
			r.log.SetFail(func(n int, _ record.Batch) error {
				if n == failed {
					return protocol.ErrKafkaStorageError
				}
				return nil
			})
			deletion()
		},
		"refused": func(r *rig, deletion func()) {
			r.log.Refuse(protocol.ErrNotEnoughReplicas)
			deletion()
			time.Sleep(5 * time.Second)
			r.log.Refuse(nil)
		},
	}
	for name, while := range whiles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.stop() }()
				r.run("topic x 1")
				r.run("topic y 1")
				manyOffsets(r, 2500, 2500)
				r.run("commit g0 y:0=7")
				while(r, func() { r.apply(&protocol.RemoveTopicRecord{TopicId: topicID("x")}) })
				time.Sleep(3 * time.Second)
				synctest.Wait()
				got, err := r.c.FetchOffsets(context.Background(), &FetchRequest{Group: "g0", Epoch: -1})
				if err != nil || len(got) != 1 || got[0].Topic != "y" || got[0].Offset != 7 {
					t.Errorf("%d offsets are left: %v", len(got), err)
				}
				if n := len(r.c.options.deleted.of(0)); n > 0 {
					t.Errorf("%d topics are still to be forgotten", n)
				}
			})
		})
	}
}

// Others are served while offsets are swept.
func TestSweepLetsOthersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.stop() }()
		r.run("topic x 1")
		manyOffsets(r, 4500, 100)
		appends := r.log.Appends()
		r.apply(&protocol.RemoveTopicRecord{TopicId: topicID("x")})
		time.Sleep(sweepPause + sweepPause/2)
		r.run("commit h x:0=1")
		if n := r.log.Appends() - appends; n < 2 || n > 3 {
			t.Errorf("a commit was answered after %d appends of a sweep of five", n)
		}
	})
}
