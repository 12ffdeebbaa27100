package raft

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// segmentTable is raft-wal's list of segments: a file with a CRC-32C in hexadecimal digits, a newline, and JSON, replaced
// as a whole.
type segmentTable struct{ s *storage }

// Load returns the list, an empty one when there is none yet.
func (t *segmentTable) Load(string) (types.PersistentState, error) {
	return loadSegments(t.s.fs, t.s.path(segmentsFile))
}

func loadSegments(fsys vfs.FS, name string) (state types.PersistentState, err error) {
	b, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	var sum uint32
	if len(b) < 9 || b[8] != '\n' {
		return state, fmt.Errorf("%w: %s", ErrCorrupt, name)
	}
	if _, err := fmt.Sscanf(string(b[:8]), "%08x", &sum); err != nil || sum != crc32.Checksum(b[9:], castagnoli) {
		return state, fmt.Errorf("%w: checksum of %s", ErrCorrupt, name)
	}
	if err := json.Unmarshal(b[9:], &state); err != nil {
		return state, fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
	}
	return state, nil
}

// CommitState replaces the list durably.
func (t *segmentTable) CommitState(state types.PersistentState) error {
	if err := t.s.broken(); err != nil {
		return err
	}
	b, err := json.Marshal(state)
	if err != nil {
		return err
	}
	b = append(fmt.Appendf(nil, "%08x\n", crc32.Checksum(b, castagnoli)), b...)
	return t.s.fail(vfs.WriteAtomic(t.s.fs, t.s.path(segmentsFile), b))
}

// GetStable and SetStable are not used: Raft's stable store is votes.
func (t *segmentTable) GetStable([]byte) ([]byte, error)  { return nil, errors.ErrUnsupported }
func (t *segmentTable) SetStable(key, value []byte) error { return errors.ErrUnsupported }

func (t *segmentTable) Close() error { return nil }

// segmentFS gives raft-wal the files of its segments.
type segmentFS struct{ s *storage }

func (g *segmentFS) ListDir(dir string) ([]string, error) {
	entries, err := g.s.fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir {
			names = append(names, e.Name)
		}
	}
	return names, nil
}

func (g *segmentFS) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if err := g.s.broken(); err != nil {
		return nil, err
	}
	f, err := g.s.fs.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, g.s.fail(err)
	}
	if err := f.Preallocate(0, int64(size)); err != nil {
		f.Close()
		return nil, g.s.fail(err)
	}
	return &segmentFile{File: f, s: g.s, size: int64(size)}, nil
}

func (g *segmentFS) Delete(dir, name string) error {
	if err := g.s.broken(); err != nil {
		return err
	}
	if err := g.s.fs.Remove(filepath.Join(dir, name)); err != nil {
		return g.s.fail(err)
	}
	return g.s.failSync(g.s.fs.SyncDir(dir))
}

func (g *segmentFS) OpenReader(dir, name string) (types.ReadableFile, error) {
	return g.s.fs.Open(filepath.Join(dir, name))
}

func (g *segmentFS) OpenWriter(dir, name string) (types.WritableFile, error) {
	path := filepath.Join(dir, name)
	if _, err := g.s.fs.Stat(path); err != nil {
		return nil, err
	}
	f, err := g.s.fs.OpenWrite(path)
	if err != nil {
		return nil, err
	}
	end, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &segmentFile{File: f, s: g.s, end: end}, nil
}

// segmentFile is the segment that is appended to.
//
// Invariant: the file ends where the last write ended. What an append that failed, or that a crash tore, left behind is
// cut off by the next one, so that no later recovery takes it for frames.
type segmentFile struct {
	vfs.File
	s        *storage
	size     int64 // bytes to keep reserved
	end      int64
	entrySet bool // the directory entry is durable
}

func (f *segmentFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.s.broken(); err != nil {
		return 0, err
	}
	if off < f.end {
		if err := f.Truncate(off); err != nil {
			return 0, f.s.fail(err)
		}
		f.end = off
		_ = f.Preallocate(off, max(1, f.size-off)) // gone with the rest; the write below tells when it was needed
	}
	n, err := f.File.WriteAt(b, off)
	f.end = off + int64(n)
	return n, f.s.fail(err)
}

// Sync makes what was written durable. The first one, also after a restart, includes the file's name.
func (f *segmentFile) Sync() error {
	if err := f.s.broken(); err != nil {
		return err
	}
	if err := f.Datasync(); err != nil {
		return f.s.failSync(err)
	}
	if f.entrySet {
		return nil
	}
	f.entrySet = true
	return f.s.failSync(f.s.fs.SyncDir(filepath.Dir(f.Name())))
}

// repairTail puts the last segment into a state that raft-wal opens as it should: an append that a crash tore is cut off,
// and a segment that was sealed, but not yet listed as such, is listed.
func repairTail(s *storage, table *segmentTable) error {
	state, err := table.Load("")
	if err != nil || len(state.Segments) == 0 {
		return err
	}
	tail := &state.Segments[len(state.Segments)-1]
	if !tail.SealTime.IsZero() {
		return nil
	}
	name := s.path(segment.FileName(*tail))
	b, err := vfs.ReadFile(s.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was about to be made
	}
	if err != nil {
		return err
	}
	end, last, sealed, err := checkTail(b, tail.BaseIndex)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if end < len(b) {
		if err := cutTail(s, name, int64(end), len(b)); err != nil {
			return err
		}
	}
	if sealed == 0 {
		return nil
	}
	tail.SealTime, tail.MaxIndex, tail.IndexStart = time.Now(), last, uint64(sealed)
	next := types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: last + 1, MinIndex: last + 1, Codec: tail.Codec,
		CreateTime: time.Now(), SizeLimit: tail.SizeLimit,
	}
	state.NextSegmentID++
	state.Segments = append(state.Segments, next)
	return table.CommitState(state)
}

func cutTail(s *storage, name string, end int64, size int) error {
	s.log.Info("cutting off an append that a crash left half done", "file", name, "bytes", int64(size)-end)
	f, err := s.fs.OpenWrite(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(end); err != nil {
		return s.fail(err)
	}
	return s.failSync(f.Datasync())
}

// checkTail finds the end of the last whole append in the segment that begins with entry base, the index of the last
// entry, and the position of the index if the segment is sealed. It fails when what follows isn't just a torn append.
func checkTail(b []byte, base uint64) (end int, last uint64, sealed int, err error) {
	last = base - 1
	for {
		next, ok := nextBatch(b, end)
		if !ok {
			break
		}
		for _, payload := range next.entries {
			l, _, err := decodeEntry(payload)
			if err != nil || l.Index != last+1 {
				return 0, 0, 0, fmt.Errorf("%w: entry %d at %d: %w", ErrCorrupt, last+1, end, err)
			}
			last++
		}
		end = next.end
		if sealed = next.index; sealed != 0 {
			return end, last, sealed, nil
		}
	}
	return end, last, sealed, findLater(b, end, last)
}

// findLater looks behind the end for entries of a later append than the one that should follow. There can be none unless
// the one that is damaged was acknowledged.
func findLater(b []byte, end int, last uint64) error {
	for at := max(end, segmentHeader); at+frameHeader <= len(b); at += 8 {
		n := int(binary.LittleEndian.Uint32(b[at+4:]))
		if b[at] != frameEntry || n < trailerSize || n > len(b)-at-frameHeader {
			continue
		}
		if l, t, err := decodeEntry(b[at+frameHeader:][:n]); err == nil && t.first > last+1 {
			return fmt.Errorf("%w: entry %d is damaged and entry %d follows it; acknowledged metadata is lost",
				ErrCorrupt, last+1, l.Index)
		}
	}
	return nil
}
