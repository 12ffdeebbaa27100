package vfs

import (
	"math/rand/v2"
	"time"
)

// Policy says which of the operations that no Sync or SyncDir covers are found on disk after a power cut. Those that are
// covered are always found.
type Policy uint8

const (
	// Synced keeps none of them.
	Synced Policy = iota
	// Written keeps all of them.
	Written
	// Prefix keeps the first k in the order they were made, k being the seed modulo (their number + 1).
	Prefix
	// Reordered keeps a random set of the writes, of all files alike, and of each directory a random prefix of its
	// changes. Writes after a truncation of the same file that was not kept are not kept either.
	Reordered
	// Torn512 keeps random sectors of 512 bytes of each write. A file is as long as its last kept sector says, or as its
	// last write.
	Torn512
	// Torn4K is Torn512 with sectors of 4 KiB.
	Torn4K
	// ZeroTail keeps every length, but from a random moment on not the bytes: what was added then reads as zeros, and
	// what was overwritten is as before.
	ZeroTail

	policies = iota
)

// Policies lists all of them.
func Policies() []Policy {
	all := make([]Policy, policies)
	for i := range all {
		all[i] = Policy(i)
	}
	return all
}

func (p Policy) String() string {
	return [policies]string{"synced", "written", "prefix", "reordered", "torn512", "torn4k", "zerotail"}[p]
}

// Crash returns the file system as it may be found after a power cut at this moment. It has the same capacity and can
// itself be crashed. m is unharmed; files open on it are not open on the copy.
func (m *Mem) Crash(p Policy, seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crashLocked(len(m.history.entries), p, seed)
}

// CrashAt is Crash at an earlier moment: after the first op operations, 0 <= op <= Ops(). Going forwards through all
// operations is cheap.
func (m *Mem) CrashAt(op int, p Policy, seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crashLocked(op, p, seed)
}

// Ops is the number of operations so far that a crash can come between: changes of files and directories, and syncs.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.history.entries)
}

// Unsynced is the number of changes among the first op operations that were not synced then: with policy Prefix the
// seeds 0 to Unsynced(op) give every prefix once.
func (m *Mem) Unsynced(op int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.history.upTo(op).pending)
}

func (m *Mem) crashLocked(op int, p Policy, seed uint64) *Mem {
	if !m.record {
		panic("BUG: crash of a file system that doesn't record; use NewMem")
	}
	at := m.history.upTo(op)
	d := at.copy()
	for _, e := range choose(p, at.pending, rand.New(rand.NewPCG(seed, uint64(op))), seed) {
		d.apply(e)
	}
	out := d.mount()
	out.capacity.Store(m.capacity.Load())
	return out
}

func (m *Mem) logLocked(e entry) {
	if m.record {
		m.history.entries = append(m.history.entries, e)
	}
}

func (m *Mem) logWriteLocked(n *node, b []byte, off int64) {
	if m.record {
		m.logLocked(entry{kind: opWrite, id: n.id, off: off, data: append([]byte(nil), b...), at: n.mod})
	}
}

// history is every operation since the file system was made.
type history struct {
	base    *disk // before the first entry
	entries []entry

	disk *disk // after the first done entries; nil when nobody asked yet
	done int
}

func (h *history) upTo(op int) *disk {
	if h.disk == nil || h.done > op {
		h.disk, h.done = h.base.copy(), 0
	}
	for ; h.done < op; h.done++ {
		h.disk.do(h.entries[h.done])
	}
	return h.disk
}

type entryKind uint8

const (
	opLink entryKind = iota + 1
	opUnlink
	opRename
	opSyncDir
	opWrite
	opTruncate
	opSync
	opSyncFailed
)

// entry is one operation. Files and directories go by number, so that it means something whatever came before it.
type entry struct {
	kind   entryKind
	isDir  bool
	id     int64 // the file or directory that is written or gets a name
	dir    int64 // the directory that changes
	name   string
	toDir  int64 // opRename
	toName string
	off    int64 // opWrite: position; opTruncate: length
	data   []byte
	at     time.Time
}

func (e *entry) ofFile() bool { return e.kind == opWrite || e.kind == opTruncate }

// choose returns what policy p leaves of the pending operations.
func choose(p Policy, pending []entry, rnd *rand.Rand, seed uint64) []entry {
	switch p {
	case Synced:
		return nil
	case Written:
		return pending
	case Prefix:
		return pending[:seed%uint64(len(pending)+1)]
	case Reordered:
		return reorder(pending, rnd, func(e entry) []entry {
			if rnd.IntN(2) == 0 {
				return nil
			}
			return []entry{e}
		})
	case Torn512:
		return reorder(pending, rnd, tear(512, rnd))
	case Torn4K:
		return reorder(pending, rnd, tear(4096, rnd))
	case ZeroTail:
		return zeroTail(pending, rnd)
	}
	panic("BUG: unknown crash policy " + p.String())
}

// reorder keeps of each directory a random prefix of its changes, and of each write what part gives.
func reorder(pending []entry, rnd *rand.Rand, part func(entry) []entry) []entry {
	left := map[int64]int{} // changes of a directory that are still kept
	for _, e := range pending {
		if !e.ofFile() {
			left[e.dir]++
		}
	}
	for _, e := range pending { // in the order of pending, not of the map: a seed must give the same result every time
		if n, ok := left[e.dir]; ok && n > 0 && !e.ofFile() {
			left[e.dir] = -rnd.IntN(n + 1)
		}
	}
	cut := map[int64]bool{} // files whose truncation was lost
	var kept []entry
	for _, e := range pending {
		switch {
		case !e.ofFile():
			if left[e.dir] < 0 {
				left[e.dir]++
				kept = append(kept, e)
			}
		case cut[e.id]:
		case e.kind == opTruncate:
			if cut[e.id] = rnd.IntN(2) == 0; !cut[e.id] {
				kept = append(kept, e)
			}
		default:
			kept = append(kept, part(e)...)
		}
	}
	return kept
}

// tear cuts writes into sectors and keeps each with a chance that is drawn once a crash.
func tear(sector int64, rnd *rand.Rand) func(entry) []entry {
	chance := []float64{0.1, 0.5, 0.9, 0.98}[rnd.IntN(4)]
	return func(e entry) (kept []entry) {
		end := e.off + int64(len(e.data))
		for from := e.off; from < end; {
			to := min(end, (from/sector+1)*sector)
			if rnd.Float64() < chance {
				s := e
				s.off, s.data = from, e.data[from-e.off:to-e.off]
				kept = append(kept, s)
			}
			from = to
		}
		if rnd.IntN(2) == 0 {
			e.off, e.data = end, nil // the length alone
			kept = append(kept, e)
		}
		return kept
	}
}

// zeroTail keeps everything up to a random moment, and the lengths of what was written later.
func zeroTail(pending []entry, rnd *rand.Rand) []entry {
	from := rnd.IntN(len(pending) + 1)
	kept := append([]entry(nil), pending[:from]...)
	for _, e := range pending[from:] {
		if e.kind == opWrite {
			e.off, e.data = e.off+int64(len(e.data)), nil
		}
		kept = append(kept, e)
	}
	return kept
}
