package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// row is one line of the table: one value of one workload.
type row struct {
	id, placement, value string
	ours, theirs         float64 // medians
	ratio, lo, hi        float64
	pairs, noisy         int
	goal                 goal
	judged               bool
}

func (h *harness) rows() []row {
	var rows []row
	for _, res := range h.results {
		for _, name := range res.names() {
			rows = append(rows, res.row(name))
		}
	}
	return rows
}

// names lists the values that have a goal, then the others.
func (res result) names() []string {
	all := map[string]bool{}
	for _, p := range res.pairs {
		for _, v := range []values{p.ours, p.theirs} {
			for k := range v {
				all[k] = true
			}
		}
	}
	var names []string
	for _, g := range res.w.goals {
		if all[g.value] && !slices.Contains(names, g.value) {
			names = append(names, g.value)
		}
		delete(all, g.value)
	}
	return append(names, slices.Sorted(maps.Keys(all))...)
}

func (res result) row(name string) row {
	r := row{id: res.w.id, placement: res.placement, value: name}
	var ours, theirs, ratios []float64
	for _, p := range res.pairs {
		a, okA := p.ours[name]
		b, okB := p.theirs[name]
		if okA {
			ours = append(ours, a)
		}
		if okB {
			theirs = append(theirs, b)
		}
		if okA && okB && b > 0 {
			ratios = append(ratios, a/b)
		}
		if p.noisy() {
			r.noisy++
		}
	}
	r.pairs = len(res.pairs)
	r.ours, r.theirs, r.ratio = median(ours), median(theirs), median(ratios)
	r.lo, r.hi = interval(ratios)
	for _, g := range res.w.goals {
		if g.value == name {
			r.goal, r.judged = g, true
		}
	}
	return r
}

// verdict compares a bound with the interval: reached only with the whole interval beyond it.
func (r row) verdict(bound float64) string {
	switch {
	case bound == 0:
		return ""
	case math.IsNaN(r.ratio):
		return "?"
	case r.goal.less && r.hi <= bound, !r.goal.less && r.lo >= bound:
		return "reached"
	case r.goal.less && r.lo > bound, !r.goal.less && r.hi < bound:
		return "missed"
	}
	return "unclear"
}

func (r row) absolute() string {
	if r.goal.abs == 0 || math.IsNaN(r.ours) {
		return ""
	}
	if r.ours <= r.goal.abs {
		return fmt.Sprintf("<= %s reached", number(r.goal.abs))
	}
	return fmt.Sprintf("<= %s missed", number(r.goal.abs))
}

func (r row) bound(b float64) string {
	if b == 0 {
		return ""
	}
	sign := ">="
	if r.goal.less {
		sign = "<="
	}
	return fmt.Sprintf("%s %sx %s", sign, number(b), r.verdict(b))
}

// print writes the table as Markdown.
func (h *harness) print(w io.Writer) {
	m := h.machine
	fmt.Fprintf(w, "\n## %s, commit %s\n\n", m.when.Format("2006-01-02 15:04"), m.at)
	fmt.Fprintf(w, "%s, %s CPUs, %s memory, %s, %s. Kafka 4.4.0 with a heap of %s, warmed up for %s. %d pairs",
		m.cpu, m.cores, m.memory, m.kernel, m.java, h.opt.heap, h.opt.warm, h.opt.pairs)
	fmt.Fprintf(w, "; runs of %s or %s MiB%s.\n", h.opt.seconds, number(float64(h.opt.bytes)/mib),
		map[bool]string{true: ", short form"}[h.opt.short])
	fmt.Fprintf(w, "Probes (median): %s.\n\n", h.medianProbes())
	fmt.Fprintln(w, "| id | placement | value | Jocko | Kafka | ratio | 95 % | pairs (noisy) | floor | goal | absolute |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range h.rows() {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s to %s | %d (%d) | %s | %s | %s |\n",
			r.id, r.placement, r.value, number(r.ours), number(r.theirs), number(r.ratio),
			number(r.lo), number(r.hi), r.pairs, r.noisy, r.bound(r.goal.floor), r.bound(r.goal.goal), r.absolute())
	}
}

func (h *harness) medianProbes() probes {
	var all []probes
	for _, res := range h.results {
		for _, p := range res.pairs {
			all = append(all, p.before, p.after)
		}
	}
	of := func(f func(probes) float64) float64 {
		var xs []float64
		for _, p := range all {
			xs = append(xs, f(p))
		}
		return median(xs)
	}
	return probes{
		memcpy:   of(func(p probes) float64 { return p.memcpy }),
		crc:      of(func(p probes) float64 { return p.crc }),
		loopback: of(func(p probes) float64 { return p.loopback }),
		append:   of(func(p probes) float64 { return p.append }),
		fsync:    of(func(p probes) float64 { return p.fsync }),
	}
}

// appendTo adds the table to the end of a file.
func (h *harness) appendTo(name string) error {
	if len(h.results) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	var b strings.Builder
	h.print(&b)
	if _, err := io.WriteString(f, b.String()); err != nil {
		return err
	}
	return f.Close()
}
