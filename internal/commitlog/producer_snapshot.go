package commitlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/travisjeffery/jocko/internal/record"
)

// A .snapshot file holds the state of all producers as it was at the offset that names it, all integers big-endian:
//
//	 0 +----------------------+
//	   | version          (2) |  1
//	 2 +----------------------+
//	   | CRC-32C          (4) |  of everything that follows
//	 6 +----------------------+
//	   | entries          (4) |
//	10 +----------------------+   each entry:
//	   | producer id      (8) |
//	   | epoch            (2) |
//	   | last sequence    (4) |  -1: none
//	   | last offset      (8) |  -1: none
//	   | offset delta     (4) |  last offset of the last batch less its first
//	   | timestamp        (8) |  of the last batch, ms
//	   | coordinator epoch(4) |  -1: none
//	   | txn first offset (8) |  of the open transaction, -1: none
//	   +----------------------+
//
// Only a producer's last batch is in it: after a restart the older ones can't be recognised as duplicates, as in Kafka.

const (
	snapshotVersion   = 1
	snapshotHeader    = 10
	snapshotEntrySize = 46
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errSnapshot = errors.New("the producer snapshot is damaged")

func (s *producerState) encodeSnapshot() []byte {
	ids := make([]record.ProducerID, 0, len(s.byID))
	for id := range s.byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	b := make([]byte, snapshotHeader, snapshotHeader+len(ids)*snapshotEntrySize)
	binary.BigEndian.PutUint16(b, snapshotVersion)
	binary.BigEndian.PutUint32(b[6:], uint32(len(ids)))
	for _, id := range ids {
		b = s.byID[id].appendSnapshot(b)
	}
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[6:], castagnoli))
	return b
}

func (p *producer) appendSnapshot(b []byte) []byte {
	last := producerBatch{lastSequence: record.NoSequence, lastOffset: noOffset}
	if p.count > 0 {
		last = p.batches[p.count-1]
	}
	b = binary.BigEndian.AppendUint64(b, uint64(p.id))
	b = binary.BigEndian.AppendUint16(b, uint16(p.epoch))
	b = binary.BigEndian.AppendUint32(b, uint32(last.lastSequence))
	b = binary.BigEndian.AppendUint64(b, uint64(last.lastOffset))
	b = binary.BigEndian.AppendUint32(b, uint32(last.offsetDelta))
	b = binary.BigEndian.AppendUint64(b, uint64(p.lastTimestamp))
	b = binary.BigEndian.AppendUint32(b, uint32(p.coordinatorEpoch))
	return binary.BigEndian.AppendUint64(b, uint64(p.txnStart))
}

func decodeSnapshotEntry(b []byte) producer {
	p := newProducer(record.ProducerID(binary.BigEndian.Uint64(b)))
	p.epoch = record.ProducerEpoch(binary.BigEndian.Uint16(b[8:]))
	last := producerBatch{
		lastSequence: int32(binary.BigEndian.Uint32(b[10:])),
		lastOffset:   record.Offset(binary.BigEndian.Uint64(b[14:])),
		offsetDelta:  int32(binary.BigEndian.Uint32(b[22:])),
		timestamp:    int64(binary.BigEndian.Uint64(b[26:])),
	}
	p.lastTimestamp = last.timestamp
	if last.lastOffset >= 0 {
		p.batches[0], p.count = last, 1
	}
	p.coordinatorEpoch = int32(binary.BigEndian.Uint32(b[34:]))
	p.txnStart = record.Offset(binary.BigEndian.Uint64(b[38:]))
	return p
}

// decodeSnapshot reads a snapshot taken at the offset end. It returns the producers in the file's order.
func decodeSnapshot(b []byte) ([]producer, error) {
	if len(b) < snapshotHeader || binary.BigEndian.Uint16(b) != snapshotVersion ||
		binary.BigEndian.Uint32(b[2:]) != crc32.Checksum(b[6:], castagnoli) {
		return nil, errSnapshot
	}
	n := binary.BigEndian.Uint32(b[6:])
	b = b[snapshotHeader:]
	if int64(n)*snapshotEntrySize != int64(len(b)) {
		return nil, errSnapshot
	}
	out := make([]producer, n)
	for i := range out {
		out[i] = decodeSnapshotEntry(b[i*snapshotEntrySize:])
		if p := &out[i]; p.id < 0 || p.txnStart < noOffset {
			return nil, errSnapshot
		}
	}
	return out, nil
}

// loadSnapshot replaces the state by a snapshot's. Producers that have expired, other than those with an open
// transaction, are left out.
func (s *producerState) loadSnapshot(b []byte, end record.Offset, expired int64) error {
	producers, err := decodeSnapshot(b)
	if err != nil {
		return err
	}
	s.reset(end)
	for i := range producers {
		p := &producers[i]
		if p.txnStart == noOffset && p.lastTimestamp < expired {
			continue
		}
		if s.byID == nil {
			s.byID = make(map[record.ProducerID]*producer, len(producers))
		}
		s.byID[p.id] = p
		if p.txnStart != noOffset {
			s.txns = append(s.txns, openTxn{p.id, p.txnStart, noOffset})
		}
	}
	slices.SortFunc(s.txns, func(a, b openTxn) int { return int(min(max(a.first-b.first, -1), 1)) })
	return nil
}
