package group

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// maxRegexBytes bounds a regular expression: the time that a match takes grows
// with it. Kafka has no bound.
const maxRegexBytes = 32 << 10

// regexRefreshPause is the shortest time between two resolutions of a group's
// expressions, ms.
const regexRefreshPause = 10_000

// resolvedRegex is the topics that an expression matches.
type resolvedRegex struct {
	topics  []string // sorted
	version int64    // of the topics that it was compared with: see Options.topicsVersion
	at      int64    // when, ms
}

// compileRegex compiles an expression (RE2) that is to match whole names.
func compileRegex(expr string) (*config.Pattern, error) {
	if len(expr) > maxRegexBytes {
		return nil, invalidRegex(expr[:64]+"...", fmt.Sprintf("it is longer than %d bytes", maxRegexBytes))
	}
	pattern, err := config.CompilePattern(expr)
	if err != nil {
		why := err.Error()
		var e *syntax.Error
		if errors.As(err, &e) {
			why = string(e.Code)
		}
		return nil, invalidRegex(expr, why)
	}
	return pattern, nil
}

func invalidRegex(expr, why string) error {
	return protocol.Refuse(protocol.ErrInvalidRegularExpression, fmt.Sprintf("SubscribedTopicRegex `%s` is not a valid regular expression: %s.", expr, why))
}

// regexUpdate is what a heartbeat does to the expressions of its group.
type regexUpdate struct {
	changed  bool                      // the member has another one, or none
	resolved bool                      // and its topics are known
	added    string                    // one that nobody has had before, "" for none
	ended    map[string]*resolvedRegex // one that nobody has any more
}

// updateRegex compares the member's expression with the one it had. One that
// nobody has had is resolved later: the member gets its topics then.
func (h *heartbeat) updateRegex() error {
	was, is := h.member.regex, h.updated.regex
	if h.replaced == "" && h.g.members[h.member.id] == nil {
		was = ""
	}
	if was == is {
		return nil
	}
	h.regexes.changed = true
	if was != "" && h.g.regexes[was] == 1 {
		h.records = append(h.records, regexTombstone(h.g.groupID, was))
		h.regexes.ended = map[string]*resolvedRegex{was: nil}
	}
	switch {
	case is == "":
		h.regexes.resolved = was != ""
	case h.g.regexes[is] > 0:
		h.regexes.resolved = h.g.resolved[is] != nil
	default:
		if _, err := compileRegex(is); err != nil {
			return err
		}
		h.regexes.added = is
	}
	return nil
}

// resolveRegexes begins to resolve the group's expressions if there is a reason:
// a new one, topics created since, or that it was long ago.
func (m *Machine) resolveRegexes(h *heartbeat) {
	g := h.g
	if h.regexes.added == "" && len(g.regexes) == 0 || m.resolving[g.groupID] {
		return
	}
	last, version := g.lastResolved()
	now := m.sh.Now().UnixMilli()
	if last > 0 && now <= last+regexRefreshPause {
		return
	}
	unresolved := h.regexes.added != ""
	for expr := range g.regexes {
		_, ended := h.regexes.ended[expr]
		unresolved = unresolved || g.resolved[expr] == nil && !ended
	}
	refresh := config.GroupConsumerRegexRefreshIntervalMs.In(m.options.Config()).Milliseconds()
	if unresolved || version < m.options.topicsVersion.Load() || now > last+refresh {
		m.resolving[g.groupID] = true
		m.sh.After(coordinator.TimerKey{Kind: regexTimer, ID: g.groupID}, 0, func() ([]coordinator.Record, error) { return m.beginResolution(h.req.GroupId) })
	}
}

// lastResolved is when the group's expressions were resolved, 0 for never, and
// against which topics.
func (g *consumerGroup) lastResolved() (at, version int64) {
	for _, r := range g.resolved { // they are resolved together
		if r.at > at {
			at, version = r.at, r.version
		}
	}
	return at, version
}

// takeResolution records the topics of a group's expressions, and bumps the
// group's epoch if they are others than before.
func (m *Machine) takeResolution(r *resolution) ([]coordinator.Record, error) {
	g, ok := m.groups[r.group].(*consumerGroup)
	if !ok {
		return nil, nil
	}
	var records []coordinator.Record
	next := make(map[string]*resolvedRegex)
	bump := false
	for _, e := range r.exprs {
		if g.regexes[e.expr] == 0 {
			continue
		}
		slices.Sort(e.topics)
		res := &resolvedRegex{topics: e.topics, version: r.version, at: r.at}
		old := g.resolved[e.expr]
		bump = bump || old == nil && len(res.topics) > 0 || old != nil && !slices.Equal(old.topics, res.topics)
		next[e.expr] = res
		records = append(records, regexRecord(g.groupID, e.expr, res))
	}
	hash := m.topicHashes.of(g.topicsWith(nil, nil, next), m.options.Image())
	if bump || hash != g.metadataHash {
		records = append(records, consumerGroupRecord(g.groupID, g.epoch+1, hash))
	}
	return records, nil
}
