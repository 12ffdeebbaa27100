package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// asSent packs the records of b as a client does.
type asSent struct {
	client string
	codec  Codec
	pack   func(plain []byte) []byte
}

// clients are the payloads that a broker gets. Java and Python write snappy in blocks, franz-go and librdkafka as one. LZ4
// comes in 64 KiB blocks from Java, librdkafka and Python, and declares 4 MiB blocks from franz-go.
var clients = []asSent{
	{"franz-go", Gzip, kgoPack(kgo.GzipCompression())},
	{"java", Gzip, func(p []byte) []byte { return packed(Gzip, p) }},
	{"franz-go", Snappy, kgoPack(kgo.SnappyCompression())},
	{"java", Snappy, func(p []byte) []byte { return packed(Snappy, p) }},
	{"franz-go", LZ4, kgoPack(kgo.Lz4Compression())},
	{"4 MiB blocks", LZ4, lz4Pack(lz4.BlockSizeOption(lz4.Block4Mb), lz4.ChecksumOption(true), lz4.BlockChecksumOption(true))},
	{"1 MiB blocks", LZ4, lz4Pack(lz4.BlockSizeOption(lz4.Block1Mb), lz4.ChecksumOption(false))},
	{"java", LZ4, func(p []byte) []byte { return packed(LZ4, p) }},
	{"franz-go", Zstd, kgoPack(kgo.ZstdCompression())},
	{"java", Zstd, func(p []byte) []byte { return packed(Zstd, p) }},
}

func kgoPack(c kgo.CompressionCodec) func([]byte) []byte {
	return func(p []byte) []byte {
		comp, err := kgo.DefaultCompressor(c)
		if err != nil {
			panic(err)
		}
		var out bytes.Buffer
		packed, _ := comp.Compress(&out, p)
		return bytes.Clone(packed)
	}
}

func lz4Pack(opts ...lz4.Option) func([]byte) []byte {
	return func(p []byte) []byte {
		var out bytes.Buffer
		w := lz4.NewWriter(&out)
		if err := w.Apply(opts...); err != nil {
			panic(err)
		}
		if _, err := w.Write(p); err != nil {
			panic(err)
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
		return out.Bytes()
	}
}

// sent is a batch of about size bytes of text as a client sends it.
func (a asSent) sent(size int) Batch {
	plain := textBatch(None, max(1, size/1100), 1024)
	b := append(bytes.Clone(plain[:HeaderSize]), a.pack(plain.Payload())...)
	h := Batch(b)
	h.put16(posAttributes, int16(a.codec))
	h.put32(posLength, int32(len(b)-LengthOverhead))
	h.seal()
	return h
}

// testdata/clients holds one batch of 200 records from each client and codec, as it was found in a broker's log:
// franz-go 1.22.2, librdkafka 2.15.0, kafka-python 3.0.12 and the Java client 4.3.1.
func clientBatches(t *testing.T) map[string]Batch {
	names, err := filepath.Glob("testdata/clients/*")
	if err != nil || len(names) != 16 {
		t.Fatal(names, err)
	}
	batches := make(map[string]Batch)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		batches[filepath.Base(name)] = Batch(b)
	}
	return batches
}

// clientValue is the value of record i in every batch of testdata/clients.
func clientValue(i int) string {
	line := fmt.Sprintf("%d the quick brown fox jumps over the lazy dog and then does so again, at %d ms, for user-%d", i, i*7919%100003, i*31%997)
	return strings.Repeat(line, 4)
}

func TestReadsWhatClientsSend(t *testing.T) {
	for name, b := range clientBatches(t) {
		t.Run(name, func(t *testing.T) {
			if got := b.Codec().String(); got != strings.TrimPrefix(filepath.Ext(name), ".") {
				t.Fatal("the codec is", got)
			}
			rules := testRules()
			rules.Now = time.UnixMilli(b.MaxTimestamp())
			if _, err := Validate(b, rules); err != nil {
				t.Fatal(err)
			}
			r := Read(b, Limits{})
			defer r.Close()
			n := 0
			for ; r.Next(); n++ {
				if string(r.Record().Value) != clientValue(n) {
					t.Fatalf("record %d is %q", n, r.Record().Value)
				}
			}
			if r.Err() != nil || n != 200 {
				t.Fatal(n, r.Err())
			}
		})
	}
}

// allocated is how many objects and bytes one of n runs of f allocates on average, the pools being full.
func allocated(n int, f func()) (objects, size float64) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties pools
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
}

// TestValidateAllocatesNothing: validation of compressed batches takes its memory from pools, whatever a client declares.
func TestValidateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools lose what they get")
	}
	check := func(name string, b Batch, now time.Time) {
		rules := testRules()
		rules.Now = now
		objects, size := allocated(20, func() {
			if _, err := Validate(b, rules); err != nil {
				t.Fatal(name, err)
			}
		})
		if objects >= 0.5 || size >= 64 {
			t.Errorf("%s: %.1f allocations of %.0f bytes", name, objects, size)
		}
	}
	for name, b := range clientBatches(t) {
		check(name, b, time.UnixMilli(b.MaxTimestamp()))
	}
	for _, a := range clients {
		for _, size := range []int{1 << 10, 128 << 10, 1 << 20, 3 << 20} {
			check(fmt.Sprintf("%s/%s/%d", a.codec, a.client, size), a.sent(size), rulesTime)
		}
	}
}

var rulesTime = testRules().Now

// TestRoomIsWhatIsDecoded: a batch makes the broker allocate what it decompresses to, not what it declares.
func TestRoomIsWhatIsDecoded(t *testing.T) {
	const declared = 20 << 20
	literal := []byte{62 << 2, 0xff, 0xff, 0x0f} // of 1 MiB, of which nothing is there
	for _, c := range []struct {
		name string
		b    Batch
		most float64
	}{
		{"lz4, 4 MiB declared, 4 KiB sent", asSent{"", LZ4, lz4Pack(lz4.BlockSizeOption(lz4.Block4Mb))}.sent(4 << 10), 64 << 10},
		{"lz4, 4 MiB declared, 256 KiB sent", asSent{"", LZ4, lz4Pack(lz4.BlockSizeOption(lz4.Block4Mb))}.sent(256 << 10), 384 << 10},
		{"snappy, 20 MiB declared, 1 MiB sent", raw(testNow, Snappy, append(binary.AppendUvarint(nil, declared), make([]byte, 1<<20)...)), 64 << 10},
		{"snappy, a literal that isn't there", raw(testNow, Snappy, append(binary.AppendUvarint(nil, 1<<20), literal...)), 64 << 10},
	} {
		rules := testRules()
		_, size := allocated(1, func() {
			emptyPools()
			_, _ = Validate(c.b, rules)
		})
		if size > c.most+4<<10 {
			t.Errorf("%s: %.0f bytes were allocated, want at most %.0f", c.name, size, c.most)
		}
	}
}

// emptyPools makes the next batch allocate all it needs.
func emptyPools() {
	runtime.GC()
	runtime.GC()
}

// TestPoolsKeepNothingLarge: a bomb leaves no large window behind.
func TestPoolsKeepNothingLarge(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools lose what they get")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	big := textBatch(None, 7<<10, 1024)
	payload := s2.EncodeSnappy(nil, big.Payload())
	b := append(bytes.Clone(big[:HeaderSize]), payload...)
	Batch(b).put16(posAttributes, int16(Snappy))
	Batch(b).put32(posLength, int32(len(b)-LengthOverhead))
	Batch(b).seal()
	for range 10 {
		if _, err := Validate(b, testRules()); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if s := newStream(); len(s.own) > keptWindow {
			t.Fatalf("a window of %d bytes was kept", len(s.own))
		}
	}
}

// FuzzLZ4: pierrec's reader of frames is the oracle for ours, and its decoder of blocks for the size we ask of them.
func FuzzLZ4(f *testing.F) {
	text := textBatch(None, 300, 300).Payload()
	for _, a := range clients {
		if a.codec == LZ4 {
			f.Add(a.pack(text))
			f.Add(a.pack(text[:100]))
		}
	}
	for _, c := range lz4Cases(testNow) {
		f.Add(bytes.Clone(Batch(c.buf).Payload()))
	}
	for _, block := range [][]byte{{0x10, 'a', 1, 0, 0}, {0x1f, 'a', 1, 0, 255, 255, 3, 0x50, 1, 2, 3, 4, 5}, {0xf0, 255, 1}} {
		f.Add(block)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		block := make([]byte, 64<<10)
		if n, err := lz4.UncompressBlock(in, block); err == nil && n > 0 && lz4Size(in) != n {
			t.Fatalf("a block of %d bytes has the size %d", n, lz4Size(in))
		}
		ours, err := decodeAll(LZ4, in)
		theirs, oracle := io.ReadAll(lz4.NewReader(bytes.NewReader(in)))
		switch {
		case err == nil && (oracle != nil || !bytes.Equal(ours, theirs)):
			t.Fatalf("we read %d bytes, pierrec %d: %v", len(ours), len(theirs), oracle)
		case err != nil && oracle == nil && !refusedByChoice(in, err):
			t.Fatalf("we refuse what pierrec reads: %v", err)
		}
	})
}

// refusedByChoice tells whether we refuse a frame that is right because Kafka takes none of its kind: legacy frames,
// frames that refer to earlier blocks or dictionaries, several frames, empty input.
func refusedByChoice(in []byte, err error) bool {
	return len(in) < 7 || errors.Is(err, errLZ4Header) || errors.Is(err, errLZ4Trailing) || errors.Is(err, errLZ4Size)
}

// FuzzSnappySize: s2's decoder is the oracle for the size that we ask of a block.
func FuzzSnappySize(f *testing.F) {
	f.Add(s2.EncodeSnappy(nil, textBatch(None, 300, 300).Payload()))
	f.Add(s2.EncodeSnappy(nil, make([]byte, 100<<10)))
	f.Add(s2.Encode(nil, textBatch(None, 300, 300).Payload()))
	for _, c := range snappyCases(testNow) {
		f.Add(bytes.Clone(Batch(c.buf).Payload()))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if n, err := s2.DecodedLen(in); err != nil || n > 1<<20 {
			return
		}
		out, err := s2.Decode(nil, in)
		if size := snappySize(in); err == nil && size >= 0 && size != len(out) {
			t.Fatalf("a block of %d bytes has the size %d", len(out), size)
		}
	})
}

func decodeAll(c Codec, payload []byte) ([]byte, error) {
	s := newStream()
	defer s.release()
	if err := s.open(raw(testNow, c, payload), Limits{MaxBytes: 16 << 20, MaxRatio: 1 << 20}); err != nil {
		return nil, err
	}
	var all []byte
	for !s.ended() {
		if err := s.fill(); err != nil {
			return nil, err
		}
		all = append(all, s.unread()...)
		s.r = s.w
	}
	return all, nil
}

// BenchmarkValidateSent counts decompressed bytes.
func BenchmarkValidateSent(bm *testing.B) {
	for _, a := range clients {
		for _, size := range []int{1 << 10, 16 << 10, 128 << 10, 1 << 20} {
			b := a.sent(size)
			plain := len(textBatch(None, max(1, size/1100), 1024))
			bm.Run(fmt.Sprintf("%s/%s/%d", a.codec, a.client, size), func(bm *testing.B) {
				rules := testRules()
				bm.SetBytes(int64(plain))
				bm.ReportAllocs()
				for bm.Loop() {
					if _, err := Validate(b, rules); err != nil {
						bm.Fatal(err)
					}
				}
			})
		}
	}
}
