package protocol

import (
	"bytes"
	"encoding/binary"
	"math"
)

const (
	maxElements = 1_000_000 // of one array, as in Kafka 4.4
	maxTags     = 10_000    // of one tagged-field section, as in Kafka 4.4
	maxString   = math.MaxInt16

	stringHeader = 16 // what a pointer to a string takes beside its bytes
)

const (
	errShort    = Malformed("it ends too early")
	errTrailing = Malformed("bytes follow its end")
	errCount    = Malformed("an array claims more elements than there are bytes")
	errElements = Malformed("an array has more than 1,000,000 elements")
	errTags     = Malformed("a section has more than 10,000 tagged fields")
	errTagSize  = Malformed("a tagged field is not as long as it says")
	errVarint   = Malformed("a varint has more than 32 bits")
	errString   = Malformed("a string is longer than 32,767 bytes")
	errNull     = Malformed("a field is null that must not be")
)

// Decoder reads primitives from bytes that may be hostile. The first error sticks: later reads return zero values.
// What it returns aliases the bytes, strings apart, unless Copy is set. The zero Decoder reads from nothing.
type Decoder struct {
	b   []byte // what is left, of the message or of the tagged field being read
	err error

	known bool // a tagged field that the schema doesn't have is an error

	// Charge, when set, is called before memory is allocated, with the number of bytes; an error ends decoding. Memory
	// that a reused message already holds is not charged again.
	Charge func(n int) error

	// Copy, when set, has byte fields copied: nothing that is returned aliases the bytes.
	Copy bool
}

// NewDecoder returns a Decoder that reads from b.
func NewDecoder(b []byte) *Decoder { return &Decoder{b: b} }

// Reset begins anew at b and keeps Charge and Copy.
func (d *Decoder) Reset(b []byte) { d.b, d.err = b, nil }

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// Remaining is the number of bytes that were not read yet.
func (d *Decoder) Remaining() int { return len(d.b) }

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

// take returns the next n bytes, or nil after an error.
func (d *Decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail(errShort)
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *Decoder) charge(n int) bool {
	if d.Charge != nil && n > 0 && d.err == nil {
		if err := d.Charge(n); err != nil {
			d.fail(err)
		}
	}
	return d.err == nil
}

// Bool reads one byte; anything but 0 is true.
func (d *Decoder) Bool() bool { return d.Int8() != 0 }

// Int8 reads one byte.
func (d *Decoder) Int8() int8 {
	if len(d.b) < 1 {
		d.fail(errShort)
		return 0
	}
	v := int8(d.b[0])
	d.b = d.b[1:]
	return v
}

// Int16 reads two bytes, big endian like everything in Kafka.
func (d *Decoder) Int16() int16 { return int16(d.Uint16()) }

// Uint16 reads two bytes.
func (d *Decoder) Uint16() uint16 {
	if len(d.b) < 2 {
		d.fail(errShort)
		return 0
	}
	v := binary.BigEndian.Uint16(d.b)
	d.b = d.b[2:]
	return v
}

// Int32 reads four bytes.
func (d *Decoder) Int32() int32 { return int32(d.Uint32()) }

// Uint32 reads four bytes.
func (d *Decoder) Uint32() uint32 {
	if len(d.b) < 4 {
		d.fail(errShort)
		return 0
	}
	v := binary.BigEndian.Uint32(d.b)
	d.b = d.b[4:]
	return v
}

// Int64 reads eight bytes.
func (d *Decoder) Int64() int64 {
	if len(d.b) < 8 {
		d.fail(errShort)
		return 0
	}
	v := binary.BigEndian.Uint64(d.b)
	d.b = d.b[8:]
	return int64(v)
}

// Float64 reads eight bytes.
func (d *Decoder) Float64() float64 { return math.Float64frombits(uint64(d.Int64())) }

// UUID reads 16 bytes.
func (d *Decoder) UUID() UUID {
	var u UUID
	copy(u[:], d.take(len(u)))
	return u
}

// UVarint reads an unsigned varint of at most 32 bits.
func (d *Decoder) UVarint() uint32 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := uint32(d.b[0])
		d.b = d.b[1:]
		return v
	}
	return d.longUVarint()
}

func (d *Decoder) longUVarint() uint32 {
	var v uint32
	for i := range min(len(d.b), 5) {
		c := d.b[i]
		if i == 4 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.b = d.b[i+1:]
			return v
		}
	}
	if len(d.b) < 5 {
		d.fail(errShort)
	} else {
		d.fail(errVarint)
	}
	return 0
}

// Finish ends a message: bytes that are left are an error. Kafka ignores what follows the body of a request, so that a
// server must not ask this of requests; it is for records, and for whoever knows that nothing can follow.
func (d *Decoder) Finish() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail(errTrailing)
	}
	return d.err
}

// length reads the length of a string (wide is false) or of bytes and arrays; -1 stands for null.
func (d *Decoder) length(flex, wide bool) int {
	switch {
	case flex:
		return int(d.UVarint()) - 1
	case wide:
		return int(d.Int32())
	}
	return int(d.Int16())
}

// stringBytes returns the bytes of a string, and false for null.
func (d *Decoder) stringBytes(flex, nullable bool) ([]byte, bool) {
	n := d.length(flex, false)
	switch {
	case d.err != nil:
		return nil, true
	case n < 0:
		if !nullable {
			d.fail(errNull)
		}
		return nil, false
	case n > maxString:
		d.fail(errString)
		return nil, true
	}
	return d.take(n), true
}

// string returns prev itself when that is what it reads, which saves the copy.
func (d *Decoder) string(flex bool, prev string) string {
	b, _ := d.stringBytes(flex, false)
	if string(b) == prev {
		return prev
	}
	if !d.charge(len(b)) {
		return ""
	}
	return string(b)
}

func (d *Decoder) nullString(flex, nullable bool, prev *string) *string {
	b, ok := d.stringBytes(flex, nullable)
	if !ok || d.err != nil {
		return nil
	}
	if prev != nil && *prev == string(b) {
		return prev
	}
	if !d.charge(len(b) + stringHeader) {
		return nil
	}
	s := string(b)
	return &s
}

// bytes returns a slice of the input, or a copy; nil for null and never nil otherwise.
func (d *Decoder) bytes(flex, nullable bool) []byte {
	n := d.length(flex, true)
	if d.err != nil {
		return nil
	}
	if n < 0 {
		if !nullable {
			d.fail(errNull)
		}
		return nil
	}
	b := d.take(n)
	if d.Copy && d.charge(len(b)) {
		return bytes.Clone(b)
	}
	return b
}

func (d *Decoder) records(flex, nullable bool, prev Records) Records {
	b := d.bytes(flex, nullable)
	if b == nil {
		return nil
	}
	return append(prev[:0], Range{Bytes: b})
}

// present reads the byte before a struct that may be null.
func (d *Decoder) present(nullable bool) bool {
	return !nullable || d.Int8() >= 0 && d.err == nil
}

// presentTag is present for a tagged field, where Kafka reads an unsigned varint of which 0 is null.
func (d *Decoder) presentTag() bool { return d.UVarint() > 0 && d.err == nil }

// arrayLen reads the number of elements, each of which takes at least size bytes; -1 stands for null.
func (d *Decoder) arrayLen(flex, nullable bool, size int) int {
	n := d.length(flex, true)
	switch {
	case d.err != nil:
		return 0
	case n < 0:
		if !nullable {
			d.fail(errNull)
			return 0
		}
		return -1
	case n > maxElements:
		d.fail(errElements)
		return 0
	case n > len(d.b)/size:
		d.fail(errCount)
		return 0
	}
	return n
}

// tagCount reads the number of tagged fields in a section.
func (d *Decoder) tagCount() uint32 {
	n := d.UVarint()
	if n > maxTags {
		d.fail(errTags)
	}
	if n > uint32(len(d.b)/2) { // a tag and a size take a byte each
		d.fail(errShort)
	}
	if d.err != nil {
		return 0
	}
	return n
}

// beginTag reads a tag and its size, and hides what follows the field; endTag needs it back.
func (d *Decoder) beginTag() (tag uint32, rest []byte) {
	tag = d.UVarint()
	n := int(d.UVarint())
	if n > len(d.b) {
		d.fail(errShort)
	}
	if d.err != nil {
		return 0, nil
	}
	rest = d.b[n:]
	d.b = d.b[:n]
	return tag, rest
}

func (d *Decoder) endTag(rest []byte) {
	if len(d.b) > 0 {
		d.fail(errTagSize)
	}
	if d.err == nil {
		d.b = rest
	}
}

// skipRest drops a tagged field that the schema doesn't have.
func (d *Decoder) skipRest() {
	if d.known {
		d.fail(ErrUnsupportedVersion)
		return
	}
	d.b = d.b[len(d.b):]
}

// skipTags reads a section of tagged fields none of which is known.
func (d *Decoder) skipTags() {
	if len(d.b) > 0 && d.b[0] == 0 {
		d.b = d.b[1:]
		return
	}
	for n := d.tagCount(); n > 0 && d.err == nil; n-- {
		_, rest := d.beginTag()
		d.skipRest()
		d.endTag(rest)
	}
}
