//go:build poison

package protocol_test

import (
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

func TestReleasePoisons(t *testing.T) {
	f := protocol.GetFrame(8)
	b := f.Bytes()
	copy(b, "mine")
	f.Retain()
	f.Release()
	if string(b[:4]) != "mine" {
		t.Error("poisoned while a reference was left")
	}
	f.Release()
	for _, c := range b {
		if c != 0xdb {
			t.Fatalf("bytes after the last release: %x", b)
		}
	}
}
