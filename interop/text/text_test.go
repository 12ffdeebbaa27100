package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// TestCampaign is the whole campaign on 2 MB.
func TestCampaign(t *testing.T) {
	for _, program := range []string{"kcat", "java", "javac"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("not installed:", program)
		}
	}
	t.Setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1") // most of the time is their start
	sources, err := defaultSources()
	if err != nil {
		t.Fatal(err)
	}
	kind := brokers.Jocko
	if k := os.Getenv("INTEROP_TARGET"); k != "" {
		kind = brokers.Kind(k)
	}
	c := &campaign{dir: t.TempDir(), pool: readers, log: t.Output(), timeout: time.Minute, together: true}
	if c.text, err = makeText(c.dir, sources[:1], 2_000_000); err != nil {
		t.Fatal(err)
	}
	if err := c.compileJava(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.broker, err = startBroker(t.Context(), kind, c.dir); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.broker.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var runs []run
	for i, w := range writers {
		for j, codec := range codecs {
			runs = append(runs, run{writer: w, codec: codec, size: 2_000_000, turn: i + j})
		}
	}
	results := c.all(t.Context(), runs, 3)
	if len(results) != len(runs) {
		t.Errorf("%d results of %d runs", len(results), len(runs))
	}
	for _, res := range results {
		if err := res.failed(); err != nil {
			t.Error(err)
		}
		if len(res.reads) != readersPerRun {
			t.Errorf("%s, %s: %d readers", res.writer.name, res.codec, len(res.reads))
		}
	}
}

// writeText makes a text of the files, and returns it with all of its bytes.
func writeText(t *testing.T, files map[string]string) (*text, []byte) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	made, err := makeText(t.TempDir(), []string{dir}, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(made.file)
	if err != nil {
		t.Fatal(err)
	}
	return made, all
}

func TestTextIsTheSourcesInOrder(t *testing.T) {
	made, all := writeText(t, map[string]string{"b.go": "two\r\n", "a.go": "one\n\nwithout an end", "c.txt": "not Go\n"})
	odd := oddLines()
	if want := string(odd) + "one\n\nwithout an end\ntwo\r\n"; string(all) != want {
		t.Errorf("after the odd lines: %q", bytes.TrimPrefix(all, odd))
	}
	before := facts{}
	before.count(odd)
	if made.files != 2 || made.lines != before.lines+4 || made.empty != before.empty+1 || made.carriageReturns != before.carriageReturns+1 {
		t.Errorf("%+v after odd lines of %+v", made.facts, before)
	}
	if before.empty == 0 || before.notUTF8 < 3 || before.carriageReturns < 4 || before.longest < 300_000 {
		t.Errorf("the odd lines aren't: %+v", before)
	}
}

func TestTextIsRepeatedToTheSize(t *testing.T) {
	made, all := writeText(t, map[string]string{"a.go": "one\ntwo\n"})
	for _, size := range []int{0, 1, len(all) - 1, len(all), len(all) + 1, 2*len(all) - 3, 3*len(all) + 256} {
		var got bytes.Buffer
		if err := made.copyTo(&got, int64(size)); err != nil {
			t.Fatal(err)
		}
		want := bytes.Repeat(all, 4)[:size]
		want = want[:bytes.LastIndexByte(want, '\n')+1]
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("size %d: %d bytes, want %d", size, got.Len(), len(want))
		}
	}
}

func TestTallyTellsTextsApart(t *testing.T) {
	of := func(parts ...string) *tally {
		ta := newTally()
		for _, p := range parts {
			if _, err := ta.Write([]byte(p)); err != nil {
				t.Fatal(err)
			}
		}
		return ta
	}
	if !of("a\n", "b\n").same(of("a", "\nb\n")) {
		t.Error("the same text in other parts differs")
	}
	for _, other := range []string{"", "a\nb", "a\r\nb\n", "b\na\n", "a\n\nb\n"} {
		if of("a\nb\n").same(of(other)) {
			t.Errorf("%q counts as the same", other)
		}
	}
}

func TestLinePrefixer(t *testing.T) {
	var out strings.Builder
	l := &linePrefixer{w: &out}
	for _, part := range []string{"one\n\ntw", "o\n", "", "\tthree", "\n"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "\tone\n\t\n\ttwo\n\t\tthree\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestReadersAreOthersAndTakeTurns(t *testing.T) {
	for _, w := range writers {
		times := map[string]int{}
		for turn := range 60 {
			chosen := others(w, readers, readersPerRun, turn)
			if len(chosen) != readersPerRun {
				t.Fatalf("%s: %d readers", w.name, len(chosen))
			}
			for _, r := range chosen {
				times[r.name]++
			}
		}
		for _, relative := range w.relatives {
			if times[relative] > 0 {
				t.Errorf("%s is read by %s", w.name, relative)
			}
		}
		for name, n := range times {
			if want := 60 * readersPerRun / len(times); n != want {
				t.Errorf("%s is read %d times by %s, want %d", w.name, n, name, want)
			}
		}
	}
}

func TestCodecsAreChecked(t *testing.T) {
	kcat, java := writers[0], writers[2]
	for _, test := range []struct {
		w     *writer
		s     stored
		codec string
		ok    bool
	}{
		{java, stored{batches: [8]int64{3: 10}}, "lz4", true},
		{java, stored{batches: [8]int64{3: 10}}, "zstd", false},
		{java, stored{batches: [8]int64{0: 1, 3: 10}, largestPlain: 100}, "lz4", false},
		{kcat, stored{batches: [8]int64{0: 2, 3: 10}, largestPlain: 100}, "lz4", true},
		{kcat, stored{batches: [8]int64{0: 1, 3: 10}, largestPlain: 100_000}, "lz4", false},
		{kcat, stored{batches: [8]int64{0: 10}, largestPlain: 100}, "lz4", false},
		{kcat, stored{batches: [8]int64{0: 10}, largestPlain: 100_000}, "none", true},
	} {
		if err := test.s.check(test.w, test.codec); (err == nil) != test.ok {
			t.Errorf("%s, %s, %s: %v", test.w.name, test.codec, test.s.codecs(), err)
		}
	}
}
