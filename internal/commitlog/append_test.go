package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// manyBatches is one append of several batches: of a transaction, of an idempotent producer, and of nobody.
func manyBatches() []byte {
	idempotent := record.NewBuilder(record.None, 0)
	idempotent.SetProducer(2, 0, 0, false)
	idempotent.Append(7, nil, make([]byte, 30))
	return slices.Concat(txnBatch(1, 0, 2, 5), idempotent.Build(), batch(3, 20, 9), txnBatch(1, 2, 1, 8))
}

// TestHalfWrittenAppend lets the write of an append of several batches fail after every count of bytes that matters. Nothing of it is
// there: no offset, no producer, no byte, not even after a power cut; and the same append is accepted when it comes again.
func TestHalfWrittenAppend(t *testing.T) {
	size := len(manyBatches())
	var written []int
	for rest := manyBatches(); len(rest) > 0; {
		b, tail, err := record.Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		at := size - len(rest)
		written, rest = append(written, at, at+30, at+record.HeaderSize, at+len(b)-1), tail
	}
	for _, n := range append(written, size) {
		for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
			t.Run(fmt.Sprintf("%d of %d/%v", n, size, cause), func(t *testing.T) { halfWritten(t, n, cause) })
		}
	}
}

func halfWritten(t *testing.T, n int, cause error) {
	broken := false
	mem, opt := vfs.NewMem(), testOptions("/data")
	d := openDirs(t, vfs.NewFault(mem, func(op vfs.Op) error {
		if broken && op.Kind == vfs.OpWriteAt {
			return &vfs.Partial{N: n, Err: cause}
		}
		return nil
	}), opt)
	l := createLog(t, d, "t", opt.Config)
	mustAppend(t, l, batch(2, 10, 1))
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	before := readAll(t, l)
	broken = true
	if _, err := l.AppendLeader(manyBatches(), 3, AppendOptions{}); !errors.Is(err, protocol.ErrKafkaStorageError) {
		t.Fatalf("the write failed, the append says %v", err)
	}
	broken = false
	checkUntouched(t, l, before)
	for _, policy := range vfs.Policies() {
		crashed := openDirs(t, mem.Crash(policy, uint64(n)), opt)
		if policy == vfs.Synced || policy == vfs.Written { // others may keep the write and lose what took it back
			checkUntouched(t, crashed.Get(l.TP()), before)
		}
		writeAgain(t, crashed, policy != vfs.Synced && policy != vfs.Written)
	}
	if errors.Is(cause, syscall.ENOSPC) {
		l.dir.polledAt.Store(0)
		writeAgain(t, d, false)
	}
}

func checkUntouched(t *testing.T, l *Log, want []byte) {
	t.Helper()
	if p := l.Producers(); l.End() != 2 || len(p) != 0 || l.LatestEpoch() != 0 {
		t.Errorf("after the failed append: end %d, producers %v, epoch %d", l.End(), p, l.LatestEpoch())
	}
	if _, open := l.FirstUnstable(); open {
		t.Error("a transaction began with an append that failed")
	}
	if got := readAll(t, l); !bytes.Equal(got, want) {
		t.Errorf("the log has %d bytes, not %d", len(got), len(want))
	}
	l.mu.Lock()
	s, folder := l.activeLocked(), l.folder
	l.mu.Unlock()
	if info, err := l.env.fs.Stat(s.file(folder, logSuffix)); err != nil || info.Size != s.size {
		t.Errorf("the file has %d bytes, the segment %d: %v", info.Size, s.size, err)
	}
}

// writeAgain sends the append that failed again; what a power cut left of it must be whole batches.
func writeAgain(t *testing.T, d *Dirs, partly bool) {
	t.Helper()
	defer d.unlock()
	l := d.Get(TP{"t", 0})
	left := batchesOf(t, l)
	if len(left) != 1 && !partly {
		t.Fatalf("%d batches are left, not one", len(left))
	}
	a, err := l.AppendLeader(manyBatches(), 3, AppendOptions{})
	if len(left) > 1 { // the first of them is known, the others may not be: it can't be answered as a whole
		if !errors.Is(err, protocol.ErrOutOfOrderSequenceNumber) {
			t.Errorf("%d batches are left, sent again they got %+v, %v", len(left), a, err)
		}
		return
	}
	if err != nil || a.First != 2 || a.Last != 8 || a.Duplicate {
		t.Fatalf("sent again: %+v, %v", a, err)
	}
	if n := newNaive(batchesOf(t, l)); !slices.Equal(l.Producers(), n.list()) {
		t.Errorf("producers %v, not %v", l.Producers(), n.list())
	}
}

// TestRetryOfSeveralBatches: a retry whose first batch is there is no duplicate as a whole.
func TestRetryOfSeveralBatches(t *testing.T) {
	d := openDirs(t, vfs.NewMem(), testOptions("/data"))
	l := createLog(t, d, "t", d.opt.Config)
	mustAppend(t, l, txnBatch(1, 0, 2, 5))
	a, err := l.AppendLeader(slices.Concat(txnBatch(1, 0, 2, 5), txnBatch(1, 2, 2, 5)), 0, AppendOptions{})
	if !errors.Is(err, protocol.ErrOutOfOrderSequenceNumber) || l.End() != 2 {
		t.Errorf("answered with %+v, %v; the log ends at %d", a, err, l.End())
	}
}

// TestAppendFollower: what a leader sent is appended as it is, or refused whole and with nothing changed.
func TestAppendFollower(t *testing.T) {
	at := func(o record.Offset, epoch record.LeaderEpoch, b []byte) []byte {
		record.Batch(b).SetBaseOffset(o)
		record.Batch(b).SetLeaderEpoch(epoch)
		return b
	}
	flip := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	big := at(3, 0, batch(3, 2000, 1))
	tests := map[string]struct {
		buf     []byte
		refused error
		end     record.Offset
	}{
		"at the end":            {at(3, 0, batch(2, 10, 1)), nil, 5},
		"behind a gap":          {at(10, 2, batch(2, 10, 1)), nil, 12},
		"two with a gap":        {append(at(3, 0, batch(2, 10, 1)), at(9, 1, batch(1, 10, 1))...), nil, 10},
		"larger than a segment": {big, nil, 6},
		"far behind a gap":      {at(1<<40, 0, batch(1, 10, 1)), nil, 1<<40 + 1},
		"below the end":         {at(2, 0, batch(2, 10, 1)), protocol.ErrCorruptMessage, 3},
		"what is there":         {at(0, 0, batch(3, 10, 1)), protocol.ErrCorruptMessage, 3},
		"out of order":          {append(at(5, 0, batch(2, 10, 1)), at(3, 0, batch(2, 10, 1))...), protocol.ErrCorruptMessage, 3},
		"overlapping":           {append(at(3, 0, batch(2, 10, 1)), at(4, 0, batch(2, 10, 1))...), protocol.ErrCorruptMessage, 3},
		"wrong CRC":             {flip(at(3, 0, batch(2, 10, 1))), protocol.ErrCorruptMessage, 3},
		"wrong CRC behind":      {append(at(3, 0, batch(2, 10, 1)), flip(at(5, 0, batch(2, 10, 1)))...), protocol.ErrCorruptMessage, 3},
		"half a batch":          {at(3, 0, batch(2, 10, 1))[:70], protocol.ErrCorruptMessage, 3},
		"half a batch behind":   {append(at(3, 0, batch(2, 10, 1)), at(5, 0, batch(2, 10, 1))[:70]...), protocol.ErrCorruptMessage, 3},
		"nothing":               {nil, protocol.ErrCorruptMessage, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fs, opt := vfs.NewMem(), testOptions("/data")
			opt.Config.SegmentBytes = 1000
			d := openDirs(t, fs, opt)
			l := createLog(t, d, "t", opt.Config)
			mustAppend(t, l, batch(3, 10, 1))
			before, sent := readAll(t, l), bytes.Clone(test.buf)
			a, err := l.AppendFollower(test.buf)
			if !errors.Is(err, test.refused) || l.End() != test.end {
				t.Fatalf("%+v, %v; the log ends at %d, not %d", a, err, l.End(), test.end)
			}
			want := slices.Concat(before, sent)
			if test.refused != nil {
				want = before
			}
			if got := readAll(t, l); !bytes.Equal(got, want) {
				t.Errorf("the log has %d bytes, not those %d", len(got), len(want))
			}
			if err := checkEpochs(l, batchesOf(t, l)); err != nil {
				t.Error(err)
			}
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			after := openDirs(t, fs.Crash(vfs.Synced, 0), opt).Get(l.TP())
			if err := after.Err(); err != nil || after.End() != test.end || !bytes.Equal(readAll(t, after), want) {
				t.Errorf("after a power cut the log ends at %d: %v", after.End(), err)
			}
		})
	}
}
