package record

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/gzip"
)

type gzipDecoder struct {
	src bytes.Reader
	gzip.Reader
}

var gzipDecoders = sync.Pool{New: func() any { return new(gzipDecoder) }}

func (d *gzipDecoder) reset(src []byte, _ int64) error {
	d.src.Reset(src)
	return d.Reader.Reset(&d.src)
}

func (d *gzipDecoder) decode(s *stream) (int, error) { return d.Read(s.room(1)) }

func (d *gzipDecoder) release() {
	d.src.Reset(nil)
	gzipDecoders.Put(d)
}

// gzipEncoder is pooled by its level.
type gzipEncoder struct {
	*gzip.Writer
	pool *sync.Pool
}

// gzipEncoders holds the levels -1 (the codec's default) to 9.
var gzipEncoders [gzip.BestCompression + 2]sync.Pool

func newGzipEncoder(level int, out *sink) *gzipEncoder {
	if level < gzip.BestSpeed || level > gzip.BestCompression {
		level = gzip.DefaultCompression
	}
	pool := &gzipEncoders[level+1]
	e, _ := pool.Get().(*gzipEncoder)
	if e == nil {
		w, err := gzip.NewWriterLevel(nil, level)
		if err != nil {
			panic("BUG: gzip level: " + err.Error())
		}
		e = &gzipEncoder{Writer: w, pool: pool}
	}
	e.Reset(out)
	return e
}

func (e *gzipEncoder) release() {
	e.Reset(nil)
	e.pool.Put(e)
}
