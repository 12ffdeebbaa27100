package protocol_test

import (
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

func TestFrameSizes(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 100_000, 1 << 20, 8 << 20, 8<<20 + 1} {
		f := protocol.GetFrame(n)
		if len(f.Bytes()) != n || cap(f.Bytes()) != n {
			t.Errorf("%d bytes: %d, cap %d", n, len(f.Bytes()), cap(f.Bytes()))
		}
		if f.Cap() > max(2*n, 1024) {
			t.Errorf("%d bytes take %d", n, f.Cap())
		}
		f.Release()
	}
}

func TestFrameReferences(t *testing.T) {
	f := protocol.GetFrame(10)
	f.Retain()
	f.Release()
	copy(f.Bytes(), "still mine")
	if string(f.Bytes()) != "still mine" {
		t.Error("released too early")
	}
	f.Unpin()
	defer func() {
		if recover() == nil {
			t.Error("a release too many went unnoticed")
		}
	}()
	f.Release()
}
