package record

import (
	"bytes"
	"testing"
)

// FuzzValidate: nothing panics, what is refused isn't changed, and what is accepted is right: its CRC fits, a Reader agrees
// with it, and a second validation accepts it.
func FuzzValidate(f *testing.F) {
	for _, c := range badCases(testNow) {
		if len(c.buf) < 2000 {
			f.Add(c.buf, int8(Producer), false)
		}
	}
	for _, c := range codecs {
		f.Add([]byte(build(c, samples(newRand(1), 5, 50))), int8(Gzip), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, codec int8, reseal bool) {
		in = bytes.Clone(in)
		if b, _, err := Next(in); err == nil && reseal {
			b.seal() // a CRC isn't what a fuzzer should have to find
		}
		rules := testRules()
		rules.Codec = max(Producer, Codec(codec)%(Zstd+1))
		rules.Limits = Limits{MaxBytes: 1 << 20}
		buf := bytes.Clone(in)
		v, err := Validate(buf, rules)
		if err != nil {
			if e := asError(err); e.Kind == 0 || e.Message == "" || e.Kind == Incomplete {
				t.Fatalf("an error of kind %v: %v", e.Kind, e)
			}
			if !bytes.Equal(in, buf) {
				t.Fatal("refused bytes were changed")
			}
			return
		}
		b := v.Batch()
		if err := b.CheckCRC(); err != nil {
			t.Fatal(err)
		}
		n, most := 0, NoTimestamp
		r := Read(b, rules.Limits)
		defer r.Close()
		for ; r.Next(); n++ {
			if r.Record().Offset != Offset(n) {
				t.Fatalf("record %d is at offset %d", n, r.Record().Offset)
			}
			most = max(most, r.Record().Timestamp)
			for range r.Record().Headers() {
			}
		}
		if r.Err() != nil || n != v.Records || n != int(b.Count()) || most != v.MaxTimestamp || most != b.MaxTimestamp() {
			t.Fatalf("read %d records up to %d of %+v: %v", n, most, v, r.Err())
		}
		if _, err := Validate(bytes.Clone(b), rules); err != nil {
			t.Fatalf("the result is refused: %v", err)
		}
	})
}

// FuzzReader: whatever is on a disk, a Reader and a Filter end with an error or with as many records as the header says.
func FuzzReader(f *testing.F) {
	for _, c := range badCases(testNow) {
		if len(c.buf) < 2000 {
			f.Add(c.buf)
		}
	}
	f.Add([]byte(Marker{Type: Commit, ProducerID: 1}.Batch()))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, _, err := Next(in)
		if err != nil {
			return
		}
		limits := Limits{MaxBytes: 1 << 20}
		n := int32(0)
		r := Read(b, limits)
		for r.Next() {
			n++
			for range r.Record().Headers() {
			}
		}
		err = r.Err()
		r.Close()
		if err == nil && n != b.Count() {
			t.Fatalf("read %d records, the header says %d", n, b.Count())
		}
		_, _, _ = ReadMarker(b)
		odd := Filter{Keep: func(r *Record) bool { return r.Offset%2 == 1 }, KeepEmpty: true, Horizon: 1}
		res, err := odd.Apply(b, limits)
		if err != nil {
			_ = asError(err)
			return
		}
		if res.Batch.BaseOffset() != b.BaseOffset() || res.Batch.LastOffset() != b.LastOffset() {
			t.Fatal("the offsets moved")
		}
		if _, _, err := Next(res.Batch); err != nil || res.Changed && res.Batch.CheckCRC() != nil {
			t.Fatalf("the result is no batch: %v", err)
		}
	})
}
