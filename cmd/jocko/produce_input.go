package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/travisjeffery/jocko/internal/poison"
)

// chunkBytes is how much input is read at a time. A longer record makes its chunk grow.
const chunkBytes = 1 << 20

// chunkDepth is how many chunks are in use: one is read while another becomes batches.
const chunkDepth = 3

// chunk is a piece of the input that holds whole records: each ends with the delimiter, except the input's last one.
type chunk struct {
	data []byte
	buf  []byte // data's memory, to be used again
}

// chunkReader cuts a stream into chunks on a goroutine of its own, so that whoever makes batches of them isn't held up
// by a slow input, and isn't deaf to an interrupt while it waits for one.
type chunkReader struct {
	delimiter []byte // empty: the input is cut after every max bytes, or not at all
	entire    bool   // each input is one record
	max       int    // the longest record, without its delimiter
	chunks    chan chunk
	free      chan []byte
	err       error // why the input ended, nil at its end; valid once chunks is closed
}

func newChunkReader(delimiter []byte, max int) *chunkReader {
	r := &chunkReader{delimiter: delimiter, max: max, chunks: make(chan chunk), free: make(chan []byte, chunkDepth)}
	for range chunkDepth {
		r.free <- nil
	}
	return r
}

// newWholeReader makes a reader that makes one record of each input.
func newWholeReader(max int) *chunkReader {
	r := newChunkReader(nil, max)
	r.entire = true
	return r
}

// run reads inputs, one after the other, until the last one's end. A record never spans two of them.
func (r *chunkReader) run(ctx context.Context, inputs []io.Reader) {
	defer close(r.chunks)
	for _, in := range inputs {
		if r.err = r.read(ctx, in); r.err != nil {
			return
		}
	}
}

func (r *chunkReader) read(ctx context.Context, in io.Reader) error {
	buf, err := r.buffer(ctx)
	if err != nil {
		return err
	}
	held := 0 // bytes at the front of buf that were read and aren't sent: the start of a record
	for {
		n, err := in.Read(buf[held:])
		whole := r.whole(buf[:held+n], held)
		held += n
		switch {
		case err == io.EOF:
			return r.send(ctx, chunk{buf[:held], buf})
		case err != nil:
			return fmt.Errorf("reading the input: %w", err)
		case whole > 0:
			next, err := r.buffer(ctx)
			if err != nil {
				return err
			}
			next = withRoom(next, held-whole)
			copy(next, buf[whole:held])
			if err := r.send(ctx, chunk{buf[:whole], buf}); err != nil {
				return err
			}
			buf, held = next, held-whole
		case held == len(buf):
			if held > r.max+len(r.delimiter) {
				return fmt.Errorf("a record is longer than %d bytes: %w", r.max, errRecordTooLong)
			}
			buf = append(buf, make([]byte, len(buf))...)
			buf = buf[:cap(buf)]
		}
	}
}

// errRecordTooLong says what can be done about a record above the topic's limit.
var errRecordTooLong = errors.New("raise the topic's max.message.bytes, or --batch-bytes, or cut the input with another --delimiter or --raw")

// whole returns how many of b's bytes are whole records; the first held of them are known to contain no delimiter.
func (r *chunkReader) whole(b []byte, held int) int {
	n := len(r.delimiter)
	if r.entire {
		return 0
	}
	if n == 0 {
		return len(b) / r.max * r.max
	}
	from := max(held-n+1, 0) // a delimiter may have arrived in parts
	at := bytes.LastIndex(b[from:], r.delimiter)
	if at < 0 {
		return 0
	}
	return from + at + n
}

// withRoom returns a buffer that can be read into behind held bytes.
func withRoom(buf []byte, held int) []byte {
	if len(buf) > held {
		return buf
	}
	return make([]byte, 2*held)
}

func (r *chunkReader) buffer(ctx context.Context) ([]byte, error) {
	select {
	case buf := <-r.free:
		if buf == nil {
			buf = make([]byte, chunkBytes)
		}
		return buf, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *chunkReader) send(ctx context.Context, c chunk) error {
	select {
	case r.chunks <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// done gives a chunk's memory back. Nothing may point into it any more.
func (r *chunkReader) done(c chunk) {
	poison.Bytes(c.buf)
	r.free <- c.buf
}

// split calls f with each record of a chunk, without the delimiter.
func (r *chunkReader) split(c chunk, f func(record []byte) error) error {
	data := c.data
	if r.entire {
		return f(data)
	}
	for len(data) > 0 {
		record := data
		if len(r.delimiter) == 0 {
			record = data[:min(r.max, len(data))]
			data = data[len(record):]
		} else if at := bytes.Index(data, r.delimiter); at >= 0 {
			record, data = data[:at], data[at+len(r.delimiter):]
		} else {
			data = nil
		}
		if err := f(record); err != nil {
			return err
		}
	}
	return nil
}
