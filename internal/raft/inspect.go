package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	hraft "github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/segment"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Found is what Inspect finds in Raft's directory.
type Found struct {
	Begun     bool            // there is a log
	Image     *metadata.Image // of all that is in the log, committed or not
	Directory protocol.UUID   // of the only server; zero where there is none, or are several
	Damage    error           // what was lost of a log that was begun: its entries, or term and vote
}

// Inspect reads Raft's directory, which need not exist, as Open does, without changing or locking it. What isn't understood
// is an error that wraps ErrNotUnderstood. Damage behind the first entry is left to Open, which knows what can be done about
// it: the image then ends before it.
func Inspect(fsys vfs.FS, dir string) (Found, error) {
	i := &inspector{fsm: newFSM()}
	err := i.inspect(fsys, dir)
	i.found.Image = i.fsm.image.Load()
	if errors.Is(err, ErrNotUnderstood) || err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrCorrupt) {
		return i.found, err
	}
	if i.found.Begun {
		i.found.Damage = lostVotes(fsys, dir)
	} else {
		i.found.Damage = lost(fsys, dir, err)
	}
	return i.found, nil
}

// lost tells what is missing or damaged of a log of which no entry is found, nil if there never was one. A node votes for
// itself, in term 2, when its log has begun.
func lost(fsys vfs.FS, dir string, err error) error {
	if errors.Is(err, ErrCorrupt) {
		return err
	}
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, votesFile))
	if err != nil {
		return nil // openVotes judges a log without
	}
	v, err := decodeVotes(b, filepath.Join(dir, votesFile))
	if err != nil {
		return err
	}
	if term, err := v.GetUint64([]byte(termKey)); err != nil || term <= 1 {
		return err
	}
	name := segmentsFile
	if state, err := loadSegments(fsys, filepath.Join(dir, segmentsFile)); err == nil && len(state.Segments) > 0 {
		name = segment.FileName(state.Segments[len(state.Segments)-1])
	}
	return fmt.Errorf("%w: %s is missing or damaged", ErrCorrupt, filepath.Join(dir, name))
}

// lostVotes tells what is wrong with the term and vote of a log, nil if nothing is. A voter that forgot its vote could vote
// twice.
func lostVotes(fsys vfs.FS, dir string) error {
	name := filepath.Join(dir, votesFile)
	b, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is a log, but no file %s: %w", ErrCorrupt, name, err)
	}
	if err == nil {
		_, err = decodeVotes(b, name)
	}
	return err
}

type inspector struct {
	fsm   *fsm
	found Found
}

func (i *inspector) inspect(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(filepath.Join(dir, segmentsFile)); err != nil {
		return err
	}
	if err := i.snapshot(fsys, dir); err != nil {
		return err
	}
	return eachEntryAfter(fsys, dir, i.fsm.index.Load(), func(l *hraft.Log) error {
		i.found.Begun = true
		if l.Type == hraft.LogConfiguration {
			i.servers(hraft.DecodeConfiguration(l.Data))
		}
		if l.Type == hraft.LogCommand {
			i.fsm.Apply(l) // its error was for whoever proposed the entry
			return i.fsm.broken()
		}
		return checkType(l)
	})
}

// snapshot loads the newest snapshot that is whole.
func (i *inspector) snapshot(fsys vfs.FS, dir string) error {
	metas, err := listSnapshots(fsys, dir)
	i.found.Begun = len(metas) > 0 || err != nil
	if errors.Is(err, ErrNotUnderstood) || err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	for _, meta := range metas {
		_, r, err := openSnapshot(fsys, filepath.Join(dir, meta.ID+snapshotSuffix))
		if err != nil {
			return err
		}
		err = i.fsm.Restore(r)
		if err == nil {
			i.servers(meta.Configuration)
			i.fsm.index.Store(max(meta.Index, i.fsm.index.Load()))
			return nil
		}
		if !errors.Is(err, ErrCorrupt) {
			return fmt.Errorf("snapshot %s: %w", meta.ID, err)
		}
	}
	return nil
}

func (i *inspector) servers(c hraft.Configuration) {
	i.found.Directory = protocol.UUID{}
	if len(c.Servers) == 1 {
		_, i.found.Directory, _ = parseServerID(string(c.Servers[0].ID))
	}
}
