package record

import (
	"bytes"
	"testing"
)

// keyed is a batch with base offset 100 of an idempotent producer, one record for each of keys; an upper-case key is a tombstone.
func keyed(c Codec, keys string) Batch {
	b := NewBuilder(c, 0)
	b.SetBaseOffset(100)
	b.SetLeaderEpoch(3)
	b.SetProducer(7, 1, 40, false)
	for i, k := range keys {
		value := []byte("value")
		if k < 'a' {
			value = nil
		}
		b.Append(1000+int64(i), []byte(string(k)), value, Header{Key: []byte("n"), Value: []byte{byte(i)}})
	}
	return b.Build()
}

func keepOnly(keys string) func(*Record) bool {
	return func(r *Record) bool { return bytes.ContainsAny(r.Key, keys) }
}

// keysOf reads back which records a batch has.
func keysOf(t *testing.T, b Batch) (keys string, offsets []Offset, times []int64) {
	t.Helper()
	r := Read(b, Limits{})
	defer r.Close()
	for r.Next() {
		rec := r.Record()
		keys += string(rec.Key)
		offsets = append(offsets, rec.Offset)
		times = append(times, rec.Timestamp)
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return keys, offsets, times
}

func TestFilterKeepsIdentity(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			b := keyed(c, "abcd")
			f := Filter{Keep: keepOnly("bc"), Horizon: 5000}
			got, err := f.Apply(b, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			g := got.Batch
			if g.CheckCRC() != nil || g.BaseOffset() != 100 || g.LastOffset() != 103 || g.Count() != 2 || g.Codec() != c ||
				g.ProducerID() != 7 || g.ProducerEpoch() != 1 || g.BaseSequence() != 40 || g.LastSequence() != 43 ||
				g.LeaderEpoch() != 3 || g.MaxTimestamp() != 1002 {
				t.Errorf("the header changed: %x", []byte(g[:HeaderSize]))
			}
			if _, ok := g.DeleteHorizon(); ok {
				t.Error("a delete horizon without a tombstone")
			}
			keys, offsets, times := keysOf(t, g)
			if keys != "bc" || offsets[0] != 101 || offsets[1] != 102 || times[0] != 1001 || times[1] != 1002 {
				t.Errorf("kept %s at %v, %v", keys, offsets, times)
			}
			if got.Read != 4 || got.Kept != 2 || !got.Changed {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

func TestFilterLeavesUntouched(t *testing.T) {
	b := keyed(Zstd, "abc")
	got, err := (&Filter{Horizon: 5000}).Apply(b, Limits{})
	if err != nil || got.Changed || &got.Batch[0] != &b[0] {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFilterHorizon(t *testing.T) {
	b := keyed(None, "aB")
	f := Filter{Horizon: 5000}
	first, err := f.Apply(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if ms, ok := first.Batch.DeleteHorizon(); !ok || ms != 5000 {
		t.Fatalf("the tombstone's horizon is %d, %v", ms, ok)
	}
	// A later run neither moves the horizon nor loses the records' times.
	f = Filter{Horizon: 9000, Keep: keepOnly("B")}
	second, err := f.Apply(first.Batch, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if ms, _ := second.Batch.DeleteHorizon(); ms != 5000 {
		t.Errorf("the horizon moved to %d", ms)
	}
	if keys, _, times := keysOf(t, second.Batch); keys != "B" || times[0] != 1001 {
		t.Errorf("kept %s with times %v", keys, times)
	}
	third, err := f.Apply(second.Batch, Limits{})
	if err != nil || third.Changed {
		t.Errorf("a batch with nothing to remove changed: %+v, %v", third, err)
	}
}

func TestFilterMarker(t *testing.T) {
	m := Marker{Type: Commit, CoordinatorEpoch: 9, ProducerID: 5, ProducerEpoch: 2, Timestamp: 1234}
	got, err := (&Filter{Horizon: 5000, SetHorizon: true}).Apply(m.Batch(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if ms, ok := got.Batch.DeleteHorizon(); !ok || ms != 5000 {
		t.Errorf("the marker's horizon is %d, %v", ms, ok)
	}
	back, ok, err := ReadMarker(got.Batch)
	if err != nil || !ok || back != m {
		t.Errorf("read back %+v, %v, %v", back, ok, err)
	}
}

func TestFilterAppendTime(t *testing.T) {
	b := keyed(LZ4, "abc")
	b.SetAppendTime(7777)
	got, err := (&Filter{Keep: keepOnly("ac"), Horizon: 5000}).Apply(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Batch.TimestampType() != LogAppendTime || got.Batch.MaxTimestamp() != 7777 {
		t.Errorf("type %d, max %d", got.Batch.TimestampType(), got.Batch.MaxTimestamp())
	}
	if keys, _, times := keysOf(t, got.Batch); keys != "ac" || times[1] != 7777 {
		t.Errorf("kept %s with times %v", keys, times)
	}
}

func TestFilterEmpty(t *testing.T) {
	b := keyed(Gzip, "AB")
	none := func(*Record) bool { return false }
	got, err := (&Filter{Keep: none}).Apply(b, Limits{})
	if err != nil || got.Batch != nil || got.Kept != 0 || got.Read != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	f := Filter{Keep: none, KeepEmpty: true}
	got, err = f.Apply(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e := got.Batch
	if len(e) != HeaderSize || e.CheckCRC() != nil || e.Count() != 0 || e.Codec() != None || e.BaseOffset() != 100 || e.LastOffset() != 101 ||
		e.ProducerID() != 7 || e.LastSequence() != 41 || e.MaxTimestamp() != b.MaxTimestamp() || e.BaseTimestamp() != NoTimestamp {
		t.Errorf("the empty batch is %x", []byte(e))
	}
	if _, _, err := Next(e); err != nil {
		t.Error(err)
	}
	if keys, _, _ := keysOf(t, e); keys != "" {
		t.Errorf("read %q from an empty batch", keys)
	}
	again, err := f.Apply(e, Limits{})
	if err != nil || again.Changed || &again.Batch[0] != &e[0] {
		t.Errorf("the empty batch changed again: %+v, %v", again, err)
	}
	gone, err := (&Filter{}).Apply(e, Limits{})
	if err != nil || gone.Batch != nil {
		t.Errorf("an empty batch stays: %+v, %v", gone, err)
	}
}

func TestFilterRefusesCorrupt(t *testing.T) {
	out := slicesOf(appendRecord(nil, goodBody(0)), appendRecord(nil, goodBody(2)), appendRecord(nil, goodBody(1)))
	b := raw(1000, None, out)
	f := Filter{Keep: func(r *Record) bool { return r.Offset > 0 }}
	if _, err := f.Apply(b, Limits{}); kindOf(err) != InvalidRecord {
		t.Errorf("offsets out of order: %v", err)
	}
	b = keyed(Zstd, "abc")
	b[HeaderSize] ^= 1
	if _, err := f.Apply(b, Limits{}); kindOf(err) != Undecodable {
		t.Errorf("a corrupt stream: %v", err)
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestMarkers(t *testing.T) {
	for _, typ := range []ControlType{Abort, Commit} {
		m := Marker{Type: typ, CoordinatorEpoch: 42, ProducerID: 11, ProducerEpoch: 3, Timestamp: 99}
		b := m.Batch()
		if !b.IsControl() || !b.IsTransactional() || b.Count() != 1 || b.BaseSequence() != NoSequence || b.CheckCRC() != nil {
			t.Errorf("%v: header is %x", typ, []byte(b[:HeaderSize]))
		}
		got, ok, err := ReadMarker(b)
		if err != nil || !ok || got != m {
			t.Errorf("%v: read back %+v, %v, %v", typ, got, ok, err)
		}
		rules := testRules()
		rules.AllowControl = true
		if _, err := Validate(b, rules); err != nil {
			t.Errorf("%v: the broker's own marker is refused: %v", typ, err)
		}
	}
	control := func(key, value []byte) Batch {
		b := NewBuilder(None, 0)
		b.setControl()
		b.Append(1, key, value)
		return b.Build()
	}
	for _, c := range []struct {
		name       string
		key, value []byte
		ok         bool
		kind       Kind
	}{
		{"a leader change", []byte{0, 0, 0, 2}, []byte{0, 0}, false, 0},
		{"longer, from a later version", []byte{0, 1, 0, 1, 9}, []byte{0, 1, 0, 0, 0, 5, 9, 9}, true, 0},
		{"short key", []byte{0, 0, 0}, make([]byte, 6), false, InvalidRecord},
		{"no key", nil, make([]byte, 6), false, InvalidRecord},
		{"negative version", []byte{0xff, 0xff, 0, 0}, make([]byte, 6), false, InvalidRecord},
		{"short value", []byte{0, 0, 0, 1}, make([]byte, 5), false, InvalidRecord},
		{"no value", []byte{0, 0, 0, 1}, nil, false, InvalidRecord},
	} {
		_, ok, err := ReadMarker(control(c.key, c.value))
		if ok != c.ok || kindOf(err) != c.kind {
			t.Errorf("%s: %v, %v", c.name, ok, err)
		}
	}
	if _, ok, err := ReadMarker(keyed(None, "a")); ok || err != nil {
		t.Errorf("data is taken for a marker: %v, %v", ok, err)
	}
}
