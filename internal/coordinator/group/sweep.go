package group

import (
	"maps"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
)

const (
	// maxSwept bounds the records of one step of a sweep, beside those that end the
	// last group: heartbeats wait behind a step.
	maxSwept = 1000
	// maxLooked bounds the offsets that a step looks at, beside those of the last
	// group.
	maxLooked = 20_000
	// sweepPause is between two steps: without it they would be parts of one turn of
	// the shard, and what others ask would be answered behind them all.
	sweepPause = 5 * time.Millisecond
)

// A sweep looks at the offsets of all groups, some in each operation, and deletes
// of them what is to go. Other operations run in between. It ends with the
// machine.
type sweep struct {
	m      *Machine
	timer  coordinator.TimerKey // of the next step
	groups []string             // those left to be looked at

	// look returns the records that delete offsets of a group, room at most and
	// those that end the group, and how many offsets it looked at.
	look func(group string, room int) (records []coordinator.Record, looked int)
	done func() // called when all groups were looked at
	// refused is called when the log doesn't take the records of a step: the sweep
	// ends there.
	refused func()
}

func (m *Machine) newSweep(timer coordinator.TimerKey, look func(string, int) ([]coordinator.Record, int)) *sweep {
	return &sweep{m: m, timer: timer, groups: slices.Collect(maps.Keys(m.groups)), look: look}
}

// step is one operation of the sweep. A group that filled it is looked at again.
func (s *sweep) step() ([]coordinator.Record, error) {
	var records []coordinator.Record
	for looked := 0; len(s.groups) > 0 && len(records) < maxSwept && looked < maxLooked; {
		more, n := s.look(s.groups[0], maxSwept-len(records))
		records, looked = append(records, more...), looked+n
		if len(records) < maxSwept {
			s.groups = s.groups[1:]
		}
	}
	if err := s.m.sh.Check(records); err != nil {
		s.refused()
		return nil, err
	}
	if len(s.groups) > 0 {
		s.m.sh.After(s.timer, sweepPause, s.step)
	} else {
		s.done()
	}
	return records, nil
}
