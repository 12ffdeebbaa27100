package commitlog

import (
	"encoding/binary"
	"sort"
)

// The .timeindex file of a segment is a list of entries, all integers big-endian:
//
//	 0 +---------------------+
//	   | timestamp       (8) |  the largest of the segment so far, in ms
//	 8 +---------------------+
//	   | relative offset (4) |  last offset of the batch that has it, less the base offset
//	12 +---------------------+
//
// An entry is made with each entry of the .index file if the largest timestamp has grown since the last one, and one
// more when the segment is sealed, so a sealed segment's last entry has its largest timestamp. Timestamps grow strictly,
// offsets don't fall.

const timeEntrySize = 12

type timeEntry struct {
	timestamp int64
	rel       uint32
}

// timeIndex is the part of a segment's time index that is held in memory, as offsetIndex.
type timeIndex struct {
	entries []timeEntry
	dropped int
	saved   int
	stale   bool
	last    timeEntry // the last entry, held or not; timestamp -1 when there is none
}

func newTimeIndex() timeIndex { return timeIndex{last: timeEntry{timestamp: -1}} }

func (x *timeIndex) len() int { return x.dropped + len(x.entries) }

// add makes an entry unless it says nothing new.
func (x *timeIndex) add(timestamp int64, rel uint32) {
	if timestamp > x.last.timestamp {
		x.last = timeEntry{timestamp, rel}
		x.entries = append(x.entries, x.last)
	}
}

// floorTime finds the last entry at or below timestamp.
func floorTime(entries []timeEntry, timestamp int64) (timeEntry, bool) {
	i := sort.Search(len(entries), func(i int) bool { return entries[i].timestamp > timestamp })
	if i == 0 {
		return timeEntry{}, false
	}
	return entries[i-1], true
}

func encodeTimeEntries(dst []byte, entries []timeEntry) []byte {
	for _, e := range entries {
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.timestamp))
		dst = binary.BigEndian.AppendUint32(dst, e.rel)
	}
	return dst
}

func decodeTimeEntry(b []byte) timeEntry {
	return timeEntry{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])}
}

// decodeTimeEntries takes the entries of a file up to the first one that can't follow the one before it. ok is false
// where anything but zeros was left out. Zeros are reserved space, except for a first entry of timestamp 0 and relative offset 0,
// which is alone or followed by another.
func decodeTimeEntries(b []byte) (entries []timeEntry, ok bool) {
	n := len(b) / timeEntrySize
	n = 1 + sort.Search(max(n-1, 0), func(i int) bool { return decodeTimeEntry(b[(i+1)*timeEntrySize:]) == timeEntry{} })
	entries = make([]timeEntry, 0, n)
	for len(b) >= timeEntrySize {
		e := decodeTimeEntry(b)
		if e == (timeEntry{}) && (len(entries) > 0 || beginsWithZeros(b[timeEntrySize:])) || e.timestamp < 0 {
			break
		}
		if n := len(entries); n > 0 && (e.timestamp <= entries[n-1].timestamp || e.rel < entries[n-1].rel) {
			break
		}
		entries = append(entries, e)
		b = b[timeEntrySize:]
	}
	return entries, allZero(b)
}

// beginsWithZeros tells whether what follows an entry of zeros is zeros too.
func beginsWithZeros(b []byte) bool {
	return len(b) >= timeEntrySize && decodeTimeEntry(b) == timeEntry{}
}
