package coordinator

import (
	"encoding/binary"
	"fmt"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// A Record is one record of an internal topic. Its key begins with two bytes of
// the key's type, its value with two of the value's version:
//
//	key    type (2), body
//	value  version (2), body
type Record struct {
	Key     protocol.Record
	Value   protocol.Record // nil: a tombstone, which ends what earlier records of the key said
	Version int16           // of Value
}

// New is a Record with its value in the highest version.
func New(key, value protocol.Record) Record {
	_, version := value.Versions()
	return Record{Key: key, Value: value, Version: version}
}

// Tombstone is a Record without a value.
func Tombstone(key protocol.Record) Record { return Record{Key: key} }

// encode appends key and value to the encoder and returns them; value is nil
// for a tombstone. They are valid until the encoder's next use.
func (r *Record) encode(e *protocol.Encoder) (key, value []byte) {
	e.Reset()
	_, version := r.Key.Versions()
	e.Int16(r.Key.RecordType())
	r.Key.Encode(e, version)
	n := e.Size()
	if r.Value != nil {
		e.Int16(r.Version)
		r.Value.Encode(e, r.Version)
		value = e.Bytes()[n:]
	}
	return e.Bytes()[:n:n], value
}

// errUnknownType says that a record is of a type that the machine doesn't know:
// a later version wrote it.
var errUnknownType = fmt.Errorf("a record of an unknown type")

// decode reads a record into what kinds has for its type.
func decode(d *protocol.Decoder, kinds func(keyType int16) (key, value protocol.Record), key, value []byte) (k, v protocol.Record, err error) {
	if len(key) < 2 {
		return nil, nil, fmt.Errorf("a record's key has %d bytes", len(key))
	}
	k, v = kinds(int16(binary.BigEndian.Uint16(key)))
	if k == nil {
		return nil, nil, errUnknownType
	}
	d.Reset(key[2:])
	_, version := k.Versions()
	if err := k.Decode(d, version); err != nil {
		return nil, nil, fmt.Errorf("the key of a record of type %d: %w", k.RecordType(), err)
	}
	if value == nil {
		return k, nil, nil
	}
	if len(value) < 2 {
		return nil, nil, fmt.Errorf("the value of a record of type %d has %d bytes", k.RecordType(), len(value))
	}
	d.Reset(value[2:])
	if err := v.Decode(d, int16(binary.BigEndian.Uint16(value))); err != nil {
		return nil, nil, fmt.Errorf("the value of a record of type %d: %w", k.RecordType(), err)
	}
	return k, v, nil
}

// At is where a record lies, and which transaction it belongs to.
type At struct {
	Offset record.Offset
	// ProducerID is of the transaction that the record is part of, -1 for none:
	// what it says holds once EndTxn says commit.
	ProducerID    record.ProducerID
	ProducerEpoch record.ProducerEpoch
}

// A Machine is the state that the records of one partition make. Its shard's
// goroutine is the only one that touches it.
type Machine interface {
	// Kinds returns what records of a type are read into, nil for an unknown
	// type. It may return the same values again and again: Replay keeps what
	// they hold, byte fields too, and not themselves.
	Kinds(keyType int16) (key, value protocol.Record)
	// Replay applies one record, while the log is loaded or after a decision.
	// value is nil for a tombstone.
	Replay(at At, key, value protocol.Record)
	// EndTxn applies the end of a producer's transaction.
	EndTxn(at At, commit bool)
	// Loaded is called once, when the log was replayed: timers are armed,
	// effects begun again.
	Loaded()
	// Unloaded is called when the machine is thrown away or moves elsewhere:
	// what it told metrics is taken back.
	Unloaded()
}
