package record

import (
	"fmt"
	"math"
	"time"
)

// walk checks the records of one batch, in as many pieces as they come.
type walk struct {
	needKey      bool
	checkTime    bool
	base         int64 // base timestamp, ms
	lo, hi       int64 // allowed timestamps, ms
	count        int32 // records the header claims
	next         int32 // offset delta of the next record: how many there were
	maxTimestamp int64
	refused      *Error // holds the records refused so far
}

// maxRecordErrors is how many refused records an answer names.
const maxRecordErrors = 1000

func (w *walk) init(b Batch, r *Rules) {
	*w = walk{
		needKey: r.Compacted, checkTime: r.TimestampType == CreateTime,
		base: b.BaseTimestamp(), count: b.Count(), maxTimestamp: NoTimestamp,
	}
	if w.checkTime {
		now := r.Now.UnixMilli()
		w.lo, w.hi = timestampBounds(now, r.BeforeMax, r.AfterMax)
	}
}

// timestampBounds adds and subtracts in ms as Kafka does, whose largest bound is 2^63-1 ms.
func timestampBounds(now int64, before, after time.Duration) (lo, hi int64) {
	lo, hi = now-math.MaxInt64, math.MaxInt64
	if before != NoTimestampBound {
		lo = now - before.Milliseconds()
	}
	if after != NoTimestampBound {
		hi = now + after.Milliseconds()
	}
	return lo, hi
}

// records walks the whole records at the front of p and returns how many bytes they have. It stops at a record that p doesn't
// hold completely, and after the last record of the batch. The error says that the bytes are no records; a record
// that isn't allowed is noted for end.
func (w *walk) records(p []byte) (n int, err error) {
	var l layout
	for w.next < w.count {
		size, i := varint32(p, n)
		if i < 0 {
			if len(p)-n >= maxVarint32Size {
				return n, w.malformed()
			}
			return n, nil
		}
		if size < minBodySize {
			return n, w.malformed()
		}
		if int(size) > len(p)-i {
			return n, nil
		}
		end := i + int(size)
		if !l.parse(p[i:end]) {
			return n, w.malformed()
		}
		n = end
		if err := w.record(l.offsetDelta, l.timestampDelta, l.keySize >= 0); err != nil {
			return n, err
		}
	}
	return n, nil
}

// record judges one record by its fields.
func (w *walk) record(offsetDelta int32, timestampDelta int64, hasKey bool) error {
	if offsetDelta != w.next {
		return errorf(InvalidRecord, "record %d has the offset delta %d", w.next, offsetDelta)
	}
	ts := w.base + timestampDelta
	if w.needKey && !hasKey {
		w.refuse(InvalidRecord, "a record of a compacted topic needs a key")
	} else if w.checkTime && ts != NoTimestamp && (ts < w.lo || ts > w.hi) {
		w.refuse(InvalidTimestamp, "the timestamp %d is not between %d and %d", ts, w.lo, w.hi)
	}
	w.maxTimestamp = max(w.maxTimestamp, ts)
	w.next++
	return nil
}

// end is called when there are no more bytes; left is how many the records didn't use. It returns what was noted.
func (w *walk) end(left int) error {
	switch {
	case w.next < w.count:
		return errorf(InvalidRecord, "the batch has %d records, its header says %d", w.next, w.count)
	case left > 0:
		return errorf(InvalidRecord, "bytes follow the last of %d records", w.count)
	case w.refused != nil:
		return w.refused
	}
	return nil
}

// refuse notes that the record at w.next isn't allowed.
func (w *walk) refuse(k Kind, format string, args ...any) {
	e := w.refused
	if e == nil {
		e = &Error{Kind: k, Message: fmt.Sprintf("records were refused, the first at index %d: "+format, append([]any{w.next}, args...)...)}
		w.refused = e
	}
	if k == InvalidTimestamp {
		e.Kind = InvalidTimestamp // the code for the batch, if any record has it
	}
	if len(e.Records) < maxRecordErrors {
		e.Records = append(e.Records, RecordError{Index: w.next, Message: fmt.Sprintf(format, args...)})
	}
}

func (w *walk) malformed() error {
	return errorf(InvalidRecord, "record %d is malformed", w.next)
}
