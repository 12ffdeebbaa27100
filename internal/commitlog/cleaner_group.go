package commitlog

import (
	"errors"
	"io"
	"math"

	"github.com/travisjeffery/jocko/internal/record"
)

// cleanOutput collects what stays of a group of segments. As long as a single segment stays as it is, nothing is written:
// prefix tells how much of it that is.
type cleanOutput struct {
	*cleaning
	group    []cleanSource
	writers  []*segmentWriter
	aborted  []AbortedTxn
	prefix   int64
	unsynced int64 // bytes written since the last sync
}

// syncStep is how much is written between two syncs of a segment in the making: one large sync at the end would hold up
// those of appends.
const syncStep = 16 << 20

// cleanGroup writes a group of segments anew and puts the result in their place.
func (j *cleaning) cleanGroup(group []cleanSource, s *cleanSieve) (err error) {
	o := &cleanOutput{cleaning: j, group: group}
	j.out = j.out[:0]
	defer func() {
		if err != nil {
			o.abandon()
		}
	}()
	if len(group) > 1 {
		if err := o.begin(group[0].seg.base); err != nil {
			return err
		}
	}
	for _, src := range group {
		if err := j.eachBatch(src, func(b record.Batch, pos int64, h *handle) error { return o.take(s, b, pos, h) }); err != nil {
			return err
		}
	}
	if len(o.writers) == 0 {
		return nil // nothing changed
	}
	if err := o.finish(); err != nil {
		return err
	}
	old := make([]*segment, len(group))
	for i, src := range group {
		old[i] = src.seg
	}
	return j.log.replaceSegments(old, o.writers)
}

// take passes a batch through the sieve and writes what is left.
func (o *cleanOutput) take(s *cleanSieve, b record.Batch, pos int64, h *handle) error {
	left, err := s.pass(b)
	if err != nil {
		return err
	}
	if left.aborted != nil {
		o.aborted = append(o.aborted, *left.aborted)
	}
	if len(o.writers) == 0 {
		if !left.changed {
			o.prefix = pos + int64(len(b))
			return nil
		}
		if err := o.beginWithPrefix(h); err != nil {
			return err
		}
	}
	if left.batch == nil {
		return nil
	}
	return o.write(left.batch)
}

func (o *cleanOutput) begin(base record.Offset) error {
	w, err := o.log.newSegmentWriter(base)
	if err != nil {
		return err
	}
	last := o.group[len(o.group)-1].seg
	w.seg.modified = last.modified // what retention goes by where records have no time
	o.writers = append(o.writers, w)
	return nil
}

// beginWithPrefix begins with what of the segment was found to stay.
func (o *cleanOutput) beginWithPrefix(h *handle) error {
	src := o.group[0]
	if err := o.begin(src.seg.base); err != nil {
		return err
	}
	r := batchReader{seg: src.seg, handle: h, limit: o.prefix, buf: make([]byte, min(int64(len(o.buf)), max(o.prefix, 1)))}
	for {
		b, _, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = o.write(b)
		}
		if err != nil {
			return err
		}
	}
}

func (o *cleanOutput) write(b record.Batch) error {
	if len(o.out)+len(b) > cap(o.out) {
		if err := o.flush(); err != nil {
			return err
		}
	}
	w := o.writers[len(o.writers)-1]
	if w.size()+int64(len(o.out)+len(b)) > math.MaxInt32 { // positions in an index are 31 bits
		if err := o.flush(); err != nil {
			return err
		}
		if err := o.begin(b.BaseOffset()); err != nil {
			return err
		}
	}
	o.out = append(o.out, b...)
	return nil
}

func (o *cleanOutput) flush() error {
	if len(o.out) == 0 {
		return nil
	}
	w := o.writers[len(o.writers)-1]
	n := int64(len(o.out))
	err := w.append(o.out)
	o.out = o.out[:0]
	if err != nil {
		return err
	}
	o.c.counters.BytesWritten.Add(n)
	if o.unsynced += n; o.unsynced >= syncStep {
		o.unsynced = 0
		if err := w.file.Datasync(); err != nil {
			return &syncError{err}
		}
	}
	return o.pay(n)
}

// finish completes the files. Each gets the aborted transactions whose markers are in it.
func (o *cleanOutput) finish() error {
	if err := o.flush(); err != nil {
		return err
	}
	for i, w := range o.writers {
		for _, t := range o.aborted {
			if t.LastOffset >= w.seg.base && (i+1 == len(o.writers) || t.LastOffset < o.writers[i+1].seg.base) {
				w.addAborted(t)
			}
		}
		if err := w.finish(); err != nil {
			return err
		}
	}
	return nil
}

func (o *cleanOutput) abandon() {
	for _, w := range o.writers {
		w.abandon()
	}
}
