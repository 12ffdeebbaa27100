package record

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// Batches as Apache Kafka 4.4 wrote them.
const (
	// A transaction's abort marker.
	goldenAbort = "00000000000000070000004200000000024c33c979003000000000000001a208bef891000001a208bef891" +
		"00000000000000000002ffffffff000000012000000008000000000c00000000000000"
	// A batch of six records with the keys a, b, a, c (a tombstone), d, b, uncompressed, as it was produced and as it was
	// after compaction.
	goldenBefore = "" +
		"0000000000000000000000a5000000000247d0786b000000000005000001a208bf9bee000001a208bf9bee000000000000000000000000" +
		"00000000000618000000026102310202680231180000020262023202026802321800000402610233020268023314000006026301020268" +
		"006800000802642a6464646464646464646464646464646464646464640202682a64646464646464646464646464646464646464646418" +
		"00000a026202350202680235"
	goldenAfter = "" +
		"0000000000000000000000970000000002b02da070004000000005000001a208f6998b000001a208bf9bee000000000000000000000000" +
		"0000000000041e00b9f6b703040261023302026802331a00b9f6b70306026301020268006e00b9f6b7030802642a646464646464646464" +
		"6464646464646464646464640202682a6464646464646464646464646464646464646464641e00b9f6b7030a026202350202680235"
	// The same with lz4.
	goldenBeforeLZ4 = "" +
		"00000000000000000000009a00000000021fe04ca7000300000005000001a208bfd65a000001a208bfd65a000000000000000100000000" +
		"00000000000604224d186470b956000000ff2b180000000261023102026802311800000202620232020268023218000004026102330202" +
		"68023314000006026301020268006800000802642a640100014f0202682a180001e0641800000a026202350202680235000000006a6571" +
		"35"
	goldenAfterLZ4 = "" +
		"00000000000000000000007f0000000002314bcc66004300000005000001a208f6d321000001a208bfd65a000000000000000100000000" +
		"00000000000404224d186040823f000000f1021e008df3b703040261023302026802331a10009106026301020268006e0e005f0802642a" +
		"640100013f020268190003025600a00a02620235020268023500000000"
)

func golden(t *testing.T, s string) Batch {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	b, rest, err := Next(raw)
	if err != nil || len(rest) > 0 || b.CheckCRC() != nil {
		t.Fatalf("a golden batch is broken: %v", err)
	}
	return b
}

func TestMarkerAsKafka(t *testing.T) {
	want := golden(t, goldenAbort)
	m, ok, err := ReadMarker(want)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if (m != Marker{Type: Abort, ProducerEpoch: 2, Timestamp: want.MaxTimestamp()}) {
		t.Errorf("read %+v", m)
	}
	b := m.Batch()
	b.SetBaseOffset(7)
	b.SetLeaderEpoch(0)
	if !bytes.Equal(b, want) {
		t.Errorf("got  %x\nwant %x", b, want)
	}
}

func TestFilterAsKafka(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"none", goldenBefore, goldenAfter}, {"lz4", goldenBeforeLZ4, goldenAfterLZ4},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := golden(t, c.after)
			horizon, ok := want.DeleteHorizon()
			if !ok {
				t.Fatal("no delete horizon")
			}
			f := Filter{Keep: func(r *Record) bool { return r.Offset >= 2 }, Horizon: horizon}
			got, err := f.Apply(golden(t, c.before), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Read != 6 || got.Kept != 4 || !got.Changed || got.MaxTimestamp != want.MaxTimestamp() {
				t.Errorf("result is %+v", got)
			}
			if got.Batch.Codec() == None && !bytes.Equal(got.Batch, want) {
				t.Errorf("got  %x\nwant %x", got.Batch, want)
			}
			// Two LZ4 compressors needn't agree on more than what comes out again.
			if !bytes.Equal(plain(t, got.Batch), plain(t, want)) {
				t.Errorf("got  %x\nwant %x", plain(t, got.Batch), plain(t, want))
			}
		})
	}
}

// plain is a batch with its records decompressed, length and CRC left out.
func plain(t *testing.T, b Batch) []byte {
	t.Helper()
	s := newStream()
	defer s.release()
	if err := s.open(b, NoLimits); err != nil {
		t.Fatal(err)
	}
	for !s.ended() {
		if err := s.fill(); err != nil {
			t.Fatal(err)
		}
	}
	h := bytes.Clone(b[:HeaderSize])
	Batch(h).put32(posLength, 0)
	Batch(h).put32(posCRC, 0)
	return append(h, s.unread()...)
}
