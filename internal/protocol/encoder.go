package protocol

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/travisjeffery/jocko/internal/poison"
)

// Encoder builds a message: bytes of its own, cut where the ranges of Records go between them. It is reused without
// allocating. Pins of ranges belong to the Encoder until Ranges hands them over.
type Encoder struct {
	buf  []byte
	cuts []cut
	ext  []Range // the ranges of all cuts
	size int64   // of ext
	out  []Range // the list that Ranges returns, kept for its memory
}

// cut says that ext[:end] comes before buf[at:].
type cut struct{ at, end int }

// What an Encoder may keep in the pool: bytes of its buffer, and ranges.
const (
	maxPooled       = 1 << 20
	maxPooledRanges = 4096
)

var encoders = poison.NewPool(nil, (*Encoder).spoil)

// NewEncoder returns an empty Encoder.
func NewEncoder() *Encoder { return new(Encoder) }

// GetEncoder returns an empty Encoder from the pool.
func GetEncoder() *Encoder { return encoders.Get() }

// Put resets the Encoder and gives it back to the pool. Nothing that it returned may be used afterwards.
func (e *Encoder) Put() {
	e.Reset()
	if cap(e.buf) <= maxPooled && cap(e.ext) <= maxPooledRanges {
		encoders.Put(e)
	}
}

// spoil overwrites what a reset Encoder has returned.
func (e *Encoder) spoil() {
	poison.Bytes(e.buf)
	for i := range e.out[:cap(e.out)] {
		e.out[:cap(e.out)][i] = Range{Bytes: e.buf[:cap(e.buf)]}
	}
}

// Reset empties the Encoder and releases the pins that Ranges didn't hand over.
func (e *Encoder) Reset() {
	Records(e.ext).Unpin()
	clear(e.ext)
	clear(e.out)
	e.buf, e.cuts, e.ext, e.size, e.out = e.buf[:0], e.cuts[:0], e.ext[:0], 0, e.out[:0]
}

// Size is the number of bytes of everything encoded, ranges included.
func (e *Encoder) Size() int64 { return int64(len(e.buf)) + e.size }

// Bytes returns what was encoded when that holds no ranges; it panics otherwise. It is valid until the next Reset.
func (e *Encoder) Bytes() []byte {
	if len(e.cuts) > 0 {
		panic("BUG: Bytes of an encoder with ranges")
	}
	return e.buf
}

// Ranges returns what was encoded, in order, and hands over the pins: the caller calls Unpin of each range that has one
// once it was sent or dropped. It is called once, when encoding is done; the list is valid until Reset.
func (e *Encoder) Ranges() []Range {
	e.out = e.out[:0]
	at, from := 0, 0
	for _, c := range e.cuts {
		e.own(at, c.at)
		e.out = append(e.out, e.ext[from:c.end]...)
		at, from = c.at, c.end
	}
	e.own(at, len(e.buf))
	for i := range e.ext {
		e.ext[i].Pin = nil
	}
	return e.out
}

func (e *Encoder) own(from, to int) {
	if to > from {
		e.out = append(e.out, Range{Bytes: e.buf[from:to:to]})
	}
}

// Reserve appends n zero bytes and returns their position for PatchInt32.
func (e *Encoder) Reserve(n int) (at int) {
	at = len(e.buf)
	for range n {
		e.buf = append(e.buf, 0)
	}
	return at
}

// PatchInt32 overwrites four bytes at a position that Reserve returned.
func (e *Encoder) PatchInt32(at int, v int32) { binary.BigEndian.PutUint32(e.buf[at:], uint32(v)) }

// Write appends bytes as they are; it never fails.
func (e *Encoder) Write(b []byte) (int, error) {
	e.buf = append(e.buf, b...)
	return len(b), nil
}

// Bool appends one byte.
func (e *Encoder) Bool(v bool) {
	var b byte
	if v {
		b = 1
	}
	e.buf = append(e.buf, b)
}

// Int8 appends one byte.
func (e *Encoder) Int8(v int8) { e.buf = append(e.buf, byte(v)) }

// Int16 appends two bytes, big endian like everything in Kafka.
func (e *Encoder) Int16(v int16) { e.buf = binary.BigEndian.AppendUint16(e.buf, uint16(v)) }

// Uint16 appends two bytes.
func (e *Encoder) Uint16(v uint16) { e.buf = binary.BigEndian.AppendUint16(e.buf, v) }

// Int32 appends four bytes.
func (e *Encoder) Int32(v int32) { e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(v)) }

// Uint32 appends four bytes.
func (e *Encoder) Uint32(v uint32) { e.buf = binary.BigEndian.AppendUint32(e.buf, v) }

// Int64 appends eight bytes.
func (e *Encoder) Int64(v int64) { e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(v)) }

// Float64 appends eight bytes.
func (e *Encoder) Float64(v float64) { e.Int64(int64(math.Float64bits(v))) }

// UUID appends 16 bytes.
func (e *Encoder) UUID(v UUID) { e.buf = append(e.buf, v[:]...) }

// UVarint appends an unsigned varint.
func (e *Encoder) UVarint(v uint32) {
	if v < 0x80 {
		e.buf = append(e.buf, byte(v))
		return
	}
	e.longUVarint(v)
}

func (e *Encoder) longUVarint(v uint32) {
	for v >= 0x80 {
		e.buf = append(e.buf, byte(v)|0x80)
		v >>= 7
	}
	e.buf = append(e.buf, byte(v))
}

// length appends the length of a string (wide is false) or of bytes and arrays; -1 stands for null.
func (e *Encoder) length(flex, wide bool, n int) {
	switch {
	case n > math.MaxInt32-1:
		panic("BUG: a field of 2 GiB or more")
	case flex:
		e.UVarint(uint32(n + 1))
	case wide:
		e.Int32(int32(n))
	default:
		e.Int16(int16(n))
	}
}

func (e *Encoder) string(flex bool, s string) {
	if len(s) > maxString {
		s = cutString(s)
	}
	e.length(flex, false, len(s))
	e.buf = append(e.buf, s...)
}

// cutString cuts s to what a string may hold, before a character and not within it.
func cutString(s string) string {
	n := maxString
	for n > maxString-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (e *Encoder) nullString(flex, nullable bool, s *string) {
	switch {
	case s != nil:
		e.string(flex, *s)
	case nullable:
		e.length(flex, false, -1)
	default:
		e.length(flex, false, 0)
	}
}

func (e *Encoder) bytes(flex, nullable bool, b []byte) {
	if b == nil && nullable {
		e.length(flex, true, -1)
		return
	}
	e.length(flex, true, len(b))
	e.buf = append(e.buf, b...)
}

// records appends the length and cuts the buffer for the ranges themselves.
func (e *Encoder) records(flex bool, r Records) {
	n := r.Size()
	if n > math.MaxInt32-1 {
		panic("BUG: records of 2 GiB or more")
	}
	e.length(flex, true, int(n))
	if len(r) == 0 {
		return
	}
	e.ext = append(e.ext, r...)
	e.size += n
	e.cuts = append(e.cuts, cut{len(e.buf), len(e.ext)})
}

// present writes the byte before a struct that may be null, and reports whether the struct follows.
func (e *Encoder) present(nullable, there bool) bool {
	switch {
	case !nullable && !there:
		panic("BUG: a struct is missing that must be there")
	case nullable && there:
		e.Int8(1)
	case nullable:
		e.Int8(-1)
	}
	return there
}

// presentTag is present for a tagged field, where Kafka writes an unsigned varint of 0 or 1.
func (e *Encoder) presentTag(there bool) bool {
	e.Bool(there)
	return there
}

func (e *Encoder) arrayLen(flex bool, n int, null bool) {
	if null {
		n = -1
	}
	e.length(flex, true, n)
}

func (e *Encoder) int8s(s []int8) {
	for _, v := range s {
		e.Int8(v)
	}
}

func (e *Encoder) int16s(s []int16) {
	for _, v := range s {
		e.Int16(v)
	}
}

func (e *Encoder) int32s(s []int32) {
	for _, v := range s {
		e.Int32(v)
	}
}

func (e *Encoder) int64s(s []int64) {
	for _, v := range s {
		e.Int64(v)
	}
}

func (e *Encoder) uuids(s []UUID) {
	for i := range s {
		e.buf = append(e.buf, s[i][:]...)
	}
}

func (e *Encoder) strings(flex bool, s []string) {
	for _, v := range s {
		e.string(flex, v)
	}
}

// beginTag appends a tag and leaves one byte for the size, which endTag fills in.
func (e *Encoder) beginTag(tag uint32) (at int) {
	e.UVarint(tag)
	return e.Reserve(1)
}

// endTag writes the size of what came since; a size of more than one byte moves it up.
func (e *Encoder) endTag(at int) {
	n := len(e.buf) - at - 1
	if n < 0x80 {
		e.buf[at] = byte(n)
		return
	}
	end := len(e.buf)
	e.UVarint(uint32(n)) // at the end first, to learn its length
	width := len(e.buf) - end
	var size [5]byte
	copy(size[:], e.buf[end:])
	copy(e.buf[at+width:], e.buf[at+1:end])
	copy(e.buf[at:], size[:width])
	e.buf = e.buf[:end+width-1]
}
