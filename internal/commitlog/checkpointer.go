package commitlog

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// checkpointKind is a set of offset checkpoints.
type checkpointKind uint8

const (
	recoveryPoints checkpointKind = 1 << iota
	highWatermarks
	logStarts
	cleanerOffsets
	allCheckpoints = recoveryPoints | highWatermarks | logStarts | cleanerOffsets
)

type checkpointFile struct {
	kind checkpointKind
	file string
	of   func(*Log) record.Offset // below 0: no line
}

var checkpointFiles = [...]checkpointFile{
	{recoveryPoints, recoveryPointFile, func(l *Log) record.Offset { return l.RecoveryPoint() }},
	{highWatermarks, highWatermarkFile, func(l *Log) record.Offset { return l.HighWatermark() }},
	{logStarts, logStartFile, (*Log).startCheckpoint},
	{cleanerOffsets, cleanerFile, func(l *Log) record.Offset { return record.Offset(l.cleanedTo.Load()) }},
}

// startCheckpoint: a start offset that the first segment's name tells needs no line. Of a log that is offline not all segments may
// be known.
func (l *Log) startCheckpoint() record.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	if start := l.Start(); start > l.segments[0].base || l.err != nil && start > 0 {
		return start
	}
	return -1
}

// recoveryPointPace is how long at least lies between two writes of the recovery points, however much is flushed.
const recoveryPointPace = 100 * time.Millisecond

// checkpointer writes a log directory's offset checkpoints: recovery points soon after they have moved, the others at
// intervals. A file whose contents would not change is not written.
type checkpointer struct {
	dir  *logDir
	wake chan struct{}

	moved atomic.Int64 // how often a log start offset has moved
	saved atomic.Int64 // of those, how many are on disk

	mu      diskLock // held while files are written
	written map[checkpointKind][]byte
}

func newCheckpointer(d *logDir) *checkpointer {
	return &checkpointer{dir: d, wake: make(chan struct{}, 1), mu: newDiskLock(), written: make(map[checkpointKind][]byte)}
}

// changed tells that a recovery point has moved. Other kinds are looked at with every interval.
func (c *checkpointer) changed(k checkpointKind) {
	if k&logStarts != 0 {
		c.moved.Add(1)
	}
	if k&recoveryPoints != 0 {
		signal(c.wake)
	}
}

// run writes until ctx ends. Errors have taken the directory offline.
func (c *checkpointer) run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = c.writeNow(allCheckpoints)
		case <-c.wake:
			_ = c.writeNow(recoveryPoints)
			pause := time.NewTimer(recoveryPointPace)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
	}
}

// flushStarts returns when all log start offsets that have moved are on disk. One write serves all logs.
func (c *checkpointer) flushStarts() error {
	if c.saved.Load() >= c.moved.Load() {
		return c.dir.Err()
	}
	return c.writeNow(logStarts)
}

// writeNow writes the given checkpoints and returns when they are on disk.
func (c *checkpointer) writeNow(kinds checkpointKind) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.dir.Err(); err != nil {
		return err
	}
	moved := c.moved.Load()
	logs := c.dir.list()
	for _, f := range checkpointFiles {
		if kinds&f.kind == 0 {
			continue
		}
		lines := make([]tpOffset, 0, len(logs))
		for _, l := range logs {
			if f.kind != logStarts && l.logDir() != c.dir {
				continue // it is leaving: what is said here is about the files it had
			}
			if o := f.of(l); o >= 0 {
				lines = append(lines, tpOffset{l.tp, o})
			}
		}
		if f.kind == logStarts { // a copy's is there before the copy takes the log's place
			lines = c.appendFutures(lines)
		}
		b := encodeOffsets(lines)
		if bytes.Equal(b, c.written[f.kind]) {
			continue
		}
		if err := vfs.WriteAtomic(c.dir.env.fs, filepath.Join(c.dir.path, f.file), b); err != nil {
			return c.dir.ioError("write "+f.file, err)
		}
		c.written[f.kind] = b
	}
	if kinds&logStarts != 0 {
		c.saved.Store(moved)
	}
	return nil
}

// appendFutures adds the copies' start offsets, also those that a segment's name tells now: the first batch of a copy that is
// still empty may begin below its start offset.
func (c *checkpointer) appendFutures(lines []tpOffset) []tpOffset {
	for _, l := range c.dir.futures() {
		if l.Err() == nil {
			lines = append(lines, tpOffset{l.tp, l.Start()})
		}
	}
	return lines
}

// forget makes sure that no checkpoint on disk speaks of a partition that is about to be made: the lines of an earlier one of
// the same name would be taken for its own after a crash. One write serves all that were deleted before it.
func (c *checkpointer) forget(tp TP) error {
	d := c.dir
	d.mu.Lock()
	if !d.bygone[tp] {
		d.mu.Unlock()
		return nil
	}
	bygone := d.bygone
	d.bygone = make(map[TP]bool)
	d.mu.Unlock()
	err := c.writeNow(allCheckpoints)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		maps.Copy(d.bygone, bygone)
	}
	return err
}

// load reads a checkpoint as it was left. One that is missing or damaged says nothing.
func (c *checkpointer) load(k checkpointKind) map[TP]record.Offset {
	for _, f := range checkpointFiles {
		if f.kind != k {
			continue
		}
		b, err := readIndexFile(c.dir.env.fs, filepath.Join(c.dir.path, f.file))
		if err != nil || b == nil {
			return nil
		}
		c.written[k] = b
		offsets, err := decodeOffsets(b)
		if err != nil {
			c.dir.env.opt.Logger.Warn("checkpoint passed over", "dir", c.dir.path, "file", f.file, "error", err)
		}
		return offsets
	}
	return nil
}
