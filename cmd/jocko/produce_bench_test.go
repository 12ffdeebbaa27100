package main

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// BenchmarkInputToBatches runs all of produce but the sending, on short lines.
func BenchmarkInputToBatches(b *testing.B) {
	text := bytes.Repeat([]byte("\treturn append(dst, b[n:], true)\n\n}\nfunc short(a int) string {\n"), 1<<14)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		out := make(chan *batch, 4)
		batches := newBatcher("t", []chan<- *batch{out}, 1<<20, nil, producerIdentity{1, 0})
		go func() {
			for full := range out {
				<-full.sealed
				batches.done(full)
			}
		}()
		r := newChunkReader([]byte("\n"), 1<<20)
		go r.run(b.Context(), []io.Reader{bytes.NewReader(text)})
		p := lineParser{partition: -1, now: time.Now().UnixMilli()}
		var m message
		for c := range r.chunks {
			if err := r.split(c, func(record []byte) error {
				if err := p.parse(record, &m); err != nil {
					return err
				}
				return batches.add(b.Context(), &m)
			}); err != nil {
				b.Fatal(err)
			}
			r.done(c)
		}
		if err := batches.flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		close(out)
	}
}
