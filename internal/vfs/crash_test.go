package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func exists(fsys FS, name string) bool {
	_, err := fsys.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// TestCrashNeedsBothSyncs: contents survive by Sync, names by SyncDir, and neither does the other's work.
func TestCrashNeedsBothSyncs(t *testing.T) {
	for _, syncFile := range []bool{false, true} {
		for _, syncDir := range []bool{false, true} {
			m := NewMem()
			f := write(t, m, "/a", "data")
			if syncFile {
				ok(t, f.Datasync())
			}
			if syncDir {
				ok(t, m.SyncDir("/"))
			}
			after := m.Crash(Synced, 0)
			if exists(after, "/a") != syncDir {
				t.Fatalf("directory synced: %v, file found: %v", syncDir, exists(after, "/a"))
			}
			if !syncDir {
				continue
			}
			b, err := ReadFile(after, "/a")
			if want := map[bool]string{true: "data"}[syncFile]; err != nil || string(b) != want {
				t.Fatalf("file synced: %v, found %q, %v", syncFile, b, err)
			}
		}
	}
}

func TestCrashRenameAndRemoveNeedSyncDir(t *testing.T) {
	m := NewMem()
	ok(t, write(t, m, "/a", "1").Sync())
	ok(t, write(t, m, "/b", "2").Sync())
	ok(t, m.SyncDir("/"))
	before := dump(t, m, "/")
	ok(t, m.Rename("/a", "/c"))
	ok(t, m.Remove("/b"))
	if got := dump(t, m.Crash(Synced, 0), "/"); got != before {
		t.Fatalf("without SyncDir found %s, want %s", got, before)
	}
	ok(t, m.SyncDir("/"))
	if got := dump(t, m.Crash(Synced, 0), "/"); got != "c=31 " {
		t.Fatalf("after SyncDir found %s", got)
	}
}

// TestWriteAtomicAtEveryCrashPoint: whatever a power cut leaves, the file holds the old bytes or the new, and the new
// once WriteAtomic returned.
func TestWriteAtomicAtEveryCrashPoint(t *testing.T) {
	m := NewMem()
	v := func(i int) string { return strings.Repeat(fmt.Sprint(i), 3000) }
	var done []int // done[i]: operations when version i was durable
	for i := range 4 {
		ok(t, WriteAtomic(m, "/meta", []byte(v(i))))
		done = append(done, m.Ops())
	}
	states := 0
	for op := range m.Ops() + 1 {
		acked := 0
		for acked < len(done) && done[acked] <= op {
			acked++
		}
		for _, p := range Policies() {
			for seed := range uint64(max(8, m.Unsynced(op)+1)) {
				after := m.CrashAt(op, p, seed)
				b, err := ReadFile(after, "/meta")
				old := acked > 0 && string(b) == v(acked-1)
				if !old && (acked == len(done) || string(b) != v(acked)) && (acked > 0 || err == nil) {
					t.Fatalf("op %d %s seed %d: found %.20q (%d bytes), %v; acknowledged %d", op, p, seed, b, len(b), err, acked)
				}
				states++
			}
		}
	}
	t.Logf("%d states", states)
}

// unsyncedTail is a file of which the first 1,000 bytes are durable and 20,000 more are not.
func unsyncedTail(t *testing.T) *Mem {
	m := NewMem()
	f := write(t, m, "/log", strings.Repeat("a", 1000))
	ok(t, f.Sync())
	ok(t, m.SyncDir("/"))
	for i := range 20 {
		_, err := f.WriteAt(bytes.Repeat([]byte{'b'}, 1000), int64(1000+1000*i))
		ok(t, err)
	}
	return m
}

// TestCrashPoliciesReachTheirStates: each policy leaves the synced bytes alone and produces the damage it is for.
func TestCrashPoliciesReachTheirStates(t *testing.T) {
	m := unsyncedTail(t)
	if n := m.Unsynced(m.Ops()); n != 20 {
		t.Fatalf("%d unsynced operations, want 20", n)
	}
	for _, p := range Policies() {
		lengths, holes, tornAt := map[int]bool{}, 0, map[int]bool{}
		for seed := range uint64(200) {
			b, err := ReadFile(m.Crash(p, seed), "/log")
			ok(t, err)
			if !bytes.HasPrefix(b, bytes.Repeat([]byte{'a'}, 1000)) {
				t.Fatalf("%s seed %d: synced bytes are gone", p, seed)
			}
			tail := b[1000:]
			if i := bytes.Trim(tail, "b\x00"); len(i) > 0 {
				t.Fatalf("%s seed %d: bytes that nobody wrote: %.20q", p, seed, i)
			}
			lengths[len(b)] = true
			for i := 1; i < len(tail); i++ {
				if tail[i] != tail[i-1] {
					tornAt[(i+1000)%512] = true
					holes++
				}
			}
		}
		switch p {
		case Synced, Written:
			if len(lengths) != 1 || holes != 0 {
				t.Errorf("%s: lengths %v, %d holes", p, lengths, holes)
			}
		case Prefix:
			if len(lengths) != 21 || holes != 0 {
				t.Errorf("%s: lengths %v, %d holes", p, lengths, holes)
			}
		case Reordered, Torn512, Torn4K:
			if len(lengths) < 3 || holes == 0 {
				t.Errorf("%s: lengths %v, %d holes", p, lengths, holes)
			}
			if (p != Reordered) != tornAt[0] {
				t.Errorf("%s: cut at sectors: %v", p, tornAt[0])
			}
		case ZeroTail:
			if len(lengths) != 1 || holes == 0 {
				t.Errorf("%s: lengths %v, %d holes", p, lengths, holes)
			}
		}
	}
}

func TestCrashIsRepeatable(t *testing.T) {
	m := unsyncedTail(t)
	for range 20 {
		ok(t, write(t, m, "/other", "x").Close())
		ok(t, m.Rename("/other", "/another"))
	}
	for _, p := range Policies() {
		for seed := range uint64(20) {
			first := dump(t, m.CrashAt(30, p, seed), "/")
			m.CrashAt(3, p, seed) // going back and forth in the history changes nothing
			if again := dump(t, m.CrashAt(30, p, seed), "/"); again != first {
				t.Fatalf("%s seed %d differs from itself", p, seed)
			}
		}
	}
}

// TestCrashTwice: the copy is a file system of its own, which crashes again and leaves the first alone.
func TestCrashTwice(t *testing.T) {
	m := unsyncedTail(t)
	before := dump(t, m, "/")
	first := m.Crash(Prefix, 3)
	f := write(t, first, "/log", "z")
	g := write(t, first, "/new", "n")
	ok(t, g.Sync())
	second := first.Crash(Synced, 0)
	if exists(second, "/new") {
		t.Fatal("a name survived without SyncDir")
	}
	if b, _ := ReadFile(second, "/log"); len(b) != 4000 || b[0] != 'a' {
		t.Fatalf("second crash left %d bytes beginning with %.1q", len(b), b)
	}
	ok(t, f.Sync())
	ok(t, first.SyncDir("/"))
	third := first.Crash(Synced, 0)
	if b, _ := ReadFile(third, "/log"); len(b) != 4000 || b[0] != 'z' {
		t.Fatalf("third crash left %d bytes beginning with %.1q", len(b), b)
	}
	if b, _ := ReadFile(third, "/new"); string(b) != "n" {
		t.Fatalf("new file holds %q", b)
	}
	if dump(t, m, "/") != before {
		t.Fatal("the original changed")
	}
}

func TestFaultFailsTheChosenOperation(t *testing.T) {
	var fail *Op
	var seen []Op
	fsys := NewFault(NewMem(), func(op Op) error {
		seen = append(seen, op)
		if fail != nil && op.Kind == fail.Kind {
			return syscall.EIO
		}
		return nil
	})
	ok(t, WriteAtomic(fsys, "/a", []byte("one")))
	var kinds []string
	for _, op := range seen {
		kinds = append(kinds, op.Kind.String())
	}
	if got := strings.Join(kinds, " "); got != "create writeat sync close rename syncdir" {
		t.Fatalf("operations: %s", got)
	}
	for _, op := range seen {
		fail = &op
		if err := WriteAtomic(fsys, "/a", []byte("two")); !errors.Is(err, syscall.EIO) {
			t.Fatalf("with %s failing: %v", op.Kind, err)
		}
	}
}

func TestFaultPartialWrite(t *testing.T) {
	m := NewMem()
	fsys := NewFault(m, func(op Op) error {
		if op.Kind == OpWriteAt && op.Off == 10 {
			return &Partial{N: 3, Err: syscall.ENOSPC}
		}
		return nil
	})
	f := write(t, fsys, "/a", "0123456789")
	if n, err := f.WriteAt([]byte("abcdef"), 10); n != 3 || !IsNoSpace(err) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if b, _ := ReadFile(m, "/a"); string(b) != "0123456789abc" {
		t.Fatalf("file holds %q", b)
	}
}

// TestFailedSyncForgetsTheBytes: a second Sync succeeds and has made nothing durable.
func TestFailedSyncForgetsTheBytes(t *testing.T) {
	m := NewMem()
	failures := 1
	fsys := NewFault(m, func(op Op) error {
		if op.Kind == OpSync && failures > 0 {
			failures--
			return syscall.EIO
		}
		return nil
	})
	f := write(t, fsys, "/a", "lost")
	ok(t, fsys.SyncDir("/"))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("first sync: %v", err)
	}
	ok(t, f.Sync())
	if b, err := ReadFile(m, "/a"); err != nil || string(b) != "lost" {
		t.Fatalf("before the power cut: %q, %v", b, err)
	}
	if b, err := ReadFile(m.Crash(Written, 0), "/a"); err != nil || len(b) != 0 {
		t.Fatalf("after the power cut: %q, %v", b, err)
	}
}
