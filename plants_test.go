package jocko_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A plant is a fault of a line or two that a test of the faulty package must notice. testdata/plants/*.txt lists them, for
// tests that were once seen to miss a fault must not miss it again. A plant reads
//
//	== what goes wrong
//	internal/commitlog/flush.go
//	- a line of that file
//	- the line after it
//	+ what stands there instead, or nothing
//	? ./internal/commitlog TestGroupFlush|TestOther
//
// The lines to replace must be found in the file exactly once; indentation doesn't count. More edits, also of other files, may
// follow before the line with the package and the pattern for go test -run. Lines that begin with # are comments.
type plant struct {
	what, where   string // its title; its file and line in the list
	edits         []edit
	pkg, patterns string
}

// edit replaces consecutive lines of a file.
type edit struct {
	file     string
	old, new []string
}

var (
	plantFlag = flag.String("plants", "", "plant the faults whose titles match the regular expression and run the tests that must notice")
	raceFlag  = flag.Bool("plants.race", false, "run those tests with the race detector")
)

// TestPlants checks that each plant still fits the code. With -plants it also plants them, one after the other.
func TestPlants(t *testing.T) {
	lists, err := filepath.Glob("testdata/plants/*.txt")
	if err != nil || len(lists) == 0 {
		t.Fatalf("no plants: %v", err)
	}
	var plants []plant
	for _, list := range lists {
		plants = append(plants, readPlants(t, list)...)
	}
	only := regexp.MustCompile(*plantFlag)
	for _, p := range plants {
		t.Run(p.what, func(t *testing.T) {
			files, err := p.apply()
			if err == nil {
				err = p.findTests()
			}
			if err != nil {
				t.Fatalf("%s: %v", p.where, err)
			}
			if *plantFlag != "" && only.MatchString(p.what) {
				p.run(t, files)
			}
		})
	}
}

func readPlants(t *testing.T, list string) []plant {
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var plants []plant
	var p plant
	for i, line := range strings.Split(string(b), "\n") {
		where := fmt.Sprintf("%s:%d", list, i+1)
		if err := p.read(line, where); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if p.pkg != "" {
			plants = append(plants, p)
			p = plant{}
		}
	}
	if p.what != "" {
		t.Fatalf("%s: no line with a package and a pattern", p.where)
	}
	return plants
}

// read takes one line of a list.
func (p *plant) read(line, where string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "" || line[0] == '#':
	case word == "==":
		if p.what != "" {
			return errors.New("the plant before it has no line with a package and a pattern")
		}
		p.what, p.where = rest, where
	case p.what == "":
		return errors.New("a plant begins with == and a title")
	case line[0] == '-' || line[0] == '+':
		return p.readEdit(line[0] == '-', strings.TrimSpace(line[1:]))
	case word == "?":
		p.pkg, p.patterns, _ = strings.Cut(rest, " ")
		if p.pkg == "" || p.patterns == "" || len(p.edits) == 0 {
			return errors.New("want ? PACKAGE PATTERN after at least one edit")
		}
	default:
		p.edits = append(p.edits, edit{file: line})
	}
	return nil
}

func (p *plant) readEdit(old bool, text string) error {
	if len(p.edits) == 0 {
		return errors.New("no file is named")
	}
	e := &p.edits[len(p.edits)-1]
	if !old {
		e.new = append(e.new, text)
		return nil
	}
	if len(e.new) > 0 { // another place of the same file
		p.edits = append(p.edits, edit{file: e.file})
		e = &p.edits[len(p.edits)-1]
	}
	e.old = append(e.old, text)
	return nil
}

// apply returns the contents that the plant's files would have.
func (p *plant) apply() (map[string]string, error) {
	files := make(map[string]string)
	for _, e := range p.edits {
		text, known := files[e.file]
		if !known {
			b, err := os.ReadFile(e.file)
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		var err error
		if files[e.file], err = e.apply(text); err != nil {
			return nil, fmt.Errorf("%s: %w", e.file, err)
		}
	}
	return files, nil
}

func (e *edit) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	at := -1
	for i := range len(lines) - len(e.old) + 1 {
		if !e.matches(lines[i:]) {
			continue
		}
		if at >= 0 {
			return "", fmt.Errorf("%q is there twice, in lines %d and %d", e.old, at+1, i+1)
		}
		at = i
	}
	if at < 0 || len(e.old) == 0 {
		return "", fmt.Errorf("%q is not there", e.old)
	}
	out := append(append(append([]string{}, lines[:at]...), e.new...), lines[at+len(e.old):]...)
	return strings.Join(out, "\n"), nil
}

func (e *edit) matches(lines []string) bool {
	for i, old := range e.old {
		if strings.TrimSpace(lines[i]) != old {
			return false
		}
	}
	return true
}

// findTests looks for a test function for each alternative of the pattern.
func (p *plant) findTests() error {
	files, err := filepath.Glob(filepath.Join(p.pkg, "*_test.go"))
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		text.Write(b)
	}
	for pattern := range strings.SplitSeq(p.patterns, "|") {
		name, _, _ := strings.Cut(strings.Trim(pattern, "^$"), "/")
		if !strings.Contains(text.String(), "func "+name) {
			return fmt.Errorf("no test of %s begins with %s", p.pkg, name)
		}
	}
	return nil
}

// run tests the package with the plant in place of the files, which stay as they are.
func (p *plant) run(t *testing.T, files map[string]string) {
	overlay := p.overlay(t, files)
	args := []string{"test", "-count=1", "-timeout=3m", "-overlay=" + overlay, "-run=" + p.patterns, p.pkg}
	if *raceFlag {
		args = append([]string{args[0], "-race"}, args[1:]...)
	}
	begin := time.Now()
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	switch {
	case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]"):
		t.Fatalf("%s: the plant doesn't compile:\n%s", p.where, out)
	case strings.Contains(string(out), "no tests to run"):
		t.Fatalf("%s: no tests to run", p.where)
	case err == nil:
		t.Fatalf("%s: SURVIVED %s in %s", p.where, p.patterns, p.pkg)
	}
	t.Logf("noticed in %v: %s", time.Since(begin).Round(time.Millisecond), firstComplaint(string(out)))
}

func (p *plant) overlay(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	replace := make(map[string]string)
	for name, text := range files {
		real, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		replace[real] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[real], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// firstComplaint is the first line that a test wrote.
func firstComplaint(out string) string {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); strings.Contains(line, "_test.go:") || strings.HasPrefix(line, "panic:") {
			return line
		}
	}
	return strings.TrimSpace(out)
}
