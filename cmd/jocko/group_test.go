package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

func TestResetTarget(t *testing.T) {
	known := offsetBounds{current: 40, start: 10, end: 100, byTime: 70, planned: 50}
	fresh := offsetBounds{current: -1, start: 10, end: 100, byTime: -1}
	for _, test := range []struct {
		target resetTarget
		bounds offsetBounds
		want   int64
		note   string
	}{
		{resetTarget{kind: resetToEarliest}, known, 10, ""},
		{resetTarget{kind: resetToLatest}, known, 100, ""},
		{resetTarget{kind: resetToCurrent}, known, 40, ""},
		{resetTarget{kind: resetToCurrent}, fresh, 100, "no offset is committed"},
		{resetTarget{resetToOffset, 10}, known, 10, ""},
		{resetTarget{resetToOffset, 100}, known, 100, ""},
		{resetTarget{resetToOffset, 9}, known, 10, "9 is before the start"},
		{resetTarget{resetToOffset, 101}, known, 100, "101 is behind the end"},
		{resetTarget{resetShiftBy, 5}, known, 45, ""},
		{resetTarget{resetShiftBy, -50}, known, 10, "-10 is before the start"},
		{resetTarget{resetShiftBy, 61}, known, 100, "101 is behind the end"},
		{resetTarget{resetToTime, 1}, known, 70, ""},
		{resetTarget{resetToTime, 1}, fresh, 100, "no record is that late"},
		{resetTarget{kind: resetFromFile}, known, 50, ""},
		{resetTarget{kind: resetFromFile}, fresh, 10, "0 is before the start"},
	} {
		got, note, err := test.target.resolve(test.bounds)
		if got != test.want || err != nil || !strings.HasPrefix(note, test.note) || (note == "") != (test.note == "") {
			t.Errorf("%+v with %+v is %d, %q, %v; want %d, %q", test.target, test.bounds, got, note, err, test.want, test.note)
		}
	}
	if got, _, err := (resetTarget{resetShiftBy, 1}).resolve(fresh); err == nil {
		t.Errorf("an offset that isn't there was shifted to %d", got)
	}
}

func TestParseDatetime(t *testing.T) {
	for in, want := range map[string]time.Time{
		"2026-01-02T15:04:05.678":       time.Date(2026, 1, 2, 15, 4, 5, 678e6, time.UTC),
		"2026-01-02T15:04:05":           time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC),
		"2026-01-02T15:04:05.678Z":      time.Date(2026, 1, 2, 15, 4, 5, 678e6, time.UTC),
		"2026-01-02T15:04:05.678+02:00": time.Date(2026, 1, 2, 13, 4, 5, 678e6, time.UTC),
		"2026-01-02T15:04:05.678-0230":  time.Date(2026, 1, 2, 17, 34, 5, 678e6, time.UTC),
		"2026-01-02T15:04:05.678+02":    time.Date(2026, 1, 2, 13, 4, 5, 678e6, time.UTC),
	} {
		if got, err := parseDatetime(in); got != want.UnixMilli() || err != nil {
			t.Errorf("parseDatetime(%q) = %d, %v; want %d", in, got, err, want.UnixMilli())
		}
	}
	for _, in := range []string{"", "now", "2026-01-02", "2026-13-02T15:04:05.678", "1795000000123", "2026-01-02 15:04:05"} {
		if got, err := parseDatetime(in); err == nil {
			t.Errorf("parseDatetime(%q) = %d; want an error", in, got)
		}
	}
}

func TestParseISODuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"PT1H30M": 90 * time.Minute, "P2D": 48 * time.Hour, "P1DT1S": 24*time.Hour + time.Second, "PT1.5S": 1500 * time.Millisecond,
		"pt5m": 5 * time.Minute, "-PT5M": -5 * time.Minute, "PT-5M": -5 * time.Minute, "PT0S": 0, "90m": 90 * time.Minute,
	} {
		if got, err := parseISODuration(in); got != want || err != nil {
			t.Errorf("parseISODuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "P", "PT", "P1DT", "P1M", "1H", "PT1H1D", "soon", "P99999999D"} {
		if got, err := parseISODuration(in); err == nil {
			t.Errorf("parseISODuration(%q) = %v; want an error", in, got)
		}
	}
}

func TestResetPlan(t *testing.T) {
	one := []string{"g"}
	plan, err := parseResetPlan(strings.NewReader("t,0,5\nt, 1, 6\nother,u,2,7\n"), one)
	if err != nil || plan["g"]["t"][0] != 5 || plan["g"]["t"][1] != 6 || plan["other"]["u"][2] != 7 || len(plan) != 2 {
		t.Errorf("got %v, %v", plan, err)
	}
	if plan, err := parseResetPlan(strings.NewReader(""), one); err != nil || len(plan) != 0 {
		t.Errorf("got %v, %v", plan, err)
	}
	for in, want := range map[string]string{
		"t,0":                      "line 1: want topic,partition,offset",
		"t,0,1\nt,x,1":             `line 2: "x" is not a partition number`,
		"t,-1,1":                   `"-1" is not a partition number`,
		"t,0,-1":                   `"-1" is not an offset`,
		"t,0,later":                `"later" is not an offset`,
		"t,0,1\ng,t,0,2":           "t/0 is there twice",
		"t,0,1,2,3":                "not 5 fields",
		"t,0,99999999999999999999": "is not an offset",
		`"t,0,1`:                   "line 1",
	} {
		if plan, err := parseResetPlan(strings.NewReader(in), one); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v; want an error with %q", in, plan, err, want)
		}
	}
	if _, err := parseResetPlan(strings.NewReader("t,0,1"), []string{"g", "h"}); err == nil {
		t.Error("three columns were taken for two groups")
	}

	var out strings.Builder
	resets := []offsetReset{{Group: "a,b", Topic: "t", Partition: 0, Offset: 5}, {Group: "c", Topic: "t", Partition: 1, Offset: 6}}
	if err := writeResetPlan(&out, resets, false); err != nil || out.String() != "\"a,b\",t,0,5\nc,t,1,6\n" {
		t.Errorf("wrote %q, %v", out.String(), err)
	}
	if plan, err := parseResetPlan(strings.NewReader(out.String()), nil); err != nil || plan["a,b"]["t"][0] != 5 || plan["c"]["t"][1] != 6 {
		t.Errorf("read back %v, %v", plan, err)
	}
}

func TestParseTopicScopes(t *testing.T) {
	got, err := parseTopicScopes([]string{"t", "u:3,1,1"})
	if err != nil || len(got) != 2 || got[0].topic != "t" || got[0].partitions != nil || got[1].topic != "u" || !slices.Equal(got[1].partitions, []int32{1, 3}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, in := range []string{"", ":1", "t:", "t:x", "t:-1", "t:1,"} {
		if got, err := parseTopicScopes([]string{in}); err == nil {
			t.Errorf("parseTopicScopes(%q) = %+v; want an error", in, got)
		}
	}
}

// TestGroupLag sums up the lag of a group with a partition of every kind: read, never committed, of a topic that is gone.
func TestGroupLag(t *testing.T) {
	committed := kadm.OffsetResponses{}
	for p, at := range []int64{7, 4, -1} {
		committed.Add(kadm.OffsetResponse{Offset: kadm.Offset{Topic: "t", Partition: int32(p), At: at}})
	}
	committed.Add(kadm.OffsetResponse{Offset: kadm.Offset{Topic: "gone", At: 3}})
	members := []groupMember{{Member: "m", Assignment: []topicPartitions{{"t", []int32{1, 3}}}}}
	g := groupDescription{Group: "g", Partitions: standings(committed, members)}
	ends := kadm.ListedOffsets{"t": {}}
	for p := range int32(4) {
		ends["t"][p] = kadm.ListedOffset{Topic: "t", Partition: p, Offset: 10}
	}
	var text strings.Builder
	for i := range g.Partitions {
		p := &g.Partitions[i]
		p.addEnd(ends)
		text.WriteString(strings.Join(append(p.cells(), orDash(p.Member)), " ") + "\n")
	}
	if want := "gone 0 3 - - -\nt 0 7 10 3 -\nt 1 4 10 6 m\nt 2 - 10 - -\nt 3 - 10 - m\n"; text.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", text.String(), want)
	}
	for by, want := range map[string]string{
		"partition": "GROUP  TOPIC  PARTITION  CURRENT  END  LAG\ng      gone   0          3        -    -\n" +
			"g      t      0          7        10   3\ng      t      1          4        10   6\n" +
			"g      t      2          -        10   -\ng      t      3          -        10   -\n",
		"topic": "GROUP  TOPIC  LAG\ng      gone   -\ng      t      9\n",
		"group": "GROUP  LAG\ng      9\n",
	} {
		var out strings.Builder
		if err := printLags(&out, formatTable, by, lagsBy(by, []groupDescription{g})); err != nil || out.String() != want {
			t.Errorf("by %s, %v:\n%s\nwant:\n%s", by, err, out.String(), want)
		}
	}
}

func TestHoldsOffsets(t *testing.T) {
	for g, want := range map[groupSummary]bool{
		{Type: "classic", ProtocolType: "consumer"}: true, {Type: "consumer", ProtocolType: "consumer"}: true,
		{Type: "classic"}: true, {ProtocolType: "consumer"}: true,
		{Type: "classic", ProtocolType: "connect"}: false, {Type: "share", ProtocolType: "share"}: false, {Type: "streams"}: false,
	} {
		if got := g.holdsOffsets(); got != want {
			t.Errorf("%+v holds offsets: %v", g, got)
		}
	}
}

func TestBeginAt(t *testing.T) {
	for _, test := range []struct{ committed, start, end, reset, want int64 }{
		{-1, 0, 10, 0, 0}, {-1, 0, 10, 10, 10}, {-1, 0, 10, -1, 10}, {5, 0, 10, 0, 5}, {10, 0, 10, 0, 10}, {11, 0, 10, 0, 0}, {4, 5, 10, 5, 5}, {0, 0, 0, 0, 0},
	} {
		if got := beginAt(test.committed, test.start, test.end, test.reset); got != test.want {
			t.Errorf("%+v: got %d", test, got)
		}
	}
}
