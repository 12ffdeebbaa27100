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

// either says where what was seen is neither what was before an operation nor what is after it.
func either(before, after, got *dump) []string {
	out := slices.Clone(got.problems)
	names := maps.Clone(before.lines)
	maps.Copy(names, after.lines)
	maps.Copy(names, got.lines)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		seen, found := got.lines[name]
		fits := func(d *dump) bool {
			want, expected := d.lines[name]
			return found == expected && seen == want || !found && d.optional[name]
		}
		if !fits(before) && !fits(after) {
			out = append(out, fmt.Sprintf("%s: %q (%t), want %q or %q", name, seen, found, before.lines[name], after.lines[name]))
		}
	}
	return out
}

// unchanged says where what an observer saw, beyond what the model knows, changed over a restart. Compaction may go on.
func unchanged(before, after *dump) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(before.extra)) {
		now, found := after.extra[name]
		if _, line := after.lines[name]; !found && !line && strings.HasPrefix(name, "log ") && strings.Contains(name, "@") {
			continue // a marker, compared elsewhere
		}
		if now != before.extra[name] {
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
