package protocol_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

func TestRecordsRoundTrip(t *testing.T) {
	for _, make := range records {
		lo, hi := make().(interface{ Versions() (lo, hi int16) }).Versions()
		for version := lo; version <= hi; version++ {
			for seed := range uint64(perMessage) {
				m, got := make(), make()
				newFiller(seed).fill(reflect.ValueOf(m).Elem())
				in := encode(m, version)
				d := protocol.NewDecoder(in)
				if err := got.Decode(d, version); err != nil {
					t.Fatalf("%T v%d seed %d: %v\n%+v", m, version, seed, err, m)
				}
				if err := d.Finish(); err != nil {
					t.Fatalf("%T v%d seed %d: %v\n%+v", m, version, seed, err, m)
				}
				if out := encode(got, version); !bytes.Equal(in, out) {
					t.Fatalf("%T v%d seed %d:\n%x\n%x\n%+v", m, version, seed, in, out, m)
				}
			}
		}
	}
}

// TestMetadataRecords writes one record of each type, one after the other, and reads them back.
func TestMetadataRecords(t *testing.T) {
	e := protocol.NewEncoder()
	var want []string
	for _, make := range records {
		r, ok := make().(protocol.Record)
		if !ok || reflect.TypeOf(protocol.NewMetadataRecord(r.RecordType())) != reflect.TypeOf(r) {
			continue
		}
		newFiller(1).fill(reflect.ValueOf(r).Elem())
		protocol.EncodeRecord(e, r)
		want = append(want, fmt.Sprintf("%T %x", r, encode(r.(body), 0)))
	}
	if len(want) < 19 {
		t.Fatalf("only %d types of metadata records", len(want))
	}
	d := protocol.NewDecoder(e.Bytes())
	for _, w := range want {
		r, err := protocol.DecodeRecord(d)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%T %x", r, encode(r.(body), 0)); got != w {
			t.Errorf("got  %s\nwant %s", got, w)
		}
	}
	if err := d.Finish(); err != nil {
		t.Error(err)
	}
}

func TestUnknownMetadataRecord(t *testing.T) {
	for _, in := range [][]byte{{0x7f, 0}, {3, 9}, {0xff, 0xff, 0xff, 0xff, 0x0f, 0}, {3, 0xff, 0xff, 0xff, 0x0f}} {
		if r, err := protocol.DecodeRecord(protocol.NewDecoder(in)); err != protocol.ErrUnsupportedVersion {
			t.Errorf("%x: %v, %v", in, r, err)
		}
	}
	if _, err := protocol.DecodeRecord(protocol.NewDecoder(nil)); err == nil {
		t.Error("no error for nothing")
	}
}
