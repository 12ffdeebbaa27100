package interop

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestJavaGroups runs the consumer of the 4.4.0 release, by both protocols.
func TestJavaGroups(t *testing.T) {
	t.Parallel()
	c := processGroups{javaClient(t)}
	const cooperative = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
	classic, consumer := settings{"protocol": "classic"}, settings{"protocol": "consumer"}
	for name, each := range map[string][]settings{
		"classic":     {classic},
		"cooperative": {{"protocol": "classic", "assignor": cooperative}},
		"uniform":     {consumer},
		"range":       {{"protocol": "consumer", "assignor": "range"}},
		"converted":   {classic, consumer}, // to a consumer group by the second member, and back when it leaves
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			share(t, c, each...)
		})
	}
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run("static/"+protocol, func(t *testing.T) {
			t.Parallel()
			static(t, c, protocol)
		})
		t.Run("pattern/"+protocol, func(t *testing.T) {
			t.Parallel()
			pattern(t, c, protocol)
		})
	}
}

func TestJavaTransactions(t *testing.T) {
	t.Parallel()
	exactlyOnce(t, processTransactions{javaClient(t)})
}

// static lets a static member stop and come back: its partitions wait for it, and the other member
// sees no rebalance.
func static(t *testing.T, c processGroups, protocol string) {
	t.Helper()
	s := newSharing(t, c, newTopic(t, groupPartitions))
	a, b := s.group+"-a", s.group+"-b"
	s.join(a, settings{"protocol": protocol, "instance": "first"})
	s.join(b, settings{"protocol": protocol, "instance": "second"})
	before := s.owned(a, b)
	s.write(5)
	s.readAll(a, b)
	s.commit(a, b)
	count := rebalances(t, c, a)
	s.leave(b) // closing a static member doesn't take it out of the group
	_, now, err := s.describe()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(now, before, sameStrings) {
		t.Errorf("the members own %v after one stopped, %v before", now, before)
	}
	s.write(5)
	s.join(b, settings{"protocol": protocol, "instance": "second"})
	s.readAll(a, b)
	if now := s.owned(a, b); !maps.EqualFunc(now, before, sameStrings) {
		t.Errorf("the members own %v after one came back, %v before", now, before)
	}
	if now := rebalances(t, c, a); now != count {
		t.Errorf("the other member saw %s rebalances, %s before", now, count)
	}
}

func rebalances(t *testing.T, c processGroups, member string) string {
	t.Helper()
	n, err := c.one("rebalances", "rebalances %s", member)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func sameStrings(a, b []string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// pattern lets members subscribe by a regular expression that matches two of three topics.
func pattern(t *testing.T, c processGroups, protocol string) {
	t.Helper()
	topics := []string{newTopic(t, groupPartitions), newTopic(t, groupPartitions)}
	newTopic(t, groupPartitions)
	s := newSharing(t, c, topics...)
	s.settle([]settings{{"protocol": protocol, "pattern": fmt.Sprintf("(%s)", strings.Join(topics, "|"))}})
	s.life()
}
