package group

import (
	"maps"
	"slices"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
)

const regexTimer = "consumer regex"

// resolutionStep bounds what one step of a resolution does on the shard's
// goroutine, in bytes of expressions that names are matched with: a match takes
// time in proportion to them. It is about a millisecond.
const resolutionStep = 64 << 10

// resolution is a group's expressions on their way to topics. It goes in steps,
// between which the shard does other things.
type resolution struct {
	group   string
	exprs   []resolvingExpr
	names   []string // of the topics that are left
	version int64
	at      int64 // ms
}

type resolvingExpr struct {
	expr    string
	pattern *config.Pattern
	topics  []string
}

// beginResolution compiles the group's expressions.
func (m *Machine) beginResolution(group string) ([]coordinator.Record, error) {
	g, ok := m.groups[group].(*consumerGroup)
	if !ok {
		delete(m.resolving, group)
		return nil, nil
	}
	r := &resolution{group: group, version: m.options.topicsVersion.Load(), at: m.sh.Now().UnixMilli()}
	for t := range m.options.Image().Topics() {
		r.names = append(r.names, t.Name)
	}
	for _, expr := range slices.Sorted(maps.Keys(g.regexes)) {
		pattern, err := compileRegex(expr)
		if err == nil { // else another version's library took it
			r.exprs = append(r.exprs, resolvingExpr{expr: expr, pattern: pattern})
		}
	}
	return m.continueResolution(r)
}

// continueResolution takes one step.
func (m *Machine) continueResolution(r *resolution) ([]coordinator.Record, error) {
	for cost := 0; len(r.names) > 0 && cost < resolutionStep; r.names = r.names[1:] {
		for i := range r.exprs {
			e := &r.exprs[i]
			if e.pattern.Matches(r.names[0]) {
				e.topics = append(e.topics, r.names[0])
			}
			cost += 64 + len(e.expr)
		}
	}
	if len(r.names) > 0 {
		m.sh.After(coordinator.TimerKey{Kind: regexTimer, ID: r.group}, 0, func() ([]coordinator.Record, error) { return m.continueResolution(r) })
		return nil, nil
	}
	delete(m.resolving, r.group)
	return m.takeResolution(r)
}
