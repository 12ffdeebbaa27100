package commitlog

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// promise is what a log owes its clients after a number of file operations: records below durable and the start offset survive
// any crash from then on.
type promise struct {
	ops            int
	durable, start record.Offset
}

// moveLedger is what the clients of a log that is moved know: all they sent, and what they were promised when.
type moveLedger struct {
	mu       sync.Mutex
	want     []byte // all batches, in order, of one record each
	at       []int  // position of each offset in want
	promises []promise
}

func (m *moveLedger) promise(fs *vfs.Mem, durable, start record.Offset) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.promises); n > 0 {
		durable, start = max(durable, m.promises[n-1].durable), max(start, m.promises[n-1].start)
	}
	m.promises = append(m.promises, promise{fs.Ops(), durable, start})
}

// owed is what held after a number of operations.
func (m *moveLedger) owed(ops int) (p promise) {
	for _, q := range m.promises {
		if q.ops <= ops {
			p = q
		}
	}
	return p
}

func (m *moveLedger) append(t *testing.T, l *Log, size int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	b := batch(1, size, 7)
	mustAppend(t, l, b)
	m.at = append(m.at, len(m.want))
	m.want = append(m.want, b...)
	l.UpdateHighWatermark(l.End())
}

// check compares a log with the ledger: it holds a prefix of what was sent, from its start, and what was promised.
func (m *moveLedger) check(l *Log, owed promise) error {
	if l == nil {
		return fmt.Errorf("the partition has no log")
	}
	if l.Err() != nil {
		return l.Err()
	}
	if l.End() < owed.durable || l.Start() < min(owed.start, l.End()) || l.Start() > l.End() || int(l.End()) > len(m.at) {
		return fmt.Errorf("the log goes from %d to %d; promised were the start %d and all below %d", l.Start(), l.End(), owed.start, owed.durable)
	}
	upTo := len(m.want)
	if int(l.End()) < len(m.at) {
		upTo = m.at[l.End()]
	}
	var got []byte
	for o := l.Start(); o < l.End(); {
		b, next, err := l.ReadBytes(nil, o, 1<<20, l.End(), true)
		if err != nil {
			return err
		}
		got, o = append(got, b...), next
	}
	if l.End() > l.Start() && !bytes.Equal(got, m.want[m.at[l.Start()]:upTo]) {
		return fmt.Errorf("the records from %d to %d are others", l.Start(), l.End())
	}
	return nil
}

// moveWorkload moves a log there and back again while it is appended to, trimmed and flushed, and notes the promises. It returns
// the number of operations when the first move began.
func moveWorkload(t *testing.T, fs *vfs.Mem, opt DirsOptions, seed uint64, m *moveLedger) (from int) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		d := openDirs(t, fs, opt)
		l := createLog(t, d, "moved", opt.Config)
		l.OnFlush(func(o record.Offset) { m.promise(fs, o, 0) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		work := func() {
			for range 5 + rnd.IntN(20) {
				m.append(t, l, 50+rnd.IntN(400))
			}
			switch rnd.IntN(3) {
			case 0:
				if err := l.Flush(); err != nil {
					t.Error(err)
				}
			case 1:
				to := l.Start() + record.Offset(rnd.Int64N(int64(l.End()-l.Start())))
				if err := l.SetStart(to); err != nil {
					t.Error(err)
				}
				if err := l.FlushStart(); err != nil {
					t.Error(err)
				}
				m.promise(fs, 0, to)
			}
		}
		for range 3 {
			work()
		}
		synctest.Wait()
		from = fs.Ops()
		for _, to := range []string{"/b", "/a"} {
			if err := d.Move(l, to); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				work()
			}
			synctest.Wait()
			if l.Dir() != to {
				t.Fatalf("the log is in %s, not %s", l.Dir(), to)
			}
			left := map[string]string{"/a": "/b", "/b": "/a"}[to] + "/moved-0"
			if _, err := fs.Crash(vfs.Synced, 0).Stat(left); err == nil {
				t.Errorf("after the move a power cut brings %s back", left)
			}
			work()
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		d.unlock()
	})
	return from
}

var allStates = flag.Bool("moves.all", false, "try every policy after every operation of a move, instead of every third")

// TestMoveCrash takes the power away after each operation of moves, with policies in turn: the renames in the two directories, as on
// two disks, survive or don't independently. What was promised is there, and a second recovery finds nothing to do.
func TestMoveCrash(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			fs, opt, m := vfs.NewMem(), testOptions("/a", "/b"), &moveLedger{}
			opt.Config.SegmentBytes, opt.Config.IndexInterval = 4000, 300
			if seed%2 == 0 {
				opt.Config.FlushMessages = 1 // durable mode
			}
			from := moveWorkload(t, fs, opt, seed, m)
			failed, policies := 0, vfs.Policies()
			for op := from; op <= fs.Ops() && failed < 5; op++ {
				for i := range policies {
					if !*allStates && (op+i)%3 != 0 {
						continue // the next operation takes it
					}
					p := policies[i]
					if err := checkMoveCrash(t, fs.CrashAt(op, p, seed), opt, m, m.owed(op), op%5 == 0); err != nil {
						t.Errorf("crash after operation %d of %d to %d, %v: %v", op, from, fs.Ops(), p, err)
						failed++
					}
				}
			}
		})
	}
}

// checkMoveCrash opens what a crash left, twice, and looks at the log; then it lets a move go on that was under way.
func checkMoveCrash(t *testing.T, fs *vfs.Mem, opt DirsOptions, m *moveLedger, owed promise, resume bool) error {
	d := openDirs(t, fs, opt)
	l := d.Get(TP{"moved", 0})
	if err := m.check(l, owed); err != nil {
		return err
	}
	first, end, dir := names(t, fs), l.End(), l.Dir()
	d.unlock() // it dies
	d = openDirs(t, fs, opt)
	l = d.Get(TP{"moved", 0})
	if err := m.check(l, owed); err != nil {
		return fmt.Errorf("second recovery: %w", err)
	}
	if second := names(t, fs); second != first || l.End() != end || l.Dir() != dir {
		return fmt.Errorf("the second recovery changed\n%s: %s to %d\ninto\n%s: %s to %d", first, dir, end, second, l.Dir(), l.End())
	}
	d.unlock()
	fs = fs.Crash(vfs.Synced, 0) // what the start has decided may be forgotten, what it keeps may not
	d = openDirs(t, fs, opt)
	defer d.unlock()
	if err := m.check(d.Get(TP{"moved", 0}), owed); err != nil {
		return fmt.Errorf("power cut after the start: %w", err)
	}
	if resume {
		return resumeMove(t, fs.Crash(vfs.Written, 0), opt, m, owed)
	}
	return nil
}

// resumeMove lets the directories work: a move that was under way comes to its end.
func resumeMove(t *testing.T, fs *vfs.Mem, opt DirsOptions, m *moveLedger, owed promise) (err error) {
	synctest.Test(t, func(t *testing.T) {
		d := openDirs(t, fs, opt)
		defer d.unlock()
		l := d.Get(TP{"moved", 0})
		owed.durable = max(owed.durable, l.End())
		runFor(t, d, 0)
		err = m.check(l, owed)
	})
	return err
}

// names lists all .log files.
func names(t *testing.T, fs vfs.FS) string {
	var out bytes.Buffer
	for _, name := range sorted(files(t, fs, "/")) {
		if bytes.HasSuffix([]byte(name), []byte(logSuffix)) {
			fmt.Fprintln(&out, name)
		}
	}
	return out.String()
}

// TestMoveCrashKeepsTheStart deletes records while a copy is made: whatever a crash leaves of the move, they don't come back.
func TestMoveCrashKeepsTheStart(t *testing.T) {
	fs, opt, d, l := moveFixture(t)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := d.Move(l, "/b"); err != nil {
		t.Fatal(err)
	}
	m := d.nextMove()
	if err := m.follow(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.future.AppendFollower(readAll(t, l)); err != nil {
		t.Fatal(err)
	}
	l.UpdateHighWatermark(l.End())
	if err := errors.Join(l.SetStart(7), l.FlushStart()); err != nil {
		t.Fatal(err)
	}
	from := fs.Ops()
	if err := m.saveCopy(); err != nil {
		t.Fatal(err)
	}
	if done, err := m.exchange(); !done || err != nil {
		t.Fatal(done, err)
	}
	mustAppend(t, l, batch(1, 100, 11)) // makes the new twin the longer one
	for i := range 2 {
		if err := d.dirs[0].checkpointer.writeNow(allCheckpoints); err != nil { // as it does at intervals
			t.Fatal(err)
		}
		if i > 0 {
			continue
		}
		if err := m.run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for op := from; op <= fs.Ops(); op++ {
		for _, p := range vfs.Policies() {
			for seed := range uint64(5) {
				d := openDirs(t, fs.CrashAt(op, p, seed), opt)
				if l := d.Get(TP{"t", 0}); l == nil || l.Err() != nil || l.Start() != 7 || l.End() < 10 {
					t.Fatalf("crash after operation %d of %d to %d, %v, seed %d: %v from %d to %d", op, from, fs.Ops(), p, seed, l.Err(), l.Start(), l.End())
				}
				d.unlock()
			}
		}
	}
}

// TestMoveCrashKeepsAStartWithinABatch: the first batch of the copy begins below the log's start offset. No crash of the move
// brings back what was deleted of that batch.
func TestMoveCrashKeepsAStartWithinABatch(t *testing.T) {
	fs, opt := vfs.NewMem(), testOptions("/a", "/b")
	d := openDirs(t, fs, opt)
	l := createLog(t, d, "t", opt.Config)
	for range 3 {
		appendCommitted(t, l, batch(3, 200, 7))
	}
	if err := errors.Join(l.Flush(), l.SetStart(4), l.FlushStart()); err != nil {
		t.Fatal(err)
	}
	from := fs.Ops()
	if err := moveTo(d, l, "/b"); err != nil {
		t.Fatal(err)
	}
	for op := from; op <= fs.Ops(); op++ {
		for _, p := range vfs.Policies() {
			d := openDirs(t, fs.CrashAt(op, p, 1), opt)
			if l := d.Get(TP{"t", 0}); l == nil || l.Err() != nil || l.Start() != 4 || l.End() != 9 {
				t.Fatalf("crash after operation %d of %d to %d, %v: the log goes from %d to %d", op, from, fs.Ops(), p, l.Start(), l.End())
			}
			d.unlock()
		}
	}
}
