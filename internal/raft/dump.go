package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	hraft "github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Dump reads Raft's directory without changing or locking it, and gives the records of the last snapshot, with its index
// and term, piece by piece, and then each entry of the log after it. Entries without records, which are Raft's own or were
// discarded for their term, are given with none. Whether the last entries are committed can't be told from the directory.
func Dump(fsys vfs.FS, dir string, give func(index, term uint64, recs []metadata.Record) error) error {
	metas, err := listSnapshots(fsys, dir)
	if err != nil {
		return err
	}
	var from uint64
	if len(metas) > 0 {
		last := metas[0]
		from, err = eachRecord(fsys, dir, last, func(recs []metadata.Record) error { return give(last.Index, last.Term, recs) })
		if err != nil {
			return err
		}
	}
	return eachEntryAfter(fsys, dir, from, func(l *hraft.Log) error {
		recs, err := recordsIn(l)
		if err != nil {
			return err
		}
		return give(l.Index, l.Term, recs)
	})
}

// listSnapshots returns what the snapshots in a directory say of themselves, the newest first. The error tells of those
// that can't be read, beside which the others are returned.
func listSnapshots(fsys vfs.FS, dir string) (metas []*hraft.SnapshotMeta, err error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, snapshotSuffix) {
			continue
		}
		meta, r, err := openSnapshot(fsys, filepath.Join(dir, e.Name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.Close()
		metas = append(metas, meta)
	}
	slices.SortFunc(metas, compareSnapshots)
	return metas, errors.Join(errs...)
}

// eachRecord gives the records of a snapshot, and returns the index of the last entry that is in it.
func eachRecord(fsys vfs.FS, dir string, meta *hraft.SnapshotMeta, give func([]metadata.Record) error) (uint64, error) {
	_, r, err := openSnapshot(fsys, filepath.Join(dir, meta.ID+snapshotSuffix))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	index, err := readRecords(r, give)
	return max(index, meta.Index), err
}

// recordsIn returns the records of an entry that take effect.
func recordsIn(l *hraft.Log) ([]metadata.Record, error) {
	if l.Type != hraft.LogCommand {
		return nil, checkType(l)
	}
	term, d, err := decodeTerm(l)
	if err != nil || term != l.Term {
		return nil, err
	}
	return decodeRecords(l, d)
}

// eachEntryAfter gives the entries of the log behind an index.
func eachEntryAfter(fsys vfs.FS, dir string, from uint64, give func(*hraft.Log) error) error {
	state, err := loadSegments(fsys, filepath.Join(dir, segmentsFile))
	if err != nil {
		return err
	}
	for i := range state.Segments {
		err := eachEntry(fsys, dir, &state.Segments[i], func(l *hraft.Log) error {
			if l.Index <= from {
				return nil
			}
			return give(l)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachEntry reads a segment from its beginning to its last whole append, and gives the entries that are still part of the
// log.
func eachEntry(fsys vfs.FS, dir string, info *types.SegmentInfo, give func(*hraft.Log) error) error {
	name := filepath.Join(dir, segment.FileName(*info))
	b, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) && info.SealTime.IsZero() {
		return nil // about to be made
	}
	if err != nil {
		return err
	}
	for at := 0; ; {
		next, whole := nextBatch(b, at)
		if !whole {
			return nil
		}
		for _, payload := range next.entries {
			l, _, err := decodeEntry(payload)
			if err == nil && l.Index >= info.MinIndex && (info.SealTime.IsZero() || l.Index <= info.MaxIndex) {
				err = give(&l)
			}
			if err != nil {
				return fmt.Errorf("%s, append at %d: %w", name, at, err)
			}
		}
		if at = next.end; next.index != 0 {
			return nil
		}
	}
}
