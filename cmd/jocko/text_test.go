package main

import (
	"strings"
	"testing"
	"time"
)

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		``: "", `a`: "a", `\n`: "\n", `a\tb\r\n`: "a\tb\r\n", `\0`: "\x00", `\x00\xFf`: "\x00\xff", `\\n`: `\n`, `é\e`: "é\x1b",
	} {
		if got, err := unescape(in); got != want || err != nil {
			t.Errorf("unescape(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`\`, `a\`, `\q`, `\x`, `\x1`, `\xgg`} {
		if got, err := unescape(in); err == nil {
			t.Errorf("unescape(%q) = %q; want an error", in, got)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"0":                         time.UnixMilli(0),
		"1795000000123":             time.UnixMilli(1795000000123),
		"90m":                       now.Add(-90 * time.Minute),
		"-24h":                      now.Add(-24 * time.Hour),
		"2026-01-02T15:04:05Z":      time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC),
		"2026-01-02T15:04:05.5Z":    time.Date(2026, 1, 2, 15, 4, 5, 5e8, time.UTC),
		"2026-01-02T15:04:05+02:00": time.Date(2026, 1, 2, 13, 4, 5, 0, time.UTC),
		"2026-01-02T15:04:05":       time.Date(2026, 1, 2, 15, 4, 5, 0, time.Local),
		"2026-01-02":                time.Date(2026, 1, 2, 0, 0, 0, 0, time.Local),
	} {
		if got, err := parseTime(in, now); got != want.UnixMilli() || err != nil {
			t.Errorf("parseTime(%q) = %d, %v; want %d", in, got, err, want.UnixMilli())
		}
	}
	for _, in := range []string{"", "-5", "soon", "2026-13-01", "1.5"} {
		if got, err := parseTime(in, now); err == nil {
			t.Errorf("parseTime(%q) = %d; want an error", in, got)
		}
	}
}

func TestParseStart(t *testing.T) {
	now := time.UnixMilli(1_000_000_000)
	for in, want := range map[string]startPoint{
		"beginning": {at: atEarliest}, "earliest": {at: atEarliest}, "end": {at: atLatest}, "latest": {at: atLatest},
		"0": {absolute: true}, "42": {at: 42, absolute: true}, "-10": {at: atLatest, back: 10},
		"@5": {at: 5}, "@1s": {at: 999_999_000},
	} {
		if got, err := parseStart(in, now); got != want || err != nil {
			t.Errorf("parseStart(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "1.5", "@", "@soon", "--1"} {
		if got, err := parseStart(in, now); err == nil {
			t.Errorf("parseStart(%q) = %+v; want an error", in, got)
		}
	}
}

func TestParseSettings(t *testing.T) {
	got, err := parseSettings([]string{"a=1", "b=x=y", "c="})
	if err != nil || len(got) != 3 || got["a"] != "1" || got["b"] != "x=y" || got["c"] != "" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, in := range [][]string{{"a"}, {"=1"}, {"a=1", "a=2"}} {
		if got, err := parseSettings(in); err == nil {
			t.Errorf("parseSettings(%q) = %v; want an error", in, got)
		}
	}
}

func TestParseAssignment(t *testing.T) {
	got, err := parseAssignment("1,2:2, 3")
	if err != nil || len(got) != 2 || got[1].Partition != 1 || got[1].Replicas[0] != 2 || got[1].Replicas[1] != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	for _, in := range []string{":", "1:", "a", "-1", "1,,2"} {
		if got, err := parseAssignment(in); err == nil {
			t.Errorf("parseAssignment(%q) = %v; want an error", in, got)
		}
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1_500_000_000: "1.5 GB", 1 << 62: "4.6 EB",
	} {
		if got := humanBytes(n); got != want {
			t.Errorf("humanBytes(%d) = %q; want %q", n, got, want)
		}
	}
}

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	if err := writeTable(&b, []string{"A", "LONG"}, [][]string{{"value", "1"}, {"v", oneLine("a\nb")}}); err != nil {
		t.Fatal(err)
	}
	if want := "A      LONG\nvalue  1\nv      \"a\\nb\"\n"; b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}
