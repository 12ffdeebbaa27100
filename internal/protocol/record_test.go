package protocol_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
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
		if r, err := protocol.DecodeRecord(protocol.NewDecoder(in)); !errors.Is(err, protocol.ErrUnsupportedVersion) || r != nil {
			t.Errorf("%x: %v, %v", in, r, err)
		}
	}
	if _, err := protocol.DecodeRecord(protocol.NewDecoder(nil)); err == nil {
		t.Error("no error for nothing")
	}
}

// TestUnknownTagInMetadataRecord reads records with a tagged field of a later version: a message on the wire may hold one, a
// record may not, for it would be forgotten.
func TestUnknownTagInMetadataRecord(t *testing.T) {
	id := strings.Repeat("00", 16)
	for name, in := range map[string]string{
		"where no tag is known":   "02 00 0274" + id + "01 09 01 00",
		"beside a known one":      "05 00 00000001" + id + "02 01 04 00000002 2a 00",
		"in a list":               "00 00 00000001" + id + "0000000000000007 02 0261 0268 2384 0000 01 00 02 ffff 01 00 00 00 01 01 00",
		"behind what looks whole": "64 00 0263 01 00 00",
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(in, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := protocol.DecodeRecord(protocol.NewDecoder(b)); !errors.Is(err, protocol.ErrUnsupportedVersion) || r != nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}
