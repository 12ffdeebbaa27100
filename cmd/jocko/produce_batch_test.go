package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/record"
)

func randomMessages(rnd *rand.Rand, n int) []message {
	bytesOrNull := func(most int) []byte {
		if rnd.IntN(5) == 0 {
			return nil
		}
		b := make([]byte, rnd.IntN(most))
		for i := range b {
			b[i] = byte(rnd.IntN(4))
		}
		return b
	}
	list := make([]message, n)
	for i := range list {
		m := message{key: bytesOrNull(20), value: bytesOrNull(300), timestamp: 1_700_000_000_000 + rnd.Int64N(2000) - 1000, partition: -1}
		for j := range rnd.IntN(3) {
			m.headers = append(m.headers, header{fmt.Sprint("h", j), bytesOrNull(100)})
		}
		list[i] = m
	}
	return list
}

func newBatch(list []message) *batch {
	b := &batch{buf: make([]byte, record.HeaderSize), sequence: 7}
	for i := range list {
		body, total := b.size(&list[i])
		before := len(b.buf)
		b.add(&list[i], body)
		if len(b.buf)-before != total {
			panic("a record's size isn't what was announced")
		}
	}
	return b
}

func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// TestBatchDecodes encodes random records with each codec; kmsg reads the plain ones, our own consumer all of them, and
// the broker's validation accepts them.
func TestBatchDecodes(t *testing.T) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			compressor, err := newCompressor(codec, 0)
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(30) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				list := randomMessages(rnd, 1+rnd.IntN(200))
				b := newBatch(list)
				b.seal(compressor, new(bytes.Buffer), 1<<20, producerIdentity{5, 3})
				checkHeader(t, b, codec, list)
				checkConsumer(t, b, list)
				if codec == "none" {
					checkOracle(t, b, list)
				}
			}
		})
	}
}

func checkHeader(t *testing.T, b *batch, codec string, list []message) {
	t.Helper()
	view, rest, err := record.Next(b.buf)
	if err != nil || len(rest) != 0 {
		t.Fatalf("not one batch: %v, %d bytes left", err, len(rest))
	}
	if err := view.CheckCRC(); err != nil {
		t.Fatal(err)
	}
	latest := list[0].timestamp
	for _, m := range list {
		latest = max(latest, m.timestamp)
	}
	if view.Codec().String() != codec || view.ProducerID() != 5 || view.ProducerEpoch() != 3 || view.BaseSequence() != 7 ||
		int(view.Count()) != len(list) || view.MaxTimestamp() != latest || view.BaseTimestamp() != list[0].timestamp {
		t.Fatalf("header: codec %v, producer %d/%d, sequence %d, count %d, times %d %d",
			view.Codec(), view.ProducerID(), view.ProducerEpoch(), view.BaseSequence(), view.Count(), view.BaseTimestamp(), view.MaxTimestamp())
	}
	rules := record.Rules{Codec: record.Producer, MaxBatchBytes: 1 << 20, BeforeMax: 1 << 62, AfterMax: 1 << 62, Now: time.Now(), AllowZstd: true}
	if _, err := record.Validate(append([]byte(nil), b.buf...), &rules); err != nil {
		t.Fatalf("the broker would refuse it: %v", err)
	}
}

func checkConsumer(t *testing.T, b *batch, list []message) {
	t.Helper()
	d := batchDecoder{topic: "t", decompressor: kgo.DefaultDecompressor()}
	i := 0
	err := d.decode(fetched{partition: 3, records: b.buf}, -1, func(r *consumed) error {
		m := list[i]
		var headers []header
		if err := r.eachHeader(func(key, value []byte) { headers = append(headers, header{string(key), value}) }); err != nil {
			t.Fatal(err)
		}
		if r.offset != int64(i) || r.timestamp != m.timestamp || !sameBytes(r.key, m.key) || !sameBytes(r.value, m.value) || !sameHeaders(headers, m.headers) {
			t.Fatalf("record %d is %+v; want %+v", i, r, m)
		}
		i++
		return nil
	})
	if err != nil || i != len(list) {
		t.Fatalf("%d records, %v; want %d", i, err, len(list))
	}
}

func sameHeaders(a, b []header) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].key != b[i].key || !sameBytes(a[i].value, b[i].value) {
			return false
		}
	}
	return true
}

// checkOracle reads a plain batch with franz-go's message code.
func checkOracle(t *testing.T, b *batch, list []message) {
	t.Helper()
	var rb kmsg.RecordBatch
	if err := rb.ReadFrom(b.buf); err != nil {
		t.Fatal(err)
	}
	rest := rb.Records
	for i, m := range list {
		var r kmsg.Record
		if err := r.ReadFrom(rest); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if !sameBytes(r.Key, m.key) || !sameBytes(r.Value, m.value) || r.TimestampDelta64 != m.timestamp-list[0].timestamp || len(r.Headers) != len(m.headers) {
			t.Fatalf("record %d is %+v; want %+v", i, r, m)
		}
		_, size, _ := cutVarint(rest)
		rest = size[r.Length:]
	}
	if len(rest) != 0 {
		t.Fatalf("%d bytes left", len(rest))
	}
}

func TestSealKeepsLimit(t *testing.T) {
	compressor, _ := newCompressor("lz4", 0)
	value := newValues(1000).at(1)
	b := newBatch([]message{{value: value, timestamp: 1}})
	plain := len(b.buf)
	b.seal(compressor, new(bytes.Buffer), plain, producerIdentity{-1, -1})
	if len(b.buf) != plain || record.Batch(b.buf).Codec() != record.None {
		t.Errorf("%d bytes with %v; what doesn't compress must stay within the limit of %d", len(b.buf), record.Batch(b.buf).Codec(), plain)
	}
}

func TestBatcher(t *testing.T) {
	out := [3]chan *batch{}
	var outs []chan<- *batch
	for i := range out {
		out[i] = make(chan *batch, 100)
		outs = append(outs, out[i])
	}
	b := newBatcher("t", outs, 2000, nil, producerIdentity{1, 0})
	add := func(m message) {
		t.Helper()
		if err := b.add(t.Context(), &m); err != nil {
			t.Fatal(err)
		}
	}
	add(message{partition: 2, value: []byte("a")})
	for range 30 {
		add(message{partition: -1, key: []byte("same"), value: make([]byte, 500)})
	}
	if err := b.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts, next := [3]int32{}, [3]int32{}
	for p, ch := range out {
		close(ch)
		for full := range ch {
			<-full.sealed
			if len(full.buf) > 2000 || full.sequence != next[p] || int(full.partition) != p {
				t.Errorf("partition %d: %d bytes, sequence %d; want at most 2000, %d", p, len(full.buf), full.sequence, next[p])
			}
			next[p] += full.count
			counts[p] += full.count
		}
	}
	// Java's producer puts the key "same" on partition 1 of 3.
	if want := (&kgo.Record{Key: []byte("same")}); int(counts[b.byKey.Partition(want, 3)]) < 30 {
		t.Errorf("records with one key are on several partitions: %v", counts)
	}
	if counts[0]+counts[1]+counts[2] != 31 || counts[2] == 0 {
		t.Errorf("got %v records", counts)
	}
	if err := b.add(t.Context(), &message{partition: 0, value: make([]byte, 2000)}); err == nil {
		t.Error("a record above the limit was taken")
	}
}

func BenchmarkBatchLines(b *testing.B) {
	m := message{value: []byte("	return append(dst, b[n:], true)  // 35 B"), timestamp: 1}
	full := &batch{buf: make([]byte, record.HeaderSize, 2<<20)}
	b.SetBytes(int64(len(m.value)))
	b.ReportAllocs()
	for b.Loop() {
		if len(full.buf) > 1<<20 {
			*full = batch{buf: full.buf[:record.HeaderSize]}
		}
		body, _ := full.size(&m)
		full.add(&m, body)
	}
}
