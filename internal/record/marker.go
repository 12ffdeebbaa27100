package record

import "encoding/binary"

// A control batch holds one control record (several for Raft's own, which we don't write). Key and value are big-endian:
//
//	key    version (2) = 0, type (2): 0 abort, 1 commit
//	value  version (2) = 0, coordinator epoch (4)
const (
	markerKeySize   = 4
	markerValueSize = 6
)

// ControlType is the kind of a control record.
type ControlType int16

// The control records of transactions. Others exist in KRaft's metadata log and are to be passed over.
const (
	Abort  ControlType = 0
	Commit ControlType = 1
)

// Marker is a transaction marker: it ends a producer's transaction in one partition.
type Marker struct {
	Type             ControlType
	CoordinatorEpoch int32
	ProducerID       ProducerID
	ProducerEpoch    ProducerEpoch
	Timestamp        int64 // ms
}

// Batch builds the marker's control batch, at base offset 0.
func (m Marker) Batch() Batch {
	b := NewBuilder(None, 0)
	b.SetProducer(m.ProducerID, m.ProducerEpoch, NoSequence, true)
	b.setControl()
	key := make([]byte, markerKeySize)
	binary.BigEndian.PutUint16(key[2:], uint16(m.Type))
	value := make([]byte, markerValueSize)
	binary.BigEndian.PutUint32(value[2:], uint32(m.CoordinatorEpoch))
	b.Append(m.Timestamp, key, value)
	return b.Build()
}

// ReadMarker reads the marker that a control batch holds. An error, of kind InvalidRecord, says that it is malformed. ok is
// false for a control batch that is no marker, or was emptied by compaction.
func ReadMarker(b Batch) (m Marker, ok bool, err error) {
	if !b.IsControl() || b.Count() == 0 {
		return Marker{}, false, nil
	}
	r := Read(b, Limits{})
	defer r.Close()
	if !r.Next() {
		return Marker{}, false, r.Err()
	}
	return parseMarker(b, r.Record())
}

func parseMarker(b Batch, rec *Record) (m Marker, ok bool, err error) {
	key, value := rec.Key, rec.Value
	// Later versions may append fields, not change these.
	if len(key) < markerKeySize || int16(binary.BigEndian.Uint16(key)) < 0 {
		return Marker{}, false, errorf(InvalidRecord, "a control record has a key of %d bytes", len(key))
	}
	m = Marker{
		Type: ControlType(binary.BigEndian.Uint16(key[2:])), ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(),
		Timestamp: rec.Timestamp,
	}
	if m.Type != Abort && m.Type != Commit {
		return Marker{}, false, nil
	}
	if len(value) < markerValueSize || int16(binary.BigEndian.Uint16(value)) < 0 {
		return Marker{}, false, errorf(InvalidRecord, "a transaction marker has a value of %d bytes", len(value))
	}
	m.CoordinatorEpoch = int32(binary.BigEndian.Uint32(value[2:]))
	return m, true, nil
}
