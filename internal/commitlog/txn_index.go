package commitlog

import (
	"encoding/binary"

	"github.com/travisjeffery/jocko/internal/record"
)

// The .txnindex file of a segment lists the aborted transactions whose marker lies in the segment, in the order of the
// markers, all integers big-endian:
//
//	 0 +------------------------+
//	   | version            (2) |  0
//	 2 +------------------------+
//	   | producer id        (8) |
//	10 +------------------------+
//	   | first offset       (8) |  of the transaction
//	18 +------------------------+
//	   | last offset        (8) |  of its marker
//	26 +------------------------+
//	   | last stable offset (8) |  when the marker had been written
//	34 +------------------------+
//
// It exists only where there is an entry.

const txnEntrySize = 34

// AbortedTxn is a transaction that was aborted.
type AbortedTxn struct {
	ProducerID  record.ProducerID
	FirstOffset record.Offset
	LastOffset  record.Offset // of its marker
	LastStable  record.Offset // the last stable offset once the marker was there
}

func encodeTxnEntries(dst []byte, txns []AbortedTxn) []byte {
	for _, t := range txns {
		dst = binary.BigEndian.AppendUint16(dst, 0)
		dst = binary.BigEndian.AppendUint64(dst, uint64(t.ProducerID))
		dst = binary.BigEndian.AppendUint64(dst, uint64(t.FirstOffset))
		dst = binary.BigEndian.AppendUint64(dst, uint64(t.LastOffset))
		dst = binary.BigEndian.AppendUint64(dst, uint64(t.LastStable))
	}
	return dst
}

// decodeTxnEntries reads a file. ok is false where an entry is impossible: what came before it is returned.
func decodeTxnEntries(b []byte, base, next record.Offset) (txns []AbortedTxn, ok bool) {
	txns = make([]AbortedTxn, 0, len(b)/txnEntrySize)
	for len(b) >= txnEntrySize {
		t := AbortedTxn{
			ProducerID:  record.ProducerID(binary.BigEndian.Uint64(b[2:])),
			FirstOffset: record.Offset(binary.BigEndian.Uint64(b[10:])),
			LastOffset:  record.Offset(binary.BigEndian.Uint64(b[18:])),
			LastStable:  record.Offset(binary.BigEndian.Uint64(b[26:])),
		}
		version := binary.BigEndian.Uint16(b)
		ordered := len(txns) == 0 || t.LastOffset > txns[len(txns)-1].LastOffset
		if version != 0 || t.ProducerID < 0 || t.FirstOffset < 0 || t.FirstOffset >= t.LastOffset || !ordered ||
			t.LastOffset < base || t.LastOffset >= next || t.LastStable < 0 {
			return txns, false
		}
		txns = append(txns, t)
		b = b[txnEntrySize:]
	}
	return txns, len(b) == 0
}

// collectAborted appends the transactions that overlap [from, to). done is true once no later marker can tell of one.
func collectAborted(dst, txns []AbortedTxn, from, to record.Offset) (out []AbortedTxn, done bool) {
	for _, t := range txns {
		if t.LastOffset >= from && t.FirstOffset < to {
			dst = append(dst, t)
		}
		if t.LastStable >= to {
			return dst, true
		}
	}
	return dst, false
}
