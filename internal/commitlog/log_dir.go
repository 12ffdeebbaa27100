package commitlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Files of a log directory that belong to no partition, beside the checkpoints and meta.properties.
const (
	lockFile          = ".lock"
	cleanShutdownFile = ".kafka_cleanshutdown"
)

// logDir is one log directory. It is online until the first error that leaves its contents in doubt.
type logDir struct {
	env          *env
	path         string
	id           protocol.UUID
	meta         metaProperties // guarded by Dirs.mu
	lock         io.Closer
	flusher      *flusher
	checkpointer *checkpointer
	trash        trash

	logCount atomic.Int64
	failed   atomic.Bool
	full     atomic.Bool
	polledAt atomic.Int64 // ns, when space was looked at last because it was short

	clean       bool  // the last run stopped in order
	brokerEpoch int64 // that the last run had then, -1: unknown

	mu      sync.Mutex
	logs    map[TP]*Log
	bygone  map[TP]bool // partitions without a log of which a checkpoint on disk may speak
	future  map[TP]*Log // copies that will take the place of logs in other directories
	err     error
	rootNew int // names made in the directory so far
	rootOld int // of those, how many are durable
}

func newLogDir(e *env, path string) *logDir {
	d := &logDir{env: e, path: path, logs: make(map[TP]*Log), future: make(map[TP]*Log), bygone: make(map[TP]bool), brokerEpoch: -1}
	d.flusher, d.checkpointer = newFlusher(d), newCheckpointer(d)
	d.trash.wake = make(chan struct{}, 1)
	return d
}

// Err tells why the directory is offline.
func (d *logDir) Err() error {
	if !d.failed.Load() {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// offline takes the directory out of use. Only the first reason counts.
func (d *logDir) offline(cause error) {
	d.mu.Lock()
	first := d.err == nil
	if first {
		d.err = fmt.Errorf("%w: log directory %s is offline: %w", protocol.ErrKafkaStorageError, d.path, cause)
		d.failed.Store(true)
	}
	d.mu.Unlock()
	if !first {
		return
	}
	d.env.opt.Logger.Error("log directory is offline", "dir", d.path, "error", cause)
	if d.env.opt.OnOffline != nil {
		go d.env.opt.OnOffline(d.path, cause) // the caller may hold any lock
	}
}

func (d *logDir) list() []*Log {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*Log, 0, len(d.logs))
	for _, l := range d.logs {
		out = append(out, l)
	}
	return out
}

func (d *logDir) addLog(l *Log) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logs[l.tp] = l
	d.logCount.Store(int64(len(d.logs)))
}

func (d *logDir) removeLog(l *Log) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.logs[l.tp] == l {
		delete(d.logs, l.tp)
		d.bygone[l.tp] = true
	}
	d.logCount.Store(int64(len(d.logs)))
}

// nameMade notes that a folder was made or renamed in the directory.
func (d *logDir) nameMade() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rootNew++
}

// syncRoot makes the directory's names durable. One sync serves all names that were made before it.
func (d *logDir) syncRoot() error {
	d.mu.Lock()
	n, old := d.rootNew, d.rootOld
	d.mu.Unlock()
	if n == old {
		return nil
	}
	if err := d.env.fs.SyncDir(d.path); err != nil {
		return &syncError{err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rootOld = max(d.rootOld, n)
	return nil
}

var errNoSpace = fmt.Errorf("%w: the disk is full", protocol.ErrKafkaStorageError)

// spacePollPace is how often at most appends to a full disk ask whether it still is.
const spacePollPace = 200 * time.Millisecond

// checkSpace refuses what a leader would append to a disk that is nearly full: the rest is for replication, checkpoints and
// deletion. It lets go of itself when there is space again.
func (d *logDir) checkSpace() error {
	if !d.full.Load() {
		return nil
	}
	now := time.Now().UnixNano()
	if last := d.polledAt.Load(); now-last < int64(spacePollPace) || !d.polledAt.CompareAndSwap(last, now) {
		return errNoSpace
	}
	d.pollSpace()
	if d.full.Load() {
		return errNoSpace
	}
	return nil
}

// noSpace notes that a write found the disk full.
func (d *logDir) noSpace() {
	d.polledAt.Store(time.Now().UnixNano())
	d.setFull(true)
}

// pollSpace compares the free space with the reserve.
func (d *logDir) pollSpace() {
	total, free, err := d.env.fs.Usage(d.path)
	if err != nil {
		return // not known: writes will tell
	}
	d.setFull(free < d.env.opt.Reserve(total))
}

func (d *logDir) setFull(full bool) {
	if d.full.Swap(full) == full {
		return
	}
	if full {
		d.env.opt.Logger.Warn("disk is nearly full: produce is refused until there is space", "dir", d.path)
	} else {
		d.env.opt.Logger.Info("disk has space again", "dir", d.path)
	}
}

// defaultReserve is 5 % of the file system, at most 512 MiB.
func defaultReserve(total int64) int64 { return min(total/20, 512<<20) }

// cleanShutdown is the contents of .kafka_cleanshutdown.
type cleanShutdown struct {
	Version     int   `json:"version"`
	BrokerEpoch int64 `json:"brokerEpoch"`
}

// takeCleanShutdown reads and removes the mark of an orderly stop: from now on, a stop is one only if it is made anew.
func (d *logDir) takeCleanShutdown() error {
	name := filepath.Join(d.path, cleanShutdownFile)
	b, err := vfs.ReadFile(d.env.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d.clean = true
	var c cleanShutdown
	if len(b) > 0 && json.Unmarshal(b, &c) == nil {
		d.brokerEpoch = c.BrokerEpoch
	}
	if err := d.env.fs.Remove(name); err != nil {
		return err
	}
	return d.env.fs.SyncDir(d.path)
}

func (d *logDir) markCleanShutdown(brokerEpoch int64) error {
	b, err := json.Marshal(cleanShutdown{0, brokerEpoch})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return vfs.WriteAtomic(d.env.fs, filepath.Join(d.path, cleanShutdownFile), b)
}

func sortLogs(logs []*Log) {
	slices.SortFunc(logs, func(a, b *Log) int { return a.tp.compare(b.tp) })
}
