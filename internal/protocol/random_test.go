package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// filler fills messages with random values by reflection. It serves our structs and kmsg's alike.
type filler struct {
	*rand.Rand
	// fillSlices is set where a slice that is left nil would be encoded as null.
	fillSlices bool
}

// keep is how often, of 100, a field keeps the value it has.
const keep = 20

func newFiller(seed uint64) *filler { return &filler{rand.New(rand.NewPCG(seed, 7)), false} }

var recordsType = reflect.TypeFor[protocol.Records]()

func (r *filler) fill(v reflect.Value) {
	mustFill := v.Kind() == reflect.Struct || r.fillSlices && v.Kind() == reflect.Slice
	if !mustFill && r.IntN(100) < keep {
		return
	}
	switch {
	case v.Type() == recordsType:
		v.Set(reflect.ValueOf(r.records()))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if d, ok := v.Interface().(interface{ Default() }); ok {
			d.Default()
		}
		r.fill(v.Elem())
	case v.Kind() == reflect.Struct:
		r.structure(v)
	case v.Kind() == reflect.Slice:
		r.slice(v)
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(r.IntN(256)))
		}
	default:
		r.scalar(v)
	}
}

func (r *filler) structure(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && f.Name != "Version" && f.Name != "UnknownTags" {
			r.fill(v.Field(i))
		}
	}
}

func (r *filler) slice(v reflect.Value) {
	n := r.IntN(4)
	if v.Type().Elem().Kind() == reflect.Uint8 {
		n = r.IntN(300) // long enough for sizes of two bytes
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		e := v.Index(i)
		if d, ok := e.Addr().Interface().(interface{ Default() }); ok {
			d.Default()
		}
		r.fill(e)
	}
}

func (r *filler) scalar(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float64:
		v.SetFloat(r.NormFloat64())
	case reflect.String:
		v.SetString(r.text())
	default:
		panic(fmt.Sprintf("no random value for %s", v.Type()))
	}
}

func (r *filler) text() string {
	if r.IntN(20) == 0 {
		return strings.Repeat("x", r.IntN(300))
	}
	return "täxt"[:r.IntN(6)]
}

func (r *filler) records() protocol.Records {
	out := make(protocol.Records, r.IntN(4))
	for i := range out {
		b := make([]byte, r.IntN(200))
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		out[i].Bytes = b
	}
	return out
}

// body is what every generated message has.
type body interface {
	Default()
	Encode(*protocol.Encoder, int16)
	Decode(*protocol.Decoder, int16) error
}

// encode returns the body as one piece.
func encode(m body, version int16) []byte {
	e := protocol.NewEncoder()
	m.Encode(e, version)
	return flatten(e)
}

func flatten(e *protocol.Encoder) []byte {
	var out []byte
	for _, r := range e.Ranges() {
		out = append(out, r.Bytes...)
	}
	return out
}
