package raft

import (
	"errors"
	"fmt"
	"sync/atomic"

	hraft "github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// logStore is Raft's log: raft-wal's, with a trailer on every entry that tells damage from a torn write and remembers what
// was committed.
type logStore struct {
	s   *storage
	wal *wal.WAL

	committed uint64        // known to be committed when the storage was opened
	staged    atomic.Uint64 // known to be committed now
	unsaved   atomic.Int64  // bytes appended since the last snapshot
	limit     int64         // of unsaved
	long      chan struct{} // unsaved is beyond limit; capacity 1

	early atomic.Pointer[earlyLog]
}

// earlyLog is the log behind the last snapshot, read in one go for the start, when it is gone through three times: by the
// node, by Raft looking for its servers, and by Raft applying it. raft-wal reads 64 KiB for each entry.
type earlyLog struct {
	first   uint64
	entries []hraft.Log
}

// maxEarlyBytes bounds earlyLog. What is beyond is read entry by entry.
const maxEarlyBytes = 64 << 20

func (e *earlyLog) last() uint64 { return e.first + uint64(len(e.entries)) - 1 }

var errEnough = errors.New("enough was read")

// readEarly reads the entries from first on. It reports nothing: where it stops, GetLog goes on.
func (ls *logStore) readEarly(first uint64) {
	state, err := loadSegments(ls.s.fs, ls.s.path(segmentsFile))
	if err != nil {
		return
	}
	e := &earlyLog{first: first}
	var size int
	for i := range state.Segments {
		info := &state.Segments[i]
		if !info.SealTime.IsZero() && info.MaxIndex < first {
			continue
		}
		err := eachEntry(ls.s.fs, ls.s.dir, info, func(l *hraft.Log) error {
			if l.Index < first {
				return nil
			}
			if size += len(l.Data); size > maxEarlyBytes || l.Index != e.last()+1 {
				return errEnough
			}
			e.entries = append(e.entries, *l)
			return nil
		})
		if err != nil {
			break
		}
	}
	ls.early.Store(e)
}

func (ls *logStore) getEarly(index uint64, l *hraft.Log) bool {
	e := ls.early.Load()
	if e == nil || index < e.first || index > e.last() {
		return false
	}
	*l = e.entries[index-e.first]
	return true
}

func openLogStore(s *storage, w *wal.WAL, limit int64) (*logStore, error) {
	ls := &logStore{s: s, wal: w, limit: limit, long: make(chan struct{}, 1)}
	last, err := ls.LastIndex()
	if err != nil || last == 0 {
		return ls, err
	}
	t, err := ls.read(last, new(hraft.Log))
	if err != nil {
		return nil, err
	}
	ls.committed = min(t.commit, last)
	ls.staged.Store(ls.committed)
	return ls, nil
}

func (ls *logStore) FirstIndex() (uint64, error) { return ls.wal.FirstIndex() }
func (ls *logStore) LastIndex() (uint64, error)  { return ls.wal.LastIndex() }
func (ls *logStore) IsMonotonic() bool           { return true }

// GetLog reads an entry. One that is missing is hraft.ErrLogNotFound; one that is damaged stops the node.
func (ls *logStore) GetLog(index uint64, l *hraft.Log) error {
	if ls.getEarly(index, l) {
		return nil
	}
	_, err := ls.read(index, l)
	if err == nil || errors.Is(err, wal.ErrNotFound) || errors.Is(err, wal.ErrClosed) {
		return err
	}
	ls.s.fail(err)
	ls.s.sparePanic()
	return err
}

func (ls *logStore) read(index uint64, l *hraft.Log) (t trailer, err error) {
	defer func() {
		if recover() != nil { // raft-wal slices by lengths it didn't check
			err = fmt.Errorf("%w: entry %d can't be decoded", ErrCorrupt, index)
		}
	}()
	if err := ls.wal.GetLog(index, l); err != nil {
		return t, err
	}
	if l.Index != index {
		return t, fmt.Errorf("%w: entry %d is found where %d should be", ErrCorrupt, l.Index, index)
	}
	return cutTrailer(l)
}

func (ls *logStore) StoreLog(l *hraft.Log) error { return ls.StoreLogs([]*hraft.Log{l}) }

// StoreLogs appends entries durably.
func (ls *logStore) StoreLogs(logs []*hraft.Log) error {
	if err := ls.s.broken(); err != nil {
		return err
	}
	t := trailer{first: logs[0].Index, commit: ls.staged.Load()}
	copies := make([]*hraft.Log, len(logs))
	var size int
	for i, l := range logs {
		c := *l // Raft goes on reading its own
		c.Extensions = appendTrailer(l, t)
		copies[i] = &c
		size += len(l.Data) + len(c.Extensions)
	}
	if ls.unsaved.Add(int64(size)) > ls.limit {
		ls.unsaved.Store(0)
		select {
		case ls.long <- struct{}{}:
		default:
		}
	}
	return ls.s.fail(ls.wal.StoreLogs(copies))
}

// DeleteRange removes entries from the beginning or the end.
func (ls *logStore) DeleteRange(first, last uint64) error {
	if err := ls.s.broken(); err != nil {
		return err
	}
	ls.early.Store(nil)
	return ls.s.fail(ls.wal.DeleteRange(first, last))
}

// StageCommitIndex remembers what is committed; the next append writes it.
func (ls *logStore) StageCommitIndex(index uint64) error {
	ls.staged.Store(max(index, ls.staged.Load())) // Raft begins at 0
	if e := ls.early.Load(); e != nil && index >= e.last() {
		ls.early.Store(nil) // all applied: Raft stages what it has seen through
	}
	return nil
}

// GetCommitIndex tells Raft nothing. Applying what is committed before it runs is the node's work: Raft would skip the
// configuration entries among them, and wait forever when there are more than its queue holds.
func (ls *logStore) GetCommitIndex() (uint64, error) { return 0, nil }

func (ls *logStore) close() error { return ls.wal.Close() }
