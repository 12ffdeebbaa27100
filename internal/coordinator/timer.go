package coordinator

import "time"

// TimerKey names a timer: at most one of a key runs.
type TimerKey struct {
	Kind string
	ID   string // of a group, a transactional id
	Sub  string // of a member
}

type timer struct {
	*time.Timer
}

// After runs an operation when d has passed, unless Cancel or another After with
// the key comes first. Timers are soft: they go with the machine, and Loaded
// arms them anew. It is called on the shard's goroutine.
func (s *Shard) After(key TimerKey, d time.Duration, decide func() ([]Record, error)) {
	s.Cancel(key)
	t := &timer{}
	o := &op{timer: t, decide: func() ([]Record, error) {
		delete(s.timers, key)
		return decide()
	}, key: key}
	t.Timer = time.AfterFunc(d, func() { s.postTimer(o) })
	s.timers[key] = t
}

// Armed tells whether a timer of a key runs.
func (s *Shard) Armed(key TimerKey) bool { return s.timers[key] != nil }

// Cancel stops the timer of a key, if there is one.
func (s *Shard) Cancel(key TimerKey) {
	if t := s.timers[key]; t != nil {
		t.Stop()
		delete(s.timers, key)
	}
}

// postTimer puts a timer's operation into the inbox. Whether the timer still
// holds is looked at when its turn comes.
func (s *Shard) postTimer(o *op) {
	select {
	case s.inbox <- o:
	case <-s.ended:
	}
}

func (s *Shard) cancelTimers() {
	for key := range s.timers {
		s.Cancel(key)
	}
}

// Follow runs an operation right behind the one in hand, before any other sees
// what that has left.
func (s *Shard) Follow(decide func() ([]Record, error)) {
	s.following = append(s.following, &op{decide: decide})
}

// Tell runs an operation of the coordinator's own, that nobody waits for. It
// never waits itself.
func (s *Shard) Tell(decide func() ([]Record, error)) {
	o := &op{decide: decide}
	select {
	case s.inbox <- o:
	default:
		go s.postTimer(o)
	}
}
