package raft

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"

	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// A snapshot is one file, <term>-<index>.snapshot, written under another name, synced and renamed:
//
//	payload | meta as JSON | footer
//	footer:  payload length u64 | payload crc32c u32 | meta length u32 | meta crc32c u32 | magic u32     big-endian
const (
	snapshotSuffix = ".snapshot"
	snapshotTmp    = ".snapshot.tmp"
	snapshotAside  = ".corrupt"
	snapshotFooter = 24
	snapshotMagic  = 0x4a534e31 // JSN1: the last byte is a digit, the format

	retainSnapshots = 2
	maxMetaBytes    = 1 << 20
)

// snapshotStore is Raft's store of snapshots. It keeps the last two.
type snapshotStore struct {
	s *storage

	mu    sync.Mutex
	metas []*hraft.SnapshotMeta // the good ones, newest first
}

// openSnapshotStore reads every snapshot. One that is damaged is put aside: the one before it may do, if the log still
// reaches back to it.
func openSnapshotStore(s *storage) (*snapshotStore, error) {
	st := &snapshotStore{s: s}
	entries, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case strings.HasSuffix(e.Name, snapshotTmp):
			err = s.fs.Remove(s.path(e.Name))
		case strings.HasSuffix(e.Name, snapshotSuffix):
			err = st.admit(e.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(st.metas, compareSnapshots)
	return st, nil
}

// compareSnapshots puts the newest first.
func compareSnapshots(a, b *hraft.SnapshotMeta) int {
	return -cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Term, b.Term))
}

func (st *snapshotStore) admit(name string) error {
	meta, r, err := openSnapshot(st.s.fs, st.s.path(name))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		r.Close()
	}
	if err == nil {
		st.metas = append(st.metas, meta)
		return nil
	}
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	st.s.log.Error("putting a damaged snapshot aside", "file", st.s.path(name), "err", err)
	if err := st.s.fs.Rename(st.s.path(name), st.s.path(name+snapshotAside)); err != nil {
		return err
	}
	return st.s.fs.SyncDir(st.s.dir)
}

// List returns the snapshots, newest first.
func (st *snapshotStore) List() ([]*hraft.SnapshotMeta, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.metas), nil
}

// Open returns a snapshot. The reader ends with an error instead of io.EOF if the payload is damaged.
func (st *snapshotStore) Open(id string) (*hraft.SnapshotMeta, io.ReadCloser, error) {
	return openSnapshot(st.s.fs, st.s.path(id+snapshotSuffix))
}

// Create begins a snapshot.
func (st *snapshotStore) Create(version hraft.SnapshotVersion, index, term uint64, servers hraft.Configuration,
	serversIndex uint64, _ hraft.Transport,
) (hraft.SnapshotSink, error) {
	if err := st.s.broken(); err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%020d-%020d", term, index)
	f, err := st.s.fs.Create(st.s.path(id + snapshotTmp))
	if err != nil {
		return nil, st.failed(err)
	}
	k := &snapshotSink{st: st, f: f, sum: crc32.New(castagnoli), meta: hraft.SnapshotMeta{
		Version: version, ID: id,
		Index: index, Term: term, Configuration: servers, ConfigurationIndex: serversIndex,
	}}
	k.w = bufio.NewWriterSize(&fileWriter{f: f}, 64<<10)
	return k, nil
}

// failed notes a failure. A disk that is full is none: the log is longer for it, and the next snapshot may succeed.
func (st *snapshotStore) failed(err error) error {
	if vfs.IsNoSpace(err) {
		return err
	}
	return st.s.fail(err)
}

func (st *snapshotStore) add(meta *hraft.SnapshotMeta) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.metas = slices.DeleteFunc(st.metas, func(m *hraft.SnapshotMeta) bool { return m.ID == meta.ID })
	st.metas = slices.Insert(st.metas, 0, meta)
	for len(st.metas) > retainSnapshots {
		last := st.metas[len(st.metas)-1]
		if err := st.s.fs.Remove(st.s.path(last.ID + snapshotSuffix)); err != nil {
			return err
		}
		st.metas = st.metas[:len(st.metas)-1]
	}
	return nil
}

// snapshotSink writes one snapshot. Closing it makes it count.
type snapshotSink struct {
	st   *snapshotStore
	f    vfs.File
	w    *bufio.Writer
	sum  hash.Hash32
	meta hraft.SnapshotMeta
	done bool
}

func (k *snapshotSink) ID() string { return k.meta.ID }

func (k *snapshotSink) Write(b []byte) (int, error) {
	n, err := k.w.Write(b)
	k.sum.Write(b[:n])
	k.meta.Size += int64(n)
	return n, k.st.failed(err)
}

// Close finishes the snapshot and makes it durable.
func (k *snapshotSink) Close() error {
	if k.done {
		return nil
	}
	err := k.finish()
	if err != nil {
		k.Cancel()
		return k.st.failed(err)
	}
	k.done = true
	k.st.s.logs.unsaved.Store(0)
	return nil
}

func (k *snapshotSink) finish() error {
	if err := k.st.s.broken(); err != nil {
		return err
	}
	meta, err := json.Marshal(k.meta)
	if err != nil {
		return err
	}
	footer := binary.BigEndian.AppendUint64(nil, uint64(k.meta.Size))
	footer = binary.BigEndian.AppendUint32(footer, k.sum.Sum32())
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(meta)))
	footer = binary.BigEndian.AppendUint32(footer, crc32.Checksum(meta, castagnoli))
	footer = binary.BigEndian.AppendUint32(footer, snapshotMagic)
	if _, err := k.w.Write(append(meta, footer...)); err != nil {
		return err
	}
	if err := k.w.Flush(); err != nil {
		return err
	}
	if err := k.f.Sync(); err != nil {
		return err
	}
	if err := k.f.Close(); err != nil {
		return err
	}
	fsys, path := k.st.s.fs, k.st.s.path
	if err := fsys.Rename(path(k.meta.ID+snapshotTmp), path(k.meta.ID+snapshotSuffix)); err != nil {
		return err
	}
	if err := fsys.SyncDir(k.st.s.dir); err != nil {
		return err
	}
	meta2 := k.meta
	return k.st.add(&meta2)
}

// Cancel drops the snapshot.
func (k *snapshotSink) Cancel() error {
	if k.done {
		return nil
	}
	k.done = true
	k.f.Close()
	if err := k.st.s.broken(); err != nil {
		return err
	}
	return k.st.s.fs.Remove(k.st.s.path(k.meta.ID + snapshotTmp))
}

// fileWriter writes a file from its beginning.
type fileWriter struct {
	f   vfs.File
	off int64
}

func (w *fileWriter) Write(b []byte) (int, error) {
	n, err := w.f.WriteAt(b, w.off)
	w.off += int64(n)
	return n, err
}

// openSnapshot opens a snapshot for reading its payload.
func openSnapshot(fsys vfs.FS, name string) (_ *hraft.SnapshotMeta, _ io.ReadCloser, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	size, err := f.Size()
	if err != nil {
		return nil, nil, err
	}
	var footer [snapshotFooter]byte
	if size < snapshotFooter {
		return nil, nil, fmt.Errorf("%w: %s has no footer", ErrCorrupt, name)
	}
	if _, err := f.ReadAt(footer[:], size-snapshotFooter); err != nil {
		return nil, nil, err
	}
	payload, metaLen := int64(binary.BigEndian.Uint64(footer[:])), int64(binary.BigEndian.Uint32(footer[12:]))
	magic := binary.BigEndian.Uint32(footer[20:])
	if format := byte(magic); magic>>8 == snapshotMagic>>8 && '1' < format && format <= '9' {
		return nil, nil, notUnderstood(name, fmt.Errorf("its format is %q", footer[20:]))
	}
	if magic != snapshotMagic || metaLen > maxMetaBytes || payload != size-snapshotFooter-metaLen {
		return nil, nil, fmt.Errorf("%w: footer of %s", ErrCorrupt, name)
	}
	b := make([]byte, metaLen)
	if _, err := f.ReadAt(b, payload); err != nil {
		return nil, nil, err
	}
	var meta hraft.SnapshotMeta
	if crc32.Checksum(b, castagnoli) != binary.BigEndian.Uint32(footer[16:]) || json.Unmarshal(b, &meta) != nil {
		return nil, nil, fmt.Errorf("%w: description in %s", ErrCorrupt, name)
	}
	meta.Size = payload
	r := &payloadReader{
		r: bufio.NewReaderSize(io.NewSectionReader(f, 0, payload), 64<<10), f: f,
		sum: crc32.New(castagnoli), want: binary.BigEndian.Uint32(footer[8:]),
	}
	return &meta, r, nil
}

// payloadReader checks the payload's CRC at its end.
type payloadReader struct {
	r    io.Reader
	f    vfs.File
	sum  hash.Hash32
	want uint32
}

func (r *payloadReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.sum.Write(b[:n])
	if err == io.EOF && r.sum.Sum32() != r.want {
		err = fmt.Errorf("%w: checksum of %s", ErrCorrupt, r.f.Name())
	}
	return n, err
}

func (r *payloadReader) Close() error { return r.f.Close() }
