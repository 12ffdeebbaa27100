package protocol_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// differing are the codes for which kerr has an older name, or other advice on retrying than Kafka 4.4.
var differing = map[int16]bool{6: true, 8: true, 51: true, 122: true, 123: true}

// TestErrorsAreKafkas compares codes, names and whether a client may retry with those that franz-go knows.
func TestErrorsAreKafkas(t *testing.T) {
	seen := 0
	for code := int16(-1); code < 300; code++ {
		theirs, ok := kerr.ErrorForCode(code).(*kerr.Error)
		if !ok || (theirs == kerr.UnknownServerError && code != -1) {
			continue
		}
		seen++
		if e := protocol.Error(code); !differing[code] && (e.Name() != theirs.Message || e.Retriable() != theirs.Retriable) {
			t.Errorf("code %d: ours %s %t, theirs %s %t", code, e.Name(), e.Retriable(), theirs.Message, theirs.Retriable)
		}
	}
	if seen < 137 {
		t.Errorf("only %d codes", seen)
	}
}

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int16
	}{
		{nil, 0},
		{protocol.ErrNotLeaderOrFollower, 6},
		{fmt.Errorf("partition: %w", protocol.ErrUnknownTopicOrPartition), 3},
		{io.EOF, -1},
		{errors.Join(io.EOF, protocol.ErrKafkaStorageError), 56},
		{protocol.Malformed("x"), -1},
	} {
		if got := protocol.CodeOf(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for code := int16(-2); code < 200; code++ {
		e := protocol.Error(code)
		if e.Name() == "" || e.Message() == "" || e.Error() == "" {
			t.Errorf("code %d has no text", code)
		}
	}
	if e := protocol.Error(999); e.Name() != "Error(999)" || e.Retriable() {
		t.Errorf("unknown code: %s %t", e.Name(), e.Retriable())
	}
}
