package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll returns the records a chunkReader cuts the inputs into.
func readAll(t *testing.T, r *chunkReader, inputs ...io.Reader) (records []string, err error) {
	t.Helper()
	go r.run(t.Context(), inputs)
	for c := range r.chunks {
		if splitErr := r.split(c, func(record []byte) error {
			records = append(records, string(record))
			return nil
		}); splitErr != nil {
			t.Fatal(splitErr)
		}
		clear(c.buf) // whoever keeps a slice of it would notice
		r.done(c)
	}
	return records, r.err
}

func TestChunkReader(t *testing.T) {
	for _, test := range []struct {
		name, delimiter string
		max             int
		inputs          []string
		want            []string
	}{
		{"lines", "\n", 9, []string{"a\nb\n"}, []string{"a", "b"}},
		{"no delimiter at the end", "\n", 9, []string{"a\nb"}, []string{"a", "b"}},
		{"empty lines are records", "\n", 9, []string{"\n\na\n\n"}, []string{"", "", "a", ""}},
		{"nothing", "\n", 9, []string{""}, nil},
		{"long delimiter", "ab", 9, []string{"1ab2aabb"}, []string{"1", "2a", "b"}},
		{"carriage returns stay", "\n", 9, []string{"a\r\n"}, []string{"a\r"}},
		{"two files are apart", "\n", 9, []string{"a\nb", "c\n"}, []string{"a", "b", "c"}},
		{"raw", "", 3, []string{"1234567"}, []string{"123", "456", "7"}},
		{"raw, exact", "", 3, []string{"123456"}, []string{"123", "456"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var inputs []io.Reader
			for _, in := range test.inputs {
				inputs = append(inputs, strings.NewReader(in))
			}
			got, err := readAll(t, newChunkReader([]byte(test.delimiter), test.max), inputs...)
			if err != nil || strings.Join(got, "|") != strings.Join(test.want, "|") || len(got) != len(test.want) {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestChunkReaderWhole(t *testing.T) {
	got, err := readAll(t, newWholeReader(100), strings.NewReader("a\nb\n"), strings.NewReader(""))
	if err != nil || len(got) != 2 || got[0] != "a\nb\n" || got[1] != "" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestChunkReaderPieces cuts random inputs that arrive in random pieces, and compares with strings.Split.
func TestChunkReaderPieces(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		delimiter := []string{"\n", "\x00", "ab", "aab", "\r\n"}[rnd.IntN(5)]
		input := make([]byte, rnd.IntN(2000))
		for i := range input {
			input[i] = "ab\r\n\x00cdefgh"[rnd.IntN(11)]
		}
		if rnd.IntN(20) == 0 { // longer than a chunk
			input = append(input, bytes.Repeat([]byte("x"), 3*chunkBytes)...)
			input = append(input, delimiter...)
		}
		want := strings.Split(string(input), delimiter)
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		var in io.Reader = &pieces{rnd, bytes.NewReader(input)}
		if rnd.IntN(3) == 0 {
			in = iotest.DataErrReader(in)
		}
		got, err := readAll(t, newChunkReader([]byte(delimiter), 4*chunkBytes), in)
		if err != nil || len(got) != len(want) {
			t.Fatalf("seed %d: %d records, %v; want %d", seed, len(got), err, len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("seed %d: record %d is %.40q; want %.40q", seed, i, got[i], want[i])
			}
		}
	}
}

// pieces reads a little at a time, and sometimes nothing.
type pieces struct {
	rnd *rand.Rand
	r   io.Reader
}

func (p *pieces) Read(b []byte) (int, error) {
	most := p.rnd.IntN(100)
	if p.rnd.IntN(4) == 0 {
		most = 1 << 22
	}
	return p.r.Read(b[:min(most, len(b))])
}

func TestChunkReaderErrors(t *testing.T) {
	_, err := readAll(t, newChunkReader([]byte("\n"), 10), strings.NewReader(strings.Repeat("x", 2*chunkBytes)))
	if !errors.Is(err, errRecordTooLong) {
		t.Errorf("too long a record: %v", err)
	}
	broken := errors.New("broken")
	got, err := readAll(t, newChunkReader([]byte("\n"), 10), io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("a broken input: %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newChunkReader([]byte("\n"), 10)
	r.run(ctx, []io.Reader{strings.NewReader("a\n")})
	if !errors.Is(r.err, context.Canceled) {
		t.Errorf("interrupted: %v", r.err)
	}
}
