package poison_test

import (
	"bytes"
	"testing"

	"github.com/travisjeffery/jocko/internal/poison"
)

func TestBytes(t *testing.T) {
	b := append(make([]byte, 0, 8), "mine"...)
	poison.Bytes(b)
	want := []byte("mine\x00\x00\x00\x00")
	if poison.On {
		want = bytes.Repeat([]byte{poison.Byte}, 8)
	}
	if !bytes.Equal(b[:cap(b)], want) {
		t.Errorf("%x, want %x", b[:cap(b)], want)
	}
}
