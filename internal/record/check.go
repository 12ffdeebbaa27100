package record

import "runtime"

// slots bounds how many batches are decompressed for validation at a time, and so the memory that decoders hold.
var slots = make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0)))

// checkCompressed walks the records of a compressed batch in a window that no record makes larger. If out is set it gets the records.
func (r *Rules) checkCompressed(b Batch, out encoder) (maxTimestamp int64, err error) {
	slots <- struct{}{}
	defer func() { <-slots }()
	s := newStream()
	defer s.release()
	if err := s.open(b, r.Limits); err != nil {
		return 0, err
	}
	if out != nil {
		s.tee = out
	}
	var w walk
	w.init(b, r)
	for w.next < w.count {
		if err := s.fill(); err != nil {
			return 0, err
		}
		n, err := w.records(s.unread())
		if err != nil {
			return 0, err
		}
		s.r += n
		if n > 0 || w.next == w.count {
			continue
		}
		// Not one whole record: it is large, or the stream ended in it.
		if s.ended() {
			break
		}
		if s.w-s.r >= windowSize {
			if err := w.largeRecord(s); err != nil {
				return 0, err
			}
		}
	}
	left, err := s.drained()
	if err != nil {
		return 0, err
	}
	return w.maxTimestamp, w.end(left)
}

// largeRecord checks the record at the front of s field by field: it never is in the window as a whole.
func (w *walk) largeRecord(s *stream) error {
	size, _, ok, err := s.varint()
	if err != nil {
		return err
	}
	if !ok {
		return w.malformed()
	}
	timestampDelta, i := varint64(s.unread(), 1)
	offsetDelta, i := varint32(s.unread(), i)
	keySize, i := varint32(s.unread(), i)
	if i < 0 {
		return w.malformed()
	}
	s.r += i
	body := fields{s: s, left: int(size) - i}
	body.bytes(keySize, -1)
	body.bytes(body.varint(), -1)
	headers := body.varint()
	if headers < 0 || int(headers) > body.left/2 {
		body.bad = true
	}
	for range headers {
		if body.bad || body.err != nil {
			break
		}
		body.bytes(body.varint(), 0)
		body.bytes(body.varint(), -1)
	}
	if body.err != nil {
		return body.err
	}
	if body.bad || body.left != 0 {
		return w.malformed()
	}
	return w.record(offsetDelta, timestampDelta, keySize >= 0)
}

// fields reads the rest of a record's body from a stream. After an error, or once bad, it does nothing.
type fields struct {
	s    *stream
	left int // of the body
	bad  bool
	err  error
}

func (f *fields) varint() int32 {
	if f.bad || f.err != nil {
		return 0
	}
	v, n, ok, err := f.s.varint()
	f.left -= n
	f.err = err
	f.bad = !ok || f.left < 0
	return v
}

// bytes passes a field of n bytes; negative sizes down to least are null.
func (f *fields) bytes(n, least int32) {
	if f.bad || f.err != nil {
		return
	}
	if n < least || int(n) > f.left {
		f.bad = true
		return
	}
	n = max(n, 0)
	f.left -= int(n)
	ok, err := f.s.skip(int(n))
	f.err = err
	f.bad = !ok
}

// recompress checks b and makes a batch of the same records with another codec.
func (r *Rules) recompress(b Batch, target Codec) (Validated, error) {
	out := newSink(b, r.MaxBatchBytes)
	defer out.release()
	enc := newEncoder(target, r.Level, out)
	defer enc.release()
	maxTimestamp, err := r.reencode(b, enc)
	if err == nil {
		err = enc.Close()
	}
	if err != nil {
		return Validated{}, asError(err)
	}
	v := r.stamp(out.batch(target), maxTimestamp)
	v.Recompressed = true
	return v, nil
}

func (r *Rules) reencode(b Batch, enc encoder) (maxTimestamp int64, err error) {
	if b.Codec() != None {
		return r.checkCompressed(b, enc)
	}
	if maxTimestamp, err = r.checkRecords(b); err == nil {
		_, err = enc.Write(b.Payload())
	}
	return maxTimestamp, err
}
