package commitlog

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// faultCalls is how many calls of each kind TestFaults lets fail, one a run; JOCKO_FAULT_CALLS in the environment asks for
// more.
const faultCalls = 40

// script is a fixed sequence of operations on a log whose calls may fail.
type script struct {
	t       *testing.T
	mem     *vfs.Mem
	dirs    *Dirs
	log     *Log
	written []modelBatch
	durable record.Offset
	failed  bool // a truncation has failed: its outcome is open
	clock   int64
}

var scriptKinds = []vfs.OpKind{
	vfs.OpCreate, vfs.OpOpen, vfs.OpOpenWrite, vfs.OpRemove, vfs.OpRename, vfs.OpMkdirAll, vfs.OpReadDir, vfs.OpStat,
	vfs.OpSyncDir, vfs.OpLock, vfs.OpSize, vfs.OpReadAt, vfs.OpWriteAt, vfs.OpTruncate, vfs.OpSync, vfs.OpDatasync,
	vfs.OpPreallocate, vfs.OpClose,
}

// TestFaults lets one call fail, with each error that a disk may give, goes on as a broker would, and checks what is left (R19).
func TestFaults(t *testing.T) {
	calls := faultCalls
	if n, err := strconv.Atoi(os.Getenv("JOCKO_FAULT_CALLS")); err == nil {
		calls = n
	}
	for _, kind := range scriptKinds {
		for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			t.Run(fmt.Sprintf("%s/%v", kind, cause), func(t *testing.T) {
				for n := 1; n <= calls; n++ {
					if !runScript(t, kind, n, cause) {
						return // there are no more calls of this kind
					}
					if t.Failed() {
						t.Fatalf("with call %d failing", n)
					}
				}
			})
		}
	}
}

// runScript runs the script with the n-th call of a kind failing. It tells whether there was such a call.
func runScript(t *testing.T, kind vfs.OpKind, n int, cause error) bool {
	mem := vfs.NewMem()
	var count atomic.Int64
	var fsync atomic.Bool
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind != kind || count.Add(1) != int64(n) {
			return nil
		}
		if kind == vfs.OpDatasync || kind == vfs.OpSync || kind == vfs.OpSyncDir {
			fsync.Store(true)
		}
		if kind == vfs.OpWriteAt {
			return &vfs.Partial{N: int(op.Len / 2), Err: cause}
		}
		return cause
	})
	opt := testOptions("/data")
	opt.Config.SegmentBytes, opt.Config.IndexInterval = 3000, 200
	s := &script{t: t, mem: mem}
	dirs, err := OpenDirs(fs, opt)
	if err != nil {
		return count.Load() >= int64(n)
	}
	s.dirs = dirs
	s.run(cause)
	if err := dirs.List()[0].Err; cause == syscall.ENOSPC && err != nil && !fsync.Load() && kind != vfs.OpReadDir {
		t.Errorf("a full disk took the directory offline: %v", err)
	}
	dirs.unlock()
	for _, p := range []vfs.Policy{vfs.Synced, vfs.Written, vfs.Torn512} {
		s.check(mem.Crash(p, uint64(n)), opt)
	}
	return count.Load() >= int64(n)
}

func (s *script) run(cause error) {
	var err error
	if s.log, err = s.dirs.Create(TP{"crash", 0}, protocol.UUID{1}, s.dirs.opt.Config); err != nil {
		s.refused(err)
		return
	}
	for i := range 60 {
		switch {
		case i%17 == 16:
			s.try(s.log.flushData)
		case i%23 == 22:
			s.try(s.log.Flush)
		case i%29 == 28:
			s.truncate()
		case i == 40:
			s.log.UpdateHighWatermark(s.log.End())
			_ = s.log.SetStart(s.log.End() / 3)
			if _, err := s.log.Retain(); err != nil {
				s.refused(err)
			}
		case i == 45:
			s.refused(s.log.dir.checkpointer.writeNow(allCheckpoints))
		default:
			s.append()
		}
		if i%5 == 0 {
			s.read()
		}
	}
	_ = s.dirs.Close() // whatever it couldn't do, the next start makes up for
}

// refused: errors of the disk are KAFKA_STORAGE_ERROR to those who asked.
func (s *script) refused(err error) {
	if err != nil && !errors.Is(err, protocol.ErrKafkaStorageError) {
		s.t.Errorf("error without the code KAFKA_STORAGE_ERROR: %v", err)
	}
}

func (s *script) try(flush func() error) {
	if err := flush(); err != nil {
		s.refused(err)
		return
	}
	s.durable = s.log.End()
	if s.log.FlushedOffset() < s.durable {
		s.t.Errorf("flushed to %d, log ends at %d", s.log.FlushedOffset(), s.durable)
	}
}

func (s *script) append() {
	s.clock++
	buf := batch(2, 100, s.clock)
	end := s.log.End()
	s.log.dir.polledAt.Store(0) // a refusal for want of space isn't waited out here
	a, err := s.log.AppendLeader(buf, 0, AppendOptions{})
	if err != nil {
		s.refused(err)
		if s.log.End() != end {
			s.t.Errorf("a failed append moved the end from %d to %d", end, s.log.End())
		}
		return
	}
	s.written = append(s.written, modelBatch{buf, a.First, a.Last + 1})
}

func (s *script) truncate() {
	to := max(s.log.End()-4, s.log.HighWatermark())
	if err := s.log.Truncate(to); err != nil {
		s.refused(err)
		s.failed = true
	}
	if s.failed {
		s.durable = 0
		return
	}
	for n := len(s.written); n > 0 && s.written[n-1].next > s.log.End(); n-- {
		s.written = s.written[:n-1]
	}
	s.durable = s.log.End()
}

func (s *script) read() {
	b, _, err := s.log.ReadBytes(nil, s.log.Start(), 2000, s.log.End(), true)
	if err != nil {
		s.refused(err)
		return
	}
	for len(b) > 0 {
		one, rest, err := record.Next(b)
		if err != nil || one.CheckCRC() != nil {
			s.t.Errorf("a read returned a bad batch: %v", err)
			return
		}
		b = rest
	}
}

// check opens what the disk has and compares it with what was acknowledged.
func (s *script) check(fs *vfs.Mem, opt DirsOptions) {
	d, err := OpenDirs(fs, opt)
	if err != nil {
		s.t.Errorf("open afterwards: %v", err)
		return
	}
	defer d.unlock()
	l := d.Get(TP{"crash", 0})
	if l == nil {
		if s.durable > 0 {
			s.t.Errorf("log is gone, %d was durable", s.durable)
		}
		return
	}
	if l.Err() != nil {
		s.t.Errorf("log is offline afterwards: %v", l.Err())
		return
	}
	if s.failed {
		return
	}
	if l.End() < s.durable {
		s.t.Errorf("log ends at %d, %d was durable", l.End(), s.durable)
	}
	m := model{batches: s.written, end: l.End(), start: l.End()}
	if n := len(s.written); n > 0 {
		m.end = s.written[n-1].next
	}
	if err := m.explains(l, batchesOf(s.t, l)); err != nil {
		s.t.Errorf("log afterwards: %v", err)
	}
}
