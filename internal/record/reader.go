package record

import (
	"iter"

	"github.com/travisjeffery/jocko/internal/poison"
)

// Record is a view of one record. Key, Value and headers alias the reader's window: they are valid until the next call of Next or
// Close.
type Record struct {
	Attributes int8 // unused by Kafka
	Offset     Offset
	// Timestamp is in ms: the record's own, or the batch's append time. -1 is none.
	Timestamp   int64
	Key, Value  []byte // nil: null
	HeaderCount int

	headers []byte // the headers, without their count
	tail    []byte // the record from its key's length on: what is the same in every batch
}

// Header is one header of a record.
type Header struct {
	Key   []byte
	Value []byte // nil: null
}

// Headers yields the record's headers in their order.
func (r *Record) Headers() iter.Seq[Header] {
	return func(yield func(Header) bool) {
		b, i := r.headers, 0
		for range r.HeaderCount {
			var h Header
			h.Key, i = field(b, i)
			h.Value, i = field(b, i)
			if i < 0 || !yield(h) {
				return
			}
		}
	}
}

// field reads a length and as many bytes; nil for the length -1.
func field(b []byte, i int) ([]byte, int) {
	n, i := varint32(b, i)
	if i < 0 || n < 0 {
		return nil, i
	}
	end := i + int(n)
	return b[i:end:end], end
}

// Reader walks the records of one batch, decompressing as it goes, in memory that is pooled and no larger than the largest
// record, rounded up. It checks the structure of what it reads and that there are as many records as the header says; it
// doesn't check the CRC, nor what only Validate asks for. Use it like a bufio.Scanner:
//
//	r := record.Read(batch, record.NoLimits)
//	defer r.Close()
//	for r.Next() {
//		use(r.Record())
//	}
//	return r.Err()
type Reader struct {
	s          *stream // nil: an empty batch
	batch      Batch
	rec        Record
	read       int32 // records so far
	appendTime bool
	err        error
}

var readers = poison.NewPool(nil, func(r *Reader) { poison.Fields(&r.rec) })

// Read begins reading the records of b. Errors, of kind InvalidRecord, TooLarge or Undecodable, come from Err.
func Read(b Batch, l Limits) *Reader {
	r := readers.Get()
	*r = Reader{batch: b, appendTime: b.TimestampType() == LogAppendTime}
	if b.Count() < 0 {
		r.err = errorf(InvalidRecord, "the batch has %d records", b.Count())
		return r
	}
	if b.Count() > 0 || len(b) > HeaderSize {
		r.s = newStream()
		r.err = r.s.open(b, l)
	}
	return r
}

// Next reads the next record. It returns false at the end and after an error.
func (r *Reader) Next() bool {
	if r.err != nil {
		return false
	}
	if r.read == r.batch.Count() {
		r.err = r.end()
		return false
	}
	body, err := r.body()
	if err != nil {
		r.err = err
		return false
	}
	var l layout
	if !l.parse(body) {
		r.err = r.malformed()
		return false
	}
	r.read++
	r.rec.set(body, &l)
	r.rec.Offset = r.batch.BaseOffset() + Offset(l.offsetDelta)
	r.rec.Timestamp = r.batch.BaseTimestamp() + l.timestampDelta
	if r.appendTime {
		r.rec.Timestamp = r.batch.MaxTimestamp()
	}
	return true
}

// set cuts the record's fields out of its body.
func (r *Record) set(body []byte, l *layout) {
	// Field by field: a literal is made on the stack and copied, a third of what reading a record takes.
	r.Attributes, r.HeaderCount, r.headers, r.tail = l.attributes, int(l.headers), body[l.headersPos:], body[l.keyLenPos:]
	r.Key, r.Value = nil, nil
	if l.keySize >= 0 {
		end := l.keyPos + int(l.keySize)
		r.Key = body[l.keyPos:end:end]
	}
	if l.valueSize >= 0 {
		end := l.valuePos + int(l.valueSize)
		r.Value = body[l.valuePos:end:end]
	}
}

// body brings the next record into the window and returns it without its length.
func (r *Reader) body() ([]byte, error) {
	s := r.s
	size, i := varint32(s.unread(), 0)
	if i < 0 && !s.ended() {
		if err := s.atLeast(maxVarint32Size); err != nil {
			return nil, err
		}
		size, i = varint32(s.unread(), 0)
	}
	switch {
	case i < 0 && s.w == s.r:
		return nil, errorf(InvalidRecord, "the batch has %d records, its header says %d", r.read, r.batch.Count())
	case i < 0 || size < minBodySize:
		return nil, r.malformed()
	}
	end := i + int(size)
	if err := s.atLeast(end); err != nil {
		return nil, err
	}
	if end > s.w-s.r {
		return nil, r.malformed()
	}
	body := s.unread()[i:end]
	s.r += end
	return body, nil
}

// end checks that nothing follows the last record.
func (r *Reader) end() error {
	if r.s == nil {
		return nil
	}
	left, err := r.s.drained()
	if err == nil && left > 0 {
		err = errorf(InvalidRecord, "bytes follow the last of %d records", r.read)
	}
	return err
}

func (r *Reader) malformed() error { return errorf(InvalidRecord, "record %d is malformed", r.read) }

// Record is the record that Next read. It is valid until the next call of Next or Close.
func (r *Reader) Record() *Record { return &r.rec }

// Err is the error that ended reading, an *Error, or nil at the regular end.
func (r *Reader) Err() error { return r.err }

// Close gives the memory back. The Reader can't be used any more.
func (r *Reader) Close() {
	if r.s != nil {
		r.s.release()
	}
	*r = Reader{}
	readers.Put(r)
}
