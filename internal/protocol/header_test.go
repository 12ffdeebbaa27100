package protocol_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// TestRequestHeader reads the headers that kmsg's formatter writes, for every key and version.
func TestRequestHeader(t *testing.T) {
	eachMessage(t, func(t *testing.T, k protocol.Key, version int16, response bool) {
		if response {
			return
		}
		for _, client := range []string{"", "client"} {
			m := kmsg.RequestForKey(int16(k))
			m.SetVersion(version)
			f := kmsg.NewRequestFormatter(kmsg.FormatterClientID(client))
			in := f.AppendRequest(nil, m, 77)[4:]
			d := protocol.NewDecoder(in)
			var h protocol.RequestHeader
			if err := h.Decode(d); err != nil {
				t.Fatal(err)
			}
			if h.Key != k || h.Version != version || h.CorrelationID != 77 || h.ClientID == nil || *h.ClientID != client {
				t.Errorf("v%d: %+v", version, h)
			}
			if want := len(m.AppendTo(nil)); d.Remaining() != want {
				t.Errorf("v%d: %d bytes left, the body has %d", version, d.Remaining(), want)
			}
			e := protocol.NewEncoder()
			h.Encode(e)
			if !bytes.Equal(e.Bytes(), in[:len(in)-d.Remaining()]) {
				t.Errorf("v%d: written as %x", version, e.Bytes())
			}
		}
	})
}

func TestRequestHeaderOfUnknown(t *testing.T) {
	for _, c := range []struct {
		in string
		ok bool
	}{
		{"0004000000000001ffff", false},        // LeaderAndIsr is gone
		{"7fff000000000001ffff", false},        // no such key
		{"ffff000000000001ffff", false},        // nor a negative one
		{"00127fff00000001ffff00", true},       // ApiVersions at any version, flexible
		{"0012000300000001ffff", false},        // the tags are missing
		{"0012000300000001ffff0100", false},    // a tag without its size
		{"0012000300000001ffff01050161", true}, // an unknown tag
		{"00120000000000", false},
	} {
		in, err := hex.DecodeString(c.in)
		if err != nil {
			t.Fatal(err)
		}
		var h protocol.RequestHeader
		if err := h.Decode(protocol.NewDecoder(in)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.in, err)
		}
	}
}

func TestResponseHeader(t *testing.T) {
	for _, c := range []struct {
		key     protocol.Key
		version int16
		want    string
	}{
		{protocol.ApiVersions, 0, "00000009"},
		{protocol.ApiVersions, 4, "00000009"},
		{protocol.Produce, 8, "00000009"},
		{protocol.Produce, 9, "0000000900"},
		{protocol.OffsetDelete, 0, "00000009"},
	} {
		e := protocol.NewEncoder()
		protocol.EncodeResponseHeader(e, c.key, c.version, 9)
		if got := hex.EncodeToString(e.Bytes()); got != c.want {
			t.Errorf("%s v%d: %s, want %s", c.key, c.version, got, c.want)
		}
		d := protocol.NewDecoder(e.Bytes())
		id, err := protocol.DecodeResponseHeader(d, c.key, c.version)
		if err != nil || id != 9 || d.Remaining() != 0 {
			t.Errorf("%s v%d: read back as %d, %v, %d bytes left", c.key, c.version, id, err, d.Remaining())
		}
	}
}
