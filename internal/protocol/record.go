package protocol

import (
	"fmt"
	"strings"
)

// EncodeRecord appends a record of the cluster's metadata, at its highest version. The first two numbers are unsigned
// varints:
//
//	+------+---------+-----------------+
//	| type | version | body            |
//	+------+---------+-----------------+
//
// Records follow one another without a length between them: a body ends where its schema says.
func EncodeRecord(e *Encoder, r Record) {
	_, version := r.Versions()
	e.UVarint(uint32(r.RecordType()))
	e.UVarint(uint32(version))
	r.Encode(e, version)
}

// DecodeRecord reads what EncodeRecord wrote, and understands all of it or fails: a record that is understood in part would
// be forgotten in part. A type, a version or a tagged field that this build doesn't know is ErrUnsupportedVersion. Errors
// name type and version. Byte fields of the record alias the input.
func DecodeRecord(d *Decoder) (Record, error) {
	typ, version := d.UVarint(), d.UVarint()
	if err := d.Err(); err != nil {
		return nil, err
	}
	var r Record
	if typ <= maxRecordType && version <= maxRecordType {
		r = NewMetadataRecord(int16(typ))
	}
	if r == nil {
		d.fail(ErrUnsupportedVersion)
		return nil, fmt.Errorf("metadata record of type %d, version %d: %w", typ, version, ErrUnsupportedVersion)
	}
	d.known = true
	err := r.Decode(d, int16(version))
	d.known = false
	if err != nil {
		return nil, fmt.Errorf("metadata record of type %d (%s), version %d: %w", typ, recordName(r), version, err)
	}
	return r, nil
}

const maxRecordType = 1<<15 - 1

func recordName(r Record) string {
	name := fmt.Sprintf("%T", r)
	return name[strings.LastIndexByte(name, '.')+1:]
}
