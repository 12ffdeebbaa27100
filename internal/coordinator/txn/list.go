package txn

import (
	"context"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Description is a transactional id as DescribeTransactions tells of it.
type Description struct {
	Producer   Producer
	State      State
	TimeoutMs  int32
	StartMs    int64 // of the last transaction, -1 for none
	Partitions []Partition
}

// Describe tells where a transactional id stands, or TRANSACTIONAL_ID_NOT_FOUND.
func (c *Coordinator) Describe(ctx context.Context, transactionalID string) (Description, error) {
	return run(ctx, c, transactionalID, func(m *Machine, _ record.ProducerID) (step[Description], error) {
		t := m.byID[transactionalID]
		if t == nil {
			return step[Description]{}, protocol.ErrTransactionalIdNotFound
		}
		return step[Description]{value: Description{t.producer, t.state, t.timeoutMs, t.startMs, t.sorted()}}, nil
	})
}

// Filter says which transactional ids List is to return. What is empty lets all
// pass.
type Filter struct {
	ProducerIDs []int64
	States      []string
	DurationMs  int64  // of the last transaction: longer than that; negative lets all pass
	Pattern     string // RE2, of the whole id
}

// Listing is a transactional id as ListTransactions tells of it.
type Listing struct {
	TransactionalID string
	Producer        record.ProducerID
	State           State
}

// List returns the ids that this broker coordinates, sorted, and which of the
// filter's states don't exist. Errors: COORDINATOR_LOAD_IN_PROGRESS while any of
// them are loaded, INVALID_REGULAR_EXPRESSION.
func (c *Coordinator) List(ctx context.Context, f Filter) (ids []Listing, unknownStates []string, err error) {
	match, unknownStates, err := f.compile()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Started(); err != nil {
		return nil, nil, err
	}
	for _, sh := range c.Shards() {
		found, err := coordinator.Read(ctx, sh, func() []Listing { return sh.Machine().(*Machine).list(match) })
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, found...)
	}
	slices.SortFunc(ids, func(a, b Listing) int { return strings.Compare(a.TransactionalID, b.TransactionalID) })
	return ids, unknownStates, nil
}

func (m *Machine) list(match func(t *transaction, nowMs int64) bool) []Listing {
	var out []Listing
	now := m.now().UnixMilli()
	for _, t := range m.byID {
		if match(t, now) {
			out = append(out, Listing{t.id, t.producer.ID, t.state})
		}
	}
	return out
}

// compile makes the filter's test. An id that had no transaction began it, as in
// Kafka, long ago.
func (f *Filter) compile() (match func(t *transaction, nowMs int64) bool, unknown []string, err error) {
	var states [numStates]bool
	for _, name := range f.States {
		if s, ok := stateOf(name); ok {
			states[s] = true
		} else if !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	var pattern *config.Pattern
	if f.Pattern != "" {
		if pattern, err = config.CompilePattern(f.Pattern); err != nil {
			return nil, nil, protocol.Refuse(protocol.ErrInvalidRegularExpression, "Transaction pattern: "+err.Error())
		}
	}
	return func(t *transaction, nowMs int64) bool {
		switch {
		case len(f.ProducerIDs) > 0 && !slices.Contains(f.ProducerIDs, int64(t.producer.ID)):
		case len(f.States) > 0 && !states[t.state]:
		case f.DurationMs >= 0 && nowMs-t.startMs <= f.DurationMs:
		case pattern != nil && !pattern.Matches(t.id):
		default:
			return true
		}
		return false
	}, unknown, nil
}
