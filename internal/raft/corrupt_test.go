package raft

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// written is a closed directory with proposals 0 to 19, and a snapshot of the first of them when asked for.
func written(t *testing.T, o Options, m *vfs.Mem, snapshotAfter int) *metadata.Image {
	n := start(t, o)
	defer n.Close()
	for i := range 20 {
		_, err := n.Propose(t.Context(), []metadata.Record{setting("last", strconv.Itoa(i)), setting(strconv.Itoa(i), strings.Repeat("x", 40))})
		ok(t, err)
		if i == snapshotAfter {
			ok(t, n.instance.raft.Snapshot().Error())
		}
	}
	return n.Image()
}

func file(t *testing.T, m *vfs.Mem, suffix string) (name string, b []byte) {
	entries, err := m.ReadDir(testDir)
	ok(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name, suffix) {
			name = filepath.Join(testDir, e.Name) // the last one
		}
	}
	b, err = vfs.ReadFile(m, name)
	ok(t, err)
	return name, b
}

// damaged opens a copy of the disk on which use changed a file, and returns the image or the error of the start.
func damaged(t *testing.T, m *vfs.Mem, name string, use func(vfs.File) error) (*metadata.Image, error) {
	c := m.Crash(vfs.Written, 0)
	f, err := c.OpenWrite(name)
	ok(t, err)
	ok(t, use(f))
	ok(t, f.Close())
	n, err := Open(options(c, testDir))
	if err != nil {
		return nil, err
	}
	defer n.Close()
	if err := n.Start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.WaitReady(ctx); err != nil {
		select {
		case stopped := <-n.Done():
			return nil, stopped
		default:
			t.Fatalf("neither ready nor stopped: %v", err)
		}
	}
	return n.Image(), nil
}

func flip(at int) func(vfs.File) error {
	return func(f vfs.File) error {
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, int64(at)); err != nil {
			return err
		}
		b[0] ^= 0x41
		_, err := f.WriteAt(b, int64(at))
		return err
	}
}

// TestDamagedLogIsRefused flips every byte of the log. Only in the last append can damage be a torn write; anywhere else
// the node must refuse to start, or not be affected.
func TestDamagedLogIsRefused(t *testing.T) {
	m := memory(t)
	want := written(t, options(m, testDir), m, -1)
	name, b := file(t, m, ".wal")
	lastAppend := 0
	for at := 0; at < len(b); {
		next, whole := nextBatch(b, at)
		if !whole {
			t.Fatalf("append at %d is not whole", at)
		}
		lastAppend, at = at, next.end
	}
	refused, unaffected, torn := 0, 0, 0
	for at := range b {
		got, err := damaged(t, m, name, flip(at))
		switch {
		case errors.Is(err, ErrCorrupt):
			refused++
		case err != nil:
			refused++ // raft-wal's own errors
		case metadata.Diff(want, got).Empty():
			unaffected++
		case at < lastAppend:
			t.Fatalf("a flip at %d, before the last append at %d, changes what is found", at, lastAppend)
		default:
			torn++
		}
	}
	t.Logf("%d bytes: %d refused, %d unaffected, %d as a torn append", len(b), refused, unaffected, torn)
	if refused < lastAppend*8/10 {
		t.Fatalf("only %d flips were noticed", refused)
	}
}

// TestDamagedOldSegmentIsRefused: of a segment that is sealed, every byte that matters is checked when it is read.
func TestDamagedOldSegmentIsRefused(t *testing.T) {
	m := memory(t)
	o := options(m, testDir)
	o.SegmentBytes = 1000
	want := written(t, o, m, -1)
	name := filepath.Join(testDir, "00000000000000000001-0000000000000000.wal")
	b, err := vfs.ReadFile(m, name)
	ok(t, err)
	refused := 0
	for at := range b {
		got, err := damaged(t, m, name, flip(at))
		if err != nil {
			refused++
		} else if !metadata.Diff(want, got).Empty() {
			t.Fatalf("a flip at %d changes what is found", at)
		}
	}
	t.Logf("%d bytes: %d refused", len(b), refused)
	if refused < len(b)/2 {
		t.Fatalf("only %d flips of %d were noticed", refused, len(b))
	}
}

func TestTruncatedLog(t *testing.T) {
	m := memory(t)
	written(t, options(m, testDir), m, -1)
	name, b := file(t, m, ".wal")
	for cut := 1; cut < 200; cut += 7 {
		got, err := damaged(t, m, name, func(f vfs.File) error { return f.Truncate(int64(len(b) - cut)) })
		ok(t, err)
		all := settings(got)
		last, _ := strconv.Atoi(all["last"])
		if len(all) != last+2 {
			t.Fatalf("cut by %d: %d settings after proposal %d", cut, len(all), last)
		}
	}
}

// TestDamagedSnapshot: a snapshot that is damaged is put aside; what the log can't make up for is refused.
func TestDamagedSnapshot(t *testing.T) {
	for _, trailing := range []uint64{100, 1} {
		m := memory(t)
		o := options(m, testDir)
		o.TrailingEntries = trailing
		want := written(t, o, m, 10)
		name, b := file(t, m, snapshotSuffix)
		for at := 0; at < len(b); at += 13 {
			got, err := damaged(t, m, name, flip(at))
			switch {
			case trailing == 1 && !errors.Is(err, ErrCorrupt):
				t.Fatalf("flip at %d without a log to make up for it: %v", at, err)
			case trailing == 100 && (err != nil || !metadata.Diff(want, got).Empty()):
				t.Fatalf("flip at %d with the whole log: %v", at, err)
			}
		}
	}
}

func TestDamagedTablesAreRefused(t *testing.T) {
	m := memory(t)
	want := written(t, options(m, testDir), m, -1)
	for _, name := range []string{segmentsFile, votesFile} {
		name, b := file(t, m, name)
		for at := 0; at < len(b); at += 11 {
			got, err := damaged(t, m, name, flip(at))
			if err == nil && !metadata.Diff(want, got).Empty() {
				t.Fatalf("%s: a flip at %d changes what is found", name, at)
			}
		}
		if _, err := damaged(t, m, name, func(f vfs.File) error {
			_, err := f.WriteAt(make([]byte, len(b)), 0)
			return err
		}); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s full of zeros: %v", name, err)
		}
	}
	c := m.Crash(vfs.Written, 0)
	ok(t, c.Remove(filepath.Join(testDir, votesFile)))
	if _, err := Open(options(c, testDir)); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("without the votes: %v", err)
	}
}
