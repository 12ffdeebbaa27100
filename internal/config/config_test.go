package config

import (
	"testing"
	"time"
)

func TestTopicFallsBackToTheBroker(t *testing.T) {
	b := NewBroker(Map{"log.retention.hours": "24", "log.segment.bytes": "2000000"})
	for _, c := range []struct {
		name      string
		own       map[string]string
		perBroker map[string]string
		cluster   map[string]string
		retention time.Duration
		segment   int64
	}{
		{"static", nil, nil, nil, 24 * time.Hour, 2000000},
		{"cluster default", nil, nil, map[string]string{"log.segment.bytes": "3000000"}, 24 * time.Hour, 3000000},
		{"per broker", nil, map[string]string{"log.retention.ms": "5"}, map[string]string{"log.retention.ms": "6"}, 5 * time.Millisecond, 2000000},
		{"own", map[string]string{"retention.ms": "-1"}, map[string]string{"log.retention.ms": "5"}, nil, -time.Millisecond, 2000000},
		{"own that isn't valid", map[string]string{"segment.bytes": "1"}, nil, nil, 24 * time.Hour, 1 << 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Inherited{Own: c.own, Broker: b.WithDynamic(c.perBroker, c.cluster)}
			if got := RetentionMs.In(l); got != c.retention {
				t.Errorf("retention.ms is %v, want %v", got, c.retention)
			}
			if got := SegmentBytes.In(l); got != c.segment {
				t.Errorf("segment.bytes is %v, want %v", got, c.segment)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	if got := RetentionMs.In(nil); got != 7*24*time.Hour {
		t.Errorf("retention.ms is %v", got)
	}
	if got := FlushMs.In(nil); got < 100*365*24*time.Hour {
		t.Errorf("flush.ms, which is never, reads as %v", got)
	}
	if got := CleanupPolicy.In(Map{"cleanup.policy": " compact, delete "}); len(got) != 2 || got[0] != "compact" || got[1] != "delete" {
		t.Errorf("cleanup.policy reads as %q", got)
	}
	if !Preallocate.In(Map{"preallocate": "TRUE"}) {
		t.Error("TRUE reads as false")
	}
}

func TestEverySynonymIsABrokerKey(t *testing.T) {
	for _, s := range []*Set{Brokers, Topics, Groups, Clients} {
		for k := range s.All() {
			for _, syn := range k.Synonyms {
				if b := Brokers.Get(syn.Name); b == nil {
					t.Errorf("%s falls back to %s, which nobody declared", k.Name, syn.Name)
				}
			}
		}
	}
}
