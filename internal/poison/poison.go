// Package poison makes a buffer that is used after it was given back to its pool
// visible. In a build with the tag "poison" every pool of the broker overwrites what it
// gets back; in any other build it does nothing and costs nothing.
//
// Invariant: a pooled buffer isn't read after its owner's hold has ended. A test that
// breaks it reads Byte instead of the next owner's data.
package poison

// Byte is what a released buffer is filled with.
const Byte = 0xdb

// Bytes overwrites b up to its capacity, in a build with the tag "poison".
func Bytes(b []byte) {
	if !On {
		return
	}
	b = b[:cap(b)]
	for i := range b {
		b[i] = Byte
	}
}
