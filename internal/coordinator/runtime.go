package coordinator

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// Options are what NewRuntime needs.
type Options struct {
	Topic string // the internal topic
	Self  metadata.BrokerID
	Image func() *metadata.Image
	// Log finds this broker's replica of a partition.
	Log    func(index int32) (Log, error)
	New    func(*Shard) Machine
	Now    func() time.Time // wall clock
	Logger *slog.Logger
	// CommitTimeout is how long an answer waits for the replication of its
	// records.
	CommitTimeout func() time.Duration
	Codec         record.Codec  // of the records appended
	ReloadPause   time.Duration // before a log that could not be loaded is tried again

	loads chan struct{} // as many as may load at once
}

// Runtime is the shards of one internal topic that this broker leads.
type Runtime struct {
	options Options

	mu      sync.RWMutex
	running bool // between Run's begin and its end: Apply starts shards
	shards  map[int32]*Shard
	all     sync.WaitGroup
}

// NewRuntime returns a runtime without shards; Run starts them.
func NewRuntime(o Options) *Runtime {
	o.loads = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	if o.ReloadPause == 0 {
		o.ReloadPause = time.Second
	}
	return &Runtime{options: o, shards: make(map[int32]*Shard)}
}

// Run serves the partitions this broker leads, as the metadata says, until ctx
// ends, and returns when every shard has ended.
func (r *Runtime) Run(ctx context.Context) error {
	r.mu.Lock()
	r.running = true
	r.followLocked(r.options.Image())
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.running = false
	for i, s := range r.shards {
		s.cancel()
		delete(r.shards, i)
	}
	r.mu.Unlock()
	r.all.Wait()
	return nil
}

// Apply follows a change of the metadata. It never waits.
func (r *Runtime) Apply(_, next *metadata.Image, delta *metadata.Delta) {
	if !r.concerned(delta) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		r.followLocked(next)
	}
}

func (r *Runtime) concerned(delta *metadata.Delta) bool {
	for _, topics := range [][]*metadata.Topic{delta.ChangedTopics, delta.DeletedTopics} {
		for _, t := range topics {
			if t.Name == r.options.Topic {
				return true
			}
		}
	}
	return false
}

// followLocked starts the shards of partitions that this broker leads in a new
// epoch and stops the others.
func (r *Runtime) followLocked(img *metadata.Image) {
	led := make(map[int32]record.LeaderEpoch)
	if t := img.Topic(r.options.Topic); t != nil {
		for _, p := range t.Partitions {
			if p.Leader == r.options.Self {
				led[p.ID] = p.LeaderEpoch
			}
		}
	}
	for i, s := range r.shards {
		if epoch, ok := led[i]; !ok || epoch != s.Epoch {
			s.cancel()
			if !ok {
				delete(r.shards, i)
			}
		}
	}
	for i, epoch := range led {
		if s := r.shards[i]; s == nil || s.Epoch != epoch {
			r.startLocked(i, epoch)
		}
	}
}

func (r *Runtime) startLocked(index int32, epoch record.LeaderEpoch) {
	log, err := r.options.Log(index)
	if err != nil {
		r.options.Logger.Error("a coordinator has no log", "topic", r.options.Topic, "partition", index, "error", err)
		return
	}
	s := newShard(&r.options, index, epoch, log)
	s.previous = r.shards[index]
	r.shards[index] = s
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	r.all.Add(1)
	go func() {
		defer r.all.Done()
		s.run(ctx)
	}()
}

func newShard(o *Options, index int32, epoch record.LeaderEpoch, log Log) *Shard {
	s := &Shard{
		Index: index, Epoch: epoch, options: o, log: log,
		logger:  o.Logger.With("topic", o.Topic, "partition", index, "epoch", epoch),
		inbox:   make(chan *op, inboxSize),
		ended:   make(chan struct{}),
		state:   protocol.ErrCoordinatorLoadInProgress,
		builder: record.NewBuilder(o.Codec, 0),
		encoder: protocol.NewEncoder(),
		watcher: replica.NewWatcher(),
		timers:  make(map[TimerKey]*timer),
		open:    make(map[*promise]struct{}),
	}
	s.watch = s.watcher.NewWatch(nil)
	return s
}

// Shard returns the shard that a key belongs to: NOT_COORDINATOR where another
// broker leads it, and, as Kafka says, while the topic doesn't exist.
func (r *Runtime) Shard(key string) (*Shard, error) {
	t := r.options.Image().Topic(r.options.Topic)
	if t == nil {
		return nil, protocol.ErrNotCoordinator
	}
	return r.ByPartition(PartitionFor(key, len(t.Partitions)))
}

// ByPartition returns the shard of a partition, or NOT_COORDINATOR.
func (r *Runtime) ByPartition(index int32) (*Shard, error) {
	r.mu.RLock()
	s := r.shards[index]
	r.mu.RUnlock()
	if s == nil {
		return nil, protocol.ErrNotCoordinator
	}
	return s, nil
}

// Started tells whether Run has begun: COORDINATOR_LOAD_IN_PROGRESS before,
// when what all shards know can't be listed yet, and after its end.
func (r *Runtime) Started() error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.running {
		return protocol.ErrCoordinatorLoadInProgress
	}
	return nil
}

// Shards returns the shards that run here.
func (r *Runtime) Shards() []*Shard {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]*Shard, 0, len(r.shards))
	for _, s := range r.shards {
		out = append(out, s)
	}
	return out
}

// Loads is how far the shards are with loading.
type Loads struct {
	Loading int           // shards that aren't loaded
	Bytes   int64         // read by the last load of each
	Slowest time.Duration // complete load
}

// Loads sums up what the shards load.
func (r *Runtime) Loads() Loads {
	var l Loads
	for _, s := range r.Shards() {
		if !s.loaded.done.Load() {
			l.Loading++
		}
		l.Bytes += s.loaded.bytes.Load()
		l.Slowest = max(l.Slowest, time.Duration(s.loaded.ns.Load()))
	}
	return l
}

// PartitionFor is the partition of an internal topic of n partitions that a
// group or a transactional id belongs to: the absolute value of Java's hash of
// the string, whose smallest value, which has none, counts as 0.
func PartitionFor(key string, n int) int32 {
	var h int32
	for _, c := range utf16.Encode([]rune(key)) {
		h = h*31 + int32(c)
	}
	switch {
	case h == math.MinInt32:
		h = 0
	case h < 0:
		h = -h
	}
	return int32(int(h) % n)
}
