package protocol_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// TestTagBomb sends a section that claims 2^32-1 tagged fields: seven bytes that cost a naive decoder minutes.
func TestTagBomb(t *testing.T) {
	claim := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	body := append([]byte{1, 1}, claim...) // two empty strings
	start := time.Now()
	if err := protocol.NewApiVersionsRequest().Decode(protocol.NewDecoder(body), 3); err == nil {
		t.Error("accepted in a body")
	}
	header := append([]byte{0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff}, claim...)
	var h protocol.RequestHeader
	if err := h.Decode(protocol.NewDecoder(header)); err == nil {
		t.Error("accepted in a header")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("refused after %s", d)
	}
}

// TestArrayBomb sends bodies that claim as many elements as the bytes behind the claim could hold at one byte each: a
// decoder that allocates what is claimed takes many times the body's size.
func TestArrayBomb(t *testing.T) {
	const size = 16 << 20
	for _, c := range []struct {
		key     protocol.Key
		version int16
		before  []byte
	}{
		{protocol.Metadata, 12, nil},
		{protocol.Produce, 9, []byte{0, 0, 1, 0, 0, 0, 0}},
		{protocol.Fetch, 12, make([]byte, 25)},
		{protocol.CreateTopics, 7, nil},
		{protocol.CreateTopics, 2, nil},
	} {
		for _, count := range []uint32{size - 64, 999_999} {
			in := append([]byte(nil), c.before...)
			if c.version >= c.key.FlexibleFrom() {
				in = binary.AppendUvarint(in, uint64(count)+1)
			} else {
				in = binary.BigEndian.AppendUint32(in, count)
			}
			in = append(in, make([]byte, size-len(in))...)
			m := c.key.NewRequest()
			got := allocated(func() {
				if err := m.Decode(protocol.NewDecoder(in), c.version); err == nil && count > 1_000_000 {
					t.Errorf("%s v%d: %d elements accepted", c.key, c.version, count)
				}
			})
			if got > 10*size {
				t.Errorf("%s v%d: %d elements: %d MiB allocated for %d MiB", c.key, c.version, count, got>>20, size>>20)
			}
		}
	}
}

// allocated is how many bytes f allocates in all, freed ones included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestTooManyElements(t *testing.T) {
	for _, c := range []struct {
		n  int
		ok bool
	}{{1_000_000, true}, {1_000_001, false}} {
		in := binary.AppendUvarint(nil, uint64(c.n)+1) // topics with an empty name, no partitions, no tags
		in = append([]byte{0, 0, 1, 0, 0, 0, 0}, in...)
		for range c.n {
			in = append(in, 1, 1, 0)
		}
		in = append(in, 0)
		err := protocol.NewProduceRequest().Decode(protocol.NewDecoder(in), 9)
		if (err == nil) != c.ok {
			t.Errorf("%d elements: %v", c.n, err)
		}
	}
}

func TestTooManyTags(t *testing.T) {
	for _, c := range []struct {
		n  int
		ok bool
	}{{10_000, true}, {10_001, false}} {
		in := binary.AppendUvarint([]byte{1, 1}, uint64(c.n))
		for i := range c.n {
			in = append(binary.AppendUvarint(in, uint64(i+50)), 2, 'x', 'y')
		}
		d := protocol.NewDecoder(in)
		m := protocol.NewApiVersionsRequest()
		if err := errors.Join(m.Decode(d, 3), d.Finish()); (err == nil) != c.ok {
			t.Errorf("%d tagged fields: %v", c.n, err)
		}
	}
}

func TestStringLengths(t *testing.T) {
	for _, c := range []struct {
		n  int
		ok bool
	}{{32767, true}, {32768, false}} {
		in := binary.AppendUvarint(nil, uint64(c.n)+1)
		in = append(in, make([]byte, c.n)...)
		in = append(in, 1, 0)
		if err := protocol.NewApiVersionsRequest().Decode(protocol.NewDecoder(in), 3); (err == nil) != c.ok {
			t.Errorf("%d bytes: %v", c.n, err)
		}
	}
}

func TestNullRefused(t *testing.T) {
	in := []byte{0, 1, 0} // client software name null
	if err := protocol.NewApiVersionsRequest().Decode(protocol.NewDecoder(in), 3); err == nil {
		t.Error("null accepted for a string that must be there")
	}
}

func TestTaggedFieldSize(t *testing.T) {
	// UnknownTag 9 with 3 bytes is skipped; ProduceResponse's tag 0 must be as long as it says.
	good := []byte{1, 0, 0, 0, 0, 2, 0, 1, 1, 9, 3, 'a', 'b', 'c'}
	bad := []byte{1, 0, 0, 0, 0, 2, 0, 2, 1, 0, 9, 3, 'a', 'b', 'c'}
	if err := protocol.NewProduceResponse().Decode(protocol.NewDecoder(good), 10); err != nil {
		t.Error(err)
	}
	if err := protocol.NewProduceResponse().Decode(protocol.NewDecoder(bad), 10); err == nil {
		t.Error("a tagged field with a byte too many was accepted")
	}
}

func TestVersionRefused(t *testing.T) {
	for _, version := range []int16{-1, 2, 14} {
		err := protocol.NewProduceRequest().Decode(protocol.NewDecoder(make([]byte, 100)), version)
		if err != protocol.ErrUnsupportedVersion {
			t.Errorf("v%d: %v", version, err)
		}
	}
}

func TestCharge(t *testing.T) {
	m := protocol.NewProduceRequest()
	for range 3000 {
		m.TopicData = append(m.TopicData, protocol.ProduceRequestTopicProduceData{Name: "0123456789"})
	}
	in := encode(m, 9)
	full := errors.New("budget spent")
	charged := 0
	d := protocol.NewDecoder(in)
	d.Charge = func(n int) error { charged += n; return nil }
	got := protocol.NewProduceRequest()
	if err := got.Decode(d, 9); err != nil {
		t.Fatal(err)
	}
	if least := 3000 * (10 + int(unsafe.Sizeof(got.TopicData[0]))); charged < least {
		t.Errorf("%d bytes charged, at least %d were allocated", charged, least)
	}
	d.Reset(in)
	d.Charge = func(n int) error { t.Error("memory that is reused was charged"); return nil }
	if err := got.Decode(d, 9); err != nil {
		t.Fatal(err)
	}
	budget := 50_000
	d.Reset(in)
	d.Charge = func(n int) error {
		if budget -= n; budget < 0 {
			return full
		}
		return nil
	}
	if err := protocol.NewProduceRequest().Decode(d, 9); err != full {
		t.Errorf("budget of 50,000 bytes: %v", err)
	}
}

func TestBytesAlias(t *testing.T) {
	m := protocol.NewProduceRequest()
	m.TopicData = []protocol.ProduceRequestTopicProduceData{{PartitionData: []protocol.ProduceRequestPartitionProduceData{
		{Records: []byte("records")}, {Records: nil}, {Records: []byte{}},
	}}}
	in := encode(m, 13)
	got := protocol.NewProduceRequest()
	if err := got.Decode(protocol.NewDecoder(in), 13); err != nil {
		t.Fatal(err)
	}
	p := got.TopicData[0].PartitionData
	for i := range in {
		in[i]++
	}
	if string(p[0].Records) != "sfdpset" {
		t.Errorf("records are a copy: %q", p[0].Records)
	}
	if cap(p[0].Records) != len(p[0].Records) {
		t.Error("an append to the records would overwrite what follows them")
	}
	if p[1].Records != nil || p[2].Records == nil {
		t.Errorf("null and empty are not told apart: %v %v", p[1].Records, p[2].Records)
	}
}
