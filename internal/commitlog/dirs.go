package commitlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// DirsOptions says how log directories are used. Zero values stand for the defaults.
type DirsOptions struct {
	Paths     []string           // log.dirs, made where missing
	Config    LogConfig          // the zero value is DefaultLogConfig
	ConfigFor func(TP) LogConfig // claims the logs found on disk; nil: they have Config, and are unclaimed until SetConfig

	ClusterID string // "": not known yet, see SetIdentity
	NodeID    int32  // -1: not known yet

	Cleaner CleanerOptions // compaction: DefaultCleanerOptions()

	RecoveryThreads    int           // num.recovery.threads.per.data.dir: 2
	MaxOpenFiles       int           // .log files open at a time, those in use apart: 3,000
	IndexCacheBytes    int64         // memory for the indexes of sealed segments: 64 MiB
	RetentionInterval  time.Duration // log.retention.check.interval.ms: 5 min
	CheckpointInterval time.Duration // replica.high.watermark.checkpoint.interval.ms: 5 s
	ProducerExpiry     time.Duration // producer.id.expiration.ms: 24 h
	ExpiryInterval     time.Duration // producer.id.expiration.check.interval.ms: 10 min

	// Reserve is the free space, out of a file system's total, below which leaders' appends are refused: 5 %, at most 512 MiB.
	Reserve func(total int64) int64

	Now       func() time.Time               // wall clock: time.Now
	Logger    *slog.Logger                   // slog.Default()
	FlushTime func(time.Duration)            // told how long each fsync of a .log file took; must return at once
	OnOffline func(path string, cause error) // called once for a directory that went offline, on a goroutine of its own
}

func (o *DirsOptions) setDefaults() {
	setDefault(&o.RecoveryThreads, 2)
	setDefault(&o.MaxOpenFiles, 3000)
	setDefault(&o.IndexCacheBytes, 64<<20)
	setDefault(&o.RetentionInterval, 5*time.Minute)
	setDefault(&o.CheckpointInterval, 5*time.Second)
	setDefault(&o.ProducerExpiry, 24*time.Hour)
	setDefault(&o.ExpiryInterval, 10*time.Minute)
	o.Cleaner.setDefaults()
	if o.Config == (LogConfig{}) {
		o.Config = DefaultLogConfig()
	}
	if o.Reserve == nil {
		o.Reserve = defaultReserve
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Dirs is the set of a broker's log directories.
type Dirs struct {
	env  *env
	opt  DirsOptions
	dirs []*logDir

	cleaner *cleaner

	mu          sync.RWMutex
	logs        map[TP]*Log
	others      map[TP][]*Log     // found beside those, with another topic id: one of them may be the one that a topic claims
	linked      map[string]string // resolved folders to which links lead, with the links
	creating    map[TP]bool
	moves       map[TP]*move
	brokerEpoch int64
	closed      bool
	moveWake    chan struct{}
}

// OpenDirs locks and reads the log directories and recovers all logs in them: after an unclean stop it checks what lies
// above the recovery points. A directory that can't be read is offline, a log that can't be is offline by itself;
// it is an error if no directory is left, if one is locked by somebody else, or belongs to another cluster or node.
func OpenDirs(fsys vfs.FS, opt DirsOptions) (*Dirs, error) {
	opt.setDefaults()
	d := &Dirs{
		opt: opt, logs: make(map[TP]*Log), others: make(map[TP][]*Log), linked: make(map[string]string), creating: make(map[TP]bool), moves: make(map[TP]*move), brokerEpoch: -1,
		moveWake: make(chan struct{}, 1),
	}
	d.env = &env{
		fs: fsys, now: opt.Now, opt: &d.opt, fds: &fdCache{limit: opt.MaxOpenFiles}, indexes: newIndexCache(opt.IndexCacheBytes),
	}
	d.cleaner = newCleaner(d, opt.Cleaner)
	if err := d.open(); err != nil {
		d.unlock()
		return nil, err
	}
	return d, nil
}

func (d *Dirs) open() error {
	if len(d.opt.Paths) == 0 {
		return errors.New("no log directory is configured")
	}
	var failures []error
	for _, path := range d.opt.Paths {
		dir := newLogDir(d.env, path)
		d.dirs = append(d.dirs, dir)
		if err := d.openDir(dir); err != nil {
			if errors.Is(err, vfs.ErrLocked) || errors.Is(err, errForeign) {
				return err
			}
			dir.offline(err)
			failures = append(failures, err)
		}
	}
	if len(failures) == len(d.dirs) {
		return fmt.Errorf("no log directory can be used: %w", errors.Join(failures...))
	}
	d.resumeMoves()
	return d.adoptIdentity()
}

// errForeign: a directory that isn't ours must not be written to.
var errForeign = errors.New("log directory belongs to another cluster or node")

func (d *Dirs) openDir(dir *logDir) (err error) {
	if err := makeDir(d.env.fs, dir.path); err != nil {
		return err
	}
	if dir.lock, err = d.env.fs.Lock(filepath.Join(dir.path, lockFile)); err != nil {
		return fmt.Errorf("lock log directory %s: %w", dir.path, err)
	}
	if err := d.openMeta(dir); err != nil {
		return err
	}
	if err := dir.takeCleanShutdown(); err != nil {
		return err
	}
	return d.loadDir(dir)
}

// makeDir makes a directory, with its missing parents, so that it is there after a crash.
func makeDir(fsys vfs.FS, path string) error {
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	if _, err := fsys.Stat(path); err == nil || parent == path {
		return nil // what it is, its use will show
	}
	if err := makeDir(fsys, parent); err != nil {
		return err
	}
	if err := fsys.MkdirAll(path); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}

func (d *Dirs) openMeta(dir *logDir) error {
	m, found, err := readMetaProperties(d.env.fs, dir.path)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errForeign, dir.path, err)
	}
	if d.opt.ClusterID != "" && m.clusterID != "" && m.clusterID != d.opt.ClusterID {
		return fmt.Errorf("%w: %s is of cluster %s, not %s", errForeign, dir.path, m.clusterID, d.opt.ClusterID)
	}
	if d.opt.NodeID >= 0 && m.nodeID >= 0 && m.nodeID != d.opt.NodeID {
		return fmt.Errorf("%w: %s is of node %d, not %d", errForeign, dir.path, m.nodeID, d.opt.NodeID)
	}
	dir.meta = m
	if !found || m.directoryID == (protocol.UUID{}) {
		dir.meta.directoryID = newDirectoryID()
		if d.opt.ClusterID != "" {
			dir.meta.clusterID = d.opt.ClusterID
		}
		if d.opt.NodeID >= 0 {
			dir.meta.nodeID = d.opt.NodeID
		}
		if err := d.writeMeta(dir, dir.meta); err != nil {
			return err
		}
	}
	dir.id = dir.meta.directoryID
	return nil
}

func newDirectoryID() protocol.UUID {
	for {
		var id protocol.UUID
		_, _ = rand.Read(id[:])                     // never fails (package crypto/rand)
		id[6], id[8] = id[6]&15|0x40, id[8]&63|0x80 // a random UUID, as Kafka's
		if !strings.HasPrefix(id.String(), "-") {   // an id that is no option on a command line
			return id
		}
	}
}

func (d *Dirs) writeMeta(dir *logDir, m metaProperties) error {
	return vfs.WriteAtomic(d.env.fs, filepath.Join(dir.path, metaPropertiesFile), m.encode(d.env.now()))
}

// adoptIdentity takes cluster and node from the directories where the options don't say them, and checks that they agree.
func (d *Dirs) adoptIdentity() error {
	for _, dir := range d.dirs {
		m := &dir.meta
		if dir.Err() != nil {
			continue // what it says could not be read
		}
		if d.opt.ClusterID == "" {
			d.opt.ClusterID = m.clusterID
		}
		if d.opt.NodeID < 0 {
			d.opt.NodeID = m.nodeID
		}
		if m.clusterID != "" && m.clusterID != d.opt.ClusterID || m.nodeID >= 0 && m.nodeID != d.opt.NodeID {
			return fmt.Errorf("%w: %s is of cluster %s, node %d; another directory of cluster %s, node %d",
				errForeign, dir.path, m.clusterID, m.nodeID, d.opt.ClusterID, d.opt.NodeID)
		}
	}
	return nil
}

// Identity is the cluster and node that the directories belong to; "" and -1 where they don't know yet.
func (d *Dirs) Identity() (clusterID string, nodeID int32) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.opt.ClusterID, d.opt.NodeID
}

// SetIdentity writes cluster and node into the directories that don't know them.
func (d *Dirs) SetIdentity(clusterID string, nodeID int32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opt.ClusterID, d.opt.NodeID = clusterID, nodeID
	for _, dir := range d.dirs {
		m := dir.meta
		if m.clusterID == clusterID && m.nodeID == nodeID || dir.Err() != nil {
			continue
		}
		if m.clusterID != "" && m.clusterID != clusterID || m.nodeID >= 0 && m.nodeID != nodeID {
			return fmt.Errorf("%w: %s is of cluster %s, node %d, not %s, %d", errForeign, dir.path, m.clusterID, m.nodeID, clusterID, nodeID)
		}
		m.clusterID, m.nodeID = clusterID, nodeID
		if err := d.writeMeta(dir, m); err != nil {
			return dir.ioError("write "+metaPropertiesFile, err)
		}
		dir.meta = m
	}
	return nil
}

// Get returns a partition's log, or nil. Of logs found in several directories with different topic ids it returns one, and the
// next once that is set aside or deleted.
func (d *Dirs) Get(tp TP) *Log {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.logs[tp]
}

// Logs lists all logs, by partition.
func (d *Dirs) Logs() []*Log {
	d.mu.RLock()
	out := make([]*Log, 0, len(d.logs))
	for _, l := range d.logs {
		out = append(out, l)
	}
	d.mu.RUnlock()
	sortLogs(out)
	return out
}

// Counters tell what happened to the logs since start.
func (d *Dirs) Counters() *Counters { return &d.env.counters }

// OpenFiles is the number of .log files that are open.
func (d *Dirs) OpenFiles() int { return int(d.env.fds.open.Load()) }

// Dir describes a log directory.
type Dir struct {
	Path          string
	ID            protocol.UUID
	Err           error  // why it is offline
	Total, Usable int64  // bytes of the file system; -1: unknown
	Full          bool   // leaders' appends are refused
	Futures       []*Log // copies under way into this directory
}

// List describes all log directories, in the order of the configuration.
func (d *Dirs) List() []Dir {
	out := make([]Dir, len(d.dirs))
	for i, dir := range d.dirs {
		out[i] = Dir{Path: dir.path, ID: dir.id, Err: dir.Err(), Total: -1, Usable: -1, Full: dir.full.Load(), Futures: dir.futures()}
		if total, usable, err := d.env.fs.Usage(dir.path); err == nil && out[i].Err == nil {
			out[i].Total, out[i].Usable = total, usable
		}
	}
	return out
}

// CleanShutdown tells whether the last run stopped in order in all directories, and the broker epoch it had, -1 if that isn't
// known.
func (d *Dirs) CleanShutdown() (brokerEpoch int64, ok bool) {
	brokerEpoch, ok = -1, true
	for i, dir := range d.dirs {
		ok = ok && dir.clean && dir.Err() == nil
		if i == 0 {
			brokerEpoch = dir.brokerEpoch
		}
		brokerEpoch = min(brokerEpoch, dir.brokerEpoch)
	}
	if !ok {
		return -1, false
	}
	return brokerEpoch, true
}

// SetBrokerEpoch says under which epoch the broker is registered: an orderly stop writes it down.
func (d *Dirs) SetBrokerEpoch(epoch int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.brokerEpoch = epoch
}

// Run flushes, writes checkpoints, enforces retention, compacts, removes deleted files and moves logs between directories until
// ctx ends.
func (d *Dirs) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, dir := range d.dirs {
		wg.Go(func() { dir.flusher.run(ctx) })
		wg.Go(func() { dir.checkpointer.run(ctx, d.opt.CheckpointInterval) })
		wg.Go(func() { dir.trash.run(ctx, d.env.fs, d.opt.Logger) })
	}
	wg.Go(func() { d.every(ctx, d.opt.RetentionInterval, d.retain) })
	wg.Go(func() { d.every(ctx, d.opt.ExpiryInterval, d.expireProducers) })
	wg.Go(func() { d.every(ctx, time.Second, d.pollSpace) })
	wg.Go(func() { d.runMoves(ctx) })
	wg.Go(func() { d.cleaner.run(ctx) })
	wg.Wait()
	return nil
}

func (d *Dirs) every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do(ctx)
		}
	}
}

// retain makes one pass of retention over all claimed logs. Errors were logged with the directory or log they took offline.
func (d *Dirs) retain(ctx context.Context) {
	for _, l := range d.Logs() {
		if ctx.Err() != nil {
			return
		}
		if n, err := l.Retain(); err != nil {
			d.opt.Logger.Warn("retention failed", "partition", l.tp.String(), "error", err)
		} else if n > 0 {
			d.opt.Logger.Info("segments removed", "partition", l.tp.String(), "segments", n, "start", int64(l.Start()))
		}
	}
}

func (d *Dirs) expireProducers(context.Context) {
	for _, l := range d.Logs() {
		l.expireProducers(d.opt.ProducerExpiry)
	}
}

func (d *Dirs) pollSpace(context.Context) {
	for _, dir := range d.dirs {
		if dir.Err() == nil {
			dir.pollSpace()
		}
	}
}

// Close stops in order: it flushes all logs, writes the checkpoints and the mark of a clean stop, and gives up the locks. Run must
// have returned, and nothing may be appended any more.
func (d *Dirs) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	registered := d.brokerEpoch
	d.mu.Unlock()
	var errs []error
	for _, dir := range d.dirs {
		if dir.Err() != nil {
			continue
		}
		epoch := registered
		if epoch < 0 {
			epoch = dir.brokerEpoch // the start failed before the broker had a new one
		}
		if err := dir.close(epoch); err != nil {
			errs = append(errs, err)
		}
	}
	d.env.fds.closeAll()
	d.unlock()
	return errors.Join(errs...)
}

// closeWorkers flush logs at the end: they wait for the disk, which does several syncs at a time.
const closeWorkers = 16

func (dir *logDir) close(brokerEpoch int64) error {
	whole := true // all logs are as the checkpoints will say
	var mu sync.Mutex
	work := make(chan *Log)
	var wg sync.WaitGroup
	for range closeWorkers {
		wg.Go(func() {
			for l := range work {
				if err := l.close(); err != nil {
					mu.Lock()
					whole = false
					mu.Unlock()
					dir.env.opt.Logger.Warn("partition was not closed in order", "partition", l.tp.String(), "error", err)
				}
			}
		})
	}
	for _, l := range dir.list() {
		work <- l
	}
	close(work)
	wg.Wait()
	if err := dir.checkpointer.writeNow(allCheckpoints); err != nil {
		return err
	}
	if !whole {
		return nil // without the mark, the next start looks at everything again
	}
	return dir.markCleanShutdown(brokerEpoch)
}

// close flushes a log for the last time.
func (l *Log) close() error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	_, err := l.flushAllLocked(true)
	return err
}

func (d *Dirs) unlock() {
	for _, dir := range d.dirs {
		if dir.lock != nil {
			_ = dir.lock.Close() // the process's end would do it too
			dir.lock = nil
		}
	}
}

// closeAll closes all files that nobody pins; the others are closed when they are unpinned.
func (c *fdCache) closeAll() {
	c.mu.Lock()
	ring := c.ring
	c.ring = nil
	c.mu.Unlock()
	for _, h := range ring {
		h.retired.Store(true)
		h.tryClose()
	}
}

// jitter is a random part of a duration.
func (e *env) jitter(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return mathrand.N(most)
}
