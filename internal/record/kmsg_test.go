package record

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// kmsg, franz-go's message package, is the oracle here.

var kgoCodecs = map[Codec]kgo.CompressionCodec{
	Gzip: kgo.GzipCompression(), Snappy: kgo.SnappyCompression(), LZ4: kgo.Lz4Compression(), Zstd: kgo.ZstdCompression(),
}

func drawSamples(t *rapid.T) []sample {
	nullable := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 300))
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sample {
		return sample{
			ts:  testNow + rapid.Int64Range(-1<<40, 3_600_000).Draw(t, "time"),
			key: nullable.Draw(t, "key"), value: nullable.Draw(t, "value"),
			headers: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Header {
				return Header{Key: []byte(rapid.String().Draw(t, "header")), Value: nullable.Draw(t, "header value")}
			}), 0, 3).Draw(t, "headers"),
		}
	}), 1, 50).Draw(t, "records")
}

// kmsgBatch encodes recs as kgo does.
func kmsgBatch(t *rapid.T, c Codec, recs []sample) []byte {
	var payload []byte
	kb := kmsg.NewRecordBatch()
	kb.FirstTimestamp, kb.MaxTimestamp = recs[0].ts, recs[0].ts
	for i, s := range recs {
		r := kmsg.NewRecord()
		r.TimestampDelta64, r.OffsetDelta, r.Key, r.Value = s.ts-recs[0].ts, int32(i), s.key, s.value
		for _, h := range s.headers {
			r.Headers = append(r.Headers, kmsg.Header{Key: string(h.Key), Value: h.Value})
		}
		body := r.AppendTo(nil)[1:] // with the length 0, which has one byte
		r.Length = int32(len(body))
		payload = r.AppendTo(payload)
		kb.MaxTimestamp = max(kb.MaxTimestamp, s.ts)
	}
	if c != None {
		comp, err := kgo.DefaultCompressor(kgoCodecs[c])
		if err != nil {
			t.Fatal(err)
		}
		var codec kgo.CompressionCodecType
		payload, codec = comp.Compress(new(bytes.Buffer), payload)
		payload = bytes.Clone(payload)
		kb.Attributes = int16(codec)
	}
	kb.PartitionLeaderEpoch, kb.Magic, kb.ProducerID, kb.ProducerEpoch, kb.FirstSequence = -1, 2, -1, -1, -1
	kb.LastOffsetDelta, kb.NumRecords = int32(len(recs)-1), int32(len(recs))
	kb.Records = payload
	kb.Length = int32(len(kb.AppendTo(nil)) - LengthOverhead)
	kb.CRC = int32(crc32.Checksum(kb.AppendTo(nil)[posAttributes:], crc32.MakeTable(crc32.Castagnoli)))
	return kb.AppendTo(nil)
}

func TestReadsWhatKgoSends(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				recs := drawSamples(rt)
				in := kmsgBatch(rt, c, recs)
				v, err := Validate(bytes.Clone(in), testRules())
				if err != nil {
					rt.Fatal(err)
				}
				if !bytes.Equal(v.Bytes, in) {
					rt.Fatalf("a right batch was changed from %x to %x", in, v.Bytes)
				}
				checkRecords(t, v.Batch(), recs)
				if v.MaxTimestamp != v.Batch().MaxTimestamp() || v.Records != len(recs) {
					rt.Fatalf("%+v", v)
				}
			})
		})
	}
}

func TestKgoReadsWhatWeBuild(t *testing.T) {
	dec := kgo.DefaultDecompressor()
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				recs := drawSamples(rt)
				b := build(c, recs)
				var kb kmsg.RecordBatch
				if err := kb.ReadFrom(b); err != nil {
					rt.Fatal(err)
				}
				p := kb.Records
				if c != None {
					var err error
					if p, err = dec.Decompress(p, kgo.CompressionCodecType(c)); err != nil {
						rt.Fatal(err)
					}
				}
				if int(kb.NumRecords) != len(recs) || kb.FirstTimestamp != recs[0].ts {
					rt.Fatalf("header %+v", kb)
				}
				for i, s := range recs {
					p = checkKmsgRecord(rt, p, int32(i), s.ts-recs[0].ts, s)
				}
				if len(p) > 0 {
					rt.Fatalf("%d bytes follow", len(p))
				}
			})
		})
	}
}

// checkKmsgRecord reads one record off p and returns the rest.
func checkKmsgRecord(t *rapid.T, p []byte, offset int32, delta int64, want sample) []byte {
	size, i := varint32(p, 0)
	end := i + int(size)
	var r kmsg.Record
	if err := r.ReadFrom(p[:end]); err != nil {
		t.Fatal(err)
	}
	if r.OffsetDelta != offset || r.TimestampDelta64 != delta || !equal(r.Key, want.key) || !equal(r.Value, want.value) || len(r.Headers) != len(want.headers) {
		t.Fatalf("record %d is %+v", offset, r)
	}
	for i, h := range r.Headers {
		if w := want.headers[i]; h.Key != string(w.Key) || !equal(h.Value, w.Value) {
			t.Fatal(fmt.Sprintf("record %d, header %d is %+v", offset, i, h))
		}
	}
	return p[end:]
}
