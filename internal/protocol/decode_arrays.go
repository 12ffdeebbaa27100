package protocol

import "unsafe"

// firstStep bounds, in bytes, what is allocated for an array before any of its elements was read.
const firstStep = 32 << 10

// decodable is a generated struct.
type decodable[T any] interface {
	*T
	decode(d *Decoder, version int16)
}

// decodeStructs reads n elements into s, reusing its memory and that of its elements; nil when n is -1, which is null.
func decodeStructs[T any, P decodable[T]](d *Decoder, s []T, n int, version int16) []T {
	if n < 0 {
		return nil
	}
	if s == nil {
		s = []T{}
	}
	s = s[:0]
	for len(s) < n {
		if len(s) == cap(s) {
			if s = grow(d, s, n); len(s) == cap(s) {
				return s
			}
		}
		s = s[:len(s)+1]
		P(&s[len(s)-1]).decode(d, version)
		if d.err != nil {
			return s
		}
	}
	return s
}

// grow doubles the capacity; once a quarter of the n elements was really read, it goes to n. Elements beyond the length
// are kept: their memory is reused.
func grow[T any](d *Decoder, s []T, n int) []T {
	size := int(unsafe.Sizeof(*new(T)))
	c := min(n, max(2*cap(s), firstStep/size, 1))
	if cap(s) >= n/4 && cap(s) > 0 {
		c = n
	}
	if !d.charge(c * size) {
		return s
	}
	out := make([]T, c)
	copy(out, s[:cap(s)])
	return out[:len(s)]
}

// decodeFixed reads n elements of fixed size, which arrayLen has found to be there.
func decodeFixed[T any](d *Decoder, s []T, n int, read func(*Decoder) T) []T {
	if n < 0 {
		return nil
	}
	if cap(s) < n || s == nil {
		if !d.charge(n * int(unsafe.Sizeof(*new(T)))) {
			return nil
		}
		s = make([]T, n)
	}
	s = s[:n]
	for i := range s {
		s[i] = read(d)
	}
	return s
}

func (d *Decoder) int8s(s []int8, n int) []int8    { return decodeFixed(d, s, n, (*Decoder).Int8) }
func (d *Decoder) int16s(s []int16, n int) []int16 { return decodeFixed(d, s, n, (*Decoder).Int16) }
func (d *Decoder) int32s(s []int32, n int) []int32 { return decodeFixed(d, s, n, (*Decoder).Int32) }
func (d *Decoder) int64s(s []int64, n int) []int64 { return decodeFixed(d, s, n, (*Decoder).Int64) }
func (d *Decoder) uuids(s []UUID, n int) []UUID    { return decodeFixed(d, s, n, (*Decoder).UUID) }

func (d *Decoder) strings(flex bool, s []string, n int) []string {
	if n < 0 {
		return nil
	}
	if s == nil {
		s = []string{}
	}
	s = s[:0]
	for len(s) < n {
		if len(s) == cap(s) {
			if s = grow(d, s, n); len(s) == cap(s) {
				return s
			}
		}
		s = s[:len(s)+1]
		s[len(s)-1] = d.string(flex, s[len(s)-1])
		if d.err != nil {
			return s
		}
	}
	return s
}
