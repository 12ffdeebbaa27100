package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// newConsumed encodes a message and decodes it as a consumer does.
func newConsumed(t *testing.T, m message) *consumed {
	t.Helper()
	b := newBatch([]message{m})
	var found consumed
	d := batchDecoder{topic: "orders"}
	rest, err := d.next(b.buf[61:], 42, m.timestamp)
	if err != nil || len(rest) != 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	found = d.record
	found.topic, found.partition = "orders", 3
	return &found
}

func TestTemplate(t *testing.T) {
	full := message{key: []byte("k"), value: []byte("v\xffw"), timestamp: 1700000000123, headers: []header{{"a", []byte("1")}, {"b", nil}}}
	for _, test := range []struct {
		format string
		m      message
		want   string
	}{
		{`%t/%p/%o %k=%s @%T\n`, full, "orders/3/42 k=v\xffw @1700000000123\n"},
		{`%K %S`, full, "1 3"},
		{`%R`, full, "\x00\x00\x00\x03"},
		{`%h`, full, "a=1,b=NULL"},
		{`100%% \x41\t%s`, full, "100% A\tv\xffw"},
		{`%k|%s|%K|%S|%R|%h`, message{}, "NULL|NULL|-1|-1|\xff\xff\xff\xff|"},
		{`%k|%s|%K|%S`, message{key: []byte{}, value: []byte{}}, "||0|0"},
	} {
		f, err := newTemplate(test.format, []byte("NULL"))
		if err != nil {
			t.Fatalf("%s: %v", test.format, err)
		}
		if got, err := f(nil, newConsumed(t, test.m)); string(got) != test.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", test.format, got, err, test.want)
		}
	}
	for _, format := range []string{`%`, `%x`, `\q`, `a%`} {
		if _, err := newTemplate(format, nil); err == nil {
			t.Errorf("%s: want an error", format)
		}
	}
}

func TestDelimited(t *testing.T) {
	f := newDelimited(":", "\r\n", []byte("~"))
	dst, _ := f(nil, newConsumed(t, message{key: []byte("k"), value: []byte("v")}))
	dst, _ = f(dst, newConsumed(t, message{}))
	if want := "k:v\r\n~:~\r\n"; string(dst) != want {
		t.Errorf("got %q; want %q", dst, want)
	}
}

func TestJSONSchema(t *testing.T) {
	m := message{key: nil, value: []byte("a\"\\\n\x01é\u2028"), timestamp: 5, headers: []header{{"h", []byte{0xff}}, {"n", nil}, {"\xff", []byte{}}}}
	got, err := appendJSON(nil, newConsumed(t, m))
	want := `{"topic":"orders","partition":3,"offset":42,"timestamp":5,"timestamp_type":"create","key":null,"value":"a\"\\\n\u0001é` + "\u2028" +
		`","headers":[{"key":"h","value_base64":"/w=="},{"key":"n","value":null},{"key_base64":"/w==","value":""}]}` + "\n"
	if string(got) != want || err != nil {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// TestJSONRoundTrip prints random records as JSON, in UTF-8 and in other bytes,
// and reads them back the way produce does. Another program would read the line
// too: it is UTF-8, and its fields say the same to encoding/json.
func TestJSONRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	odd := 0
	for range 5000 {
		m := anyMessage(rnd)
		line, err := appendJSON(nil, newConsumed(t, m))
		if err != nil || !json.Valid(line) || !utf8.Valid(line) || bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%q: %v", line, err)
		}
		p := lineParser{json: true, partition: -1}
		var got message
		if err := p.parse(line, &got); err != nil {
			t.Fatal(err)
		}
		if !sameBytes(got.key, m.key) || !sameBytes(got.value, m.value) || !sameHeaders(got.headers, m.headers) || got.timestamp != m.timestamp {
			t.Fatalf("%+v came back as %+v by %s", m, got, line)
		}
		for _, h := range m.headers {
			if !utf8.ValidString(h.key) {
				odd++
			}
		}
	}
	if odd < 500 {
		t.Errorf("only %d header keys that aren't UTF-8", odd)
	}
}

// anyMessage is a record of random bytes, in which null, empty, text and other
// bytes are about as frequent, in every place where they can be.
func anyMessage(rnd *rand.Rand) message {
	some := func() []byte {
		b := make([]byte, 1+rnd.IntN(12))
		for i := range b {
			b[i] = byte(rnd.IntN(256))
		}
		if rnd.IntN(2) == 0 {
			return []byte(string([]rune(string(b)))) // UTF-8
		}
		return b
	}
	orNull := func() []byte {
		switch rnd.IntN(4) {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		return some()
	}
	m := message{key: orNull(), value: orNull(), timestamp: rnd.Int64() - rnd.Int64(), partition: -1}
	for range rnd.IntN(4) {
		h := header{value: orNull()}
		if rnd.IntN(4) > 0 {
			h.key = string(some())
		}
		m.headers = append(m.headers, h)
	}
	return m
}

func TestLineParser(t *testing.T) {
	var m message
	for _, test := range []struct {
		p          lineParser
		line       string
		key, value []byte
	}{
		{lineParser{}, "a:b", nil, []byte("a:b")},
		{lineParser{keyDelimiter: []byte(":")}, "a:b:c", []byte("a"), []byte("b:c")},
		{lineParser{keyDelimiter: []byte(":")}, "none", nil, []byte("none")},
		{lineParser{keyDelimiter: []byte("::"), key: []byte("d")}, "a:b", []byte("d"), []byte("a:b")},
		{lineParser{keyDelimiter: []byte(":"), null: []byte{}}, ":", nil, nil},
		{lineParser{keyDelimiter: []byte(":"), null: []byte("~")}, "k:~", []byte("k"), nil},
		{lineParser{keyDelimiter: []byte(":")}, ":", []byte{}, []byte{}},
	} {
		if err := test.p.parse([]byte(test.line), &m); err != nil || !sameBytes(m.key, test.key) || !sameBytes(m.value, test.value) {
			t.Errorf("%+v: %q is %q %q, %v", test.p, test.line, m.key, m.value, err)
		}
	}
	p := lineParser{json: true}
	for _, line := range []string{"", "x", `{"value":1}`, `{"value_base64":"?"}`, `[]`, `{"headers":[{"key_base64":"?"}]}`} {
		if err := p.parse([]byte(line), &m); err == nil {
			t.Errorf("%q: want an error", line)
		}
	}
}

// TestDecodeHostile feeds damaged batches to the decoder: it may refuse them, nothing else.
func TestDecodeHostile(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 9))
	for range 3000 {
		b := newBatch(randomMessages(rnd, 3)).buf[61:]
		for range 1 + rnd.IntN(4) {
			b[rnd.IntN(len(b))] = byte(rnd.IntN(256))
		}
		b = b[:rnd.IntN(len(b)+1)]
		var d batchDecoder
		for len(b) > 0 {
			rest, err := d.next(b, 0, 0)
			if err != nil {
				break
			}
			_, _ = appendJSON(nil, &d.record)
			b = rest
		}
	}
}
