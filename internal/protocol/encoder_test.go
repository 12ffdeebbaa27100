package protocol_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// file stands for an open file in ranges.
type file struct{ protocol.File }

// pin counts how often it was released.
type pin int

func (p *pin) Unpin() { *p++ }

func fetchResponse(records ...protocol.Records) *protocol.FetchResponse {
	m := protocol.NewFetchResponse()
	m.Responses = make([]protocol.FetchResponseFetchableTopicResponse, 1)
	m.Responses[0].TopicId = protocol.UUID{1}
	ps := make([]protocol.FetchResponsePartitionData, len(records))
	for i := range ps {
		ps[i].Default()
		ps[i].PartitionIndex, ps[i].Records = int32(i), records[i]
	}
	m.Responses[0].Partitions = ps
	return m
}

func TestRangesKeepTheirOrder(t *testing.T) {
	f, p := &file{}, new(pin)
	m := fetchResponse(
		protocol.Records{{Bytes: []byte("ring")}, {File: f, Pos: 100, Len: 50, Pin: p}},
		nil,
		protocol.Records{{File: f, Pos: 7, Len: 1 << 20, Pin: p}},
	)
	e := protocol.GetEncoder()
	defer e.Put()
	at := e.Reserve(4)
	protocol.EncodeResponseHeader(e, protocol.Fetch, 16, 3)
	m.Encode(e, 16)
	e.PatchInt32(at, int32(e.Size()-4))

	var got []protocol.Range
	var size int64
	var own []byte
	for _, r := range e.Ranges() {
		size += r.Size()
		if r.File != nil || string(r.Bytes) == "ring" {
			got = append(got, r)
			own = append(own, '|')
		} else {
			own = append(own, r.Bytes...)
		}
	}
	if len(got) != 3 || string(got[0].Bytes) != "ring" || got[1].Pos != 100 || got[1].Len != 50 || got[2].Len != 1<<20 {
		t.Fatalf("ranges: %+v", got)
	}
	if got[0].Pin != nil || got[1].Pin != p || got[2].Pin != p {
		t.Error("pins got lost")
	}
	if size != e.Size() {
		t.Errorf("ranges have %d bytes, Size says %d", size, e.Size())
	}
	if n := int64(own[0])<<24 | int64(own[1])<<16 | int64(own[2])<<8 | int64(own[3]); n != size-4 {
		t.Errorf("frame size %d of %d", n, size-4)
	}
	if !bytes.Contains(own, []byte("\x37||")) { // 54 bytes, compact: 55
		t.Errorf("the first ranges do not follow their length: %q", own)
	}
	e.Reset()
	if *p != 0 {
		t.Errorf("%d pins released that Ranges had handed over", *p)
	}
}

func TestResetReleasesPins(t *testing.T) {
	p := new(pin)
	e := protocol.NewEncoder()
	fetchResponse(protocol.Records{{File: &file{}, Len: 1, Pin: p}, {Bytes: []byte("x"), Pin: p}}).Encode(e, 16)
	e.Reset()
	e.Reset()
	if *p != 2 {
		t.Errorf("%d releases of 2 pins", *p)
	}
	if e.Size() != 0 || len(e.Bytes()) != 0 || len(e.Ranges()) != 0 {
		t.Error("not empty after Reset")
	}
}

func TestEmptyRecordsAreNotNull(t *testing.T) {
	for version := protocol.Fetch.MinVersion(); version <= protocol.Fetch.MaxVersion(); version++ {
		got := protocol.NewFetchResponse()
		if err := got.Decode(protocol.NewDecoder(encode(fetchResponse(nil), version)), version); err != nil {
			t.Fatal(err)
		}
		if r := got.Responses[0].Partitions[0].Records; r == nil || r.Size() != 0 {
			t.Errorf("v%d: %v", version, r)
		}
	}
}

func TestLongStringIsCut(t *testing.T) {
	m := protocol.NewFindCoordinatorResponse()
	long := strings.Repeat("€", 20_000)
	m.ErrorMessage = &long
	got := protocol.NewFindCoordinatorResponse()
	if err := got.Decode(protocol.NewDecoder(encode(m, 3)), 3); err != nil {
		t.Fatal(err)
	}
	if s := *got.ErrorMessage; len(s) > 32767 || len(s) < 32764 || !utf8.ValidString(s) {
		t.Errorf("%d bytes, valid: %t", len(s), utf8.ValidString(s))
	}
}

// TestLongTag has a tagged field whose size takes two and three bytes.
func TestLongTag(t *testing.T) {
	for _, n := range []int{3, 20, 3000} {
		m := protocol.NewProduceResponse()
		for range n {
			m.NodeEndpoints = append(m.NodeEndpoints, protocol.ProduceResponseNodeEndpoint{Host: "host"})
		}
		got := protocol.NewProduceResponse()
		d := protocol.NewDecoder(encode(m, 12))
		if err := got.Decode(d, 12); err != nil {
			t.Fatal(err)
		}
		if len(got.NodeEndpoints) != n || got.NodeEndpoints[n-1].Host != "host" || d.Finish() != nil {
			t.Errorf("%d endpoints came back as %d", n, len(got.NodeEndpoints))
		}
	}
}

func TestUUID(t *testing.T) {
	u := protocol.UUID{0xfb, 0xff, 1, 2, 3}
	got, err := protocol.ParseUUID(u.String())
	if err != nil || got != u || len(u.String()) != 22 {
		t.Errorf("%s: %v, %v", u, got, err)
	}
	for _, bad := range []string{"", "x", u.String() + "A", strings.Repeat("+", 22), u.String()[:21] + "="} {
		if _, err := protocol.ParseUUID(bad); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
