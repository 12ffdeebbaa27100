package commitlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Fetched is what a read found.
type Fetched struct {
	Records protocol.Records // what was passed in, and the range that was found
	Bytes   int              // of what was found
	Next    record.Offset    // where the next read begins; the offset that was asked for when nothing was found
}

// Read finds the whole batches from the one that holds from on, below until, of at most maxBytes, in one segment, and
// appends the part of the file that holds them to dst. With minOne the first batch may be larger than maxBytes. The
// caller unpins the range when it was sent or isn't wanted. Offsets below the log's start and above its end are
// OFFSET_OUT_OF_RANGE. A range that wasn't read since the log was opened is compared with its checksums first.
func (l *Log) Read(dst protocol.Records, from record.Offset, maxBytes int, until record.Offset, minOne bool) (Fetched, error) {
	for {
		changes := l.changes.Load()
		f, err := l.read(dst, from, maxBytes, until, minOne)
		if err != nil && l.changes.Load() != changes {
			continue // the segment was cut, removed or replaced meanwhile: look again
		}
		if err != nil {
			return Fetched{Records: dst, Next: from}, l.readError(err)
		}
		return f, nil
	}
}

// readError leaves a removed file to the state of the log, and everything else that failed to the log directory.
func (l *Log) readError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if e := l.Err(); e != nil {
			return e
		}
		return fmt.Errorf("%w: %w", protocol.ErrKafkaStorageError, err)
	}
	return l.logDir().ioError("read a segment", err)
}

// view is what a read takes along from under the lock.
type view struct {
	seg     *segment
	folder  string
	size    int64         // bytes of whole batches
	next    record.Offset // offsets below are in the segment, or nowhere
	entries []offsetEntry // nil: to be loaded
	last    bool          // no segment follows
	sealed  bool
}

// viewLocked looks at the i-th segment for a read of an offset.
func (l *Log) viewLocked(i int, from record.Offset) view {
	s := l.segments[i]
	v := view{seg: s, folder: l.folder, size: s.size, next: s.next, last: i == len(l.segments)-1, sealed: s.sealed}
	if !v.last {
		v.next = l.segments[i+1].base
	}
	if s.loaded && s.index.holds(s.clampRelative(from)) {
		v.entries = s.index.entries
		if v.entries == nil {
			v.entries = []offsetEntry{}
		}
	}
	return v
}

func (l *Log) read(dst protocol.Records, from record.Offset, maxBytes int, until record.Offset, minOne bool) (Fetched, error) {
	l.mu.Lock()
	if err := l.checkReadLocked(from); err != nil {
		l.mu.Unlock()
		return Fetched{}, err
	}
	f := Fetched{Records: dst, Next: from}
	until = min(until, l.End())
	i := max(l.floorLocked(from), 0) // a truncation may have left less than compaction: the first offsets are in no segment
	for from < until && i < len(l.segments) {
		v := l.viewLocked(i, from)
		v.seg.sentTo = v.size
		l.mu.Unlock()
		found, err := l.readSegment(&f, &v, from, until, maxBytes, minOne)
		if found || err != nil || v.last {
			return f, err
		}
		from, f.Next = v.next, v.next // a gap that compaction left
		l.mu.Lock()
		i = max(l.floorLocked(from), 0)
	}
	l.mu.Unlock()
	return f, nil
}

// checkReadLocked: an offline log directory is no reason not to read what can be read.
func (l *Log) checkReadLocked(from record.Offset) error {
	if l.err != nil {
		return l.err
	}
	if from < l.Start() || from > l.End() {
		return fmt.Errorf("%w: offset %d is outside %d to %d", protocol.ErrOffsetOutOfRange, from, l.Start(), l.End())
	}
	return nil
}

// readSegment does the part of a read that needs the file. found is false where the segment holds no batch at or after from.
func (l *Log) readSegment(f *Fetched, v *view, from, until record.Offset, maxBytes int, minOne bool) (found bool, err error) {
	if v.size == 0 && v.last {
		return false, nil
	}
	if v.size == 0 {
		return false, l.checkEmpty(v)
	}
	h, err := l.env.fds.reader(l.env.fs, v.seg, v.folder)
	if err != nil {
		return false, err
	}
	var r fileRange
	err = l.withIndex(v, func() error {
		r, err = v.locate(h, from, until, maxBytes, minOne)
		return err
	})
	if err == nil && r.to > r.from {
		err = l.checkRange(v, h, r.from, r.to)
	}
	if err != nil || r.to <= r.from {
		h.Unpin()
		return r.found, err
	}
	f.Records = append(f.Records, protocol.Range{File: h.file, Pos: r.from, Len: r.to - r.from, Pin: h})
	f.Bytes, f.Next = int(r.to-r.from), r.next
	return true, nil
}

// fileRange is a run of whole batches.
type fileRange struct {
	found    bool // there is a batch at or after the offset, whether it fits or not
	from, to int64
	next     record.Offset
}

// locate finds the file range that a read returns.
func (v *view) locate(h *handle, from, until record.Offset, maxBytes int, minOne bool) (fileRange, error) {
	sc := newScan(h.file, v.size)
	defer sc.close()
	first, size, pos, err := v.find(&sc, from)
	if err != nil || first == nil {
		return fileRange{}, err
	}
	if first.LastOffset() >= v.next { // it would be taken for one that the reader may not see yet, for ever
		return fileRange{}, v.damaged(pos, errTorn)
	}
	r := fileRange{found: true, from: pos, to: pos, next: from}
	if first.LastOffset() >= until || size > int64(maxBytes) && !minOne {
		return r, nil
	}
	r.to, r.next = pos+size, first.NextOffset()
	if size >= int64(maxBytes) {
		return r, nil
	}
	return r, v.extend(&sc, &r, until, pos+int64(maxBytes))
}

// find returns the header of the first batch that ends at or after the offset, its size and position; nil: there is none.
func (v *view) find(sc *scan, from record.Offset) (record.Batch, int64, int64, error) {
	var pos int64
	if e, ok := floorOffset(v.entries, v.seg.clampRelative(from)); ok {
		if _, err := v.entryBatch(sc, e); err != nil {
			return nil, 0, 0, err
		}
		pos = int64(e.pos())
	}
	next := v.seg.base
	for {
		b, size, err := sc.header(pos)
		if errors.Is(err, io.EOF) {
			return nil, 0, 0, nil
		}
		if err == nil && b.BaseOffset() < next {
			err = errTorn // offsets aren't under the checksum: their order is what can be checked
		}
		if err != nil {
			return nil, 0, 0, v.damaged(pos, err)
		}
		if b.LastOffset() >= from {
			return b, size, pos, nil
		}
		pos, next = pos+size, b.NextOffset()
	}
}

// extend lets the range end with the last whole batch that is below until and ends at or before end. The index tells
// from where on it is worth looking.
func (v *view) extend(sc *scan, r *fileRange, until record.Offset, end int64) error {
	if end >= v.size && until >= v.next {
		r.to, r.next = v.size, v.next
		return nil
	}
	e, ok := floorPosition(v.entries, min(end, v.size))
	if ok && e.rel() >= v.seg.clampRelative(until) && until < v.next {
		e, ok = floorOffset(v.entries, v.seg.clampRelative(until-1))
	}
	if ok && int64(e.pos()) > r.to {
		b, err := v.entryBatch(sc, e)
		if err != nil {
			return err
		}
		r.to, r.next = int64(e.pos()), b.BaseOffset()
	}
	for {
		b, size, err := sc.header(r.to)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return v.damaged(r.to, err)
		}
		if b.LastOffset() >= until || r.to+size > end {
			return nil
		}
		r.to, r.next = r.to+size, b.NextOffset()
	}
}

// errIndex says that an index entry doesn't name the batch it should.
var errIndex = errors.New("the index is damaged")

// entryBatch returns the header of the batch that an index entry speaks of.
func (v *view) entryBatch(sc *scan, e offsetEntry) (record.Batch, error) {
	b, _, err := sc.header(int64(e.pos()))
	if errors.Is(err, errTorn) || errors.Is(err, io.EOF) || err == nil && b.LastOffset() != v.seg.base+record.Offset(e.rel()) {
		return nil, errIndex
	}
	return b, err
}

// damaged names the place where a batch was expected.
func (v *view) damaged(pos int64, err error) error {
	if !errors.Is(err, errTorn) {
		return err
	}
	return fmt.Errorf("%w: %s: no batch at position %d", protocol.ErrCorruptMessage, offsetFile(v.seg.base, logSuffix), pos)
}

// checkRange compares a range with its checksums unless that was done since the log was opened.
func (l *Log) checkRange(v *view, h *handle, from, to int64) error {
	l.mu.Lock()
	covered := v.seg.checked.covers(from, to)
	l.mu.Unlock()
	if covered {
		return nil
	}
	if err := v.checkSums(h, from, to); err != nil {
		l.noteDamage(err)
		return err
	}
	l.mu.Lock()
	v.seg.checked.add(from, min(to, v.seg.size))
	l.mu.Unlock()
	return nil
}

// checkSums compares the batches of a range with their checksums, and their offsets, which no checksum covers, with each
// other and with those of the batch behind the range.
func (v *view) checkSums(h *handle, from, to int64) error {
	sc := newCheckedScan(h.file, v.size)
	defer sc.close()
	next := v.seg.base
	for pos := from; pos < v.size; {
		b, size, err := sc.header(pos)
		if err == nil && b.BaseOffset() < next {
			err = errTorn
		}
		if err != nil {
			return v.damaged(pos, err)
		}
		if pos >= to {
			return nil
		}
		first, last := b.BaseOffset(), b.LastOffset()
		ok, err := sc.check(pos, size, b.CRC())
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: %s: the batch of offsets %d to %d at position %d does not match its checksum",
				protocol.ErrCorruptMessage, offsetFile(v.seg.base, logSuffix), first, last, pos)
		}
		pos, next = pos+size, last+1
	}
	if next > v.next {
		return v.damaged(to, errTorn)
	}
	return nil
}

// noteDamage keeps the first damage that was met, for whoever decides about the replica.
func (l *Log) noteDamage(err error) {
	var code protocol.Error
	if !errors.As(err, &code) {
		return
	}
	l.env.counters.ReadDamage.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.damage == nil {
		l.damage = err
		l.env.opt.Logger.Error("damaged bytes are not served", "partition", l.tp.String(), "dir", l.dir.path, "error", err)
	}
}

// ReadBytes is Read for who wants the bytes themselves: it appends them to dst.
func (l *Log) ReadBytes(dst []byte, from record.Offset, maxBytes int, until record.Offset, minOne bool) ([]byte, record.Offset, error) {
	var ranges [1]protocol.Range
	f, err := l.Read(ranges[:0], from, maxBytes, until, minOne)
	if err != nil || len(f.Records) == 0 {
		return dst, f.Next, err
	}
	r := f.Records[0]
	defer r.Pin.Unpin()
	at := len(dst)
	dst = append(dst, make([]byte, r.Len)...)
	if _, err := r.File.ReadAt(dst[at:], r.Pos); err != nil {
		return dst[:at], from, l.logDir().ioError("read a segment", err)
	}
	return dst, f.Next, nil
}
