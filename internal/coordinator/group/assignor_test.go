package group

import (
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

func TestAssignorByName(t *testing.T) {
	for _, name := range []string{"uniform", "range"} {
		if a, known := assignorByName(name); !known || a.name != name {
			t.Errorf("%s: got %q, known %v", name, a.name, known)
		}
	}
	if _, known := assignorByName("sticky"); known {
		t.Error("sticky is known")
	}
}

// TestCompareUUID has ids in Kafka's order, in which a half that begins with a set bit is negative.
func TestCompareUUID(t *testing.T) {
	order := []protocol.UUID{{0: 0x80}, {0: 0xff}, {8: 0x80}, {8: 0xff}, {}, {15: 1}, {8: 1}, {7: 1}, {0: 1}, {0: 0x7f}}
	for i, a := range order {
		for k, b := range order {
			got := compareUUID(a, b)
			if want := min(max(i-k, -1), 1); got != want {
				t.Errorf("compareUUID(%x, %x) is %d, want %d", a, b, got, want)
			}
		}
	}
}
