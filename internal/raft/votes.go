package raft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"sync"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// The file of term and vote has two slots of 4 KiB. A change is written to the slot that holds the older state, so that a
// torn write leaves the newer one, and costs one write and one fdatasync without allocating space: a full disk doesn't
// keep a node from voting.
//
//	slot:  sequence u64 | length u32 | crc32c u32 (of sequence and values) | values
//	value: key length u16 | key | value length u16 | value          numbers are big-endian
const (
	slotSize   = 4096
	slotHeader = 16
)

// Keys that Raft uses.
const (
	termKey     = "CurrentTerm"
	voteTermKey = "LastVoteTerm"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// votes is Raft's stable store: the current term and the vote cast in it.
type votes struct {
	s *storage
	f vfs.File

	mu       sync.Mutex
	sequence uint64 // of the newest slot; it lies at slot sequence % 2
	values   map[string][]byte
	held     bool // values has a change that isn't on disk
}

func openVotes(s *storage, name string) (*votes, error) {
	if _, err := s.fs.Stat(name); err != nil {
		empty := append(new(votes).encode(), make([]byte, slotSize)...)
		if err := vfs.WriteAtomic(s.fs, name, empty[:2*slotSize]); err != nil {
			return nil, err
		}
	}
	b, err := vfs.ReadFile(s.fs, name)
	if err != nil {
		return nil, err
	}
	v, err := decodeVotes(b, name)
	if err != nil {
		return nil, err
	}
	v.s = s
	if v.f, err = s.fs.OpenWrite(name); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *votes) encode() []byte {
	b := make([]byte, slotHeader, slotSize)
	for _, key := range slices.Sorted(maps.Keys(v.values)) {
		b = appendBytes(appendBytes(b, []byte(key)), v.values[key])
	}
	binary.BigEndian.PutUint64(b, v.sequence)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-slotHeader))
	binary.BigEndian.PutUint32(b[12:], slotSum(b))
	return append(b, make([]byte, max(0, slotSize-len(b)))...)
}

func slotSum(slot []byte) uint32 {
	return crc32.Update(crc32.Checksum(slot[:8], castagnoli), castagnoli, slot[slotHeader:])
}

func appendBytes(b, p []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
}

// decodeVotes reads a file of term and vote.
func decodeVotes(b []byte, name string) (*votes, error) {
	v := &votes{values: map[string][]byte{}}
	if err := v.decode(b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// decode takes the newest valid slot. A slot whose checksum is right holds a vote: one that can't be read is an error, for
// the slot before it knows less.
func (v *votes) decode(b []byte) error {
	found := false
	for len(b) >= slotSize {
		slot := b[:slotSize]
		b = b[slotSize:]
		n := binary.BigEndian.Uint32(slot[8:])
		if n > slotSize-slotHeader || slotSum(slot[:slotHeader+n]) != binary.BigEndian.Uint32(slot[12:]) {
			continue
		}
		sequence := binary.BigEndian.Uint64(slot)
		values, ok := decodeValues(slot[slotHeader : slotHeader+n])
		if !ok {
			return notUnderstood("votes", fmt.Errorf("the values of slot %d can't be decoded", sequence%2))
		}
		if !found || sequence > v.sequence {
			v.sequence, v.values, found = sequence, values, true
		}
	}
	if !found {
		return fmt.Errorf("%w: no slot is valid", ErrCorrupt)
	}
	return nil
}

func decodeValues(b []byte) (map[string][]byte, bool) {
	values := map[string][]byte{}
	for len(b) > 0 {
		key, rest, ok := cutBytes(b)
		if !ok {
			return nil, false
		}
		value, rest, ok := cutBytes(rest)
		if !ok {
			return nil, false
		}
		values[string(key)], b = bytes.Clone(value), rest
	}
	return values, true
}

func cutBytes(b []byte) (p, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b)) + 2
	if n > len(b) {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}

// Set stores a value durably. Raft sets the term of a vote and then its candidate, and votes after both: the first is
// kept in memory until the second comes, which spares an fsync.
func (v *votes) Set(key, value []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if old, ok := v.values[string(key)]; ok && !v.held && bytes.Equal(old, value) {
		return nil
	}
	if n := len(value); n > 1024 {
		return fmt.Errorf("value of %d bytes for %s is too long", n, key)
	}
	v.values[string(key)] = bytes.Clone(value)
	v.held = string(key) == voteTermKey
	if v.held {
		return nil
	}
	return v.write()
}

func (v *votes) write() error {
	if err := v.s.broken(); err != nil {
		return err
	}
	v.sequence++
	if _, err := v.f.WriteAt(v.encode(), int64(v.sequence%2)*slotSize); err != nil {
		return v.s.fail(err)
	}
	return v.s.failSync(v.f.Datasync())
}

// Get returns a value, or an empty one.
func (v *votes) Get(key []byte) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return bytes.Clone(v.values[string(key)]), nil
}

// SetUint64 stores a number as Set does.
func (v *votes) SetUint64(key []byte, n uint64) error {
	err := v.Set(key, binary.BigEndian.AppendUint64(nil, n))
	if err != nil && string(key) == termKey {
		v.s.sparePanic()
	}
	return err
}

// GetUint64 returns a number, or 0.
func (v *votes) GetUint64(key []byte) (uint64, error) {
	b, err := v.Get(key)
	if err != nil || len(b) == 0 {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, key, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

func (v *votes) close() error { return v.f.Close() }
