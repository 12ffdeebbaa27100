package poison

import "reflect"

// word is what a released string field holds.
const word = "poison"

// Fields overwrites what a decoded message holds that will be decoded into again: v points to a struct, or is a slice of
// structs. Elements of slices stay for the next owner, up to their capacity, and are overwritten too. Byte slices and
// pointers lead to memory of others: they become nil. It does nothing without the tag "poison".
func Fields(v any) {
	if On {
		spoil(reflect.ValueOf(v))
	}
}

func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.CanSet() { // the one that Fields was given
			spoil(v.Elem())
			return
		}
		v.SetZero()
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				spoil(f)
			}
		}
	case reflect.Slice:
		spoilSlice(v)
	case reflect.String:
		v.SetString(word)
	case reflect.Interface:
		v.SetZero()
	default:
		spoilNumber(v)
	}
}

func spoilSlice(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 && v.CanSet() {
		v.SetZero()
		return
	}
	all := v.Slice(0, v.Cap())
	for i := range all.Len() {
		spoil(all.Index(i))
	}
}

func spoilNumber(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.CanInt():
		v.SetInt(-int64(Byte))
	case v.CanUint():
		v.SetUint(uint64(Byte))
	case v.CanFloat():
		v.SetFloat(-float64(Byte))
	}
}
