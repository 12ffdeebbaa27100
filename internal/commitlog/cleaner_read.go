package commitlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// batchReader reads a segment's batches whole, in order, and compares each with its checksum: what compaction writes gets a new
// one, and damage must not be sealed with it.
type batchReader struct {
	seg    *segment
	handle *handle
	limit  int64  // size of the segment
	pos    int64  // of the next batch
	buf    []byte // grows to the largest batch
	at, n  int64  // the buffer holds file bytes [at, at+n)
}

// next returns the next batch, which is valid until the next call, and its position; io.EOF after the last.
func (r *batchReader) next() (record.Batch, int64, error) {
	pos := r.pos
	if pos >= r.limit {
		return nil, pos, io.EOF
	}
	b, _, err := record.Next(r.held())
	if kind := (*record.Error)(nil); errors.As(err, &kind) && kind.Kind == record.Incomplete {
		if err := r.fill(); err != nil {
			return nil, pos, err
		}
		b, _, err = record.Next(r.held())
	}
	if err == nil && (b.LastOffsetDelta() < 0 || b.BaseOffset() < r.seg.base) {
		err = errTorn
	}
	if err == nil {
		err = b.CheckCRC()
	}
	if err != nil {
		return nil, pos, r.damaged(err)
	}
	r.pos += int64(len(b))
	return b, pos, nil
}

func (r *batchReader) held() []byte {
	if r.pos < r.at || r.pos > r.at+r.n {
		return nil
	}
	return r.buf[r.pos-r.at : r.n]
}

// fill makes the buffer hold the batch at pos, or as much as there is.
func (r *batchReader) fill() error {
	if err := r.read(); err != nil {
		return err
	}
	size, err := record.PeekSize(r.held())
	if err != nil || size <= r.n {
		return nil // next says what is wrong
	}
	if size > r.limit-r.pos {
		return r.damaged(errTorn)
	}
	// Larger than the buffer: memory is made for it only if there is such a batch.
	sc := newCheckedScan(r.handle.file, r.limit)
	defer sc.close()
	b, size, err := sc.header(r.pos)
	if err != nil {
		return r.damaged(err)
	}
	if ok, err := sc.check(r.pos, size, b.CRC()); err != nil {
		return err
	} else if !ok {
		return r.damaged(errTorn)
	}
	r.buf = make([]byte, size)
	return r.read()
}

func (r *batchReader) read() error {
	want := min(int64(len(r.buf)), r.limit-r.pos)
	n, err := r.handle.file.ReadAt(r.buf[:want], r.pos)
	r.at, r.n = r.pos, int64(n)
	if int64(n) < want && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// damaged is the error of a place where no valid batch is. Errors of the file stay what they are.
func (r *batchReader) damaged(err error) error {
	if e := (*record.Error)(nil); !errors.As(err, &e) && !errors.Is(err, errTorn) {
		return err
	}
	return fmt.Errorf("%w: %s: no valid batch at position %d: %w", protocol.ErrCorruptMessage,
		offsetFile(r.seg.base, logSuffix), r.pos, err)
}
