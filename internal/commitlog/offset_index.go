package commitlog

import (
	"encoding/binary"
	"sort"
)

// The .index file of a segment is a list of entries, all integers big-endian:
//
//	 0 +---------------------+
//	   | relative offset (4) |  last offset of a batch, less the segment's base offset
//	 4 +---------------------+
//	   | position        (4) |  where that batch begins in the .log file
//	 8 +---------------------+
//
// Both columns grow strictly. An entry is made for a batch when more than index.interval.bytes lie between it and
// the batch of the entry before, so a batch is found by one search and a short walk. Zeros may follow the entries of a
// segment that wasn't sealed (Kafka preallocates the file).

const offsetEntrySize = 8

// offsetEntry holds the relative offset in its upper half, the position in its lower half: entries compare by offset.
type offsetEntry uint64

func makeOffsetEntry(rel, pos uint32) offsetEntry { return offsetEntry(rel)<<32 | offsetEntry(pos) }

func (e offsetEntry) rel() uint32 { return uint32(e >> 32) }
func (e offsetEntry) pos() uint32 { return uint32(e) }

// offsetIndex is the part of a segment's index that is held in memory: everything since the last save, and mostly what
// came before it.
type offsetIndex struct {
	entries []offsetEntry
	dropped int  // entries before entries[0]: in the file only
	saved   int  // entries that are in the file, dropped ones included
	stale   bool // the file goes on after them
}

func (x *offsetIndex) len() int { return x.dropped + len(x.entries) }

func (x *offsetIndex) add(rel, pos uint32) { x.entries = append(x.entries, makeOffsetEntry(rel, pos)) }

// holds tells whether a search for rel can be answered from memory.
func (x *offsetIndex) holds(rel uint32) bool {
	return x.dropped == 0 || len(x.entries) > 0 && x.entries[0].rel() <= rel
}

// floorOffset finds the last entry at or below rel.
func floorOffset(entries []offsetEntry, rel uint32) (offsetEntry, bool) {
	i := sort.Search(len(entries), func(i int) bool { return entries[i].rel() > rel })
	if i == 0 {
		return 0, false
	}
	return entries[i-1], true
}

// floorPosition finds the last entry whose batch begins at or below pos.
func floorPosition(entries []offsetEntry, pos int64) (offsetEntry, bool) {
	i := sort.Search(len(entries), func(i int) bool { return int64(entries[i].pos()) > pos })
	if i == 0 {
		return 0, false
	}
	return entries[i-1], true
}

func encodeOffsetEntries(dst []byte, entries []offsetEntry) []byte {
	for _, e := range entries {
		dst = binary.BigEndian.AppendUint64(dst, uint64(e))
	}
	return dst
}

// decodeOffsetEntries takes the entries of a file up to the first one that can't follow the one before it: trailing
// zeros, or damage. ok is false where anything but zeros was left out. limit is the size of the .log file.
func decodeOffsetEntries(b []byte, limit int64) (entries []offsetEntry, ok bool) {
	entries = make([]offsetEntry, 0, countOffsetEntries(b))
	prev := int64(-1)
	for len(b) >= offsetEntrySize {
		e := offsetEntry(binary.BigEndian.Uint64(b))
		if n := len(entries); n > 0 && e.rel() <= entries[n-1].rel() || int64(e.pos()) <= prev || int64(e.pos()) >= limit {
			break
		}
		if e == 0 { // the first batch of a segment never has an entry
			break
		}
		entries, prev = append(entries, e), int64(e.pos())
		b = b[offsetEntrySize:]
	}
	return entries, allZero(b)
}

// countOffsetEntries guesses how many entries a file has before its trailing zeros.
func countOffsetEntries(b []byte) int {
	n := len(b) / offsetEntrySize
	return sort.Search(n, func(i int) bool { return binary.BigEndian.Uint64(b[i*offsetEntrySize:]) == 0 })
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
