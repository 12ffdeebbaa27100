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

func TestPoolSpoilsWhatItGetsBack(t *testing.T) {
	made, spoiled := 0, 0
	p := poison.NewPool(func() *[]byte { made++; b := []byte("mine"); return &b }, func(b *[]byte) { spoiled++; poison.Bytes(*b) })
	b := p.Get()
	p.Put(b)
	if want := map[bool]int{true: 1}[poison.On]; made != 1 || spoiled != want {
		t.Errorf("made %d, spoiled %d", made, spoiled)
	}
	if mine := string(*b) == "mine"; mine == poison.On {
		t.Errorf("a released value holds %q", *b)
	}
	if n := poison.NewPool[int](nil, nil).Get(); n == nil || *n != 0 {
		t.Errorf("a new value is %v", n)
	}
}

type message struct {
	N        int32
	Set      bool
	Name     string
	Nullable *string
	Bytes    []byte
	Inner    []struct{ Offset int64 }
	hidden   int
}

func TestFieldsSpoilsElementsUpToTheCapacity(t *testing.T) {
	name, bytes := "kept", []byte("kept")
	m := message{N: 1, Name: "mine", Nullable: &name, Bytes: bytes, Inner: make([]struct{ Offset int64 }, 2, 4), hidden: 5}
	list := m.Inner
	m.Inner = m.Inner[:1]
	poison.Fields(&m)
	poison.Fields([]message{{}})
	if name != "kept" || string(bytes) != "kept" || m.hidden != 5 || len(m.Inner) != 1 {
		t.Error("memory of others was overwritten")
	}
	spoiled := m.N != 1 && m.Set && m.Name != "mine" && m.Nullable == nil && m.Bytes == nil && list[0].Offset != 0 && list[1].Offset != 0
	if spoiled != poison.On {
		t.Errorf("spoiled: %+v, %v", m, list)
	}
}
