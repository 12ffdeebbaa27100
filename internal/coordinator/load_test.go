package coordinator_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/coordtest"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// padding makes a few hundred records more than three times what is read at once.
var padding = strings.Repeat("x", 16<<10)

// entry is the record n of a partition's log: a plain function of both, which is the ledger that a load is compared with.
func entry(shard int32, n int) (group, metadata string, offset int64) {
	return fmt.Sprintf("group-%d-%d", shard, n), fmt.Sprintf("%d/%d/%s", shard, n, padding), int64(shard)*1000 + int64(n)
}

// filledLog is a log whose records entry tells, in batches of a few.
func filledLog(t testing.TB, shard int32, records int) *coordtest.Log {
	return batchedLog(t, shard, records, 8, record.None)
}

func batchedLog(t testing.TB, shard int32, records, batch int, c record.Codec) *coordtest.Log {
	log := &coordtest.Log{}
	for n := 0; n < records; {
		b := record.NewBuilder(c, 0)
		for range min(batch, records-n) {
			group, metadata, offset := entry(shard, n)
			key, value := encodeOffset(group, metadata, offset)
			b.Append(1, key, value)
			n++
		}
		if _, err := log.AppendInternal(b.Build(), 0, replica.InternalAppend{}); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func encodeOffset(group, metadata string, offset int64) (key, value []byte) {
	e := protocol.NewEncoder()
	e.Int16(1)
	(&protocol.OffsetCommitKey{Group: group}).Encode(e, 0)
	key = append(key, e.Bytes()...)
	e.Reset()
	e.Int16(4)
	(&protocol.OffsetCommitValue{Offset: offset, Metadata: metadata}).Encode(e, 4)
	return key, append(value, e.Bytes()...)
}

// auditor is a machine that compares what it replays with the ledger.
type auditor struct {
	shard    int32
	replayed int
	wrong    string
	before   func(*auditor) // each record
	loaded   func(*auditor)
}

func (a *auditor) Kinds(int16) (key, value protocol.Record) {
	return new(protocol.OffsetCommitKey), new(protocol.OffsetCommitValue)
}

func (a *auditor) Replay(at coordinator.At, key, value protocol.Record) {
	if a.before != nil {
		a.before(a)
	}
	k, v := key.(*protocol.OffsetCommitKey), value.(*protocol.OffsetCommitValue)
	group, metadata, offset := entry(a.shard, int(at.Offset))
	if a.wrong == "" && (k.Group != group || v.Metadata != metadata || v.Offset != offset || int(at.Offset) != a.replayed) {
		a.wrong = fmt.Sprintf("record %d is %q at %d", at.Offset, k.Group, v.Offset)
	}
	a.replayed++
}

func (a *auditor) EndTxn(coordinator.At, bool) {}
func (a *auditor) Loaded()                     { a.loaded(a) }
func (a *auditor) Unloaded()                   {}

// manyShards is a runtime that leads a partition for each log.
func manyShards(t testing.TB, logs []coordinator.Log, machine func(*coordinator.Shard) coordinator.Machine, logger *slog.Logger) *coordinator.Runtime {
	records := []metadata.Record{&protocol.TopicRecord{Name: topic, TopicId: protocol.UUID{1}}}
	for i := range logs {
		records = append(records, &protocol.PartitionRecord{
			TopicId: protocol.UUID{1}, PartitionId: int32(i), Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, LeaderEpoch: 3,
		})
	}
	img, _, err := metadata.Empty().Apply(records)
	if err != nil {
		t.Fatal(err)
	}
	return coordinator.NewRuntime(coordinator.Options{
		Topic: topic, Self: 1, Image: func() *metadata.Image { return img },
		Log: func(i int32) (coordinator.Log, error) { return logs[i], nil },
		New: machine, Now: time.Now, Logger: logger, CommitTimeout: func() time.Duration { return 5 * time.Second },
		ReloadPause: time.Millisecond,
	})
}

// gatedLog says nothing of its bounds before the gate opens.
type gatedLog struct {
	*coordtest.Log
	gate chan struct{}
}

func (g gatedLog) Bounds() (start, end record.Offset) {
	<-g.gate
	return g.Log.Bounds()
}

// A load replays its last chunk while the log of another partition is read, after its own reader has ended.
func TestLastChunkIsTheLoadersOwn(t *testing.T) {
	logs := [2]*coordtest.Log{filledLog(t, 0, 200), filledLog(t, 1, 200)}
	synctest.Test(t, func(t *testing.T) {
		gate, goOn := make(chan struct{}), make(chan struct{})
		var done [2]*auditor
		rt := manyShards(t, []coordinator.Log{logs[0], gatedLog{logs[1], gate}}, func(sh *coordinator.Shard) coordinator.Machine {
			a := &auditor{shard: sh.Index, loaded: func(a *auditor) { done[a.shard] = a }}
			if sh.Index == 0 {
				a.before = func(a *auditor) {
					if a.replayed == 199-7 { // in the last chunk
						<-goOn
					}
				}
			}
			return a
		}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- rt.Run(ctx) }()
		synctest.Wait()
		close(gate)
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		cancel()
		<-ended
		for i, a := range done {
			if a == nil || a.wrong != "" || a.replayed != 200 {
				t.Errorf("shard %d replayed something else than its log: %+v", i, a)
			}
		}
	})
}

// failures tells of errors that are logged.
type failures struct {
	slog.Handler
	failed func()
}

func (f failures) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		f.failed()
	}
	return nil
}
func (f failures) Enabled(context.Context, slog.Level) bool { return true }
func (f failures) WithAttrs([]slog.Attr) slog.Handler       { return f }

// Many shards load at once, again and again, and every other time the runtime is stopped midway: each machine replays its
// own log, all of it or a beginning.
func TestManyShardsLoadAtOnce(t *testing.T) {
	const shards, records = 24, 200
	logs := make([]coordinator.Log, shards)
	for i := range logs {
		logs[i] = filledLog(t, int32(i), records)
	}
	for _, procs := range []int{2, 8} {
		t.Run(fmt.Sprint("GOMAXPROCS=", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			for round := range 6 {
				loadAll(t, logs, records, round)
			}
		})
	}
}

// A batch in the log was judged when it was appended: the limits of clients' batches don't stop a load.
func TestLoadReadsWhateverIsStored(t *testing.T) {
	const records = record.FreeBytes>>14 + 100 // of 16 KiB of one letter
	loadAll(t, []coordinator.Log{batchedLog(t, 0, records, records, record.Zstd)}, records, 0)
}

// loadAll loads all shards once; odd rounds end when a part of the records is replayed.
func loadAll(t *testing.T, logs []coordinator.Log, records, round int) {
	var mu sync.Mutex
	var machines []*auditor
	var replayed, loaded, failed atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rt := manyShards(t, logs, func(sh *coordinator.Shard) coordinator.Machine {
		a := &auditor{shard: sh.Index, loaded: func(*auditor) {
			if loaded.Add(1) == int64(len(logs)) {
				cancel()
			}
		}}
		a.before = func(*auditor) {
			if n := replayed.Add(1); round%2 == 1 && n == int64(len(logs)*records*round/8) {
				cancel()
			}
		}
		mu.Lock()
		defer mu.Unlock()
		machines = append(machines, a)
		return a
	}, slog.New(failures{failed: func() { failed.Add(1); cancel() }}))
	_ = rt.Run(ctx) // until all are loaded, or one isn't
	for _, a := range machines {
		if a.wrong != "" || round%2 == 0 && a.replayed != records {
			t.Errorf("round %d: shard %d replayed %d records, wrong: %s", round, a.shard, a.replayed, a.wrong)
		}
	}
	if n := failed.Load(); n > 0 {
		t.Errorf("round %d: %d loads failed", round, n)
	}
}

// A machine that panics, in a record or when it is loaded, is told to unload, and the log is replayed into another one.
func TestPanicOfALoadingMachineUnloadsIt(t *testing.T) {
	for _, in := range []string{"Replay", "Loaded"} {
		log := filledLog(t, 0, 3)
		synctest.Test(t, func(t *testing.T) {
			var machines []*brittle
			rt := manyShards(t, []coordinator.Log{log}, func(*coordinator.Shard) coordinator.Machine {
				b := &brittle{auditor: auditor{loaded: func(*auditor) {}}}
				if len(machines) == 0 {
					b.in = in
				}
				machines = append(machines, b)
				return b
			}, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error)
			go func() { ended <- rt.Run(ctx) }()
			time.Sleep(time.Second) // of the bubble: the log is tried again
			synctest.Wait()
			if len(machines) != 2 || machines[0].unloaded != 1 || machines[1].unloaded != 0 || machines[1].replayed != 3 {
				t.Errorf("a panic in %s: %d machines, the first unloaded %d times", in, len(machines), machines[0].unloaded)
			}
			cancel()
			<-ended
		})
	}
}

// brittle is a machine that panics once.
type brittle struct {
	auditor
	in       string
	unloaded int
}

func (b *brittle) Replay(at coordinator.At, key, value protocol.Record) {
	if b.in == "Replay" {
		panic("in a record")
	}
	b.auditor.Replay(at, key, value)
}

func (b *brittle) Loaded() {
	if b.in == "Loaded" {
		panic("at the end")
	}
}

func (b *brittle) Unloaded() { b.unloaded++ }

// keeper is a machine that keeps the byte fields of what it replays.
type keeper struct {
	auditor
	kept [][]byte
}

func (k *keeper) Kinds(int16) (key, value protocol.Record) {
	return new(protocol.GroupMetadataKey), new(protocol.GroupMetadataValue)
}

func (k *keeper) Replay(_ coordinator.At, _, value protocol.Record) {
	m := value.(*protocol.GroupMetadataValue).Members[0]
	k.kept = append(k.kept, m.Subscription, m.Assignment)
}

// What a machine keeps of records outlives the buffers they were read into.
func TestBytesOfRecordsAreTheMachines(t *testing.T) {
	log, want := &coordtest.Log{}, []string(nil)
	for n := range 200 {
		want = append(want, fmt.Sprint("subscription ", n, padding), fmt.Sprint("assignment ", n))
		appendGroup(t, log, want[len(want)-2], want[len(want)-1])
	}
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{auditor: auditor{loaded: func(*auditor) {}}}
		rt := manyShards(t, []coordinator.Log{log}, func(*coordinator.Shard) coordinator.Machine { return k }, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- rt.Run(ctx) }()
		synctest.Wait()
		cancel()
		<-ended
		if len(k.kept) != len(want) {
			t.Fatalf("%d byte fields", len(k.kept))
		}
		for i := range want {
			if string(k.kept[i]) != want[i] {
				t.Fatalf("byte field %d is %.30q", i, k.kept[i])
			}
		}
	})
}

func appendGroup(t *testing.T, log *coordtest.Log, subscription, assignment string) {
	e := protocol.NewEncoder()
	e.Int16(2)
	(&protocol.GroupMetadataKey{Group: "g"}).Encode(e, 0)
	key := append([]byte(nil), e.Bytes()...)
	e.Reset()
	e.Int16(3)
	(&protocol.GroupMetadataValue{Members: []protocol.GroupMetadataValueMemberMetadata{
		{Subscription: []byte(subscription), Assignment: []byte(assignment)},
	}}).Encode(e, 3)
	b := record.NewBuilder(record.None, 0)
	b.Append(1, key, e.Bytes())
	if _, err := log.AppendInternal(b.Build(), 0, replica.InternalAppend{}); err != nil {
		t.Fatal(err)
	}
}
