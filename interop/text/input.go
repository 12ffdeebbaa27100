package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// text is the source files that go in, joined in a file: the odd lines, then every .go file below the
// sources, by path. It ends with a line feed, so that it can be repeated.
type text struct {
	file string
	size int64
	facts
}

// facts is what a text has in it that a client could spoil.
type facts struct {
	files, lines    int
	empty           int // lines
	carriageReturns int // bytes
	notUTF8         int // lines
	longest         int // line, in bytes
}

func (f *facts) String() string {
	return fmt.Sprintf("%d files, %d lines, of which %d are empty and %d aren't UTF-8; %d carriage returns; the longest line has %d bytes",
		f.files, f.lines, f.empty, f.notUTF8, f.carriageReturns, f.longest)
}

// oddLines are lines that source files seldom have.
func oddLines() []byte {
	var b []byte
	for c := range 256 {
		if c != '\n' {
			b = append(b, byte(c))
		}
	}
	b = append(b, "\n\n\n\r\n\r\r\n\t\n\tafter a tab\nbefore a tab\t\n \n\x00\n\xff\xfe\n\xc3\n\xed\xa0\x80\nNULL\n-\n%s\\n\n"...)
	b = append(b, bytes.Repeat([]byte("a long line; "), 30_000)...)
	return append(b, '\n')
}

// makeText writes the text into a folder. It stops after the file in which most bytes are reached.
func makeText(dir string, sources []string, most int64) (*text, error) {
	names, err := sourceFiles(sources)
	if err != nil {
		return nil, err
	}
	t := &text{file: filepath.Join(dir, "text")}
	f, err := os.Create(t.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	add := func(data []byte) error {
		t.size += int64(len(data))
		t.count(data)
		_, err := w.Write(data)
		return err
	}
	if err := add(oddLines()); err != nil {
		return nil, err
	}
	for _, name := range names {
		if t.size >= most {
			break
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			data = append(data, '\n')
		}
		if err := add(data); err != nil {
			return nil, err
		}
		t.files++
	}
	return t, errors.Join(w.Flush(), f.Close())
}

func (f *facts) count(data []byte) {
	f.carriageReturns += bytes.Count(data, []byte{'\r'})
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		f.lines++
		f.longest = max(f.longest, len(line))
		if len(line) == 0 {
			f.empty++
		}
		if !utf8.Valid(line) {
			f.notUTF8++
		}
	}
}

// sourceFiles returns the .go files below each folder in the order of their paths, folder by folder.
func sourceFiles(folders []string) ([]string, error) {
	var names []string
	for _, folder := range folders {
		from := len(names)
		err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.HasSuffix(name, ".go") {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		slices.Sort(names[from:])
	}
	return names, nil
}

// defaultSources are Go's own source files and those of the modules this machine has.
func defaultSources() ([]string, error) {
	out, err := exec.Command("go", "env", "GOROOT", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	dirs := strings.Fields(string(out))
	if len(dirs) != 2 {
		return nil, fmt.Errorf("go env GOROOT GOMODCACHE: %q", out)
	}
	sources := []string{filepath.Join(dirs[0], "src")}
	if _, err := os.Stat(dirs[1]); err == nil {
		sources = append(sources, dirs[1])
	}
	return sources, nil
}

// copyTo writes the text, repeated as often as it takes, up to the last line that fits into size
// bytes.
func (t *text) copyTo(w io.Writer, size int64) error {
	f, err := os.Open(t.file)
	if err != nil {
		return err
	}
	defer f.Close()
	for left := size; left > 0; left -= t.size {
		n := t.size
		if left < n {
			if n, err = lastLineWithin(f, left); err != nil {
				return err
			}
		}
		if _, err := io.CopyBuffer(w, io.NewSectionReader(f, 0, n), make([]byte, 256<<10)); err != nil {
			return err
		}
	}
	return nil
}

// lastLineWithin returns how many bytes the lines have that end within the first n bytes.
func lastLineWithin(f io.ReaderAt, n int64) (int64, error) {
	const step = 64 << 10
	buf := make([]byte, step)
	for n > 0 {
		from := max(0, n-step)
		part := buf[:n-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		n = from
	}
	return 0, nil
}

// tally is what one pass of the text comes to, on its way in or out.
type tally struct {
	bytes, lines int64
	sum          hash.Hash
}

func newTally() *tally { return &tally{sum: sha256.New()} }

func (t *tally) Write(p []byte) (int, error) {
	t.bytes += int64(len(p))
	t.lines += int64(bytes.Count(p, []byte{'\n'}))
	return t.sum.Write(p)
}

func (t *tally) same(o *tally) bool {
	return t.bytes == o.bytes && t.lines == o.lines && bytes.Equal(t.sum.Sum(nil), o.sum.Sum(nil))
}

func (t *tally) String() string {
	return fmt.Sprintf("%d bytes in %d lines, sha256 %x", t.bytes, t.lines, t.sum.Sum(nil))
}

// linePrefixer puts a tab before each line.
type linePrefixer struct {
	w      io.Writer
	within bool // a line that has its tab
	buf    []byte
}

func (l *linePrefixer) Write(p []byte) (int, error) {
	l.buf = l.buf[:0]
	for line := range bytes.Lines(p) {
		if !l.within {
			l.buf = append(l.buf, '\t')
		}
		l.buf = append(l.buf, line...)
		l.within = line[len(line)-1] != '\n'
	}
	if _, err := l.w.Write(l.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}
