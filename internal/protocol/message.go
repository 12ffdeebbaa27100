package protocol

import "encoding/base64"

// Message is a request or a response.
type Message interface {
	Key() Key
	IsResponse() bool
	// Default sets every field to Kafka's default.
	Default()
	// Encode appends the body. Strings beyond 32,767 bytes are cut there; null in a version that doesn't allow it is
	// written as empty.
	Encode(e *Encoder, version int16)
	// Decode replaces the message by the one that begins at d, reusing the memory of its slices and strings.
	Decode(d *Decoder, version int16) error
}

// Record is the key or the value of a record of an internal topic, a record of the cluster's metadata, or other data
// with a schema.
type Record interface {
	// RecordType is the number that stands for this kind of record.
	RecordType() int16
	// Versions returns the lowest and the highest version.
	Versions() (lo, hi int16)
	Encode(e *Encoder, version int16)
	Decode(d *Decoder, version int16) error
}

// UUID is Kafka's topic, directory and incarnation id. The zero UUID stands for none.
type UUID [16]byte

// String returns URL-safe base64 without padding, as Kafka prints it.
func (u UUID) String() string { return base64.RawURLEncoding.EncodeToString(u[:]) }

// ParseUUID reads what String returns.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	if len(s) != base64.RawURLEncoding.EncodedLen(len(u)) {
		return UUID{}, Malformed("a uuid has 22 characters")
	}
	if _, err := base64.RawURLEncoding.Decode(u[:], []byte(s)); err != nil {
		return UUID{}, Malformed("a uuid is URL-safe base64")
	}
	return u, nil
}

// File is what a Range needs of an open file.
type File interface {
	ReadAt(p []byte, off int64) (int, error)
	// Fd returns the descriptor for sendfile; ok is false when the file has none.
	Fd() (fd uintptr, ok bool)
}

// Pin keeps the bytes of a range valid until Unpin, which is called once, when the range was sent or dropped.
type Pin interface{ Unpin() }

// Range is a piece of a response: Bytes, or Len bytes of File from Pos when File is set.
type Range struct {
	Bytes []byte
	File  File
	Pos   int64
	Len   int64
	Pin   Pin // nil when nothing needs to be kept
}

// Size is the number of bytes in the range.
func (r *Range) Size() int64 {
	if r.File != nil {
		return r.Len
	}
	return int64(len(r.Bytes))
}

// Records is the record data of one partition in a response, never copied. Nil is encoded as empty and not as null,
// which librdkafka misreads.
type Records []Range

// Size is the number of bytes in all ranges.
func (r Records) Size() int64 {
	var n int64
	for i := range r {
		n += r[i].Size()
	}
	return n
}

// Unpin releases what the ranges pin, once: for records that are sent, or not to be sent.
func (r Records) Unpin() {
	for i := range r {
		if p := r[i].Pin; p != nil {
			r[i].Pin = nil
			p.Unpin()
		}
	}
}
