package record

import (
	"bytes"

	"github.com/klauspost/compress/gzip"

	"github.com/travisjeffery/jocko/internal/poison"
)

type gzipDecoder struct {
	src bytes.Reader
	gzip.Reader
}

var gzipDecoders = poison.NewPool[gzipDecoder](nil, libraryOwned)

// libraryOwned spoils nothing: the buffers of a codec's library can't be reached. What it decodes or encodes is copied into a
// stream or a sink, and these are spoiled.
func libraryOwned[T any](*T) {}

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
	pool *poison.Pool[gzipEncoder]
}

// gzipEncoders holds the levels -1 (the codec's default) to 9.
var gzipEncoders = func() (pools [gzip.BestCompression + 2]*poison.Pool[gzipEncoder]) {
	for i := range pools {
		pools[i] = poison.NewPool(func() *gzipEncoder { return makeGzipEncoder(i - 1) }, libraryOwned)
	}
	return pools
}()

func makeGzipEncoder(level int) *gzipEncoder {
	w, err := gzip.NewWriterLevel(nil, level)
	if err != nil {
		panic("BUG: gzip level: " + err.Error())
	}
	return &gzipEncoder{Writer: w}
}

func newGzipEncoder(level int, out *sink) *gzipEncoder {
	if level < gzip.BestSpeed || level > gzip.BestCompression {
		level = gzip.DefaultCompression
	}
	pool := gzipEncoders[level+1]
	e := pool.Get()
	e.pool = pool
	e.Reset(out)
	return e
}

func (e *gzipEncoder) release() {
	e.Reset(nil)
	e.pool.Put(e)
}
