package protocol_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// fuzzBudget is how much memory one byte of a message may take when decoded. The worst element of any schema is a struct
// of a few hundred bytes in Go that takes a handful on the wire.
const fuzzBudget = 120

// FuzzMessage decodes arbitrary bytes as any message. Nothing may panic, the memory charged must be in proportion to the
// bytes, no message may hold more elements than there are bytes, and what was decoded must survive being encoded.
func FuzzMessage(f *testing.F) {
	for _, k := range protocol.Keys() {
		for _, version := range []int16{k.MinVersion(), k.MaxVersion()} {
			for _, response := range []bool{false, true} {
				m := ourFor(k, response)
				newFiller(uint64(k)).fill(reflect.ValueOf(m).Elem())
				f.Add(uint8(k), uint8(version), response, encode(m, version))
			}
		}
	}
	overBudget := errors.New("over budget")
	f.Fuzz(func(t *testing.T, key, version uint8, response bool, in []byte) {
		k := protocol.Key(key)
		if !k.Valid() {
			return
		}
		v := int16(version)
		charged := 0
		d := protocol.NewDecoder(in)
		d.Charge = func(n int) error {
			if charged += n; charged > 64<<10+fuzzBudget*len(in) {
				return overBudget
			}
			return nil
		}
		m := ourFor(k, response)
		err := m.Decode(d, v)
		if err == overBudget {
			t.Fatalf("%s v%d response=%t: %d bytes charged for %d", k, v, response, charged, len(in))
		}
		if n := elements(reflect.ValueOf(m).Elem()); n > len(in) {
			t.Fatalf("%s v%d response=%t: %d elements out of %d bytes", k, v, response, n, len(in))
		}
		if err != nil {
			return
		}
		once := encode(m, v)
		again := ourFor(k, response)
		if err := again.Decode(protocol.NewDecoder(once), v); err != nil {
			t.Fatalf("%s v%d response=%t: not readable again: %v", k, v, response, err)
		}
		if twice := encode(again, v); !bytes.Equal(once, twice) {
			t.Fatalf("%s v%d response=%t: changed:\n%x\n%x", k, v, response, once, twice)
		}
	})
}

// elements counts the array elements and bytes that a message holds.
func elements(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			n += elements(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += elements(v.Field(i))
		}
	case reflect.String:
		n += v.Len()
	case reflect.Slice:
		switch {
		case v.Type() == recordsType:
			for i := range v.Len() {
				n += v.Index(i).FieldByName("Bytes").Len()
			}
			return n
		case v.Type().Elem().Kind() == reflect.Uint8:
			return v.Len()
		}
		n += v.Len()
		for i := range v.Len() {
			n += elements(v.Index(i))
		}
	}
	return n
}

// FuzzRecord decodes arbitrary bytes as any record.
func FuzzRecord(f *testing.F) {
	for i, make := range records {
		m := make()
		newFiller(1).fill(reflect.ValueOf(m).Elem())
		f.Add(uint8(i), uint8(0), encode(m, 0))
	}
	f.Fuzz(func(t *testing.T, which, version uint8, in []byte) {
		if int(which) >= len(records) {
			return
		}
		m := records[which]()
		if m.Decode(protocol.NewDecoder(in), int16(version)) != nil {
			return
		}
		if n := elements(reflect.ValueOf(m).Elem()); n > len(in) {
			t.Fatalf("%T v%d: %d elements out of %d bytes", m, version, n, len(in))
		}
		once := encode(m, int16(version))
		again := records[which]()
		if err := again.Decode(protocol.NewDecoder(once), int16(version)); err != nil {
			t.Fatalf("%T v%d: not readable again: %v", m, version, err)
		}
	})
}

// FuzzHeader decodes arbitrary bytes as a request header.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{0, 18, 0, 3, 0, 0, 0, 1, 0, 1, 'x', 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		var h protocol.RequestHeader
		d := protocol.NewDecoder(in)
		if h.Decode(d) != nil {
			return
		}
		e := protocol.NewEncoder()
		h.Encode(e)
		var again protocol.RequestHeader
		if err := again.Decode(protocol.NewDecoder(e.Bytes())); err != nil {
			t.Fatal(err)
		}
	})
}
