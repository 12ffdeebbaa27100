package txn

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
)

// TestRestartAfterEveryCommand runs every script with a restart after each of its commands. While no markers are on their
// way, the state is the one before.
func TestRestartAfterEveryCommand(t *testing.T) {
	for _, path := range scripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t)
				defer func() { s.stop() }()
				for _, b := range parse(t, path) {
					for _, line := range strings.FieldsFunc(b.commands, func(c rune) bool { return c == '\n' }) {
						s.run(strings.Fields(line))
						synctest.Wait()
						s.restartAfter(line)
					}
				}
			})
		})
	}
}

func (s *script) restartAfter(line string) {
	before := s.machineState()
	s.stop()
	s.start()
	synctest.Wait()
	after := s.machineState()
	for id, f := range s.asLogged(before) {
		if f.state.preparing() { // its markers are sent again, and may be through now
			continue
		}
		if got := s.asLogged(after)[id]; !reflect.DeepEqual(got, f) {
			s.t.Errorf("after %q %s was %v and is %v", line, id, f, got)
		}
	}
	if len(before) != len(after) {
		s.t.Errorf("after %q there were %d ids and are %d", line, len(before), len(after))
	}
}
