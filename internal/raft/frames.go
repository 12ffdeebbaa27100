package raft

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	hraft "github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// A segment, as raft-wal writes it, is a header of 32 bytes and frames, each padded to a multiple of 8 bytes:
//
//	frame:  type u8 | 0 0 0 | length of payload u32, or CRC-32C for a commit | payload      little-endian
//	batch:  entry frames | at the end of a full segment an index frame | commit frame
//
// The CRC covers everything since the last commit, for the first batch the segment's header too. raft-wal looks at it only
// for the last batch; an entry carries one of its own, see trailer.
const (
	segmentHeader = 32
	frameHeader   = 8

	frameEntry  = 1
	frameIndex  = 2
	frameCommit = 3
)

func frameSize(payload int) int { return frameHeader + (payload+7)&^7 }

// batch is what one append wrote.
type batch struct {
	entries [][]byte
	index   int // position of the payload of the index frame, 0 for none: the append sealed the segment
	end     int // position behind the commit frame
}

// nextBatch returns the batch that begins at from, 0 for the first one. ok is false when there is none that is whole.
func nextBatch(segment []byte, from int) (b batch, ok bool) {
	at := max(from, segmentHeader)
	for at+frameHeader <= len(segment) {
		kind, n := segment[at], int(binary.LittleEndian.Uint32(segment[at+4:]))
		if kind == frameCommit {
			b.end = at + frameHeader
			return b, crc32.Checksum(segment[from:at], castagnoli) == uint32(n)
		}
		if (kind != frameEntry && kind != frameIndex) || n > len(segment)-at-frameHeader {
			return batch{}, false
		}
		payload := segment[at+frameHeader:][:n]
		if kind == frameEntry {
			b.entries = append(b.entries, payload)
		} else {
			b.index = at + frameHeader
		}
		at += frameSize(n)
	}
	return batch{}, false
}

// The trailer is what the log store appends to the extensions of an entry:
//
//	first u64 | commit u64 | crc32c u32        big-endian
//
// first is the index of the first entry of the same append. An append begins when the one before it is durable, so an
// entry on disk whose first is f proves that all entries below f were acknowledged. commit is an index that was known
// to be committed then. The CRC covers index, term, type, data, extensions, first and commit.
const trailerSize = 20

type trailer struct{ first, commit uint64 }

func appendTrailer(l *hraft.Log, t trailer) []byte {
	b := make([]byte, 0, len(l.Extensions)+trailerSize)
	b = append(b, l.Extensions...)
	b = binary.BigEndian.AppendUint64(b, t.first)
	b = binary.BigEndian.AppendUint64(b, t.commit)
	return binary.BigEndian.AppendUint32(b, entrySum(l, b))
}

func entrySum(l *hraft.Log, extensions []byte) uint32 {
	var fixed [17]byte
	binary.BigEndian.PutUint64(fixed[:], l.Index)
	binary.BigEndian.PutUint64(fixed[8:], l.Term)
	fixed[16] = byte(l.Type)
	sum := crc32.Update(crc32.Checksum(fixed[:], castagnoli), castagnoli, l.Data)
	return crc32.Update(sum, castagnoli, extensions)
}

// cutTrailer takes the trailer off an entry that was read from disk, and checks it.
func cutTrailer(l *hraft.Log) (trailer, error) {
	n := len(l.Extensions) - trailerSize
	if n < 0 || entrySum(l, l.Extensions[:n+trailerSize-4]) != binary.BigEndian.Uint32(l.Extensions[n+trailerSize-4:]) {
		return trailer{}, fmt.Errorf("%w: checksum of entry %d", ErrCorrupt, l.Index)
	}
	t := trailer{binary.BigEndian.Uint64(l.Extensions[n:]), binary.BigEndian.Uint64(l.Extensions[n+8:])}
	if l.Extensions = l.Extensions[:n:n]; n == 0 {
		l.Extensions = nil
	}
	return t, nil
}

// decodeEntry decodes the payload of an entry frame.
func decodeEntry(payload []byte) (l hraft.Log, t trailer, err error) {
	defer func() {
		if recover() != nil { // the decoder slices by lengths it didn't check
			err = fmt.Errorf("%w: entry can't be decoded", ErrCorrupt)
		}
	}()
	if err := (&wal.BinaryCodec{}).Decode(payload, &l); err != nil {
		return l, t, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	t, err = cutTrailer(&l)
	return l, t, err
}
