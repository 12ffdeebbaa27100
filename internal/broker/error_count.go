package broker

import (
	"reflect"
	"sync"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// countErrors counts the error codes in a response that was made as a whole.
// Produce and Fetch count theirs one by one.
func countErrors(a *metrics.API, m protocol.Message) {
	v := reflect.ValueOf(m).Elem()
	errorFieldsOf(v.Type()).count(a, v)
}

// errorFields are the fields of a message's struct that error codes are in: so
// that the count looks at nothing else, however large the response.
type errorFields struct {
	codes []int // ErrorCode itself
	lists []int // slices of structs with error codes somewhere
	elem  []*errorFields
}

var errorFieldsByType sync.Map // reflect.Type -> *errorFields

func errorFieldsOf(t reflect.Type) *errorFields {
	if known, ok := errorFieldsByType.Load(t); ok {
		return known.(*errorFields)
	}
	e := new(errorFields)
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Name == "ErrorCode":
			e.codes = append(e.codes, i)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			if elem := errorFieldsOf(f.Type.Elem()); len(elem.codes)+len(elem.lists) > 0 {
				e.lists, e.elem = append(e.lists, i), append(e.elem, elem)
			}
		}
	}
	errorFieldsByType.Store(t, e)
	return e
}

func (e *errorFields) count(a *metrics.API, v reflect.Value) {
	for _, i := range e.codes {
		a.Error(int16(v.Field(i).Int()))
	}
	for k, i := range e.lists {
		list := v.Field(i)
		for j := range list.Len() {
			e.elem[k].count(a, list.Index(j))
		}
	}
}
