package commitlog

import (
	"errors"
	"hash/crc32"
	"io"

	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// scanBufferSize holds the headers between two index entries of most logs, so that finding a batch costs one read.
const scanBufferSize = 16 << 10

// checkBufferSize is what checksums are computed over at a time.
const checkBufferSize = 256 << 10

var (
	scanBuffers  = newBuffers(scanBufferSize)
	checkBuffers = newBuffers(checkBufferSize)
)

func newBuffers(size int) *poison.Pool[[]byte] {
	return poison.NewPool(func() *[]byte { b := make([]byte, size); return &b }, func(b *[]byte) { poison.Bytes(*b) })
}

// scan walks the batches of a .log file without reading more of them than it must. It reads up to limit, which is the
// file's end, or the end of what is known to be whole batches.
type scan struct {
	file  vfs.File
	limit int64
	pool  *poison.Pool[[]byte]
	buf   *[]byte
	at    int64 // file position of the buffer's first byte
	n     int   // bytes in the buffer
	chunk int   // bytes of the next read
}

// firstChunk is the first read of a scan: it holds the header that is looked for, where batches are large or the index was close.
// Each further read is twice as long, up to the buffer.
const firstChunk = 4 << 10

func newScan(f vfs.File, limit int64) scan {
	return scan{file: f, limit: limit, pool: scanBuffers, buf: scanBuffers.Get(), chunk: firstChunk}
}

// newCheckedScan is a scan that expects to be asked for checksums.
func newCheckedScan(f vfs.File, limit int64) scan {
	return scan{file: f, limit: limit, pool: checkBuffers, buf: checkBuffers.Get(), chunk: checkBufferSize}
}

func (s *scan) close() { s.pool.Put(s.buf) }

// errTorn says that no batch begins here: the bytes are none, or end too early.
var errTorn = errors.New("no whole batch")

// bytes returns n bytes at pos, which must fit the buffer; they are valid until the next call. io.EOF: the limit is before
// the last of them.
func (s *scan) bytes(pos int64, n int) ([]byte, error) {
	if pos < s.at || pos+int64(n) > s.at+int64(s.n) {
		if err := s.fill(pos, n); err != nil {
			return nil, err
		}
	}
	i := int(pos - s.at)
	return (*s.buf)[i : i+n], nil
}

func (s *scan) fill(pos int64, n int) error {
	want := int(min(int64(max(s.chunk, n)), s.limit-pos))
	if want < n {
		return io.EOF
	}
	s.chunk = min(2*s.chunk, len(*s.buf))
	got, err := s.file.ReadAt((*s.buf)[:want], pos)
	s.at, s.n = pos, got
	if got >= n {
		return nil // an error, if it lasts, is met again by who needs more
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.EOF
	}
	return err
}

// header returns the header of the batch at pos and the batch's size. io.EOF: pos is the limit. errTorn: something else is
// there. Other errors are the file's.
func (s *scan) header(pos int64) (record.Batch, int64, error) {
	if pos >= s.limit {
		return nil, 0, io.EOF
	}
	b, err := s.bytes(pos, record.HeaderSize)
	if errors.Is(err, io.EOF) {
		return nil, 0, errTorn
	}
	if err != nil {
		return nil, 0, err
	}
	h := record.Batch(b)
	size := int64(batchSize(h))
	if b[16] != record.Magic || size < record.HeaderSize || size > s.limit-pos || h.LastOffsetDelta() < 0 || h.BaseOffset() < 0 {
		return nil, 0, errTorn
	}
	return h, size, nil
}

// crcOffset is where the bytes under a batch's checksum begin.
const crcOffset = 21

// check computes the checksum of the batch at pos, of which header told the size and the expected value.
func (s *scan) check(pos, size int64, want uint32) (bool, error) {
	var crc uint32
	end := pos + size
	for pos += crcOffset; pos < end; {
		n := int(min(end-pos, int64(len(*s.buf))))
		if held := s.at + int64(s.n) - pos; pos >= s.at && held > 0 {
			n = int(min(int64(n), held)) // first what was read already
		}
		b, err := s.bytes(pos, n)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		crc = crc32.Update(crc, castagnoli, b)
		pos += int64(n)
	}
	return crc == want, nil
}
