package txn

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// TestScriptsWithAFailedAppend runs every script once for each of its appends,
// which fails: before anything is written, or afterwards, when nobody knows that
// it was. Whoever asked asks again. Nobody may have been told something that the
// log doesn't hold, the machine must be what the log says, and the script must
// come to its end.
func TestScriptsWithAFailedAppend(t *testing.T) {
	for _, path := range scripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			appends := 0
			synctest.Test(t, func(t *testing.T) { appends = runFaulty(t, path, 0, false) })
			for n := 1; n <= appends && !t.Failed(); n++ {
				for _, written := range []bool{false, true} {
					t.Run(fmt.Sprintf("%d-%t", n, written), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { runFaulty(t, path, n, written) })
					})
				}
			}
		})
	}
}

// runFaulty runs a script whose n-th append fails and counts its appends.
func runFaulty(t *testing.T, path string, n int, written bool) int {
	s := newScript(t)
	defer s.stop()
	fail := func(i int, _ record.Batch) error {
		if i == n {
			return protocol.ErrKafkaStorageError
		}
		return nil
	}
	if written {
		s.log.FailAfter = fail
	} else {
		s.log.Fail = fail
	}
	for _, b := range parse(t, path) {
		if b.commands == "" {
			continue
		}
		want := plainAnswers(b.want)
		var got []string
		for _, line := range strings.Split(b.commands, "\n") {
			words := strings.Fields(line)
			answer := s.insist(words, slices.Contains(want, protocol.ErrConcurrentTransactions.Name()))
			got = append(got, plainAnswers(answer)...)
			synctest.Wait()
			s.checkClaim(words)
		}
		if !slices.Equal(got, want) && !differs(b.commands) {
			t.Errorf("%s\n---- want\n%s\n---- got\n%s", b.commands, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
		if m, l := s.machineState(), s.logState(); !reflect.DeepEqual(s.asLogged(m), s.asLogged(l)) {
			t.Errorf("%s\nthe machine has %v\nthe log says %v", b.commands, m, l)
		}
	}
	s.checkMarkers()
	return s.log.Appends()
}

// differs tells commands whose answers may differ after a failure: a producer
// that goes on, twice, isn't known any more once the log was replayed, which has
// no record of the epoch before; and producer ids are used up.
func differs(commands string) bool {
	return strings.Contains(commands, " current=") || strings.Contains(commands, " pid=")
}

// asLogged leaves out what the records of version 0 don't hold.
func (s *script) asLogged(state map[string]fields) map[string]fields {
	for _, l := range s.records() {
		f, ok := state[l.id]
		if ok && l.fields != nil && l.version == 0 {
			f.previous, f.next, f.version = -1, -1, 0
			state[l.id] = f
		}
	}
	return state
}

// insist runs a command until it is answered for good.
func (s *script) insist(words []string, concurrent bool) string {
	for {
		answer := s.run(words)
		switch protocol.Error(protocol.CodeOf(s.err)) {
		case protocol.ErrNotCoordinator, protocol.ErrCoordinatorLoadInProgress, protocol.ErrCoordinatorNotAvailable:
			synctest.Wait()
			continue
		case protocol.ErrConcurrentTransactions:
			if !concurrent {
				continue
			}
		}
		return answer
	}
}

var (
	producerShape = regexp.MustCompile(`\d+/\d+`)
	listedShape   = regexp.MustCompile(`:\d+:`)
	detailShape   = regexp.MustCompile(` (prev|next)=\d+`)
)

// plainAnswers are the answers without what may differ when a request was
// repeated: ids and epochs.
func plainAnswers(text string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if line != "" && !strings.HasPrefix(line, "  ") {
			line = listedShape.ReplaceAllString(producerShape.ReplaceAllString(line, "P"), ":P:")
			out = append(out, detailShape.ReplaceAllString(line, ""))
		}
	}
	return out
}

// checkClaim tells whether the log holds what the last command's answer says.
func (s *script) checkClaim(words []string) {
	if s.err != nil || len(words) < 2 {
		return
	}
	f, known := s.logState()[words[1]]
	switch words[0] {
	case "init":
		if !known {
			s.t.Errorf("%v was answered, and isn't in the log", words)
		}
	case "add":
		var named []string
		for _, w := range words[3:] {
			if !strings.Contains(w, "=") {
				named = append(named, w)
			}
		}
		if f.state != Ongoing || !f.has(partitions(named)) {
			s.t.Errorf("%v was answered, and the log has %v", words, f)
		}
	case "end":
		commit := words[3] == "commit"
		if ok := f.state == PrepareCommit || f.state == CompleteCommit; ok != commit {
			s.t.Errorf("%v was answered, and the log has %v", words, f)
		}
	}
}

// checkMarkers tells whether every transaction that the log calls complete has
// its markers, and none both kinds.
func (s *script) checkMarkers() {
	s.markers.mu.Lock()
	defer s.markers.mu.Unlock()
	ends := make(map[string]string)
	for _, m := range s.markers.accepted {
		if other, ok := ends[m.where]; ok && other != m.end {
			s.t.Errorf("%s has been told %s and %s", m.where, other, m.end)
		}
		ends[m.where] = m.end
	}
	prepared := make(map[string]fields)
	for _, l := range s.records() {
		switch {
		case l.fields == nil:
		case l.fields.state.preparing():
			prepared[l.id] = *l.fields
		case l.fields.state == CompleteCommit, l.fields.state == CompleteAbort:
			p := prepared[l.id]
			for part := range maps.Keys(p.partitions) {
				if where := fmt.Sprintf("%v %d/%d", part, p.producer.ID, p.producer.Epoch); ends[where] != strings.TrimPrefix(p.state.String(), "Prepare") {
					s.t.Errorf("%s is %v, and %s has been told %q", l.id, l.fields.state, where, ends[where])
				}
			}
		}
	}
}
