package protocol_test

import (
	"fmt"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

func produceFrame(partitions int) []byte {
	name := "client"
	h := protocol.RequestHeader{Key: protocol.Produce, Version: 13, CorrelationID: 1, ClientID: &name}
	m := protocol.NewProduceRequest()
	m.TopicData = []protocol.ProduceRequestTopicProduceData{{TopicId: protocol.UUID{1}}}
	for i := range partitions {
		m.TopicData[0].PartitionData = append(m.TopicData[0].PartitionData,
			protocol.ProduceRequestPartitionProduceData{Index: int32(i), Records: make([]byte, 1<<20/partitions)})
	}
	e := protocol.NewEncoder()
	h.Encode(e)
	m.Encode(e, 13)
	return e.Bytes()
}

// produceDecoder returns what a connection does with each frame: header and body, into structs that it reuses.
func produceDecoder(tb testing.TB, in []byte) func() {
	var h protocol.RequestHeader
	d := protocol.NewDecoder(nil)
	m := protocol.NewProduceRequest()
	return func() {
		d.Reset(in)
		if err := h.Decode(d); err != nil {
			tb.Fatal(err)
		}
		if err := m.Decode(d, h.Version); err != nil {
			tb.Fatal(err)
		}
	}
}

func fetchEncoder(partitions int) func() {
	f := &file{}
	records := make([]protocol.Records, partitions)
	for i := range records {
		records[i] = protocol.Records{{File: f, Pos: 0, Len: 1 << 14}}
	}
	m := fetchResponse(records...)
	e := protocol.NewEncoder()
	return func() {
		e.Reset()
		at := e.Reserve(4)
		protocol.EncodeResponseHeader(e, protocol.Fetch, 18, 1)
		m.Encode(e, 18)
		e.PatchInt32(at, int32(e.Size()-4))
		if len(e.Ranges()) != 2*partitions+1 {
			panic("BUG: ranges")
		}
	}
}

func fetchDecoder(tb testing.TB, version int16) func() {
	m := protocol.NewFetchRequest()
	m.Topics = []protocol.FetchRequestFetchTopic{{Topic: "orders", TopicId: protocol.UUID{1}}}
	for range 64 {
		var p protocol.FetchRequestFetchPartition
		p.Default()
		m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
	}
	in := encode(m, version)
	got := protocol.NewFetchRequest()
	d := protocol.NewDecoder(nil)
	return func() {
		d.Reset(in)
		if err := got.Decode(d, version); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestHotPathAllocates holds what the hot path may allocate per request once its structs have been used: nothing.
func TestHotPathAllocates(t *testing.T) {
	for name, f := range map[string]func(){
		"decode Produce v13":                   produceDecoder(t, produceFrame(1)),
		"decode Produce v13 of 64 partitions":  produceDecoder(t, produceFrame(64)),
		"decode Fetch v12":                     fetchDecoder(t, 12),
		"decode Fetch v18":                     fetchDecoder(t, 18),
		"encode Fetch response":                fetchEncoder(1),
		"encode Fetch response, 64 partitions": fetchEncoder(64),
	} {
		f()
		if n := testing.AllocsPerRun(200, f); n >= 1 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}

func BenchmarkDecodeProduce(b *testing.B) {
	for _, partitions := range []int{1, 64} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			f := produceDecoder(b, produceFrame(partitions))
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkDecodeFetch(b *testing.B) {
	f := fetchDecoder(b, 18)
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
}

func BenchmarkEncodeFetchResponse(b *testing.B) {
	for _, partitions := range []int{1, 64} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			f := fetchEncoder(partitions)
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkFrame(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		protocol.GetFrame(1 << 20).Release()
	}
}
