package protocol

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

// DecodeRecord reads what EncodeRecord wrote. A type or version that this build doesn't know is ErrUnsupportedVersion.
// Byte fields of the record alias the input.
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
		return nil, d.Err()
	}
	return r, r.Decode(d, int16(version))
}

const maxRecordType = 1<<15 - 1
