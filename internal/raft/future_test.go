package raft

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// future is what later versions may write, as bytes: records behind the head of an entry.
var future = map[string]string{
	"a type of record":                 "01 ff7f 00",
	"a type without a place in images": "01 13 00" + strings.Repeat("00", 16) + "00", // an ACL was removed
	"a version of a record":            "01 02 01 0274" + strings.Repeat("00", 16) + "00",
	"a tagged field":                   "01 02 00 0274" + strings.Repeat("00", 16) + "01 00 01 00",
	"a record behind others":           "02 02 00 0274" + strings.Repeat("00", 16) + "00 ff7f 00",
	"bytes behind the records":         "01 64 00 0263 00 00",
	"fewer bytes than records":         "02 64 00 0263 00",
	"a number of records":              "ffffff7f 64 00 0263 00",
	"a field cut short":                "01 02 00 0974",
}

func raw(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	ok(t, err)
	return b
}

// head is the head of an entry.
func head(format byte, term uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{format}, term)
}

func stops(t *testing.T, n *Node) error {
	t.Helper()
	select {
	case err := <-n.Done():
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the node does not stop")
		return nil
	}
}

// contents are the files of a directory, the lock apart.
func contents(t testing.TB, m *vfs.Mem) map[string]string {
	t.Helper()
	entries, err := m.ReadDir(testDir)
	ok(t, err)
	out := make(map[string]string)
	for _, e := range entries {
		b, err := vfs.ReadFile(m, filepath.Join(testDir, e.Name))
		ok(t, err)
		if e.Name != lockFile {
			out[e.Name] = string(b)
		}
	}
	return out
}

// TestAnEntryOfALaterVersionStopsTheNode: what was committed and isn't understood must not be passed over, neither by the
// node that runs nor by the next start. Neither changes the directory.
func TestAnEntryOfALaterVersionStopsTheNode(t *testing.T) {
	entries := map[string]func(term uint64) []byte{
		"a format":              func(term uint64) []byte { return append(head(2, term), 0) },
		"no more than a format": func(uint64) []byte { return []byte{1} },
	}
	for name, records := range future {
		entries[name] = func(term uint64) []byte { return append(head(1, term), raw(t, records)...) }
	}
	for name, entry := range entries {
		t.Run(name, func(t *testing.T) {
			m := memory(t)
			n := start(t, options(m, testDir))
			set(t, n, "k", "before")
			image, inst := n.Image(), n.instance
			if err := inst.raft.Apply(entry(n.Term()), 0); err.Error() == nil && err.Response() == nil {
				t.Error("whoever proposed it was told that it worked")
			}
			if err := stops(t, n); !errors.Is(err, ErrNotUnderstood) || !strings.Contains(err.Error(), "entry ") {
				t.Errorf("the node stopped with: %v", err)
			}
			ok(t, n.Close())
			if n.Image() != image {
				t.Error("the image changed")
			}
			refusesUnchanged(t, m)
		})
	}
}

// refusesUnchanged wants a start to fail, and the directory to stay as it is.
func refusesUnchanged(t *testing.T, m *vfs.Mem) {
	t.Helper()
	before, ops := contents(t, m), m.Ops()
	if found, err := Inspect(m, testDir); !errors.Is(err, ErrNotUnderstood) || !found.Begun {
		t.Errorf("Inspect: %+v, %v", found, err)
	}
	if m.Ops() != ops {
		t.Error("Inspect wrote")
	}
	if n, err := Open(options(m, testDir)); err == nil {
		ok(t, n.Start()) // the entry was not yet known to be committed
		if err := stops(t, n); !errors.Is(err, ErrNotUnderstood) {
			t.Errorf("the next start stopped with: %v", err)
		}
		ok(t, n.Close())
		return // it had to write that it is the leader
	} else if !errors.Is(err, ErrNotUnderstood) {
		t.Errorf("Open: %v", err)
	}
	if after := contents(t, m); !maps.Equal(before, after) {
		t.Errorf("files changed: %v, %v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
}

// TestNothingIsSavedBehindAnUnknownEntry: a snapshot would say that the entry is in it.
func TestNothingIsSavedBehindAnUnknownEntry(t *testing.T) {
	f := newFSM()
	bad := hraft.Log{Index: 1, Term: 1, Data: append(head(1, 1), raw(t, future["a type of record"])...)}
	good := hraft.Log{Index: 2, Term: 1, Data: append(head(1, 1), raw(t, "01 64 00 0263 00")...)}
	for range 2 {
		for _, l := range []*hraft.Log{&bad, &good} {
			if err, _ := f.Apply(l).(error); !errors.Is(err, ErrNotUnderstood) {
				t.Errorf("entry %d: %v", l.Index, err)
			}
		}
	}
	if f.image.Load().ClusterID() != "" || f.index.Load() != 0 {
		t.Errorf("the image goes on to entry %d", f.index.Load())
	}
	if s, err := f.Snapshot(); err == nil {
		t.Errorf("a snapshot at entry %d", s.(*imageSnapshot).index)
	}
}

// TestAStaleEntryOfALaterVersion: an entry of another term takes no effect on any node, whatever it says.
func TestAStaleEntryOfALaterVersion(t *testing.T) {
	f := newFSM()
	l := &hraft.Log{Index: 1, Term: 2, Data: append(head(1, 1), raw(t, future["a type of record"])...)}
	if err, _ := f.Apply(l).(error); !errors.Is(err, ErrStaleTerm) || f.index.Load() != 1 {
		t.Errorf("%v, at %d", err, f.index.Load())
	}
}

// TestASnapshotOfALaterVersionIsRefused writes snapshots by hand, each behind a log that would do without it.
func TestASnapshotOfALaterVersionIsRefused(t *testing.T) {
	payload := func(format uint32, chunk string) []byte {
		h := binary.BigEndian.AppendUint32(nil, imageMagic)
		h = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(h, format), 3)
		b := bytes.NewBuffer(slices.Clone(h))
		body := raw(t, chunk)
		n := uint32(body[0])
		ok(t, writeChunk(b, h, body[1:], n))
		ok(t, writeChunk(b, h, nil, n))
		return b.Bytes()
	}
	images := map[string][]byte{"a format": payload(2, future["a record behind others"])}
	for name, records := range future {
		if name != "a number of records" { // it is a varint only in entries
			images[name] = payload(1, records)
		}
	}
	for name, image := range images {
		t.Run(name, func(t *testing.T) {
			m := memory(t)
			written(t, options(m, testDir), m, -1)
			saveSnapshot(t, m, image)
			refusesUnchanged(t, m)
		})
	}
	t.Run("a footer", func(t *testing.T) {
		m := memory(t)
		written(t, options(m, testDir), m, 10)
		name, b := file(t, m, snapshotSuffix)
		f, err := m.OpenWrite(name)
		ok(t, err)
		_, err = f.WriteAt([]byte{'2'}, int64(len(b)-1))
		ok(t, err)
		ok(t, f.Close())
		refusesUnchanged(t, m)
	})
}

func saveSnapshot(t *testing.T, m *vfs.Mem, payload []byte) {
	t.Helper()
	n, err := Open(options(m, testDir))
	ok(t, err)
	defer n.Close()
	sink, err := n.storage.snaps.Create(1, 3, 1, hraft.Configuration{}, 1, nil)
	ok(t, err)
	_, err = sink.Write(payload)
	ok(t, err)
	ok(t, sink.Close())
}

// TestAnUnknownKindOfEntryIsRefused has an entry of Raft's own that a later library may write.
func TestAnUnknownKindOfEntryIsRefused(t *testing.T) {
	m := memory(t)
	written(t, options(m, testDir), m, -1)
	n, err := Open(options(m, testDir))
	ok(t, err)
	last, err := n.storage.logs.LastIndex()
	ok(t, err)
	n.storage.logs.staged.Store(last + 1)
	for i := range uint64(2) { // the second one says that the first is committed
		ok(t, n.storage.logs.StoreLog(&hraft.Log{Index: last + 1 + i, Term: 9, Type: hraft.LogType(9 - 9*i)}))
	}
	ok(t, n.Close())
	refusesUnchanged(t, m)
}

// TestVotesOfALaterVersionAreRefused: the older slot must not be taken for one that is whole and can't be read.
func TestVotesOfALaterVersionAreRefused(t *testing.T) {
	m := memory(t)
	written(t, options(m, testDir), m, -1)
	v := &votes{values: map[string][]byte{}}
	slot := v.encode()
	binary.BigEndian.PutUint64(slot, 1000)
	binary.BigEndian.PutUint32(slot[8:], 1) // too short for a value
	binary.BigEndian.PutUint32(slot[12:], slotSum(slot[:slotHeader+1]))
	f, err := m.OpenWrite(filepath.Join(testDir, votesFile))
	ok(t, err)
	_, err = f.WriteAt(slot, 0)
	ok(t, err)
	ok(t, f.Close())
	if n, err := Open(options(m, testDir)); !errors.Is(err, ErrNotUnderstood) {
		t.Errorf("Open: %v, %v", n, err)
	}
}

// TestInspect compares what is found in a directory with what the node had.
func TestInspect(t *testing.T) {
	m := memory(t)
	if found, err := Inspect(m, testDir); err != nil || found.Begun {
		t.Fatalf("in no directory: %+v, %v", found, err)
	}
	o := options(m, testDir)
	n, err := Open(o)
	ok(t, err)
	ok(t, n.Close())
	if found, err := Inspect(m, testDir); err != nil || found.Begun {
		t.Fatalf("before the first start: %+v, %v", found, err)
	}
	o.TrailingEntries = 1
	for _, snapshotAfter := range []int{-1, 10} {
		want := written(t, o, m, snapshotAfter)
		found, err := Inspect(m, testDir)
		ok(t, err)
		if !found.Begun || found.Directory != o.DirectoryID || !slices.Equal(settingsOf(found), settingsOf(Found{Image: want})) {
			t.Errorf("%+v", found)
		}
	}
}

func settingsOf(f Found) (out []string) {
	for k, v := range settings(f.Image) {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}
