package raft

import (
	"cmp"
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
	from, err := dumpSnapshot(fsys, dir, give)
	if err != nil {
		return err
	}
	state, err := loadSegments(fsys, filepath.Join(dir, segmentsFile))
	if err != nil {
		return err
	}
	for i := range state.Segments {
		if err := dumpSegment(fsys, dir, &state.Segments[i], from, give); err != nil {
			return err
		}
	}
	return nil
}

func dumpSnapshot(fsys vfs.FS, dir string, give func(index, term uint64, recs []metadata.Record) error) (uint64, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var last *hraft.SnapshotMeta
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, snapshotSuffix) {
			continue
		}
		meta, r, err := openSnapshot(fsys, filepath.Join(dir, e.Name))
		if err != nil {
			return 0, err
		}
		r.Close()
		if last == nil || cmp.Or(cmp.Compare(meta.Index, last.Index), cmp.Compare(meta.Term, last.Term)) > 0 {
			last = meta
		}
	}
	if last == nil {
		return 0, nil
	}
	_, r, err := openSnapshot(fsys, filepath.Join(dir, last.ID+snapshotSuffix))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	index, err := readRecords(r, func(recs []metadata.Record) error { return give(last.Index, last.Term, recs) })
	return max(index, last.Index), err
}

func dumpSegment(fsys vfs.FS, dir string, info *types.SegmentInfo, from uint64,
	give func(index, term uint64, recs []metadata.Record) error,
) error {
	return eachEntry(fsys, dir, info, func(l *hraft.Log) error {
		if l.Index <= from {
			return nil
		}
		var recs []metadata.Record
		if l.Type == hraft.LogCommand {
			term, decoded, err := decodeRecords(slices.Clip(l.Data))
			if err != nil {
				return err
			}
			if term == l.Term {
				recs = decoded
			}
		}
		return give(l.Index, l.Term, recs)
	})
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
