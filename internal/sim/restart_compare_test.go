package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// differences are what is in one dump and not in the other, a line each, at most so many.
const maxDifferences = 40

// compare says where what was seen isn't what the model expects.
func compare(want, got *dump) []string {
	out := slices.Clone(got.problems)
	for _, name := range slices.Sorted(maps.Keys(want.lines)) {
		seen, found := got.lines[name]
		switch {
		case !found && want.optional[name]:
		case !found:
			out = append(out, fmt.Sprintf("%s: missing, want %s", name, want.lines[name]))
		case seen != want.lines[name]:
			out = append(out, fmt.Sprintf("%s: %s, want %s", name, seen, want.lines[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got.lines)) {
		if _, found := want.lines[name]; !found {
			out = append(out, fmt.Sprintf("%s: %s, want nothing", name, got.lines[name]))
		}
	}
	return out
}

// restartMoment is what was to be seen after an operation.
type restartMoment struct {
	at      int // operations of the file system by then
	want    *dump
	op      string // the operation
	touched string // the group or transaction that the operation changed in several requests
}

// either says where what was seen is neither what was before an operation nor what is after it.
func either(before, after restartMoment, got *dump) []string {
	out := slices.Clone(got.problems)
	again := repeatedMarkers(after.want, got)
	names := maps.Clone(before.want.lines)
	maps.Copy(names, after.want.lines)
	maps.Copy(names, got.lines)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		seen, found := got.lines[name]
		fits := func(d *dump) bool {
			want, expected := d.lines[name]
			return found == expected && seen == want || !found && d.optional[name]
		}
		if fits(before.want) || fits(after.want) || again[name] || inPieces(name, after.touched) || placed(name, found, before.want) {
			continue
		}
		out = append(out, fmt.Sprintf("%s: %q (%t), want %q or %q", name, seen, found, before.want.lines[name], after.want.lines[name]))
	}
	return out
}

// placed says whether a line is the directory of a log that the operation makes: a start that finishes the work chooses it again.
func placed(name string, found bool, before *dump) bool {
	_, existed := before.lines[name]
	return found && !existed && strings.HasPrefix(name, "log ") && strings.HasSuffix(name, " dir")
}

// inPieces says whether a line is about the state of what is changed in pieces: a group and its members, or a transaction
// that is aborted first and then has another epoch.
func inPieces(name, touched string) bool {
	return touched != "" && (name == touched || strings.HasPrefix(name, touched+" member "))
}

// repeatedMarkers names the lines that differ because a transaction's end was interrupted: a coordinator that does not know
// whether a partition has its marker writes it again, as Kafka's does.
func repeatedMarkers(want, got *dump) map[string]bool {
	out := map[string]bool{}
	for tp, l := range want.logs {
		last := got.lines[fmt.Sprintf("log %v @%08d", tp, l.end-1)]
		name := fmt.Sprintf("log %v @%08d", tp, l.end)
		if !strings.HasPrefix(last, "marker ") || got.lines[name] != last {
			continue
		}
		out[name], out[fmt.Sprintf("log %v bounds", tp)] = true, true
		for line := range got.lines {
			if strings.HasPrefix(line, fmt.Sprintf("log %v epoch ", tp)) {
				out[line] = true
			}
		}
	}
	return out
}

// mayForget says whether a line is about a producer of a partition that was moved, and no record of it is left there: the copy
// knows producers by their records, as Kafka's does.
func (d *dump) mayForget(name string) bool {
	tp, id, ok := strings.Cut(strings.TrimPrefix(name, "log "), " producer ")
	if !ok || !slices.Contains(d.moved, tp) {
		return false
	}
	for line, text := range d.lines {
		if strings.HasPrefix(line, "log "+tp+" @") && strings.Contains(text, " producer "+id+"/") {
			return false
		}
	}
	return true
}

// unchanged says where what an observer saw, beyond what the model knows, changed over a restart. Compaction may go on.
func unchanged(before, after *dump) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(before.extra)) {
		now, found := after.extra[name]
		if _, line := after.lines[name]; !found && !line && strings.HasPrefix(name, "log ") && strings.Contains(name, "@") {
			continue // a marker, compared elsewhere
		}
		if now != before.extra[name] && !before.mayForget(name) {
			out = append(out, fmt.Sprintf("%s: %q after the restart, %q before it", name, now, before.extra[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after.extra)) {
		if _, found := before.extra[name]; !found {
			out = append(out, fmt.Sprintf("%s: %q after the restart, nothing before it", name, after.extra[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after.lines)) {
		if _, found := before.lines[name]; !found && strings.Contains(name, "@") {
			out = append(out, fmt.Sprintf("%s: %s is back after the restart", name, after.lines[name]))
		}
	}
	return out
}

func firstOf(out []string) string {
	if len(out) > maxDifferences {
		out = append(slices.Clone(out[:maxDifferences]), fmt.Sprintf("and %d more", len(out)-maxDifferences))
	}
	return strings.Join(out, "\n")
}
