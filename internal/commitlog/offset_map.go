package commitlog

import (
	"hash/maphash"
	"math/bits"

	"github.com/travisjeffery/jocko/internal/record"
)

// offsetMap knows the last offset of each key. It doesn't hold the keys but two hashes of them with random seeds, 128 bits
// together: keys of which both are equal can't be found on purpose, and by chance only among more keys than there are.
type offsetMap struct {
	slots  []offsetSlot
	used   int
	limit  int // keys it takes
	seeds  [2]maphash.Seed
	latest record.Offset // of what was looked at; above it the map knows nothing
}

// offsetSlot is free where next is 0.
type offsetSlot struct {
	hash, second uint64
	next         int64 // the offset plus one
}

const offsetSlotSize = 24

// newOffsetMap returns a map within a number of bytes, but no larger than the given number of keys needs. load is the part of the
// slots that may be used.
func newOffsetMap(memory int64, load float64, keys int64) *offsetMap {
	slots := max(memory/offsetSlotSize, minOffsetSlots)
	if need := float64(keys)/load + 1; need < float64(slots) {
		slots = max(int64(need), minOffsetSlots)
	}
	return &offsetMap{
		slots: make([]offsetSlot, slots), limit: max(min(int(float64(slots)*load), int(slots)-1), 1),
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, latest: noOffset,
	}
}

// minOffsetSlots lets any configuration make progress.
const minOffsetSlots = 16

func (m *offsetMap) hashes(key []byte) (hash, second uint64) {
	return maphash.Bytes(m.seeds[0], key), maphash.Bytes(m.seeds[1], key)
}

// slot returns the slot of a key: that which holds it, or a free one.
func (m *offsetMap) slot(key []byte) (s *offsetSlot, hash, second uint64) {
	hash, second = m.hashes(key)
	at, _ := bits.Mul64(hash, uint64(len(m.slots)))
	for {
		s := &m.slots[at]
		if s.next == 0 || s.hash == hash && s.second == second {
			return s, hash, second
		}
		if at++; at == uint64(len(m.slots)) {
			at = 0
		}
	}
}

// put notes that the key was last seen at the offset. ok is false where the map is full.
func (m *offsetMap) put(key []byte, o record.Offset) (ok bool) {
	s, hash, second := m.slot(key)
	if s.next == 0 {
		if m.used == m.limit {
			return false
		}
		m.used++
		s.hash, s.second = hash, second
	}
	s.next = int64(o) + 1
	return true
}

// get returns the last offset of a key, -1 where there is none.
func (m *offsetMap) get(key []byte) record.Offset {
	s, _, _ := m.slot(key)
	return record.Offset(s.next - 1)
}
