//go:build poison

package record

import (
	"bytes"
	"testing"

	"github.com/travisjeffery/jocko/internal/poison"
)

// TestClosedReadersRecordsArePoisoned: a record that is used after Close can't look right.
func TestClosedReadersRecordsArePoisoned(t *testing.T) {
	for _, c := range codecs[1:] {
		b := NewBuilder(c, 0)
		b.Append(testNow, []byte("key"), []byte("value"))
		r := Read(b.Build(), NoLimits)
		if !r.Next() {
			t.Fatal(r.Err())
		}
		value := r.Record().Value
		r.Close()
		if !bytes.Equal(value, bytes.Repeat([]byte{poison.Byte}, len("value"))) {
			t.Errorf("%s: after Close the value is %q", c, value)
		}
	}
}

// TestReleasedMemoryIsPoisoned: sinks and encoders keep nothing of the batch before.
func TestReleasedMemoryIsPoisoned(t *testing.T) {
	text := []byte("some records")
	for _, c := range codecs {
		out := newSink(make(Batch, HeaderSize), 0)
		enc := newEncoder(c, 0, out)
		if _, err := enc.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		held := [][]byte{out.b}
		switch e := enc.(type) {
		case *lz4Encoder:
			held = append(held, e.plain[:len(text)], e.block)
		case *snappyEncoder:
			held = append(held, e.plain[:len(text)], e.block)
		}
		enc.release()
		out.release()
		for i, p := range held {
			if !bytes.Equal(p, bytes.Repeat([]byte{poison.Byte}, len(p))) {
				t.Errorf("%s: buffer %d still holds %q", c, i, p[:min(len(p), 100)])
			}
		}
	}
}
